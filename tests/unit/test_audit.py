"""Audit: append-only, by subject and as a whole, newest first; never a write per request."""

from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.conftest import TABLE

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Table, TableBusy
from filegate.audit import GATEWAY, Audit, By, Entry
from filegate.instants import HOUR, MINUTE, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filegate.adapters.table import Write

NOW = parse_rfc3339("2026-03-01T00:00:00Z")
DAY = 24 * HOUR
ADMIN = By("admin", "192.0.2.1")


class CountingTable(Table):
    """Counts transactions, and can be too busy for them."""

    writes = 0
    busy = False

    def impatient(self) -> Table:
        return self

    def transact(self, writes: "Sequence[Write]") -> None:
        self.writes += 1
        if self.busy:
            raise TableBusy
        super().transact(writes)


@pytest.fixture
def table(dynamodb: AwsService) -> CountingTable:
    return CountingTable(dynamodb, TABLE)


@pytest.fixture
def audit(table: CountingTable) -> Audit:
    return Audit(table)


def everything(audit: Audit, subject: str, start: int, end: int, size: int = 100) -> list[Entry]:
    found: list[Entry] = []
    position = None
    while True:
        page, position = audit.page(subject, start, end, size, position)
        assert len(page) <= size
        found += page
        if position is None:
            return found


def test_an_entry_is_what_was_noted(audit: Audit) -> None:
    audit.note("tenants/acme", ADMIN, "tenants.suspend", {"why": ["a", 1]}, NOW)

    entry = Entry(NOW, "tenants/acme", "admin", "tenants.suspend", "192.0.2.1", {"why": ["a", 1]})
    assert everything(audit, "tenants/acme", NOW, NOW + 1) == [entry]
    assert everything(audit, GATEWAY, NOW, NOW + 1) == [entry]
    assert everything(audit, "tenants/other", NOW, NOW + 1) == []


def test_what_is_about_the_gateway_stands_once(audit: Audit) -> None:
    audit.note(GATEWAY, By("bootstrap"), "x", {}, NOW)

    [entry] = everything(audit, GATEWAY, NOW, NOW + 1)
    assert (entry.address, entry.details) == (None, {})


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_go_back_over_months(audit: Audit, size: int) -> None:
    days = [0, 1, 27, 28, 29, 60, 59, 90, 364]
    for day in days:
        audit.note("tenants/acme", ADMIN, f"day {day}", {}, NOW - day * DAY)

    found = everything(audit, "tenants/acme", NOW - 364 * DAY, NOW + 1, size)
    assert [entry.action for entry in found] == [f"day {day}" for day in sorted(days)]


def test_a_span_has_its_start_and_not_its_end(audit: Audit) -> None:
    for moment in range(4):
        audit.note("tenants/acme", ADMIN, str(moment), {}, NOW + moment - 2)

    found = everything(audit, "tenants/acme", NOW - 1, NOW + 1, 1)
    assert [entry.action for entry in found] == ["2", "1"]


def test_two_at_the_same_moment_are_two(audit: Audit) -> None:
    for action in ("a", "b"):
        audit.note("tenants/acme", ADMIN, action, {}, NOW)

    found = everything(audit, "tenants/acme", NOW, NOW + 1, 1)
    assert {entry.action for entry in found} == {"a", "b"}


def test_what_is_noted_at_one_moment_stays_in_its_order(audit: Audit) -> None:
    for number in range(20):
        audit.note("tenants/acme", ADMIN, f"deed.{number}", {}, NOW)
    found = [one.action for one in everything(audit, "tenants/acme", NOW, NOW + 1)]
    assert found == [f"deed.{number}" for number in reversed(range(20))]


def test_once_a_minute_means_no_write_for_the_rest(audit: Audit, table: CountingTable) -> None:
    tried = [
        audit.note_once_a_minute("tenants/acme", By("keys/k1"), "used", {}, NOW + second * 1_000)
        for second in range(60)
    ]

    assert tried == [True] + [False] * 59
    assert table.writes == 1
    assert audit.note_once_a_minute("tenants/acme", By("keys/k1"), "used", {}, NOW + MINUTE)
    found = everything(audit, "tenants/acme", NOW, NOW + 2 * MINUTE)
    assert [entry.at for entry in found] == [NOW + MINUTE, NOW]


def test_once_a_minute_is_over_all_instances(table: CountingTable) -> None:
    tried = [
        Audit(table).note_once_a_minute("tenants/acme", By("keys/k1"), "used", {}, NOW + number)
        for number in range(3)
    ]

    assert tried == [True, False, False]
    assert len(everything(Audit(table), GATEWAY, NOW, NOW + MINUTE)) == 1


def test_once_a_minute_is_for_each_key_and_deed(audit: Audit) -> None:
    assert audit.note_once_a_minute("tenants/acme", By("keys/k1"), "used", {}, NOW)
    assert audit.note_once_a_minute("tenants/acme", By("keys/k2"), "used", {}, NOW)
    assert audit.note_once_a_minute("tenants/acme", By("keys/k1"), "refused", {}, NOW)
    assert audit.note_once_a_minute("tenants/other", By("keys/k1"), "used", {}, NOW)


def test_what_cannot_be_noted_fails_no_request(audit: Audit, table: CountingTable) -> None:
    table.busy = True

    assert not audit.note_once_a_minute("tenants/acme", By("keys/k1"), "used", {}, NOW)
    with pytest.raises(TableBusy):
        audit.note("tenants/acme", ADMIN, "x", {}, NOW)


def test_what_is_remembered_has_an_end(audit: Audit, table: CountingTable) -> None:
    for number in range(5_000):
        table.busy = True
        audit.note_once_a_minute("tenants/acme", By(f"keys/{number}"), "used", {}, NOW)

    remembered = cast("dict[str, int]", vars(audit)["_noted"])
    assert len(remembered) <= 4_096
