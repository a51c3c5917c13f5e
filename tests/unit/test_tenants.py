"""Tenants: a key is good, or refused in Google's words; a minute is the most it is remembered."""

from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.adapters.table import Item, Key, Table
from filegate.errors import KEY_INVALID, KEY_MISSING, TENANT_SUSPENDED, Status, StatusError
from filegate.tenants import (
    CACHE_SECONDS,
    Caller,
    Tenant,
    Tenants,
    is_tenant_id,
    key_key,
    tenant_from_item,
    tenant_key,
    tenant_of_key,
)

NOW = 1_739_572_413_000
SECRET = "Abc123" * 7
KEY = f"fg_acme_{SECRET}"

KEY_ITEM: Item = {"tenant": "acme", "scopes": "files:read files:write", "revoked": False}
TENANT_ITEM: Item = {
    "tag": "acme0001",
    "project": "default",
    "status": "ACTIVE",
    "maxFileBytes": 2**31,
}
ACME = Tenant("acme", "acme0001", "default", active=True, max_file_bytes=2**31)


class Records:
    """Stands in for the table: items by key, and how often they were read."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {
            key_key(KEY): KEY_ITEM,
            tenant_key("acme"): TENANT_ITEM,
        }
        self.reads = 0

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        self.reads += 1
        return [self.items.get(key) for key in keys]


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenants(records: Records, clock: Clock) -> Tenants:
    return Tenants(cast("Table", records), clock)


def assert_refused(tenants: Tenants, key: str | None, status: Status, now: int = NOW) -> None:
    with pytest.raises(StatusError) as refusal:
        tenants.authenticate(key, now)
    assert refusal.value.status is status


def test_a_good_key_has_its_tenant_and_scopes(tenants: Tenants) -> None:
    assert tenants.authenticate(KEY, NOW) == Caller(
        ACME, frozenset({"files:read", "files:write"}), None
    )


def test_the_table_is_asked_for_a_hash_only() -> None:
    assert SECRET not in repr(key_key(KEY))
    assert key_key(KEY).pk.startswith("KEY#")
    assert len(key_key(KEY).pk) == 4 + 64


@pytest.mark.parametrize("key", [None, ""])
def test_no_key(tenants: Tenants, key: str | None) -> None:
    assert_refused(tenants, key, KEY_MISSING)


@pytest.mark.parametrize(
    "key",
    [
        *("AIzaSyA", "fg_acme_", f"fg__{SECRET}", f"FG_acme_{SECRET}", f"fg_Acme_{SECRET}"),
        *(f"fg_acme_{'a' * 31}", f"fg_acme_{'a' * 65}", f"fg_-a_{SECRET}", f"{KEY}\n", f" {KEY}"),
        *(f"fg_{'a' * 32}_{SECRET}", f"fg_acme_{'é' * 40}", f"fg_ac_me_{SECRET}"),
    ],
)
def test_what_is_no_key_costs_no_read(tenants: Tenants, records: Records, key: str) -> None:
    assert tenant_of_key(key) is None
    assert_refused(tenants, key, KEY_INVALID)
    assert records.reads == 0


@pytest.mark.parametrize("length", [32, 64])
@pytest.mark.parametrize("tenant", ["a", "0-a", "a" * 31])
def test_a_key_names_its_tenant(tenant: str, length: int) -> None:
    assert tenant_of_key(f"fg_{tenant}_{'Z' * length}") == tenant


@pytest.mark.parametrize("text", ["a", "0", "acme", "a-b-", "a" * 31])
def test_tenant_ids_fit_into_keys(text: str) -> None:
    assert is_tenant_id(text)
    assert tenant_of_key(f"fg_{text}_{SECRET}") == text


@pytest.mark.parametrize("text", ["", "-a", "A", "a_b", "a b", "é", "a\n", "a" * 32])
def test_what_is_no_tenant_id(text: str) -> None:
    assert not is_tenant_id(text)
    assert tenant_of_key(f"fg_{text}_{SECRET}") is None


@given(st.text())
def test_no_text_breaks_the_reading_of_a_key(text: str) -> None:
    assert tenant_of_key(text) is None


def test_an_unknown_key(tenants: Tenants) -> None:
    assert_refused(tenants, KEY[:-1] + "x", KEY_INVALID)


def test_a_key_of_no_tenant(tenants: Tenants, records: Records) -> None:
    del records.items[tenant_key("acme")]

    assert_refused(tenants, KEY, KEY_INVALID)


def test_a_revoked_key(tenants: Tenants, records: Records) -> None:
    records.items[key_key(KEY)] = {**KEY_ITEM, "revoked": True}

    assert_refused(tenants, KEY, KEY_INVALID)


def test_a_key_recorded_for_another_tenant(tenants: Tenants, records: Records) -> None:
    records.items[key_key(KEY)] = {**KEY_ITEM, "tenant": "globex"}

    assert_refused(tenants, KEY, KEY_INVALID)


def test_a_suspended_tenant(tenants: Tenants, records: Records) -> None:
    records.items[tenant_key("acme")] = {**TENANT_ITEM, "status": "SUSPENDED"}

    assert_refused(tenants, KEY, TENANT_SUSPENDED)


def test_a_key_expires_at_its_moment(tenants: Tenants, records: Records) -> None:
    records.items[key_key(KEY)] = {**KEY_ITEM, "expiresAt": NOW}

    assert tenants.authenticate(KEY, NOW - 1).expires_at == NOW
    assert_refused(tenants, KEY, KEY_INVALID)
    assert_refused(tenants, KEY, KEY_INVALID, NOW + 1)


def test_a_warm_caller_costs_no_read(tenants: Tenants, records: Records, clock: Clock) -> None:
    tenants.authenticate(KEY, NOW)
    clock.seconds += CACHE_SECONDS - 0.001
    tenants.authenticate(KEY, NOW)

    assert records.reads == 1


def test_a_revocation_is_noticed_within_a_minute(
    tenants: Tenants, records: Records, clock: Clock
) -> None:
    tenants.authenticate(KEY, NOW)
    records.items[key_key(KEY)] = {**KEY_ITEM, "revoked": True}
    clock.seconds += CACHE_SECONDS

    assert CACHE_SECONDS <= 60
    assert_refused(tenants, KEY, KEY_INVALID)


def test_a_remembered_caller_stays_fresh_only_from_its_read(
    tenants: Tenants, records: Records, clock: Clock
) -> None:
    for _ in range(10):
        tenants.authenticate(KEY, NOW)
        clock.seconds += CACHE_SECONDS / 4

    assert records.reads == 3


def test_a_refusal_is_not_remembered(tenants: Tenants, records: Records) -> None:
    item = records.items.pop(key_key(KEY))
    assert_refused(tenants, KEY, KEY_INVALID)
    records.items[key_key(KEY)] = item

    assert tenants.authenticate(KEY, NOW).tenant == ACME


def test_what_is_forgotten_is_read_anew(tenants: Tenants, records: Records) -> None:
    other = f"fg_globex_{SECRET}"
    records.items[key_key(other)] = {**KEY_ITEM, "tenant": "globex"}
    records.items[tenant_key("globex")] = TENANT_ITEM
    tenants.authenticate(KEY, NOW)
    tenants.authenticate(other, NOW)
    records.items[tenant_key("acme")] = {**TENANT_ITEM, "maxFileBytes": 5}

    tenants.forget("acme")

    assert tenants.authenticate(KEY, NOW).tenant.max_file_bytes == 5
    assert tenants.authenticate(other, NOW).tenant.id == "globex"
    assert records.reads == 3


def test_a_scope_is_needed() -> None:
    caller = Caller(ACME, frozenset({"files:read"}), None)

    assert caller.require("files:read") is ACME
    with pytest.raises(StatusError) as refusal:
        caller.require("files:write")
    assert refusal.value.status.code == 403
    assert "files:write" in refusal.value.status.message


def test_a_tenants_record_is_read() -> None:
    assert tenant_from_item("acme", TENANT_ITEM) == ACME
    assert not tenant_from_item("acme", {**TENANT_ITEM, "status": "CLOSED"}).active
