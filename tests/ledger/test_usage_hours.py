"""Hours of usage: closed once they are over, and right to the byte-second whatever cuts them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from atomic_table import HOUR, NOW, AtomicTable
from filegate.adapters.table import Item, Key, Table, Update, Write
from filegate.instants import MINUTE, SECOND, hour_of
from filegate.names import random_characters
from filegate.outbox import SHARDS
from filegate.records import DUE_SHARDS, shard_name
from filegate.tenants import tenant_key
from filegate.usage import (
    GRACE,
    SPREAD,
    ModelUsage,
    Tokens,
    closing_at,
    count,
    count_model,
    count_released,
    count_requests,
    count_stored,
    usage_key,
)
from filegate.usage_hours import UsageHours, UsageRecords, is_usage_key
from filegate.usage_reports import DAY, Span, Step, UsageReports

HOURS = 6
"""Length of the histories that are made up."""


@dataclass(frozen=True)
class File:
    """What really happened to a file; moments in ms from the beginning, None while it is there."""

    size: int
    since: int
    until: int | None

    def byte_seconds(self, start: int, end: int) -> int:
        """Plainly: its size, for each whole second it was there of a span (ms)."""
        gone = end if self.until is None else min(end, self.until)
        return self.size * max(0, gone // SECOND - max(start, self.since) // SECOND)


@pytest.fixture
def tenant() -> str:
    """A tenant's id; nothing of it but its usage is needed here."""
    return f"t{random_characters(12)}"


def close_all(table: Table, now: int, *, tell: bool = False) -> int:
    """Close whatever is due, as rounds of the janitor do."""
    hours, closed = UsageHours(table, tell=tell), 0
    while True:
        due = [key for number in range(DUE_SHARDS) for key in table.due(shard_name(number), now)]
        done = sum(hours.close(key, now, lambda: True) for key in due if is_usage_key(key))
        if not done:
            return closed
        closed += done


def byte_seconds(table: Table, tenant: str, start: int, end: int, now: int) -> int:
    rows = UsageReports(table).rows(tenant, Span(start, end, Step.TENANT), now)
    return sum(row.amounts.get("byteSeconds", 0) for row in rows)


def events(table: Table, tenant: str) -> list[dict[str, object]]:
    """The events about a tenant that wait, in the order of their hours."""
    found: list[dict[str, object]] = []
    for shard in SHARDS:
        after: Key | None = None
        while True:
            page = table.query(shard, after=after)
            found.extend(json.loads(str(item["event"])) for item in page.items)
            after = page.last
            if after is None:
                break
    own = [event for event in found if event["subject"] == f"tenants/{tenant}"]
    return sorted(own, key=lambda event: (event["data"]["from"], event["data"]["revision"]))  # type: ignore[index]


