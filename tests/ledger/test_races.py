"""Many at once: on one tenant, on one project, on one file. Published overshoot: 0 bytes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from atomic_table import NOW, AtomicTable, reservation, settle
from filegate.ledger import Ledger, ProjectShort, RecordChanged, TenantShort
from filegate.tenants import tenant_key

THREADS = 64


def at_once(actions: list[Callable[[], str]]) -> list[str]:
    """Run actions in as many threads and answer what each one says."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def test_the_last_bytes_of_a_tenant_go_to_exactly_as_many_as_fit(table: AtomicTable) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 16 * 100 + 99)
    ledger = Ledger(table.patient())

    def reserve() -> str:
        try:
            ledger.reserve(reservation(tenant, project, 100))
        except TenantShort:
            return "short"
        return "reserved"

    outcomes = at_once([reserve] * THREADS)
    assert outcomes.count("reserved") == 16
    assert outcomes.count("short") == THREADS - 16
    assert table.tenant_available(tenant) == 99


def test_the_last_bytes_of_a_project_shared_by_eight_tenants(table: AtomicTable) -> None:
    project = table.project(20 * 100 + 1)
    tenants = [table.tenant(project, 10**6) for _ in range(8)]
    ledger = Ledger(table.patient())

    def reserve(tenant: str) -> Callable[[], str]:
        def attempt() -> str:
            try:
                ledger.reserve(reservation(tenant, project, 100))
            except ProjectShort:
                return "short"
            return "reserved"

        return attempt

    outcomes = at_once([reserve(tenants[number % 8]) for number in range(THREADS)])
    assert outcomes.count("reserved") == 20
    assert table.project_available(project) == 1


def test_one_file_settled_abandoned_and_released_by_all_ends_once(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 1_000)
    ledger = Ledger(table.patient())
    record = reservation(tenant, project, 700)
    ledger.reserve(record)

    def settle_it() -> str:
        try:
            settle(ledger, record, 500)
        except RecordChanged:
            return "changed"
        return "settled"

    def abandon_it() -> str:
        try:
            ledger.abandon(record)
        except RecordChanged:
            return "changed"
        return "abandoned"

    def release_it() -> str:
        current = ledger.find(tenant, record.file_id)
        if current is None or current == record:
            return "nothing to release"
        try:
            ledger.release(current, NOW)
        except RecordChanged:
            return "changed"
        return "released"

    outcomes = at_once([settle_it, abandon_it, release_it, settle_it] * (THREADS // 4))
    assert outcomes.count("settled") + outcomes.count("abandoned") == 1
    assert outcomes.count("released") <= outcomes.count("settled")
    table.assert_conserved()


def test_one_document_settled_and_abandoned_by_all_ends_once(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 1_000)
    ledger = Ledger(table.patient())
    record = reservation(tenant, project, 700, store="s-1")
    ledger.reserve(record)

    def settle_it() -> str:
        try:
            ledger.settle_document(record, 500, NOW)
        except RecordChanged:
            return "changed"
        return "settled"

    def abandon_it() -> str:
        try:
            ledger.abandon(record)
        except RecordChanged:
            return "changed"
        return "abandoned"

    outcomes = at_once([settle_it, abandon_it] * (THREADS // 2))
    assert outcomes.count("settled") + outcomes.count("abandoned") == 1
    items = table.table.query(tenant_key(tenant).pk, "USAGE#").items
    counted = [(item["documents"], item["documentBytes"]) for item in items]
    assert counted == ([(1, 500)] if "settled" in outcomes else [])
    assert table.tenant_available(tenant) == 1_000
