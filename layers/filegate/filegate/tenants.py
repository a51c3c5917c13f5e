"""Tenants: who calls, and what a key allows.

A tenant key is `fg_<tenant id>_<secret>`. The table holds its SHA-256 only, so a copy of the table
opens nothing; the tenant's id in the key lets one call read the key and the tenant together.
A browser token (`tokens`) speaks for its tenant for as long as the key that made it does.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from filegate.adapters.table import Item, Key, Table
from filegate.errors import (
    KEY_INVALID,
    KEY_MISSING,
    TENANT_SUSPENDED,
    StatusError,
    origin_refused,
    scope_missing,
    token_expired,
)
from filegate.instants import Instant
from filegate.limits import Limits, UploadMode
from filegate.records import FileRecord
from filegate.seals import SealBroken, Sealer
from filegate.tokens import Token, is_token

CACHE_SECONDS: Final = 60.0
"""How long a warm instance may still honour a key that was revoked."""
_CACHE_ENTRIES: Final = 4_096

_TENANT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_KEY: Final = re.compile(rf"fg_({_TENANT_ID.pattern})_[A-Za-z0-9]{{32,64}}")

FILES_READ: Final = "files:read"
FILES_WRITE: Final = "files:write"
GENERATE: Final = "generate"
STORES: Final = "stores"
ALL_SCOPES: Final = (FILES_READ, FILES_WRITE, GENERATE, STORES)
"""What a key may be allowed: reading files, writing them, model calls, File Search stores."""
OWN_FILES: Final = "files:own"
"""What reading one file takes: `files:read`, or a token with `files:write` that uploaded it."""


@dataclass(frozen=True)
class Credential:
    """What a request is made with: its key or token, and the web page's origin it names."""

    key: str | None
    origin: str | None = None
    address: str | None = None
    """Where it came from; never what is decided by."""


class KeyRevoked(StatusError):
    """A key that was good once is used after it was revoked; answered as any bad key."""

    def __init__(self, tenant: str, key_id: str) -> None:
        super().__init__(KEY_INVALID)
        self.tenant: Final = tenant
        self.key_id: Final = key_id


@dataclass(frozen=True)
class Tenant:
    """A customer of the gateway; sizes in bytes."""

    id: str
    tag: str
    project: str
    active: bool
    max_file_bytes: int
    limits: Limits = field(default_factory=Limits)
    """All of its limits; `max_file_bytes` stands out as every upload needs it."""
    token: Token | None = None
    """The browser token that speaks for it in this request; None for its own keys. It stands here
    so that no reservation can forget whose budget it spends."""
    chunk_origins: tuple[str, ...] = ()
    """Origins that may send the chunks of an upload started now; empty for any."""

    @property
    def sends_direct(self) -> bool:
        """Whether its chunks go straight to upstream. A browser token's go through the gateway:
        its SDK sends them there in any case, and only here are they held to the token's origin."""
        return self.limits.upload_mode is UploadMode.DIRECT and self.token is None

    def may_read(self, record: FileRecord) -> bool:
        """Whether a file of its own is to be seen: by a token without `files:read`, if its own."""
        return self.token is None or FILES_READ in self.token.scopes or self.may_delete(record)

    def may_delete(self, record: FileRecord) -> bool:
        """Whether a file of its own may be deleted: by a token, only what it uploaded."""
        return self.token is None or record.token == self.token.id


@dataclass(frozen=True)
class Caller:
    """An authenticated request's tenant, with the scopes of the key it used."""

    tenant: Tenant
    scopes: frozenset[str]
    expires_at: Instant | None

    def require(self, scope: str) -> Tenant:
        """The tenant, if the key has this scope. Raises StatusError."""
        if scope == OWN_FILES:
            by_token = self.tenant.token is not None and FILES_WRITE in self.scopes
            scope = FILES_WRITE if by_token else FILES_READ
        if scope not in self.scopes:
            raise StatusError(scope_missing(scope))
        return self.tenant

    def with_token(self, token: Token) -> "Caller":
        """The same tenant with a token that this caller's key made: no more than both may."""
        scopes = self.scopes & frozenset(token.scopes)
        bounded = replace(token, scopes=tuple(sorted(scopes)))
        return replace(self, tenant=replace(self.tenant, token=bounded), scopes=scopes)

    def from_origin(self, origin: str | None) -> "Caller":
        """The same caller on a page of an origin; None where the request names none.

        Other programs can name any origin, so this keeps pages out, not people. A token made for
        one origin wants it named all the same. Raises StatusError.
        """
        allowed = self.tenant.limits.allowed_origins
        token = self.tenant.token
        if token is not None and token.origin is not None and origin != token.origin:
            raise StatusError(origin_refused(origin))
        if origin is not None and allowed and origin not in allowed:
            raise StatusError(origin_refused(origin))
        if not allowed and (token is None or token.origin is None):
            return self
        chunk_origins = allowed if origin is None else (origin,)
        return replace(self, tenant=replace(self.tenant, chunk_origins=chunk_origins))


