"""Key registry: issuing tenant keys, showing, revoking and rotating them.

Of a key the table has its SHA-256 and nothing more; its text exists once, in the answer to who
issued it. `KEYREF#{key id}` beside the tenant says where the record of each of its keys is.
"""

import re
import string
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from secrets import choice
from typing import Final, TypeAlias

from filegate import audit
from filegate.adapters.table import (
    ConditionsFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    Update,
    Write,
)
from filegate.admin_errors import key_dead, key_not_found, tenant_going, tenant_not_found
from filegate.audit import By, tenant_subject
from filegate.errors import StatusError
from filegate.instants import Instant, format_rfc3339
from filegate.tenant_registry import alone, require_tenant_id, staying
from filegate.tenants import ALL_SCOPES, key_of_sha256, key_sha256, tenant_key

_SECRET_LENGTH: Final = 43
_SECRET_ALPHABET: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 12
_ID: Final = re.compile(rf"[0-9a-f]{{{_ID_LENGTH}}}")
_REFERENCE: Final = "KEYREF#"
_TRIES: Final = 20
_TENANT: Final = 0
_OLD: Final = 3
"""Positions in a transaction of the tenant's record, and of the key that another replaces."""
_NEW: Final = "attribute_not_exists(pk)"


@dataclass(frozen=True)
class KeyRecord:
    """What is known of a key; moments in epoch milliseconds."""

    id: str
    tenant: str
    sha256: str
    label: str
    scopes: tuple[str, ...]
    created_at: Instant
    expires_at: Instant | None
    revoked: bool
    revoked_at: Instant | None = None

    def alive(self, now: Instant) -> bool:
        """Whether the key is taken, as far as it is up to the key."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    @property
    def key(self) -> Key:
        """Where its record stands."""
        return key_of_sha256(self.sha256)

    @property
    def reference(self) -> Key:
        """Where it says so with its tenant."""
        return _reference(self.tenant, self.id)

    def item(self) -> Item:
        """The record as a table item."""
        return {
            "pk": self.key.pk,
            "sk": self.key.sk,
            "tenant": self.tenant,
            "keyId": self.id,
            "label": self.label,
            "scopes": " ".join(self.scopes),
            "expiresAt": self.expires_at,
            "revoked": self.revoked,
            "createdAt": self.created_at,
        }

    @classmethod
    def from_item(cls, item: Item) -> "KeyRecord":
        """Read a key's record."""

        def number(name: str) -> int | None:
            value = item.get(name)
            return None if value is None else int(value)

        return cls(
            id=str(item["keyId"]),
            tenant=str(item["tenant"]),
            sha256=str(item["pk"]).removeprefix("KEY#"),
            label=str(item["label"]),
            scopes=tuple(str(item["scopes"]).split()),
            created_at=number("createdAt") or 0,
            expires_at=number("expiresAt"),
            revoked=bool(item["revoked"]),
            revoked_at=number("revokedAt"),
        )


@dataclass(frozen=True)
class NewKey:
    """A key just issued: its record, and its text, which is nowhere else."""

    record: KeyRecord
    text: str


Companions: TypeAlias = Callable[[NewKey], Sequence[Write]]
"""What else is written in the transaction that makes a key, such as an answer to keep."""


