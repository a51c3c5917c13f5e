"""What the benchmark loads in bulk is what the ledger writes, and every byte is accounted for."""

from typing import Any

from bench.bulk import SIZE, Loader, Stock
from bench.units import item_size

from atomic_table import NOW, AtomicTable
from filegate.appointments import next_look, stored_from
from filegate.instants import HOUR
from filegate.ledger import Ledger
from filegate.names import new_file_id
from filegate.records import FileRecord, State, file_key
from filegate.snapshots import write_snapshot
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import Tenant
from filegate_local import aws

RESOURCE = {
    "mimeType": "video/mp4",
    "sizeBytes": str(SIZE),
    "createTime": "2027-01-15T08:00:00Z",
    "updateTime": "2027-01-15T08:00:00Z",
    "expirationTime": "2027-01-17T08:00:00Z",
    "sha256Hash": "x" * 64,
    "state": "ACTIVE",
    "source": "UPLOADED",
}


def tenant_of(table: AtomicTable) -> Tenant:
    name = table.tenant(table.project(10**9), 10**8)
    return TenantRegistry(table.table).find(name).tenant


def uploaded(table: AtomicTable, tenant: Tenant) -> FileRecord:
    """A file that took the usual way: reserved, then settled, on the engine itself."""
    ledger = Ledger(table.table)
    file_id = new_file_id(tenant.tag, NOW)
    record = FileRecord(
        tenant=tenant.id,
        file_id=file_id,
        reservation="0" * 32,
        project=tenant.project,
        state=State.RESERVED,
        bytes=SIZE,
        created_at=NOW,
        deadline=NOW + HOUR,
        due_at=NOW + HOUR,
    )
    name = f"files/{file_id}"
    resource = {"name": name, "uri": f"https://host/v1beta/{name}", **RESOURCE}
    stored = stored_from(resource, NOW, write_snapshot(resource))
    ledger.reserve(record)
    return ledger.settle(record, stored, *next_look(stored, NOW, 0))


def raw(table: AtomicTable, tenant: Tenant, file_id: str) -> dict[str, Any]:
    key = file_key(tenant.id, file_id)
    arguments = {"TableName": aws.TABLE_NAME, "Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}}}
    answer = table.client.call("GetItem", arguments)
    return dict(answer["Item"])


def test_a_loaded_record_is_what_an_upload_leaves(table: AtomicTable) -> None:
    """Attribute by attribute, but for names and moments; and byte by byte as large."""
    tenant = tenant_of(table)
    real = uploaded(table, tenant)
    assert real.snapshot is not None
    assert real.expires_at is not None
    files = Stock.like(real.snapshot).files(tenant, 60, NOW, real.expires_at)
    loader = Loader(table.client, aws.TABLE_NAME)
    assert loader.load(files) == 60
    loader.take(tenant, 60)
    written = raw(table, tenant, real.file_id)
    found = [record for record in Ledger(table.table).records(tenant.id) if record != real]
    assert len({record.reservation for record in found}) == 60
    for record in found:
        loaded = raw(table, tenant, record.file_id)
        assert item_size(loaded) == item_size(written)
        assert loaded.keys() == written.keys()
        named = {"sk", "reservation", "dueShard", "snapshot"}
        assert {name: loaded[name] for name in loaded if name not in named} == {
            name: written[name] for name in written if name not in named
        }
        text = loaded["snapshot"]["S"].replace(record.file_id, real.file_id)
        assert text == written["snapshot"]["S"]


def test_a_loaded_file_can_be_released_like_any_other(table: AtomicTable) -> None:
    tenant = tenant_of(table)
    real = uploaded(table, tenant)
    assert real.snapshot is not None
    loader = Loader(table.client, aws.TABLE_NAME)
    loader.load(Stock.like(real.snapshot).files(tenant, 2, NOW, NOW + 48 * HOUR))
    loader.take(tenant, 2)
    ledger = Ledger(table.table)
    for record in list(ledger.records(tenant.id)):
        ledger.release(record, NOW + HOUR)
    assert table.tenant_available(tenant.id) == 10**8
    assert table.project_available(tenant.project) == 10**9
