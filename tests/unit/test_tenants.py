"""Tenants: a key is good, or refused in Google's words; a minute is the most it is remembered."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import pages
from filegate.adapters.table import Item, Key, Table
from filegate.errors import KEY_INVALID, KEY_MISSING, TENANT_SUSPENDED, Status, StatusError
from filegate.limits import STORAGE_BYTES
from filegate.records import FileRecord, State
from filegate.seals import KeyRing, Sealer
from filegate.tenants import (
    CACHE_SECONDS,
    OWN_FILES,
    Caller,
    Credential,
    Tenant,
    Tenants,
    is_tenant_id,
    key_key,
    key_sha256,
    tenant_from_item,
    tenant_key,
    tenant_of_credential,
    tenant_of_key,
)
from filegate.tokens import PURPOSE, Token

NOW = 1_739_572_413_000
SECRET = "Abc123" * 7
KEY = f"fg_acme_{SECRET}"

KEY_ITEM: Item = {
    "tenant": "acme",
    "keyId": "0123456789ab",
    "scopes": "files:read files:write",
    "revoked": False,
}
TENANT_ITEM: Item = {
    "tag": "acme0001",
    "project": "default",
    "status": "ACTIVE",
    "limit": STORAGE_BYTES,
    "maxFileBytes": 2**31,
}
RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(PURPOSE, lambda: RING, lambda: RING)
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
    return Tenants(cast("Table", records), SEALER, clock)


def assert_refused(tenants: Tenants, key: str | None, status: Status, now: int = NOW) -> None:
    with pytest.raises(StatusError) as refusal:
        tenants.authenticate(Credential(key), now)
    assert refusal.value.status is status


def test_a_good_key_has_its_tenant_and_scopes(tenants: Tenants) -> None:
    assert tenants.authenticate(Credential(KEY), NOW) == Caller(
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

    assert tenants.authenticate(Credential(KEY), NOW - 1).expires_at == NOW
    assert_refused(tenants, KEY, KEY_INVALID)
    assert_refused(tenants, KEY, KEY_INVALID, NOW + 1)


def test_a_warm_caller_costs_no_read(tenants: Tenants, records: Records, clock: Clock) -> None:
    tenants.authenticate(Credential(KEY), NOW)
    clock.seconds += CACHE_SECONDS - 0.001
    tenants.authenticate(Credential(KEY), NOW)

    assert records.reads == 1


def test_a_revocation_is_noticed_within_a_minute(
    tenants: Tenants, records: Records, clock: Clock
) -> None:
    tenants.authenticate(Credential(KEY), NOW)
    records.items[key_key(KEY)] = {**KEY_ITEM, "revoked": True}
    clock.seconds += CACHE_SECONDS

    assert CACHE_SECONDS <= 60
    assert_refused(tenants, KEY, KEY_INVALID)


def test_a_remembered_caller_stays_fresh_only_from_its_read(
    tenants: Tenants, records: Records, clock: Clock
) -> None:
    for _ in range(10):
        tenants.authenticate(Credential(KEY), NOW)
        clock.seconds += CACHE_SECONDS / 4

    assert records.reads == 3


def test_a_refusal_is_not_remembered(tenants: Tenants, records: Records) -> None:
    item = records.items.pop(key_key(KEY))
    assert_refused(tenants, KEY, KEY_INVALID)
    records.items[key_key(KEY)] = item

    assert tenants.authenticate(Credential(KEY), NOW).tenant == ACME


def test_what_is_forgotten_is_read_anew(tenants: Tenants, records: Records) -> None:
    other = f"fg_globex_{SECRET}"
    records.items[key_key(other)] = {**KEY_ITEM, "tenant": "globex"}
    records.items[tenant_key("globex")] = TENANT_ITEM
    tenants.authenticate(Credential(KEY), NOW)
    tenants.authenticate(Credential(other), NOW)
    records.items[tenant_key("acme")] = {**TENANT_ITEM, "maxFileBytes": 5}

    tenants.forget("acme")

    assert tenants.authenticate(Credential(KEY), NOW).tenant.max_file_bytes == 5
    assert tenants.authenticate(Credential(other), NOW).tenant.id == "globex"
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


# -- browser tokens

TOKEN = Token(
    id="t1",
    tenant="acme",
    key_sha256=key_sha256(KEY),
    scopes=("files:write", "generate"),
    byte_budget=100,
    file_count=3,
    mime_types=(),
    origin=None,
    expires_at=NOW + 1,
)
PAGE = "https://app.example.com"
ELSEWHERE = "https://evil.example.com"


def enter(
    tenants: Tenants, token: Token, origin: str | None = None, now: int = NOW, key: str = ""
) -> Caller:
    return tenants.authenticate(Credential(key or token.seal(SEALER), origin), now)


def refusal_of(action: Callable[[], object]) -> Status:
    with pytest.raises(StatusError) as refusal:
        action()
    return refusal.value.status


def test_a_token_speaks_for_its_tenant_with_what_both_allow(tenants: Tenants) -> None:
    caller = enter(tenants, TOKEN)

    assert caller.scopes == {"files:write"}
    assert caller.tenant == replace(ACME, token=replace(TOKEN, scopes=("files:write",)))


def test_a_token_is_remembered_as_the_key_that_made_it(tenants: Tenants, records: Records) -> None:
    tenants.authenticate(Credential(KEY), NOW)
    enter(tenants, TOKEN)
    enter(tenants, replace(TOKEN, id="t2"))

    assert records.reads == 1
    assert tenants.authenticate(Credential(KEY), NOW).tenant.token is None


def test_a_token_ends_at_its_moment(tenants: Tenants, records: Records) -> None:
    status = refusal_of(lambda: enter(tenants, TOKEN, now=NOW + 1))

    assert (status.code, status.details) == (400, KEY_INVALID.details)
    assert "expired at 2025-02-14T22:33:33.001Z" in status.message
    assert records.reads == 0


def test_a_token_ends_with_the_key_that_made_it(
    tenants: Tenants, records: Records, clock: Clock
) -> None:
    enter(tenants, TOKEN)
    records.items[key_key(KEY)] = {**KEY_ITEM, "revoked": True}
    clock.seconds += CACHE_SECONDS

    assert refusal_of(lambda: enter(tenants, TOKEN)) is KEY_INVALID


def test_a_token_ends_when_its_key_expires(tenants: Tenants, records: Records) -> None:
    records.items[key_key(KEY)] = {**KEY_ITEM, "expiresAt": NOW}

    assert refusal_of(lambda: enter(tenants, TOKEN)) is KEY_INVALID


def test_a_token_of_a_suspended_tenant(tenants: Tenants, records: Records) -> None:
    records.items[tenant_key("acme")] = {**TENANT_ITEM, "status": "SUSPENDED"}

    assert refusal_of(lambda: enter(tenants, TOKEN)) is TENANT_SUSPENDED


@pytest.mark.parametrize(
    "text",
    [
        *("fgt_", "fgt_x", f"fgt_{'A' * 200}", f"fgt_{SECRET}", TOKEN.seal(SEALER)[:-1]),
        TOKEN.seal(SEALER) + "A",
        TOKEN.seal(SEALER).upper(),
        TOKEN.seal(SEALER).removeprefix("fgt_"),
        " " + TOKEN.seal(SEALER),
        TOKEN.seal(Sealer(pages.PURPOSE, lambda: RING, lambda: RING)),
    ],
)
def test_what_is_no_token_costs_no_read(tenants: Tenants, records: Records, text: str) -> None:
    assert tenant_of_credential(text, SEALER) is None
    assert_refused(tenants, text, KEY_INVALID)
    assert records.reads == 0


def test_a_token_names_its_tenant_without_a_read() -> None:
    assert tenant_of_credential(TOKEN.seal(SEALER), SEALER) == "acme"
    assert tenant_of_credential(KEY, SEALER) == "acme"


@pytest.mark.parametrize("origin", [None, ELSEWHERE, "null", PAGE + ":8443", PAGE.upper()])
def test_a_token_of_one_page_is_refused_elsewhere(tenants: Tenants, origin: str | None) -> None:
    of_a_page = replace(TOKEN, origin=PAGE)

    assert refusal_of(lambda: enter(tenants, of_a_page, origin)).code == 403
    assert enter(tenants, of_a_page, PAGE).tenant.chunk_origins == (PAGE,)


def test_pages_of_other_origins_than_the_tenants_are_refused(
    tenants: Tenants, records: Records
) -> None:
    both = f"https://www.example.com {PAGE}"
    records.items[tenant_key("acme")] = {**TENANT_ITEM, "allowedOrigins": both}

    for token_or_key in (KEY, TOKEN.seal(SEALER)):
        assert refusal_of(lambda: enter(tenants, TOKEN, ELSEWHERE, key=token_or_key)).code == 403  # noqa: B023
        assert enter(tenants, TOKEN, PAGE, key=token_or_key).tenant.chunk_origins == (PAGE,)
        # Other programs name no origin; the chunks of what they start may come from any that may.
        assert enter(tenants, TOKEN, key=token_or_key).tenant.chunk_origins == tuple(both.split())


def test_pages_of_any_origin_may_call_where_nothing_is_said(tenants: Tenants) -> None:
    assert enter(tenants, TOKEN, ELSEWHERE).tenant.chunk_origins == ()
    assert enter(tenants, TOKEN, ELSEWHERE, key=KEY).tenant == ACME


def test_reading_one_file_takes_files_read_or_a_token_that_writes() -> None:
    with_token = replace(ACME, token=TOKEN)

    assert Caller(ACME, frozenset({"files:read"}), None).require(OWN_FILES) is ACME
    assert Caller(with_token, frozenset({"files:write"}), None).require(OWN_FILES) is with_token
    for caller in (
        Caller(ACME, frozenset({"files:write"}), None),
        Caller(with_token, frozenset({"generate"}), None),
    ):
        with pytest.raises(StatusError):
            caller.require(OWN_FILES)


@pytest.mark.parametrize(
    ("scopes", "uploaded_with", "reads", "deletes"),
    [
        (None, None, True, True),
        (None, "t1", True, True),
        (("files:write",), "t1", True, True),
        (("files:write",), "t2", False, False),
        (("files:write",), None, False, False),
        (("files:read", "files:write"), "t2", True, False),
    ],
)
def test_which_files_a_token_sees_and_deletes(
    scopes: tuple[str, ...] | None, uploaded_with: str | None, reads: bool, deletes: bool
) -> None:
    tenant = ACME if scopes is None else replace(ACME, token=replace(TOKEN, scopes=scopes))
    record = FileRecord(
        *("acme", "acme0001abc", "r1", "default", State.STORED, 1, NOW, NOW, NOW),
        token=uploaded_with,
    )

    assert (tenant.may_read(record), tenant.may_delete(record)) == (reads, deletes)
