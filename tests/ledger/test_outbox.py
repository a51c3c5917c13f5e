"""The outbox: told at least once, under one id, and forgotten only then."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import pytest

from atomic_table import HOUR, NOW, AtomicTable
from filegate.adapters.event_bus import BATCH, EventBus, EventBusUnavailable
from filegate.adapters.table import Key, Table
from filegate.janitor import Janitor, Round
from filegate.ledger import Ledger
from filegate.names import random_characters
from filegate.outbox import SHARDS, Outbox, Published, put_event
from filegate.usage import SPREAD, count_requests
from filegate.usage_hours import UsageHours

if TYPE_CHECKING:
    from filegate.appointments import Keeper
    from filegate.loose_ends import LooseEnds

TYPE = "dev.filegate.test.v1"


class Bus:
    """Takes what it likes; remembers what it took."""

    def __init__(self, likes: Callable[[str], bool] = lambda _: True) -> None:
        self.likes = likes
        self.down = False
        self.taken: list[str] = []
        self.asked: list[int] = []

    def publish(self, events: Sequence[str]) -> Sequence[bool]:
        if self.down:
            raise EventBusUnavailable("down")
        self.asked.append(len(events))
        ids = [str(json.loads(event)["id"]) for event in events]
        self.taken.extend(one for one in ids if self.likes(one))
        return [self.likes(one) for one in ids]


def outbox(table: AtomicTable, bus: Bus | None) -> Outbox:
    return Outbox(table.table, cast("EventBus | None", bus))


def always() -> bool:
    return True


@pytest.fixture
def ids(table: AtomicTable) -> list[str]:
    """Ids of 25 events that wait, and nothing else does."""
    outbox(table, Bus()).publish(always)
    ids = [f"{random_characters(8)}/{number}" for number in range(25)]
    for number, event_id in enumerate(ids):
        put = put_event(TYPE, "tenants/acme", {"number": number}, event_id, NOW + number)
        table.table.put(put)
    return ids


def test_an_event_is_a_cloud_event(table: AtomicTable) -> None:
    item = put_event(TYPE, "tenants/acme", {"bytes": 1}, "once", NOW).item
    assert item["pk"] in SHARDS
    assert json.loads(str(item["event"])) == {
        "specversion": "1.0",
        "id": "once",
        "source": "/filegate",
        "type": TYPE,
        "subject": "tenants/acme",
        "time": "2027-01-15T08:00:00Z",
        "datacontenttype": "application/json",
        "data": {"bytes": 1},
    }
    assert table is not None


def test_what_waits_is_told_once_in_batches_and_forgotten(
    table: AtomicTable, ids: list[str]
) -> None:
    bus = Bus()
    assert outbox(table, bus).publish(always) == Published(25, 0)
    assert sorted(bus.taken) == sorted(ids)
    assert max(bus.asked) <= BATCH
    assert outbox(table, bus).publish(always) == Published(0, 0)


def test_what_the_bus_did_not_take_is_told_again(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus(lambda event_id: not event_id.endswith(("/3", "/7")))
    assert outbox(table, bus).publish(always) == Published(23, 2)
    bus.likes = lambda _: True
    assert outbox(table, bus).publish(always) == Published(2, 0)
    assert sorted(bus.taken) == sorted(ids)


def test_while_the_bus_is_down_everything_waits(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus()
    bus.down = True
    done = outbox(table, bus).publish(always)
    assert done.events == 0
    assert done.failed > 0
    bus.down = False
    outbox(table, bus).publish(always)
    assert sorted(bus.taken) == sorted(ids)


def test_an_event_put_twice_before_it_is_told_is_told_once(table: AtomicTable) -> None:
    bus = Bus()
    outbox(table, Bus()).publish(always)
    for _ in range(2):
        table.table.put(put_event(TYPE, "tenants/acme", {}, "same", NOW))
    outbox(table, bus).publish(always)
    assert bus.taken == ["same"]


def test_without_a_bus_and_without_time_nothing_is_told(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus()
    assert outbox(table, None).publish(always) == Published()
    assert outbox(table, bus).publish(lambda: False) == Published()
    outbox(table, bus).publish(always)
    assert sorted(bus.taken) == sorted(ids)


def test_where_time_is_short_each_shard_has_its_turn(table: AtomicTable) -> None:
    """A bus so slow that four batches are a round: no shard may keep another waiting for good."""
    outbox(table, Bus()).publish(always)
    ids: dict[str, list[str]] = {shard: [] for shard in SHARDS}
    while any(len(waiting) <= BATCH for waiting in ids.values()):
        put = put_event(TYPE, "tenants/acme", {}, random_characters(12), NOW + sum_of(ids))
        table.table.put(put)
        ids[str(put.item["pk"])].append(str(put.item["sk"]).partition("#")[2])
    bus, left = Bus(), iter([True] * len(SHARDS))

    outbox(table, bus).publish(lambda: next(left, False))

    # Oldest first in each.
    for waiting in ids.values():
        assert [one for one in bus.taken if one in waiting] == waiting[:BATCH]
    outbox(table, bus).publish(always)
    for waiting in ids.values():
        assert [one for one in bus.taken if one in waiting] == waiting


def sum_of(ids: dict[str, list[str]]) -> int:
    return sum(len(waiting) for waiting in ids.values())


class OwnLedger(Ledger):
    """What is due of some tenants: the engine is shared with other tests."""

    def __init__(self, table: Table, tenants: Sequence[str]) -> None:
        super().__init__(table)
        self._own = {f"TENANT#{tenant}" for tenant in tenants}

    def due(self, shard: str, until: int) -> Iterator[Key]:
        return (key for key in super().due(shard, until) if key.pk in self._own)


def test_rounds_that_are_cut_short_tell_of_all_that_they_closed(table: AtomicTable) -> None:
    outbox(table, Bus()).publish(always)
    tenants = [f"t{random_characters(12)}" for _ in range(20)]
    for tenant in tenants:
        table.table.update(count_requests(tenant, NOW, {"files.get": 1}))
    now, bus = NOW + HOUR + SPREAD + HOUR, Bus()

    def make_round(appointments: int) -> Round:
        left = iter([True] * appointments)
        janitor = Janitor(
            OwnLedger(table.table, tenants),
            cast("Keeper", None),
            cast("LooseEnds", None),
            UsageHours(table.table, tell=True),
            outbox(table, bus),
        )
        return janitor.make_round(now, lambda: next(left, False), always)

    told = 0
    for _ in range(10 * len(tenants)):
        done = make_round(9)
        assert done.events == done.hours
        told += done.events
        if done.complete:
            break
        assert told < len(tenants)
    assert told == len(tenants)
    assert sorted(one.split("/")[1] for one in bus.taken) == sorted(tenants)