class KeyRegistry:
    """Keeps the keys of tenants. Raises StatusError, TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def issue(
        self,
        tenant_id: str,
        label: str,
        now: Instant,
        by: By,
        *,
        scopes: Sequence[str] = ALL_SCOPES,
        expires_at: Instant | None = None,
        companions: Companions = alone,
    ) -> NewKey:
        """A new key for a tenant; this is the only time its text exists.

        Raises ValueError for what is no tenant id, and ConditionsFailed if what goes along cannot
        be written.
        """
        new = _new_key(tenant_id, label, scopes, expires_at, now)
        own = [
            *_additions(new.record, now),
            *audit.entry(tenant_subject(tenant_id), by, "keys.issue", _details(new.record), now),
        ]
        try:
            self._table.transact([*own, *companions(new)])
        except ConditionsFailed as failure:
            self._raise_if_gone(tenant_id, failure)
            raise
        return new

    def find(self, tenant_id: str, key_id: str) -> KeyRecord:
        """A tenant's key by its id: two reads, none for what can be no key's id."""
        known = _ID.fullmatch(key_id) is not None
        found = self._table.get(_reference(tenant_id, key_id)) if known else None
        item = None if found is None else self._table.get(_key_of(found))
        if item is None:
            raise StatusError(key_not_found(tenant_id, key_id))
        return KeyRecord.from_item(item)

    def page(
        self, tenant_id: str, size: int, after: str | None
    ) -> tuple[list[KeyRecord], str | None]:
        """Up to `size` keys of a tenant by id, dead ones too, and the id to go on after."""
        start = None if after is None else _reference(tenant_id, after)
        page = self._table.query(tenant_key(tenant_id).pk, _REFERENCE, after=start, limit=size + 1)
        shown = page.items[:size]
        items = self._table.get_each([_key_of(reference) for reference in shown])
        following = (
            str(shown[-1]["sk"]).removeprefix(_REFERENCE) if len(page.items) > size else None
        )
        return [KeyRecord.from_item(item) for item in items if item is not None], following

    def revoke(self, tenant_id: str, key_id: str, now: Instant, by: By) -> KeyRecord:
        """Refuse a key from now on, and within a minute on every warm instance. Safe to repeat."""
        record = self.find(tenant_id, key_id)
        if record.revoked:
            return record
        # If it fails, another revocation was faster, or the tenant is being deleted.
        with suppress(ConditionsFailed):
            self._table.transact(
                [
                    Update(
                        record.key,
                        "SET #revoked = :yes, #revokedAt = :now",
                        "#revoked = :no",
                        {":yes": True, ":no": False, ":now": now},
                    ),
                    *audit.entry(
                        tenant_subject(tenant_id), by, "keys.revoke", {"key": key_id}, now
                    ),
                ]
            )
        return self.find(tenant_id, key_id)

    def rotate(
        self,
        tenant_id: str,
        key_id: str,
        overlap: int,
        now: Instant,
        by: By,
        *,
        companions: Callable[[NewKey, KeyRecord], Sequence[Write]] = lambda _new, _old: [],
    ) -> tuple[NewKey, KeyRecord]:
        """A new key that may what an old one may; the old one ends `overlap` ms from now.

        Or when it would have ended, if that is sooner. Answers both. Raises StatusError for a key
        that is dead already.
        """
        for _ in range(_TRIES):
            old = self.find(tenant_id, key_id)
            if not old.alive(now):
                raise StatusError(key_dead(key_id))
            new = _new_key(tenant_id, old.label, old.scopes, None, now)
            ends_at = now + overlap
            if old.expires_at is not None:
                ends_at = min(ends_at, old.expires_at)
            ending = replace(old, expires_at=ends_at)
            own = [
                *_additions(new.record, now),
                Update(
                    old.key,
                    "SET #expiresAt = :ends",
                    "#revoked = :no AND #expiresAt = :before",
                    {":ends": ends_at, ":no": False, ":before": old.expires_at},
                ),
                *audit.entry(
                    tenant_subject(tenant_id),
                    by,
                    "keys.rotate",
                    {"key": key_id, "expireTime": format_rfc3339(ends_at), "by": new.record.id},
                    now,
                ),
            ]
            try:
                self._table.transact([*own, *companions(new, ending)])
            except ConditionsFailed as failure:
                self._raise_if_gone(tenant_id, failure)
                if _OLD not in failure.items:
                    raise
            else:
                return new, ending
        raise TableBusy

    def delete_all(self, tenant_id: str) -> None:
        """Forget every key of a tenant that is being deleted: a transaction each."""
        while references := self._table.query(tenant_key(tenant_id).pk, _REFERENCE).items:
            for reference in references:
                place = Key(str(reference["pk"]), str(reference["sk"]))
                self._table.transact([Delete(_key_of(reference)), Delete(place)])

    def _raise_if_gone(self, tenant_id: str, failure: ConditionsFailed) -> None:
        if _TENANT in failure.items:
            there = failure.items[_TENANT]
            raise StatusError(
                tenant_not_found(tenant_id)
                if there is None
                else tenant_going(tenant_id, "given a key")
            ) from None


def _additions(record: KeyRecord, now: Instant) -> list[Write]:
    reference = record.reference
    return [
        staying(record.tenant, now),
        Put(record.item(), _NEW),
        Put({"pk": reference.pk, "sk": reference.sk, "sha256": record.sha256}, _NEW),
    ]


def _new_key(
    tenant_id: str, label: str, scopes: Sequence[str], expires_at: Instant | None, now: Instant
) -> NewKey:
    require_tenant_id(tenant_id)
    secret = "".join(choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
    text = f"fg_{tenant_id}_{secret}"
    sha256 = key_sha256(text)
    record = KeyRecord(
        id=sha256[:_ID_LENGTH],
        tenant=tenant_id,
        sha256=sha256,
        label=label,
        scopes=tuple(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked=False,
    )
    return NewKey(record, text)


def _details(record: KeyRecord) -> dict[str, str | list[str]]:
    ends = {} if record.expires_at is None else {"expireTime": format_rfc3339(record.expires_at)}
    return {"key": record.id, "label": record.label, "scopes": list(record.scopes), **ends}


def _reference(tenant_id: str, key_id: str) -> Key:
    return Key(tenant_key(tenant_id).pk, _REFERENCE + key_id)


def _key_of(reference: Item) -> Key:
    return key_of_sha256(str(reference["sha256"]))
