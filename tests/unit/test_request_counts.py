"""Request counts: written once in a while, and lost only with the instance."""

from collections.abc import Mapping
from typing import cast

from filegate.adapters.table import Table, TableBusy, Update
from filegate.instants import HOUR
from filegate.request_counts import RequestCounts

NOW = 1_800_000_000_000


class Counted:
    """A table that adds up, or is busy."""

    def __init__(self) -> None:
        self.busy = False
        self.writes = 0
        self.amounts: dict[tuple[str, str], dict[str, int]] = {}

    def update(self, update: Update) -> None:
        if self.busy:
            raise TableBusy
        self.writes += 1
        record = self.amounts.setdefault((update.key.pk, update.key.sk), {})
        for alias, name in update.names.items():
            record[name] = record.get(name, 0) + int(update.values[f":{alias}"] or 0)

    def of(self, tenant: str, hour: str) -> Mapping[str, int]:
        return self.amounts.get((f"TENANT#{tenant}", f"REQUESTS#{hour}"), {})


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def counts(table: Counted, clock: Clock, every: float = 5.0) -> RequestCounts:
    return RequestCounts(cast("Table", table), every, clock)


def test_the_first_is_written_at_once_and_the_rest_after_a_while() -> None:
    table, clock = Counted(), Clock()
    counted = counts(table, clock)
    for _ in range(100):
        counted.asked("acme", "files.get", NOW)
        counted.write_due()
        clock.now += 0.04
    assert table.writes == 1
    clock.now += 2
    counted.refused("acme", 403, NOW)
    counted.write_due()
    assert table.writes == 2
    assert table.of("acme", "2027-01-15T08") == {"operation:files.get": 100, "refusal:403": 1}


def test_each_tenant_has_its_own_while_and_each_hour_its_own_record() -> None:
    table, clock = Counted(), Clock()
    counted = counts(table, clock)
    counted.asked("acme", "files.get", NOW)
    counted.write_due()
    counted.asked("acme", "files.list", NOW)
    counted.asked("globex", "files.get", NOW)
    counted.asked("acme", "files.list", NOW + HOUR)
    counted.write_due()
    assert table.of("globex", "2027-01-15T08") == {"operation:files.get": 1}
    clock.now += 5
    counted.write_due()
    assert table.of("acme", "2027-01-15T08") == {
        "operation:files.get": 1,
        "operation:files.list": 1,
    }
    assert table.of("acme", "2027-01-15T09") == {"operation:files.list": 1}
    counted.write_due()
    assert table.writes == 4


def test_what_cannot_be_written_is_held_on_to() -> None:
    table, clock = Counted(), Clock()
    counted = counts(table, clock)
    table.busy = True
    counted.asked("acme", "files.get", NOW)
    counted.write_due()
    table.busy = False
    clock.now += 5
    counted.asked("acme", "files.get", NOW)
    counted.write_due()
    assert table.of("acme", "2027-01-15T08") == {"operation:files.get": 2}


def test_nothing_is_held_where_every_request_is_to_be_written() -> None:
    table = Counted()
    counted = counts(table, Clock(), every=0)
    for _ in range(3):
        counted.asked("acme", "files.get", NOW)
        counted.write_due()
    assert table.writes == 3
