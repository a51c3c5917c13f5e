"""The janitor's round where something stands in the way: the others are kept all the same."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import Key, TableBusy, TableUnavailable
from filegate.appointments import CannotKeep, Keeper
from filegate.instants import HOUR, MINUTE, SECOND
from filegate.janitor import Janitor, Round
from filegate.outbox import Published
from filegate.records import DUE_SHARDS, FileRecord, State, shard_name

if TYPE_CHECKING:
    from filegate.adapters.upstream import Upstream
    from filegate.ledger import Ledger
    from filegate.loose_ends import LooseEnds
    from filegate.outbox import Outbox
    from filegate.sessions import Session
    from filegate.usage_hours import UsageHours

NOW = 1_790_000_000_000


def record(name: str) -> FileRecord:
    return FileRecord("t", name, f"r-{name}", "p", State.STORED, 1, NOW, NOW, NOW, expires_at=NOW)


class Office:
    """A ledger, an upstream and an outbox in one; what becomes of a file is said by name."""

    def __init__(self, **troubles: Exception) -> None:
        self.troubles = troubles
        self.records = {record(name).key: record(name) for name in ("a", "b", "c")}
        self.released: list[str] = []
        self.appointed: dict[str, int] = {}
        self.published = 0
        self.asked: list[str] = []

    def due(self, shard: str, _until: int) -> Iterator[Key]:
        self.asked.append(shard)
        return iter(list(self.records) if shard == shard_name(0) else [])

    def find_at(self, key: Key) -> FileRecord | None:
        return self.records.get(key)

    def release(self, one: FileRecord, _now: int, _deleted_at: int | None = None) -> None:
        if isinstance(trouble := self.troubles.get(one.file_id), (TableBusy, TableUnavailable)):
            raise trouble
        self.released.append(one.file_id)

    def appoint(self, one: FileRecord, due_at: int, _looks: int = 0) -> FileRecord:
        self.appointed[one.file_id] = due_at
        return one

    def get_file(self, _project: str, file_id: str) -> None:
        trouble = self.troubles.get(file_id)
        if isinstance(trouble, (UpstreamRefused, UpstreamUnavailable)):
            raise trouble

    def publish(self, time_is_left: Callable[[], bool]) -> Published:
        self.published += time_is_left()
        return Published()

    def round(
        self,
        time_is_left: Callable[[], bool] = lambda: True,
        now: int = NOW + HOUR,
        time_to_publish: Callable[[], bool] = lambda: True,
    ) -> Round:
        ledger = cast("Ledger", self)
        keeper = Keeper(ledger, cast("Upstream", self), lambda _: cast("Session", None))
        janitor = Janitor(
            ledger,
            keeper,
            cast("LooseEnds", None),
            cast("UsageHours", None),
            cast("Outbox", self),
        )
        return janitor.make_round(now, time_is_left, time_to_publish)


def test_one_whose_items_are_busy_does_not_stop_the_others() -> None:
    office = Office(a=TableBusy())
    done = office.round()
    assert sorted(office.released) == ["b", "c"]
    assert (done.kept, done.failed, done.complete) == (2, 1, True)
    assert office.published == 1


def test_a_table_that_is_gone_ends_the_round() -> None:
    with pytest.raises(TableUnavailable):
        Office(b=TableUnavailable("down")).round()


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        (UpstreamRefused(429, "RESOURCE_EXHAUSTED", "slow down", 90), 90),
        (UpstreamUnavailable("query was answered with 503", 40), 40),
        (UpstreamUnavailable("ReadTimeout"), 5),
        (UpstreamRefused(503, "UNAVAILABLE", "later", 1), 5),
        (UpstreamRefused(503, "UNAVAILABLE", "much later", 999_999_999), 300),
    ],
)
def test_upstream_is_left_alone_for_as_long_as_it_asks(trouble: Exception, seconds: int) -> None:
    office = Office(a=trouble)
    done = office.round()
    assert office.appointed == {"a": NOW + HOUR + seconds * SECOND}
    assert (done.kept, done.failed) == (2, 1)


def test_a_batch_ends_when_time_does() -> None:
    answers = iter([True, True])
    office = Office()
    done = office.round(lambda: next(answers, False))
    assert (done.kept, done.complete) == (1, False)
    assert len(office.released) == 1


@pytest.mark.parametrize("kept", [0, 1])
def test_a_round_that_is_cut_short_publishes_all_the_same(kept: int) -> None:
    answers = iter([True] * 2 * kept)
    office = Office()
    done = office.round(lambda: next(answers, False))
    assert (done.kept, done.complete) == (kept, False)
    assert office.published == 1


def test_nothing_is_published_where_there_is_no_time_for_that_either() -> None:
    office = Office()
    office.round(lambda: False, time_to_publish=lambda: False)
    assert office.published == 0


def test_what_is_no_wait_is_none() -> None:
    assert CannotKeep("ValueError").wait == 0


def test_where_time_is_short_each_shard_comes_first_once() -> None:
    """A round that ends early leaves other shards undone each minute, and none for good."""
    firsts = []
    for minute in range(DUE_SHARDS):
        office = Office()
        done = office.round(lambda: False, NOW + minute * MINUTE)
        # What is due is all in the first shard by name; a round without time ends there.
        assert not done.complete
        assert office.asked[-1] == shard_name(0)
        firsts.append(office.asked[0])
    assert sorted(firsts) == [shard_name(number) for number in range(DUE_SHARDS)]
