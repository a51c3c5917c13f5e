"""What an operator changes while tenants go on: no byte is lost, and nothing half done."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

from atomic_table import NOW, AtomicTable, reservation, settle
from filegate.adapters.table import Key, Table
from filegate.audit import By
from filegate.errors import StatusError
from filegate.holdings import Holdings
from filegate.key_registry import KeyRegistry
from filegate.ledger import Ledger, RecordChanged, TenantChanged, TenantShort
from filegate.ledger_report import Balance, LedgerReport, Sums
from filegate.limits import UploadMode
from filegate.project_registry import ProjectRegistry
from filegate.projects import Project, project_key
from filegate.records import FileRecord, State
from filegate.tenant_deletion import TenantDeletion
from filegate.tenant_registry import TenantRegistry, TenantState
from filegate.tenants import tenant_key
from filegate.usage_reports import UsageReports

if TYPE_CHECKING:
    from filegate.appointments import Keeper
    from filegate.files import Files

ADMIN = By("admin")


def at_once(actions: list[Callable[[], object]]) -> None:
    """Run actions in as many threads."""
    with ThreadPoolExecutor(len(actions)) as pool:
        for future in [pool.submit(action) for action in actions]:
            future.result()


@pytest.fixture
def project(table: AtomicTable) -> str:
    return table.project(100_000)


@pytest.fixture
def tenant(table: AtomicTable, project: str) -> str:
    return table.tenant(project, 1_000)


def find_project(table: AtomicTable, project: str) -> Project:
    item = table.table.get(project_key(project))
    assert item is not None
    return Project.from_item(item)


def test_limits_move_while_uploads_come_and_go(
    table: AtomicTable, project: str, tenant: str
) -> None:
    registry, ledger = TenantRegistry(table.patient()), Ledger(table.patient())

    def change(storage: int) -> Callable[[], object]:
        return lambda: registry.change_limits(tenant, {"storage": storage}, NOW, ADMIN)

    def upload() -> None:
        record = reservation(tenant, project, 50)
        try:
            ledger.reserve(record)
        except TenantShort:
            return
        ledger.abandon(record)

    at_once([*(change(1_000 + 100 * number) for number in range(8)), *[upload] * 16])
    record = registry.find(tenant)
    assert record.stored == 0
    assert record.available == record.limits.storage
    assert find_project(table, project).promised == record.limits.storage


def test_a_capacity_moves_while_uploads_come_and_go(
    table: AtomicTable, project: str, tenant: str
) -> None:
    registry, ledger = ProjectRegistry(table.patient()), Ledger(table.patient())

    def change(capacity: int) -> Callable[[], object]:
        return lambda: registry.change(project, {"capacity": capacity}, NOW, ADMIN)

    def upload() -> None:
        record = reservation(tenant, project, 50)
        ledger.reserve(record)
        ledger.abandon(record)

    at_once([*(change(50_000 + number) for number in range(8)), *[upload] * 8])
    found = registry.find(project)
    assert found.available == found.capacity


def test_two_changes_of_different_limits_both_stay(table: AtomicTable, tenant: str) -> None:
    registry = TenantRegistry(table.patient())
    changes: list[dict[str, Any]] = [
        {"storage": 5_000},
        {"file": 77},
        {"lifetime": 3_600},
        {"open_sessions": 3},
        {"requests_per_minute": 9},
        {"upload_mode": UploadMode.DIRECT},
        {"models": ("m",)},
    ]
    at_once(
        [
            lambda change=change: registry.change_limits(tenant, change, NOW, ADMIN)  # type: ignore[misc]
            for change in changes
        ]
    )
    limits = registry.find(tenant).limits
    for change in changes:
        for name, value in change.items():
            assert getattr(limits, name) == value


def test_a_change_goes_on_from_what_another_left(table: AtomicTable, tenant: str) -> None:
    class Interrupting(Table):
        interrupted = False

    slow = Interrupting(table.client, "filegate-local", patience=60)
    fast = TenantRegistry(table.patient())
    original = slow.transact

    def transact(writes: object) -> None:
        if not slow.interrupted:
            slow.interrupted = True
            fast.change_limits(tenant, {"storage": 2_000}, NOW, ADMIN)
        original(writes)  # type: ignore[arg-type]

    slow.transact = transact  # type: ignore[method-assign]
    record = TenantRegistry(slow).change_limits(tenant, {"storage": 500}, NOW, ADMIN)
    assert (record.limits.storage, record.available) == (500, 500)


def test_an_upload_cut_short_cannot_be_ended_by_its_chunk(
    ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 100)
    ledger.reserve(record)
    cut = ledger.cut_short(record, NOW + 5)
    assert ledger.find(tenant, record.file_id) == cut
    assert (cut.deadline, cut.due_at, cut.state) == (NOW + 5, NOW + 5, State.RESERVED)
    with pytest.raises(RecordChanged):
        ledger.mark_closing(record.key, record.reservation, "session", NOW + 6, NOW + 7)
    with pytest.raises(RecordChanged):
        ledger.abandon(record)
    ledger.abandon(cut)


def test_an_upload_that_a_chunk_may_have_ended_is_not_cut_short(
    ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 100)
    ledger.reserve(record)
    ledger.mark_closing(record.key, record.reservation, "session", NOW + 6, NOW + 7)
    with pytest.raises(RecordChanged) as changed:
        ledger.cut_short(record, NOW + 5)
    current = changed.value.current
    assert current is not None
    assert current.closing
    assert current.reservation == record.reservation
    ledger.abandon(current)


def test_nothing_begins_for_a_tenant_that_is_being_deleted(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    registry = TenantRegistry(table.table)
    registry.begin_deletion(tenant, NOW, ADMIN)
    with pytest.raises(TenantChanged):
        ledger.reserve(reservation(tenant, project, 1))
    with pytest.raises(StatusError, match="deleted"):
        KeyRegistry(table.table).issue(tenant, "x", NOW, ADMIN)
    for change in (registry.suspend, registry.resume):
        with pytest.raises(StatusError, match="deleted"):
            change(tenant, NOW, ADMIN)


def test_a_deletion_is_not_finished_while_a_byte_is_held(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    registry = TenantRegistry(table.table)
    record = reservation(tenant, project, 0)
    ledger.reserve(record)
    held = registry.begin_deletion(tenant, NOW, ADMIN)
    # It holds no byte, but it is open.
    assert not registry.finish_deletion(held, {}, NOW, ADMIN)
    settled = settle(ledger, record, 7)
    assert not registry.finish_deletion(registry.find(tenant), {}, NOW, ADMIN)
    assert registry.find(tenant).state is TenantState.DELETING
    ledger.release(settled, NOW)
    assert registry.finish_deletion(registry.find(tenant), {"uploads": 1}, NOW, ADMIN)
    gone = registry.find(tenant)
    assert (gone.state, gone.final_usage) == (TenantState.DELETED, {"uploads": 1})
    found = find_project(table, project)
    assert (found.promised, found.tenants) == (0, 0)
    assert table.table.get(Key("TENANTS", tenant)) is None
    # Done twice, it is done once.
    assert not registry.finish_deletion(gone, {}, NOW, ADMIN)
    assert find_project(table, project).tenants == 0


def test_no_key_outlives_its_tenant(table: AtomicTable, tenant: str) -> None:
    registry, keys = TenantRegistry(table.patient()), KeyRegistry(table.patient())

    def issue() -> None:
        try:
            keys.issue(tenant, "x", NOW, ADMIN)
        except StatusError:
            return

    def delete() -> None:
        registry.begin_deletion(tenant, NOW, ADMIN)
        keys.delete_all(tenant)

    at_once([*[issue] * 12, delete, *[issue] * 12])
    keys_left = [item for item in table.items() if item["sk"] == "KEY"]
    assert tenant not in {item["tenant"] for item in keys_left}
    assert table.table.query(tenant_key(tenant).pk, "KEYREF#").items == []


def test_a_chunk_that_comes_as_its_tenant_goes_ends_no_upload(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 100)
    ledger.reserve(record)
    refused: list[FileRecord] = []

    class LateChunk:
        """Keeps appointments; just before, the chunk that ends the upload asks for leave."""

        def keep(self, current: FileRecord, now: int) -> None:
            assert now >= current.deadline
            with pytest.raises(RecordChanged):
                ledger.mark_closing(record.key, record.reservation, "session", now, now)
            ledger.abandon(current)
            refused.append(current)

    deletion = TenantDeletion(
        TenantRegistry(table.table),
        KeyRegistry(table.table),
        ledger,
        cast("Keeper", LateChunk()),
        cast("Files", None),
        Holdings(table.table),
        {},
        UsageReports(table.table),
    )
    young = deletion.run(tenant, NOW + 59_999, ADMIN, lambda: True)
    assert (young.done, young.files_left, refused) == (False, 1, [])
    done = deletion.run(tenant, NOW + 60_000, ADMIN, lambda: True)
    assert (done.done, done.files_left, len(refused)) == (True, 0, 1)


def test_a_deletion_without_time_begins_and_goes_on_later(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    ledger.reserve(reservation(tenant, project, 100))

    class Abandoning:
        def keep(self, current: FileRecord, _now: int) -> None:
            ledger.abandon(current)

    deletion = TenantDeletion(
        TenantRegistry(table.table),
        KeyRegistry(table.table),
        ledger,
        cast("Keeper", Abandoning()),
        cast("Files", None),
        Holdings(table.table),
        {},
        UsageReports(table.table),
    )
    later = NOW + 120_000
    assert deletion.run(tenant, later, ADMIN, lambda: False).files_left == 1
    assert TenantRegistry(table.table).find(tenant).state is TenantState.DELETING
    assert deletion.run(tenant, later, ADMIN, lambda: True).done


def test_the_report_reads_a_tenant_anew_that_moves(
    table: AtomicTable, project: str, tenant: str
) -> None:
    ledger = Ledger(table.table)
    record = reservation(tenant, project, 10)

    class Moving(Ledger):
        moved = False

        def records(self, tenant: str) -> Iterator[FileRecord]:
            found = list(super().records(tenant))
            if tenant == record.tenant and not self.moved:
                self.moved = True
                ledger.reserve(record)
            return iter(found)

    report, sums = LedgerReport(table.table, Moving(table.table)), Sums(None, {})
    rows: dict[str, Balance] = {}
    while True:
        page = report.page(100, sums)
        rows |= {row.id: row for row in page.tenants}
        if page.following is None:
            break
        sums = page.following
    assert (rows[tenant].recorded, rows[tenant].difference) == (10, 0)
    ledger.abandon(record)
