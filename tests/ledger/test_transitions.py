"""Each transition of the ledger, done once, done twice, and done to the wrong record."""

from dataclasses import replace

import pytest

from atomic_table import HOUR, NOW, AtomicTable, reservation, settle, stored
from filegate.adapters.table import Key
from filegate.ledger import (
    DoesNotFit,
    Ledger,
    NameTaken,
    ProjectShort,
    RecordChanged,
    TenantChanged,
    TenantShort,
)
from filegate.records import DUE_SHARDS, State, due_shard, shard_name
from filegate.tenants import tenant_key
from filegate.usage_reports import Span, Step, UsageReports


@pytest.fixture
def project(table: AtomicTable) -> str:
    """A project of 1,000 bytes."""
    return table.project(1_000)


@pytest.fixture
def tenant(table: AtomicTable, project: str) -> str:
    """A tenant of 500 bytes on that project."""
    return table.tenant(project, 500)


def usage(table: AtomicTable, tenant: str, now: int = NOW) -> dict[str, int]:
    span = Span(NOW - HOUR, NOW + 60 * HOUR, Step.TENANT)
    amounts = [row.amounts for row in UsageReports(table.table).rows(tenant, span, now)]
    return {
        name: sum(one.get(name, 0) for one in amounts)
        for name in ("uploads", "bytesIn", "releases", "byteSeconds")
    }


def test_reserve_takes_the_bytes_from_tenant_and_project(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    assert ledger.find(tenant, record.file_id) == record
    assert table.tenant_available(tenant) == 200
    assert table.project_available(project) == 700


def test_reserve_to_the_last_byte_and_not_one_more(
    ledger: Ledger, project: str, tenant: str
) -> None:
    ledger.reserve(reservation(tenant, project, 500))
    with pytest.raises(TenantShort) as short:
        ledger.reserve(reservation(tenant, project, 1))
    assert (short.value.available, short.value.limit) == (0, 500)
    ledger.reserve(reservation(tenant, project, 0))


def test_a_full_project_refuses_a_tenant_that_has_bytes_left(
    table: AtomicTable, ledger: Ledger
) -> None:
    project = table.project(100)
    tenant = table.tenant(project, 500)
    with pytest.raises(ProjectShort):
        ledger.reserve(reservation(tenant, project, 101))
    assert table.tenant_available(tenant) == 500


def test_a_name_is_taken_until_its_record_goes(table: AtomicTable, ledger: Ledger) -> None:
    project = table.project(100)
    tenant = table.tenant(project, 100)
    first = reservation(tenant, project, 10)
    ledger.reserve(first)
    second = reservation(tenant, project, 10, file_id=first.file_id)
    with pytest.raises(NameTaken):
        ledger.reserve(second)
    ledger.abandon(first)
    ledger.reserve(second)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "SUSPENDED"},
        {"project": "elsewhere"},
        {"maxFileBytes": 9},
    ],
)
def test_a_tenant_that_changed_meanwhile_is_noticed(
    table: AtomicTable, ledger: Ledger, change: dict[str, str | int]
) -> None:
    project = table.project(100)
    tenant = table.tenant(project, 100)
    [(name, value)] = change.items()
    table.set(tenant, **{name: value})
    with pytest.raises(TenantChanged):
        ledger.reserve(reservation(tenant, project, 10))


