"""Tenants: who calls, and what a key allows.

A tenant key is `fg_<tenant id>_<secret>`. The table holds its SHA-256 only, so a copy of the table
opens nothing; the tenant's id in the key lets one call read the key and the tenant together.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from filegate.adapters.table import Item, Key, Table
from filegate.errors import (
    KEY_INVALID,
    KEY_MISSING,
    TENANT_SUSPENDED,
    StatusError,
    scope_missing,
)
from filegate.instants import Instant

CACHE_SECONDS: Final = 60.0
"""How long a warm instance may still honour a key that was revoked."""
_CACHE_ENTRIES: Final = 4_096

_TENANT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_KEY: Final = re.compile(rf"fg_({_TENANT_ID.pattern})_[A-Za-z0-9]{{32,64}}")

FILES_READ: Final = "files:read"
FILES_WRITE: Final = "files:write"


@dataclass(frozen=True)
class Tenant:
    """A customer of the gateway; sizes in bytes."""

    id: str
    tag: str
    project: str
    active: bool
    max_file_bytes: int


@dataclass(frozen=True)
class Caller:
    """An authenticated request's tenant, with the scopes of the key it used."""

    tenant: Tenant
    scopes: frozenset[str]
    expires_at: Instant | None

    def require(self, scope: str) -> Tenant:
        """The tenant, if the key has this scope. Raises StatusError."""
        if scope not in self.scopes:
            raise StatusError(scope_missing(scope))
        return self.tenant


def tenant_key(tenant_id: str) -> Key:
    """Where a tenant's own record stands."""
    return Key(f"TENANT#{tenant_id}", "TENANT")


def key_key(secret: str) -> Key:
    """Where the record of a tenant key stands: under its SHA-256."""
    return Key(f"KEY#{hashlib.sha256(secret.encode()).hexdigest()}", "KEY")


def is_tenant_id(text: str) -> bool:
    """Whether `text` can be a tenant's id: 1 to 31 characters of a-z, 0-9 and dashes."""
    return _TENANT_ID.fullmatch(text) is not None


def tenant_of_key(key: str) -> str | None:
    """The tenant id a key names, None if it is no tenant key. Says nothing about its validity."""
    match = _KEY.fullmatch(key)
    return match.group(1) if match else None


class Tenants:
    """Authenticates tenant keys, remembering each answer for up to a minute."""

    def __init__(self, table: Table, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic
        self._known: dict[Key, tuple[float, Caller]] = {}

    def authenticate(self, key: str | None, now: Instant) -> Caller:
        """The caller behind a tenant key: one call when cold, none while remembered.

        Raises StatusError: no key, a key that is unknown, revoked or expired, a suspended tenant.
        """
        if not key:
            raise StatusError(KEY_MISSING)
        tenant_id = tenant_of_key(key)
        if tenant_id is None:
            raise StatusError(KEY_INVALID)
        where = key_key(key)
        known = self._known.get(where)
        if known is not None and self._monotonic() - known[0] < CACHE_SECONDS:
            caller = known[1]
        else:
            caller = self._read(where, tenant_id)
            if len(self._known) >= _CACHE_ENTRIES:
                self._known.clear()
            self._known[where] = (self._monotonic(), caller)
        if caller.expires_at is not None and caller.expires_at <= now:
            raise StatusError(KEY_INVALID)
        if not caller.tenant.active:
            raise StatusError(TENANT_SUSPENDED)
        return caller

    def forget(self, tenant_id: str) -> None:
        """Drop what is remembered of a tenant: the ledger has just shown it to be out of date."""
        self._known = {
            where: entry for where, entry in self._known.items() if entry[1].tenant.id != tenant_id
        }

    def _read(self, where: Key, tenant_id: str) -> Caller:
        key, tenant = self._table.get_many([where, tenant_key(tenant_id)])
        if key is None or tenant is None or key["tenant"] != tenant_id or key.get("revoked"):
            raise StatusError(KEY_INVALID)
        expires_at = key.get("expiresAt")
        return Caller(
            tenant_from_item(tenant_id, tenant),
            frozenset(str(key["scopes"]).split()),
            None if expires_at is None else int(expires_at),
        )


def tenant_from_item(tenant_id: str, item: Item) -> Tenant:
    """Read a tenant's record."""
    return Tenant(
        id=tenant_id,
        tag=str(item["tag"]),
        project=str(item["project"]),
        active=item["status"] == "ACTIVE",
        max_file_bytes=int(item["maxFileBytes"] or 0),
    )
