"""Tenants and keys as the registry makes them and a cold instance reads them."""

import pytest

from atomic_table import NOW, AtomicTable
from filegate.errors import KEY_INVALID, StatusError
from filegate.registry import AlreadyExists, Registry
from filegate.seals import KeyRing, Sealer
from filegate.tenants import FILES_READ, FILES_WRITE, Credential, Tenants
from filegate.tokens import PURPOSE

RING = KeyRing("k1", {"k1": "a" * 32})
TOKENS = Sealer(PURPOSE, lambda: RING, lambda: RING)


def test_a_key_opens_its_tenant_and_only_while_it_lasts(table: AtomicTable) -> None:
    tenant = table.tenant(table.project(1_000), 500, file=100)
    key = Registry(table.table).issue_key(tenant, "test", NOW, [FILES_READ], NOW + 10)
    caller = Tenants(table.table, TOKENS).authenticate(Credential(key), NOW)
    assert (caller.tenant.id, caller.tenant.max_file_bytes) == (tenant, 100)
    assert caller.require(FILES_READ) == caller.tenant
    with pytest.raises(StatusError, match="files:write"):
        caller.require(FILES_WRITE)
    with pytest.raises(StatusError) as refused:
        Tenants(table.table, TOKENS).authenticate(Credential(key), NOW + 10)
    assert refused.value.status == KEY_INVALID


def test_an_unknown_key_of_a_known_tenant_is_refused(table: AtomicTable) -> None:
    tenant = table.tenant(table.project(1_000), 500)
    with pytest.raises(StatusError) as refused:
        Tenants(table.table, TOKENS).authenticate(Credential(f"fg_{tenant}_{'x' * 43}"), NOW)
    assert refused.value.status == KEY_INVALID


def test_nothing_is_made_twice(table: AtomicTable) -> None:
    project = table.project(1_000)
    tenant = table.tenant(project, 500)
    registry = Registry(table.table)
    with pytest.raises(AlreadyExists):
        registry.create_project(project, NOW)
    with pytest.raises(AlreadyExists):
        registry.create_tenant(tenant, project, NOW)
    assert table.tenant_available(tenant) == 500


def test_no_key_is_in_the_table(table: AtomicTable) -> None:
    tenant = table.tenant(table.project(1_000), 500)
    key = Registry(table.table).issue_key(tenant, "test", NOW)
    secret = key.rsplit("_", 1)[1]
    assert secret not in str(table.items())
