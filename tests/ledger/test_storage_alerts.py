"""Storage alerts: one for each crossing upward, none lost, and nothing for all other takings."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from atomic_table import NOW, AtomicTable, reservation, settle
from filegate.adapters.table import Table
from filegate.ledger import DoesNotFit, Ledger, ProjectShort, TenantShort
from filegate.outbox import SHARDS
from filegate.records import FileRecord
from filegate_local import aws

THREADS = 64


class CountingTable(Table):
    """A table that counts its transactions, in vain or not."""

    transactions = 0

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        self.transactions += operation == "TransactWriteItems"
        return super()._call(operation, **arguments)


class InterruptedTable(Table):
    """A table where something else happens between the first and the second transaction."""

    meanwhile: list[Callable[[], object]]
    transactions = 0

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        if operation == "TransactWriteItems":
            self.transactions += 1
            if self.transactions > 1 and self.meanwhile:
                self.meanwhile.pop(0)()
        return super()._call(operation, **arguments)


@pytest.fixture
def project(table: AtomicTable) -> str:
    """A project of a million bytes."""
    return table.project(10**6)


@pytest.mark.parametrize(
    ("used", "percents"),
    [
        (0, []),
        (1, []),
        (799, []),
        (800, [80]),
        (949, [80]),
        (950, [80, 95]),
        (999, [80, 95]),
        (1_000, [80, 95, 100]),
    ],
)
def test_a_taking_tells_of_each_threshold_it_reaches(
    table: AtomicTable, ledger: Ledger, project: str, used: int, percents: list[int]
) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, used))
    assert table.alerts(tenant) == [(percent, used, 1_000) for percent in percents]


@pytest.mark.parametrize(
    ("storage", "last_quiet"), [(1, 0), (3, 2), (7, 5), (10, 7), (101, 80), (21_474_836_480, None)]
)
def test_percents_of_odd_sizes_are_exact(
    table: AtomicTable, ledger: Ledger, storage: int, last_quiet: int | None
) -> None:
    project = table.project(storage)
    tenant = table.tenant(project, storage)
    quiet = -(-storage * 80 // 100) - 1 if last_quiet is None else last_quiet
    ledger.reserve(reservation(tenant, project, quiet))
    assert table.alerts(tenant) == []
    ledger.reserve(reservation(tenant, project, 1))
    assert (80, quiet + 1, storage) in table.alerts(tenant)


def test_it_is_told_as_a_cloud_event(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 1_000)
    record = reservation(tenant, project, 810)
    ledger.reserve(record)
    [event] = [
        json.loads(str(item["event"]))
        for shard in SHARDS
        for item in table.table.query(shard).items
        if tenant in str(item["event"])
    ]
    assert event["id"] == f"storage/{tenant}/{record.reservation}/RESERVED/80"
    assert (event["type"], event["subject"], event["specversion"]) == (
        "dev.filegate.tenant.storage.v1",
        f"tenants/{tenant}",
        "1.0",
    )
    assert event["data"] == {
        "tenant": tenant,
        "percent": 80,
        "storedBytes": 810,
        "storageBytes": 1_000,
    }


def test_it_is_told_again_only_after_storage_was_below_it(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, 750))
    for size, used in ((100, 850), (60, 810)):
        # Falls to 750 in between, and is below 80 % there.
        record = reservation(tenant, project, size)
        ledger.reserve(record)
        assert (80, used, 1_000) in table.alerts(tenant)
        ledger.abandon(record)
    assert len(table.alerts(tenant)) == 2
    base = reservation(tenant, project, 50)
    ledger.reserve(base)
    assert len(table.alerts(tenant)) == 3
    for _ in range(3):
        # Falls to 800, and so never below 80 %.
        record = reservation(tenant, project, 100)
        ledger.reserve(record)
        ledger.abandon(record)
    assert len(table.alerts(tenant)) == 3


def test_a_fall_below_the_higher_threshold_arms_that_one_alone(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, 900))
    for _ in range(2):
        record = reservation(tenant, project, 60)
        ledger.reserve(record)
        ledger.abandon(record)
    assert table.alerts(tenant) == [(80, 900, 1_000), (95, 960, 1_000), (95, 960, 1_000)]


def test_what_settles_larger_than_announced_crosses_too(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    record = reservation(tenant, project, 700)
    ledger.reserve(record)
    settled = settle(ledger, record, 960)
    assert ledger.find(tenant, record.file_id) == settled
    assert table.alerts(tenant) == [(80, 960, 1_000), (95, 960, 1_000)]
    assert table.number(tenant, "openSessions") == 0
    ledger.release(settled, NOW)
    again = reservation(tenant, project, 800)
    ledger.reserve(again)
    assert len(table.alerts(tenant)) == 3
    with pytest.raises(DoesNotFit):
        settle(ledger, again, 1_001)
    assert len(table.alerts(tenant)) == 3


def test_what_is_refused_tells_of_nothing(table: AtomicTable, ledger: Ledger) -> None:
    project = table.project(500)
    tenant = table.tenant(project, 1_000)
    with pytest.raises(ProjectShort):
        ledger.reserve(reservation(tenant, project, 900))
    with pytest.raises(TenantShort):
        ledger.reserve(reservation(tenant, project, 1_001))
    assert table.alerts(tenant) == []
    assert table.tenant_available(tenant) == 1_000


def test_another_limit_is_another_measure(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, 500))
    table.set_storage(tenant, 600)
    # 83 % by now; told with the next byte that is taken.
    ledger.reserve(reservation(tenant, project, 1))
    assert table.alerts(tenant) == [(80, 501, 600)]
    table.set_storage(tenant, 2_000)
    ledger.reserve(reservation(tenant, project, 1_000))
    assert table.alerts(tenant) == [(80, 501, 600)]
    ledger.reserve(reservation(tenant, project, 98))
    assert table.alerts(tenant) == [(80, 501, 600)]
    ledger.reserve(reservation(tenant, project, 1))
    assert table.alerts(tenant) == [(80, 501, 600), (80, 1_600, 2_000)]


def test_a_tenant_from_before_there_were_alerts(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    old = reservation(tenant, project, 100)
    ledger.reserve(old)
    names = ("alertLevel", "alertRoom", "rearmAbove", "alertLimit")
    table.set(tenant, **dict.fromkeys(names))
    settle(ledger, old, 50)
    ledger.reserve(reservation(tenant, project, 700))
    assert table.alerts(tenant) == []
    ledger.reserve(reservation(tenant, project, 50))
    assert table.alerts(tenant) == [(80, 800, 1_000)]


def test_nobody_is_told_of_no_storage(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 0)
    ledger.reserve(reservation(tenant, project, 0))
    assert table.alerts(tenant) == []


def test_only_a_crossing_takes_a_second_transaction(table: AtomicTable, project: str) -> None:
    tenant = table.tenant(project, 1_000)
    counting = CountingTable(table.client, aws.TABLE_NAME)
    ledger = Ledger(counting)

    def transactions(size: int, actual: int) -> int:
        before = counting.transactions
        record = reservation(tenant, project, size)
        ledger.reserve(record)
        taken = counting.transactions - before
        ledger.release(settle(ledger, record, actual), NOW)
        assert counting.transactions - before == taken + 2
        return taken

    assert [transactions(size, 0) for size in (0, 1, 400, 799)] == [1, 1, 1, 1]
    assert transactions(800, 10) == 2
    # It has fallen far below meanwhile: to notice that takes one more, once.
    assert [transactions(100, 100) for _ in range(3)] == [2, 1, 1]
    ledger.reserve(reservation(tenant, project, 900))
    full = reservation(tenant, project, 10)
    before = counting.transactions
    ledger.reserve(full)
    assert counting.transactions == before + 1


def interrupted(
    table: AtomicTable, tenant: str, size: int, *meanwhile: Callable[[], object]
) -> list[tuple[int, int, int]]:
    """Take bytes past a threshold while others come in between; what is told of then."""
    slow = InterruptedTable(table.client, aws.TABLE_NAME)
    slow.meanwhile = list(meanwhile)
    [item] = table.table.query(f"TENANT#{tenant}", "TENANT").items
    Ledger(slow).reserve(reservation(tenant, str(item["project"]), size))
    assert slow.meanwhile == []
    return table.alerts(tenant)


def test_what_comes_in_between_is_seen(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 1_000)
    held = reservation(tenant, project, 200)
    ledger.reserve(held)
    ledger.reserve(reservation(tenant, project, 500))
    # Quiet itself: what is told has all of it.
    alerts = interrupted(
        table, tenant, 150, lambda: ledger.reserve(reservation(tenant, project, 50))
    )
    assert alerts == [(80, 900, 1_000)]
    # Less than before: nothing is reached any more.
    alerts = interrupted(table, tenant, 60, lambda: ledger.abandon(held))
    assert alerts == [(80, 900, 1_000)]
    ledger.reserve(reservation(tenant, project, 39))
    assert table.alerts(tenant) == [(80, 900, 1_000)]
    ledger.reserve(reservation(tenant, project, 1))
    assert table.alerts(tenant) == [(80, 800, 1_000), (80, 900, 1_000)]


def test_what_others_told_of_in_between_is_not_told_again(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, 700))
    alerts = interrupted(
        table,
        tenant,
        120,
        lambda: ledger.reserve(reservation(tenant, project, 110)),
        lambda: None,
    )
    assert alerts == [(80, 810, 1_000)]


def test_what_others_told_of_without_taking_a_byte_is_not_told_again(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    ledger.reserve(reservation(tenant, project, 500))
    table.set_storage(tenant, 600)
    alerts = interrupted(table, tenant, 1, lambda: ledger.reserve(reservation(tenant, project, 0)))
    assert alerts == [(80, 500, 600)]


def test_64_at_once_tell_of_each_threshold_once_and_again_after_all_is_gone(
    table: AtomicTable,
) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, THREADS * 100)
    ledger = Ledger(table.patient())

    for times in (1, 2):
        records = [reservation(tenant, project, 100) for _ in range(THREADS)]
        assert at_once([_reserving(ledger, record) for record in records]) == ["taken"] * THREADS
        assert table.tenant_available(tenant) == 0
        told = [percent for percent, _, _ in table.alerts(tenant)]
        assert told == sorted([80, 95, 100] * times)
        for percent, stored, storage in table.alerts(tenant):
            # By exactly the taking that reached it.
            assert stored - 100 < storage * percent / 100 <= stored
        at_once([_abandoning(ledger, record) for record in records])
        assert table.tenant_available(tenant) == THREADS * 100


def test_64_at_once_around_a_threshold_lose_no_bytes_and_tell_of_every_crossing(
    table: AtomicTable,
) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 1_000)
    ledger = Ledger(table.patient())
    ledger.reserve(reservation(tenant, project, 750))

    def come_and_go() -> str:
        record = reservation(tenant, project, 60)
        try:
            ledger.reserve(record)
        except TenantShort:
            return "short"
        ledger.abandon(record)
        return "lived"

    outcomes = at_once([come_and_go] * THREADS)
    assert "lived" in outcomes
    assert table.tenant_available(tenant) == 250
    alerts = table.alerts(tenant)
    # The lowest that reaches 80 % from below is 750 + 60: told at least once, at most each time.
    assert 1 <= len([one for one in alerts if one == (80, 810, 1_000)]) <= outcomes.count("lived")
    assert {percent for percent, _, _ in alerts} <= {80, 95}


def at_once(actions: list[Callable[[], str]]) -> list[str]:
    """Run actions in as many threads and answer what each one says."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def _reserving(ledger: Ledger, record: FileRecord) -> Callable[[], str]:
    def reserve() -> str:
        ledger.reserve(record)
        return "taken"

    return reserve


def _abandoning(ledger: Ledger, record: FileRecord) -> Callable[[], str]:
    def abandon() -> str:
        ledger.abandon(record)
        return "gone"

    return abandon
