"""Records: one per file, from the reservation of its bytes to their release.

A document on its way into a store has one as well, until its upload has ended: upstream counts no
store against file storage (wire section 10), so a stored document holds nothing.

`bytes` is what the record holds of its tenant's and its project's space: declared at first, actual
once settled. Every record has exactly one next appointment, `due_at`.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from filegate.adapters.table import Item, Key, Value
from filegate.instants import HOUR, MINUTE, SECOND, Instant

DUE_SHARDS: Final = 16
"""Partitions of the index of appointments: 16 × 1,000 writes a second before one is hot."""

CLOSING_LOOK: Final = 5 * SECOND
"""From a chunk that ends the upload until the first look at what became of it."""

_OTHER_CLOCK: Final = MINUTE
"""How far upstream's clock may be from ours before we do not believe it."""

SORT_PREFIX: Final = "FILE#"

DOCUMENT_PREFIX: Final = "DOCUMENT#"
"""Apart from files, so that no list of files ever meets an upload to a store."""


class State(StrEnum):
    """Whether the upstream file is only promised, or there."""

    RESERVED = "RESERVED"
    STORED = "STORED"


@dataclass(frozen=True)
class FileRecord:
    """A file's record; sizes in bytes, moments in epoch milliseconds."""

    tenant: str
    file_id: str
    reservation: str
    """Unique for ever: tells two files apart that had the same chosen name one after the other."""
    project: str
    state: State
    bytes: int
    created_at: Instant
    deadline: Instant
    """When a reservation that nothing came of ends; no chunk is let through after it."""
    due_at: Instant
    closing_since: Instant | None = None
    """When a chunk with `finalize` or `cancel` was let through; None while the upload is open."""
    session: str | None = None
    """The sealed session, to ask upstream how the upload ended: kept from `closing_since` on, or,
    if it is `direct`, from the start on."""
    direct: bool = False
    """Whether its chunks go straight to upstream, so that nobody here sees the one that ends it."""
    looks: int = 0
    """Times an appointment found nothing new; the next one is later each time."""
    stored_at: Instant | None = None
    expires_at: Instant | None = None
    processing: bool = False
    snapshot: str | None = None
    """The upstream File as JSON text, once stored."""
    checked_sha256: str | None = None
    """SHA-256 (hexadecimal) of a content that was read and names only the tenant's own."""
    store: str | None = None
    """The id of the store whose document it is to be; None for a file."""
    token: str | None = None
    """The id of the browser token it was uploaded with; None for a tenant's own key."""
    lifetime: int | None = None
    """Milliseconds the file is kept at most; None for as long as upstream keeps it."""

    @property
    def key(self) -> Key:
        """Where the record stands in the table."""
        return record_key(self.tenant, self.file_id, self.store)

    @property
    def name(self) -> str:
        """The resource name, `files/{id}`."""
        return f"files/{self.file_id}"

    @property
    def closing(self) -> bool:
        """Whether the upload may have ended upstream without the ledger knowing yet."""
        may_have = self.session is not None if self.direct else self.closing_since is not None
        return self.state is State.RESERVED and may_have

    def alive(self, now: Instant) -> bool:
        """Whether the file can be named, read and used: stored and not expired."""
        return self.state is State.STORED and (self.expires_at is None or now < self.expires_at)

    @property
    def stored_since(self) -> Instant:
        """When upstream says the file began; within its upload, whatever upstream says."""
        if self.stored_at is None:
            return self.created_at
        earliest = self.created_at - _OTHER_CLOCK
        return min(max(self.stored_at, earliest), max(self.deadline, self.created_at) + HOUR)

    def stored_until(self, gone_at: Instant) -> Instant:
        """When a file that is gone at a moment ended: then, or when it expired before."""
        until = gone_at if self.expires_at is None else min(gone_at, self.expires_at)
        return max(until, self.stored_since)

    def item(self) -> Item:
        """The record as a table item; what is None is left out."""
        fields: dict[str, Value] = {
            "pk": self.key.pk,
            "sk": self.key.sk,
            "reservation": self.reservation,
            "project": self.project,
            "state": str(self.state),
            "bytes": self.bytes,
            "createdAt": self.created_at,
            "deadline": self.deadline,
            "dueAt": self.due_at,
            "dueShard": due_shard(self.reservation),
            "closingSince": self.closing_since,
            "session": self.session,
            "direct": self.direct or None,
            "looks": self.looks,
            "storedAt": self.stored_at,
            "expiresAt": self.expires_at,
            "processing": self.processing,
            "snapshot": self.snapshot,
            "checkedSha256": self.checked_sha256,
            "store": self.store,
            "token": self.token,
            "lifetime": self.lifetime,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "FileRecord":
        """Read a record back from its table item."""

        def number(name: str) -> int | None:
            value = item.get(name)
            return None if value is None else int(value)

        def text(name: str) -> str | None:
            value = item.get(name)
            return None if value is None else str(value)

        return cls(
            tenant=str(item["pk"]).removeprefix("TENANT#"),
            file_id=str(item["sk"]).partition("#")[2],
            reservation=str(item["reservation"]),
            project=str(item["project"]),
            state=State(str(item["state"])),
            bytes=int(item["bytes"] or 0),
            created_at=int(item["createdAt"] or 0),
            deadline=int(item["deadline"] or 0),
            due_at=int(item["dueAt"] or 0),
            closing_since=number("closingSince"),
            session=text("session"),
            direct=bool(item.get("direct")),
            looks=int(item.get("looks") or 0),
            stored_at=number("storedAt"),
            expires_at=number("expiresAt"),
            processing=bool(item.get("processing")),
            snapshot=text("snapshot"),
            checked_sha256=text("checkedSha256"),
            store=text("store"),
            token=text("token"),
            lifetime=number("lifetime"),
        )


def file_key(tenant: str, file_id: str) -> Key:
    """Where the record of a tenant's file stands."""
    return Key(f"TENANT#{tenant}", SORT_PREFIX + file_id)


def record_key(tenant: str, file_id: str, store: str | None) -> Key:
    """Where the record of an upload stands: a file's, or with a store a document's."""
    if store is None:
        return file_key(tenant, file_id)
    return Key(f"TENANT#{tenant}", DOCUMENT_PREFIX + file_id)


def due_shard(reservation: str) -> str:
    """The partition of the due index a record belongs to."""
    digest = hashlib.sha256(reservation.encode()).digest()
    return shard_name(digest[0] % DUE_SHARDS)


def shard_name(number: int) -> str:
    """Name of a partition of the due index, for numbers below `DUE_SHARDS`."""
    return f"DUE#{number:02d}"