moments = st.integers(0, HOURS * HOUR - 1) | st.sampled_from(
    [hour * HOUR + off for hour in range(HOURS) for off in (0, 1, 999, 1_000, HOUR - 1)]
)
files = st.lists(
    st.tuples(st.integers(0, 10**6), moments, moments, st.booleans()).map(
        lambda one: File(one[0], min(one[1:3]), None if one[3] else max(one[1:3]))
    ),
    max_size=8,
)


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # to make one smaller takes minutes on this engine
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    history=files,
    late=st.lists(st.integers(0, 3 * HOUR), min_size=16, max_size=16),
    closings=st.lists(st.integers(0, HOURS * HOUR + DAY), max_size=4),
    asked=st.integers(0, (HOURS + 2) * HOUR),
)
@example(
    history=[File(853, 1_486_016, 14_401_000), File(42_732, 0, None)],
    late=[3 * HOUR, 0, 0, 0],
    closings=[5_619_213],
    asked=0,
)
def test_byte_seconds_equal_a_plain_count(
    table: AtomicTable,
    history: Sequence[File],
    late: Sequence[int],
    closings: Sequence[int],
    asked: int,
) -> None:
    """Whatever comes late, after its hour was closed, or in another order than it happened."""
    tenant = f"t{random_characters(12)}"
    end = NOW + (HOURS + 3) * HOUR
    writes = list(written(tenant, history, late))
    steps = [*writes, *((NOW + moment, None) for moment in closings)]
    for moment, write in sorted(steps, key=lambda step: step[0]):
        if write is None:
            close_all(table.table, moment)
        else:
            table.table.update(write)
    spans = [*hourly(NOW, end), (NOW, end), (NOW + 2 * HOUR, end)]
    expected = {span: plainly(history, *span) for span in spans}
    assert {span: byte_seconds(table.table, tenant, *span, end) for span in spans} == expected
    # Until a moment within an hour, as far as it was known by then.
    if all(known <= NOW + asked for known, _ in writes):
        counted = byte_seconds(table.table, tenant, NOW, end, NOW + asked)
        assert counted == plainly(history, NOW, NOW + asked)
    # The records say so themselves once they are closed, and none is left out.
    close_all(table.table, end + DAY)
    assert {span: byte_seconds(table.table, tenant, *span, end) for span in spans} == expected
    records = {
        record.start: record.amounts.get("byteSeconds", 0)
        for record in UsageRecords(table.table).between(tenant, NOW, end)
    }
    for start, stop in hourly(NOW, end):
        assert records.get(start, 0) == expected[start, stop]


def written(
    tenant: str, history: Sequence[File], late: Sequence[int]
) -> Iterator[tuple[int, Update]]:
    """What the ledger writes of a history, and when it came to know of it."""
    for number, file in enumerate(history):
        stored_at = NOW + file.since
        known = stored_at + late[2 * number]
        yield known, count_stored(tenant, file.size, stored_at)
        if file.until is not None:
            gone_at = NOW + file.until
            # It knows of an end only after it knew of the beginning.
            known = max(known, gone_at + late[2 * number + 1])
            yield known, count_released(tenant, file.size, gone_at)


def plainly(history: Sequence[File], start: int, end: int) -> int:
    """Byte-seconds of all files in a span."""
    return sum(file.byte_seconds(start - NOW, end - NOW) for file in history)


def hourly(begin: int, end: int) -> Iterable[tuple[int, int]]:
    return pairwise(range(begin, end + 1, HOUR))


def usage_items(table: Table, tenant: str) -> list[Item]:
    return list(table.query(tenant_key(tenant).pk, "USAGE#").items)


def test_an_hour_is_closed_once_it_is_over_and_not_before(table: AtomicTable, tenant: str) -> None:
    table.table.update(count(tenant, NOW + 1, documents=2))
    key = usage_key(tenant, hour_of(NOW))
    hours = UsageHours(table.table, tell=False)
    due = closing_at(tenant, NOW)
    assert hours.close(key, due - 1, lambda: True) == 0
    assert hours.close(key, due, lambda: False) == 0
    assert hours.close(key, due, lambda: True) == 1
    assert hours.close(key, due, lambda: True) == 0
    assert [item["sk"] for item in usage_items(table.table, tenant)] == [key.sk]


def test_what_is_stored_is_carried_on_for_as_long_as_it_is_there(
    table: AtomicTable, tenant: str
) -> None:
    table.table.update(count_stored(tenant, 10, NOW + 30 * MINUTE))
    assert close_all(table.table, NOW + 3 * HOUR + GRACE + SPREAD, tell=True) == 3
    table.table.update(count_released(tenant, 10, NOW + 3 * HOUR + MINUTE))
    close_all(table.table, NOW + 9 * HOUR, tell=True)
    assert [
        (event["data"]["from"][11:13], event["data"]["byteSeconds"])  # type: ignore[index]
        for event in events(table.table, tenant)
    ] == [("08", 18_000), ("09", 36_000), ("10", 36_000), ("11", 600)]


