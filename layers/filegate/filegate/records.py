"""Records: one per file, from the reservation of its bytes to their release.

`bytes` is what the record holds of its tenant's and its project's space: declared at first, actual
once settled. Every record has exactly one next appointment, `due_at`.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from filegate.adapters.table import Item, Key, Value
from filegate.instants import SECOND, Instant

DUE_SHARDS: Final = 16
"""Partitions of the index of appointments: 16 × 1,000 writes a second before one is hot."""

CLOSING_LOOK: Final = 5 * SECOND
"""From a chunk that ends the upload until the first look at what became of it."""

SORT_PREFIX: Final = "FILE#"


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
    """The sealed session, kept from `closing_since` on, to ask upstream how the upload ended."""
    looks: int = 0
    """Times an appointment found nothing new; the next one is later each time."""
    stored_at: Instant | None = None
    expires_at: Instant | None = None
    processing: bool = False
    snapshot: str | None = None
    """The upstream File as JSON text, once stored."""

    @property
    def key(self) -> Key:
        """Where the record stands in the table."""
        return file_key(self.tenant, self.file_id)

    @property
    def name(self) -> str:
        """The resource name, `files/{id}`."""
        return f"files/{self.file_id}"

    @property
    def closing(self) -> bool:
        """Whether the upload may have ended upstream without the ledger knowing yet."""
        return self.state is State.RESERVED and self.closing_since is not None

    def alive(self, now: Instant) -> bool:
        """Whether the file can be named, read and used: stored and not expired."""
        return self.state is State.STORED and (self.expires_at is None or now < self.expires_at)

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
            "looks": self.looks,
            "storedAt": self.stored_at,
            "expiresAt": self.expires_at,
            "processing": self.processing,
            "snapshot": self.snapshot,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "FileRecord":
        """Read a record back from its table item."""

        def moment(name: str) -> Instant | None:
            value = item.get(name)
            return None if value is None else int(value)

        def text(name: str) -> str | None:
            value = item.get(name)
            return None if value is None else str(value)

        return cls(
            tenant=str(item["pk"]).removeprefix("TENANT#"),
            file_id=str(item["sk"]).removeprefix(SORT_PREFIX),
            reservation=str(item["reservation"]),
            project=str(item["project"]),
            state=State(str(item["state"])),
            bytes=int(item["bytes"] or 0),
            created_at=int(item["createdAt"] or 0),
            deadline=int(item["deadline"] or 0),
            due_at=int(item["dueAt"] or 0),
            closing_since=moment("closingSince"),
            session=text("session"),
            looks=int(item.get("looks") or 0),
            stored_at=moment("storedAt"),
            expires_at=moment("expiresAt"),
            processing=bool(item.get("processing")),
            snapshot=text("snapshot"),
        )


def file_key(tenant: str, file_id: str) -> Key:
    """Where the record of a tenant's file stands."""
    return Key(f"TENANT#{tenant}", SORT_PREFIX + file_id)


def due_shard(reservation: str) -> str:
    """The partition of the due index a record belongs to."""
    digest = hashlib.sha256(reservation.encode()).digest()
    return shard_name(digest[0] % DUE_SHARDS)


def shard_name(number: int) -> str:
    """Name of a partition of the due index, for numbers below `DUE_SHARDS`."""
    return f"DUE#{number:02d}"
