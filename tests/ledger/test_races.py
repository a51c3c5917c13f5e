"""Many at once: on one tenant, on one project, on one file. Published overshoot: 0 bytes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from atomic_table import HOUR, NOW, AtomicTable, reservation, settle
from filegate.errors import StatusError
from filegate.instants import MINUTE
from filegate.janitor import Janitor
from filegate.ledger import DoesNotFit, Ledger, ProjectShort, RecordChanged, TenantShort
from filegate.outbox import Outbox
from filegate.records import CLOSING_LOOK, FileRecord
from filegate.tenants import tenant_key
from filegate.usage_hours import UsageHours
from little_upstream import LittleUpstream, files_of, keeper_of, read_tenant
from racers import at_once, in_processes, reservations

if TYPE_CHECKING:
    from filegate.loose_ends import LooseEnds

THREADS = 64


def outcome(done: str, act: Callable[[], object]) -> str:
    """What came of an act on a record that others act on too: `done`, or "changed"."""
    try:
        act()
    except RecordChanged:
        return "changed"
    return done


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
        return outcome("settled", lambda: settle(ledger, record, 500))

    def abandon_it() -> str:
        return outcome("abandoned", lambda: ledger.abandon(record))

    def release_it() -> str:
        current = ledger.find(tenant, record.file_id)
        if current is None or current == record:
            return "nothing to release"
        return outcome("released", lambda: ledger.release(current, NOW))

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
        return outcome("settled", lambda: ledger.settle_document(record, 500, NOW))

    def abandon_it() -> str:
        return outcome("abandoned", lambda: ledger.abandon(record))

    outcomes = at_once([settle_it, abandon_it] * (THREADS // 2))
    assert outcomes.count("settled") + outcomes.count("abandoned") == 1
    items = table.table.query(tenant_key(tenant).pk, "USAGE#").items
    counted = [(item["documents"], item["documentBytes"]) for item in items]
    assert counted == ([(1, 500)] if "settled" in outcomes else [])
    assert table.tenant_available(tenant) == 1_000


def used(table: AtomicTable, tenant: str, *names: str) -> tuple[int, ...]:
    """What was counted of a tenant in all its hours."""
    items = table.table.query(tenant_key(tenant).pk, "USAGE#").items
    return tuple(sum(int(item.get(name) or 0) for item in items) for name in names)


def closing(ledger: Ledger, record: FileRecord) -> FileRecord:
    """A reservation whose last chunk was let through."""
    ledger.reserve(record)
    ledger.mark_closing(record.key, record.reservation, record.reservation, NOW, NOW + CLOSING_LOOK)
    found = ledger.find_at(record.key)
    assert found is not None
    return found


def test_files_larger_than_declared_take_no_byte_more_than_there_is(table: AtomicTable) -> None:
    """Settling takes bytes as well, beside reservations that want the same ones."""
    project = table.project(10**9)
    tenant = table.tenant(project, 32 * 100 + 450)
    ledger = Ledger(table.patient())
    declared = [reservation(tenant, project, 100) for _ in range(THREADS // 2)]
    for record in declared:
        ledger.reserve(record)

    def settle_more(record: FileRecord) -> Callable[[], str]:
        def attempt() -> str:
            try:
                settle(ledger, record, 150)
            except DoesNotFit:
                return "does not fit"
            return "settled"

        return attempt

    def reserve() -> str:
        try:
            ledger.reserve(reservation(tenant, project, 50))
        except TenantShort:
            return "short"
        return "reserved"

    outcomes = at_once([*(settle_more(one) for one in declared), *[reserve] * (THREADS // 2)])
    assert outcomes.count("settled") + outcomes.count("reserved") == 9
    assert table.tenant_available(tenant) == 0
    assert used(table, tenant, "uploads") == (outcomes.count("settled"),)


def test_one_file_is_deleted_settled_expired_and_read_by_all(table: AtomicTable) -> None:
    """Whoever comes first, it is counted once and its bytes come back once."""
    project = table.project(10**6)
    tenant = table.tenant(project, 1_000)
    upstream = LittleUpstream()
    ledger = Ledger(table.patient())
    caller = read_tenant(table, tenant)
    files, keeper = files_of(ledger, upstream), keeper_of(ledger, upstream)
    record = closing(ledger, reservation(tenant, project, 700, file_id=f"{caller.tag}f"))
    upstream.finish(record, 500)
    expired = NOW + 49 * HOUR

    def delete() -> str:
        try:
            files.delete(caller, record.file_id, NOW)
        except StatusError:
            return "missing"
        return "deleted"

    def get() -> str:
        try:
            return f"got {files.get(caller, record.file_id, NOW).bytes}"
        except StatusError:
            return "missing"

    def settle_it() -> str:
        keeper.keep(record, NOW)
        return "settled"

    def expire() -> str:
        current = ledger.find(tenant, record.file_id)
        if current is not None and current != record:
            keeper.keep(current, expired)
        return "expired"

    outcomes = at_once([settle_it, delete, expire, get] * (THREADS // 4))

    assert set(outcomes) <= {"settled", "deleted", "expired", "missing", "got 500"}
    assert ledger.find(tenant, record.file_id) is None
    assert used(table, tenant, "uploads", "bytesIn", "releases", "heldBytes") == (1, 500, 1, 0)
    assert table.tenant_available(tenant) == 1_000
    assert upstream.deleted == [record.file_id]


def test_a_finalize_that_is_sent_by_all_is_one_upload(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 1_000)
    upstream = LittleUpstream()
    ledger = Ledger(table.patient())
    keeper = keeper_of(ledger, upstream)
    record = reservation(tenant, project, 700)
    ledger.reserve(record)

    def finalize() -> str:
        try:
            ledger.mark_closing(
                record.key, record.reservation, record.reservation, NOW, NOW + CLOSING_LOOK
            )
        except RecordChanged:
            return "over"
        upstream.finish(record, 500)
        current = ledger.find(tenant, record.file_id)
        assert current is not None
        kept = keeper.keep(current, NOW)
        return "lost" if kept is None else f"stored {kept.bytes}"

    outcomes = at_once([finalize] * THREADS)

    assert set(outcomes) <= {"over", "stored 500"}
    assert used(table, tenant, "uploads", "bytesIn", "releases") == (1, 500, 0)
    assert table.tenant_available(tenant) == 500


def test_two_janitors_at_once_do_everything_once(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 10_000)
    upstream = LittleUpstream()
    ledger = Ledger(table.patient())

    def janitor() -> Janitor:
        hours = UsageHours(table.patient(), tell=False)
        keeper, no_ends = keeper_of(ledger, upstream), cast("LooseEnds", None)
        return Janitor(ledger, keeper, no_ends, hours, Outbox(table.table, None))

    for number in range(30):
        record = closing(ledger, reservation(tenant, project, 100))
        if number % 3:
            upstream.finish(record, 70)

    def make_round() -> str:
        janitor().make_round(upstream.now, lambda: True, lambda: True)
        return "done"

    upstream.now = NOW + MINUTE
    assert at_once([make_round] * 2) == ["done", "done"]
    assert used(table, tenant, "uploads", "bytesIn", "releases") == (20, 20 * 70, 0)
    upstream.now = NOW + 2 * HOUR
    assert at_once([make_round] * 2) == ["done", "done"]
    assert table.tenant_available(tenant) == 10_000 - 20 * 70
    upstream.now = NOW + 49 * HOUR
    assert at_once([make_round] * 2) == ["done", "done"]
    assert used(table, tenant, "uploads", "releases", "heldBytes") == (20, 20, 0)
    assert table.tenant_available(tenant) == 10_000


def test_processes_share_the_last_bytes_and_one_file(table: AtomicTable) -> None:
    project = table.project(41 * 100 + 700)
    tenants = [table.tenant(project, 16 * 100 + 750) for _ in range(4)]
    shared = reservation(tenants[0], project, 700)
    Ledger(table.table).reserve(shared)

    shares = [(reservations(one, project, 100, 14), shared) for one in tenants]
    said = in_processes(table.endpoint, shares)

    assert said.count("settled") + said.count("abandoned") == 1
    assert used(table, tenants[0], "uploads", "bytesIn") == (
        (1, 500) if "settled" in said else (0, 0)
    )
    # Of 56 that want a hundred bytes, 41 find them at once, and up to 48 when the file has ended.
    left = table.project_available(project)
    free = 41 * 100 + 700 - (500 if "settled" in said else 0) - 100 * said.count("reserved")
    assert left == free >= 0
    assert said.count("ProjectShort") == 56 - said.count("reserved")
    assert said.count("reserved") in range(41, 49)