@pytest.mark.parametrize("actual", [0, 1, 299, 300])
def test_settle_gives_back_what_was_not_needed(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str, actual: int
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    settled = settle(ledger, record, actual)
    assert ledger.find(tenant, record.file_id) == settled
    assert settled.state is State.STORED
    assert table.tenant_available(tenant) == 500 - actual
    assert table.project_available(project) == 1_000 - actual
    assert usage(table, tenant) == {
        "uploads": 1,
        "bytesIn": actual,
        "releases": 0,
        "byteSeconds": 0,
    }


def test_settle_takes_more_if_the_file_is_larger_and_it_fits(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    settle(ledger, record, 500)
    assert table.tenant_available(tenant) == 0


@pytest.mark.parametrize(
    ("capacity", "storage", "file"),
    [(1_000, 500, 500), (500, 1_000, 1_000), (1_000, 1_000, 500)],
    ids=["tenant", "project", "file limit"],
)
def test_settle_changes_nothing_if_the_file_does_not_fit(
    table: AtomicTable, ledger: Ledger, capacity: int, storage: int, file: int
) -> None:
    project = table.project(capacity)
    tenant = table.tenant(project, storage, file)
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    with pytest.raises(DoesNotFit):
        settle(ledger, record, 501)
    assert ledger.find(tenant, record.file_id) == record
    ledger.abandon(record)
    assert table.tenant_available(tenant) == storage


def test_settling_twice_counts_once(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    settled = settle(ledger, record, 100)
    with pytest.raises(RecordChanged) as changed:
        settle(ledger, record, 100)
    assert changed.value.current == settled
    assert usage(table, tenant)["uploads"] == 1
    assert table.tenant_available(tenant) == 400


def documents(table: AtomicTable, tenant: str) -> tuple[int, int]:
    """Documents and their bytes, as counted."""
    items = table.table.query(tenant_key(tenant).pk, "USAGE#").items
    return (
        sum(int(item.get("documents") or 0) for item in items),
        sum(int(item.get("documentBytes") or 0) for item in items),
    )


@pytest.mark.parametrize("actual", [0, 1, 300, 999])
def test_settling_a_document_gives_all_its_bytes_back_and_counts_it(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str, actual: int
) -> None:
    record = reservation(tenant, project, 300, store="s-1")
    ledger.reserve(record)
    assert ledger.find_at(record.key) == record
    assert (table.tenant_available(tenant), table.project_available(project)) == (200, 700)
    ledger.settle_document(record, actual, NOW)
    assert ledger.find_at(record.key) is None
    assert (table.tenant_available(tenant), table.project_available(project)) == (500, 1_000)
    assert documents(table, tenant) == (1, actual)
    assert usage(table, tenant) == {"uploads": 0, "bytesIn": 0, "releases": 0, "byteSeconds": 0}


@pytest.mark.parametrize("first", ["settle", "abandon"])
@pytest.mark.parametrize("second", ["settle", "abandon"])
def test_a_document_ends_once(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str, first: str, second: str
) -> None:
    record = reservation(tenant, project, 300, store="s-1")
    ledger.reserve(record)
    ways = {
        "settle": lambda: ledger.settle_document(record, 100, NOW),
        "abandon": lambda: ledger.abandon(record),
    }
    ways[first]()
    with pytest.raises(RecordChanged) as changed:
        ways[second]()
    assert changed.value.current is None
    assert documents(table, tenant) == ((1, 100) if first == "settle" else (0, 0))
    assert table.tenant_available(tenant) == 500


def test_a_document_that_changed_meanwhile_is_not_settled(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300, store="s-1")
    ledger.reserve(record)
    with pytest.raises(RecordChanged) as changed:
        ledger.settle_document(replace(record, reservation="another"), 100, NOW)
    assert changed.value.current == record
    assert documents(table, tenant) == (0, 0)


def test_a_document_and_a_file_of_one_id_are_two(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    file = reservation(tenant, project, 100)
    document = reservation(tenant, project, 50, file_id=file.file_id, store="s-1")
    ledger.reserve(file)
    ledger.reserve(document)
    assert list(ledger.records(tenant)) == [file, document]
    assert ledger.page(tenant, None, 10) == ([file], None)
    assert ledger.find(tenant, file.file_id) == file
    assert ledger.find_many(tenant, [file.file_id, "other"]) == [file, None]
    ledger.settle_document(document, 50, NOW)
    assert list(ledger.records(tenant)) == [file]
    assert table.tenant_available(tenant) == 400


def test_documents_are_marked_moved_and_found_when_they_are_due(
    ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 1, due_at=NOW - 30 * HOUR, store="s-1")
    ledger.reserve(record)
    shard = due_shard(record.reservation)
    assert record.key in list(ledger.due(shard, NOW - 30 * HOUR))
    ledger.mark_closing(record.key, record.reservation, "sealed", NOW, NOW - 29 * HOUR)
    closing = ledger.find_at(record.key)
    assert closing is not None
    assert (closing.closing, closing.store, closing.session) == (True, "s-1", "sealed")
    moved = ledger.appoint(closing, NOW - 28 * HOUR, 1)
    assert ledger.find_at(record.key) == moved
    ledger.settle_document(moved, 1, NOW)
    assert record.key not in list(ledger.due(shard, NOW))


def test_counts_without_bytes_add_up(table: AtomicTable, ledger: Ledger, tenant: str) -> None:
    ledger.count(tenant, NOW, documents=1)
    ledger.count(tenant, NOW, documents=2, documentBytes=3)
    assert documents(table, tenant) == (3, 3)


def test_releasing_twice_gives_back_once_and_counts_byte_seconds(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    settled = settle(ledger, record, 200)
    ledger.release(settled, NOW + 7_500)
    with pytest.raises(RecordChanged) as changed:
        ledger.release(settled, NOW + 9_000)
    assert changed.value.current is None
    assert table.tenant_available(tenant) == 500
    assert usage(table, tenant, NOW + 9_000) == {
        "uploads": 1,
        "bytesIn": 200,
        "releases": 1,
        "byteSeconds": 200 * 7,
    }


def test_byte_seconds_end_when_the_file_expired_not_when_the_janitor_came(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 3)
    ledger.reserve(record)
    ledger.release(settle(ledger, record, 3), NOW + 50 * HOUR)
    assert usage(table, tenant, NOW + 50 * HOUR)["byteSeconds"] == 3 * 48 * 3_600


@pytest.mark.parametrize(
    ("deleted_at", "seconds"), [(NOW + 7_000, 7), (NOW + 49 * HOUR, 48 * 3_600), (NOW - 9_000, 0)]
)
def test_byte_seconds_end_when_upstream_deleted_the_file_within_its_life(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str, deleted_at: int, seconds: int
) -> None:
    record = reservation(tenant, project, 3)
    ledger.reserve(record)
    ledger.release(settle(ledger, record, 3), NOW + 49 * HOUR, deleted_at)
    assert usage(table, tenant, NOW + 50 * HOUR)["byteSeconds"] == 3 * seconds


@pytest.mark.parametrize(
    ("created_at", "seconds"),
    [(NOW + 1_999, 99), (NOW - 30_000, 130), (0, 160), (NOW + 10 * HOUR, 0)],
    ids=["later", "another clock", "nowhere near", "in the future"],
)
def test_byte_seconds_begin_when_upstream_stored_the_file_about_when_it_was_uploaded(
    table: AtomicTable,
    ledger: Ledger,
    project: str,
    tenant: str,
    created_at: int,
    seconds: int,
) -> None:
    record = reservation(tenant, project, 3)
    ledger.reserve(record)
    there = replace(stored(3), created_at=created_at)
    settled = ledger.settle(record, there, NOW + 48 * HOUR, 0)
    ledger.release(settled, NOW + 100_000)
    assert usage(table, tenant, NOW + 20 * HOUR)["byteSeconds"] == 3 * seconds


def test_a_stored_file_cannot_be_abandoned_nor_a_reservation_released_as_stored(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 300)
    ledger.reserve(record)
    with pytest.raises(RecordChanged):
        ledger.release(replace(record, state=State.STORED), NOW)
    settle(ledger, record, 300)
    with pytest.raises(RecordChanged):
        ledger.abandon(record)
    assert table.tenant_available(tenant) == 200


def test_a_later_file_of_the_same_name_is_not_touched(
    ledger: Ledger, project: str, tenant: str
) -> None:
    first = reservation(tenant, project, 100)
    ledger.reserve(first)
    settled = settle(ledger, first, 100)
    ledger.release(settled, NOW)
    second = reservation(tenant, project, 100, file_id=first.file_id)
    ledger.reserve(second)
    second = settle(ledger, second, 100)
    with pytest.raises(RecordChanged) as changed:
        ledger.release(settled, NOW)
    assert changed.value.current == second
    with pytest.raises(RecordChanged):
        ledger.appoint(settled, NOW)


def test_closing_is_marked_only_while_the_upload_is_open(
    ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 100)
    ledger.reserve(record)
    ledger.mark_closing(record.key, record.reservation, "sealed", NOW + 1, NOW + 5_000)
    closing = ledger.find(tenant, record.file_id)
    assert closing is not None
    assert closing.closing
    assert (closing.session, closing.due_at) == ("sealed", NOW + 5_000)
    settled = settle(ledger, closing, 100)
    with pytest.raises(RecordChanged) as changed:
        ledger.mark_closing(record.key, record.reservation, "sealed", NOW + 1, NOW + 5_000)
    assert changed.value.current == settled
    gone = Key(f"TENANT#{tenant}", "FILE#nothing")
    with pytest.raises(RecordChanged) as changed:
        ledger.mark_closing(gone, "none", "sealed", NOW, NOW)
    assert changed.value.current is None


def test_every_record_is_found_in_the_index_when_it_is_due_and_not_before(
    ledger: Ledger, project: str, tenant: str
) -> None:
    record = reservation(tenant, project, 1, due_at=NOW - 40 * HOUR)
    ledger.reserve(record)
    shard = due_shard(record.reservation)
    assert shard in {shard_name(number) for number in range(DUE_SHARDS)}
    assert record.key in list(ledger.due(shard, NOW - 40 * HOUR))
    assert record.key not in list(ledger.due(shard, NOW - 40 * HOUR - 1))
    settle(ledger, record, 1)
    assert record.key not in list(ledger.due(shard, NOW))


def test_pages_are_newest_first_and_complete(ledger: Ledger, project: str, tenant: str) -> None:
    ids = [f"f{number:02d}" for number in range(25)]
    for file_id in ids:
        ledger.reserve(reservation(tenant, project, 1, file_id=file_id))
    seen: list[str] = []
    after: str | None = None
    while True:
        records, after = ledger.page(tenant, after, 10)
        seen += [record.file_id for record in records]
        if after is None:
            break
    assert seen == sorted(ids, reverse=True)
    assert [record.file_id for record in ledger.records(tenant)] == seen


def test_refresh_keeps_what_upstream_says(ledger: Ledger, project: str, tenant: str) -> None:
    record = reservation(tenant, project, 5)
    ledger.reserve(record)
    settled = settle(ledger, record, 5)
    news = replace(stored(5), snapshot='{"state":"ACTIVE"}')
    refreshed = ledger.refresh(settled, news, NOW + HOUR, 3)
    assert ledger.find(tenant, record.file_id) == refreshed
    assert refreshed.snapshot == '{"state":"ACTIVE"}'
    assert (refreshed.due_at, refreshed.looks) == (NOW + HOUR, 3)


def test_what_upstream_named_is_whose_it_was_first_where_nobody_proved_it(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    other = table.tenant(project, 500)
    mine = replace(reservation(tenant, project, 0), state=State.STORED)
    theirs = replace(mine, tenant=other)

    assert ledger.adopt(mine, NOW, "generated", exclusive=True)
    assert not ledger.adopt(mine, NOW, "generated", exclusive=True)
    assert not ledger.adopt(theirs, NOW, "generated", exclusive=True)

    assert ledger.find(tenant, mine.file_id) == mine
    assert ledger.find(other, mine.file_id) is None


def test_two_tenants_may_register_one_object(
    table: AtomicTable, ledger: Ledger, project: str, tenant: str
) -> None:
    other = table.tenant(project, 500)
    mine = replace(reservation(tenant, project, 0), state=State.STORED)

    assert ledger.adopt(mine, NOW, "registered")
    assert ledger.adopt(replace(mine, tenant=other), NOW, "registered")
    assert not ledger.adopt(mine, NOW, "registered")