def tenant_key(tenant_id: str) -> Key:
    """Where a tenant's own record stands."""
    return Key(f"TENANT#{tenant_id}", "TENANT")


def key_key(secret: str) -> Key:
    """Where the record of a tenant key stands: under its SHA-256."""
    return key_of_sha256(key_sha256(secret))


def key_sha256(secret: str) -> str:
    """What the table knows a tenant key by: hexadecimal SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def key_of_sha256(sha256: str) -> Key:
    """The same for a key of which only the SHA-256 is known, hexadecimal."""
    return Key(f"KEY#{sha256}", "KEY")


def is_tenant_id(text: str) -> bool:
    """Whether `text` can be a tenant's id: 1 to 31 characters of a-z, 0-9 and dashes."""
    return _TENANT_ID.fullmatch(text) is not None


def tenant_of_key(key: str) -> str | None:
    """The tenant id a key names, None if it is no tenant key. Says nothing about its validity."""
    match = _KEY.fullmatch(key)
    return match.group(1) if match else None


def tenant_of_credential(key: str, tokens: Sealer) -> str | None:
    """The tenant id that a key or a token names, without any read; None if it is neither."""
    if not is_token(key):
        return tenant_of_key(key)
    try:
        return Token.open(key, tokens).tenant
    except SealBroken:
        return None


class Tenants:
    """Authenticates tenant keys and tokens, remembering each answer for up to a minute."""

    def __init__(
        self, table: Table, tokens: Sealer, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`tokens` is what seals browser tokens."""
        self._table = table
        self._tokens = tokens
        self._monotonic = monotonic
        self._known: dict[Key, tuple[float, Caller]] = {}

    def authenticate(self, credential: Credential, now: Instant) -> Caller:
        """The caller behind a key or a token: one call when cold, none while remembered.

        A token is remembered as the key that made it, so both are refused from the same moment on.
        Raises StatusError: no key, one that is unknown, revoked or expired, a suspended tenant, a
        page of an origin that is not allowed.
        """
        key = credential.key
        if not key:
            raise StatusError(KEY_MISSING)
        if is_token(key):
            token = self._open(key, now)
            caller = self._known_caller(key_of_sha256(token.key_sha256), token.tenant, now)
            return caller.with_token(token).from_origin(credential.origin)
        tenant_id = tenant_of_key(key)
        if tenant_id is None:
            raise StatusError(KEY_INVALID)
        return self._known_caller(key_key(key), tenant_id, now).from_origin(credential.origin)

    def _open(self, text: str, now: Instant) -> Token:
        try:
            token = Token.open(text, self._tokens)
        except SealBroken:
            raise StatusError(KEY_INVALID) from None
        if token.expires_at <= now:
            raise StatusError(token_expired(token.expires_at))
        return token

    def _known_caller(self, where: Key, tenant_id: str, now: Instant) -> Caller:
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

    def find(self, tenant_id: str) -> Tenant | None:
        """A tenant by its id, for whom another credential spoke: one read."""
        item = self._table.get(tenant_key(tenant_id))
        return None if item is None else tenant_from_item(tenant_id, item)

    def forget(self, tenant_id: str) -> None:
        """Drop what is remembered of a tenant: the ledger has just shown it to be out of date."""
        self._known = {
            where: entry for where, entry in self._known.items() if entry[1].tenant.id != tenant_id
        }

    def _read(self, where: Key, tenant_id: str) -> Caller:
        key, tenant = self._table.get_many([where, tenant_key(tenant_id)])
        if key is None or tenant is None or key["tenant"] != tenant_id:
            raise StatusError(KEY_INVALID)
        if key.get("revoked"):
            raise KeyRevoked(tenant_id, str(key["keyId"]))
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
        limits=Limits.from_item(item),
    )