def test_an_hour_is_closed_before_the_next_one_is_due(table: AtomicTable, tenant: str) -> None:
    """Each tenant at its own minute, which is the same in each hour."""
    table.table.update(count_stored(tenant, 10, NOW + MINUTE))
    for hour in range(3):
        due = closing_at(tenant, NOW + hour * HOUR)
        assert close_all(table.table, due - 1) == 0
        assert close_all(table.table, due) == 1


def test_hours_fall_due_evenly_and_within_the_hour_that_follows() -> None:
    """For a thousand tenants no minute has more than a few times its share."""
    offsets = [closing_at(f"t{number}", NOW) - NOW - HOUR for number in range(1_000)]
    assert min(offsets) >= GRACE
    assert max(offsets) < GRACE + SPREAD < HOUR
    by_minute = Counter(offset // MINUTE for offset in offsets)
    assert len(by_minute) == SPREAD // MINUTE
    assert max(by_minute.values()) < 3 * 1_000 / (SPREAD // MINUTE)


def test_each_kind_of_record_is_told_of_once_closed(table: AtomicTable, tenant: str) -> None:
    table.table.update(count(tenant, NOW, documents=1, documentBytes=7))
    table.table.update(count_model(tenant, "gemini-x", "generateContent", Tokens(total=9), NOW))
    table.table.update(count_requests(tenant, NOW, {"operation:files.get": 3, "refusal:403": 1}))
    close_all(table.table, NOW + 2 * HOUR, tell=True)
    data = {str(event["data"]["kind"]): event["data"] for event in events(table.table, tenant)}  # type: ignore[index]
    span = {"tenant": tenant, "from": "2027-01-15T08:00:00Z", "to": "2027-01-15T09:00:00Z"}
    assert data["storage"].items() >= {**span, "documents": 1, "documentBytes": 7}.items()  # type: ignore[attr-defined]
    assert data["model"].items() >= {**span, "model": "gemini-x", "totalTokens": 9}.items()  # type: ignore[attr-defined]
    assert data["requests"] == {
        **span,
        "revision": 1,
        "kind": "requests",
        "requests": {"files.get": 3},
        "refusals": {"403": 1},
    }


def test_what_comes_late_is_told_again_under_another_id(table: AtomicTable, tenant: str) -> None:
    usage = ModelUsage(table.table)
    usage.add(tenant, "gemini-x", "countTokens", Tokens(total=1), NOW)
    close_all(table.table, NOW + 2 * HOUR, tell=True)
    usage.add(tenant, "gemini-x", "countTokens", Tokens(total=2), NOW)
    close_all(table.table, NOW + 2 * HOUR + MINUTE, tell=True)
    first, second = events(table.table, tenant)
    assert first["id"] != second["id"]
    assert [one["data"]["totalTokens"] for one in (first, second)] == [1, 3]  # type: ignore[index]
    assert [one["data"]["revision"] for one in (first, second)] == [1, 2]  # type: ignore[index]


def test_without_a_bus_hours_are_closed_and_nothing_is_told(
    table: AtomicTable, tenant: str
) -> None:
    table.table.update(count(tenant, NOW, documents=1))
    assert close_all(table.table, NOW + 2 * HOUR) == 1
    assert events(table.table, tenant) == []


def test_what_comes_while_an_hour_is_closed_keeps_it_open(
    table: AtomicTable, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.table.update(count_stored(tenant, 10, NOW))
    transact = table.table.transact

    def late(writes: Sequence[Write]) -> None:
        monkeypatch.undo()
        table.table.update(count_stored(tenant, 5, NOW + MINUTE))
        transact(writes)

    monkeypatch.setattr(table.table, "transact", late)
    this_hour = usage_key(tenant, hour_of(NOW))
    assert UsageHours(table.table, tell=False).close(this_hour, NOW + 2 * HOUR, lambda: True) == 0
    close_all(table.table, NOW + 2 * HOUR)
    following = UsageRecords(table.table).find(usage_key(tenant, hour_of(NOW + HOUR)))
    assert following is not None
    assert following.carried == 15
