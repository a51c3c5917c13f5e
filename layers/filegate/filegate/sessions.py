"""Sessions: an upload in progress, sealed into the URL its chunks go to.

Python's SDK sends no credential on chunks (wire 3.4), so the URL is the capability. It holds what
the gateway has to know about the upload, and the upstream `upload_id`, which no client may see.
"""

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Final

from filegate.instants import MINUTE, SECOND, Instant
from filegate.records import FileRecord
from filegate.seals import SealBroken, Sealer

PURPOSE: Final = "upload session"

GRANULARITY: Final = 8 * 1024 * 1024
"""Bytes every chunk but the last is a multiple of (wire 3.3)."""

LAST_CHUNK: Final = 2 * MINUTE
"""From the end of a session to its record's deadline: no chunk let through lasts longer (29 s)."""

_LEAST_TIME: Final = 30 * MINUTE
_SLOWEST: Final = 128 * 1024
"""Bytes a second an upload has to make on average for its session to last."""


@dataclass(frozen=True)
class Session:
    """One resumable upload; `reserved` in bytes, `expires_at` in epoch milliseconds.

    `store` is the id of the store it goes to, None for a file: each has its own chunk route.
    `origins` are those whose pages may send chunks, separated by spaces; empty for any.
    """

    tenant: str
    file_id: str
    reservation: str
    project: str
    upload_id: str
    reserved: int
    expires_at: Instant
    store: str | None = None
    origins: str = ""

    @classmethod
    def of(cls, record: FileRecord, upload_id: str, origins: Iterable[str] = ()) -> "Session":
        """The session of an upload whose bytes a record reserves."""
        return cls(
            tenant=record.tenant,
            file_id=record.file_id,
            reservation=record.reservation,
            project=record.project,
            upload_id=upload_id,
            reserved=record.bytes,
            expires_at=record.deadline - LAST_CHUNK,
            store=record.store,
            origins=" ".join(origins),
        )

    def admits(self, origin: str | None) -> bool:
        """Whether a chunk may come from an origin; None where it names none, as no page can."""
        return not self.origins or origin is None or origin in self.origins.split(" ")

    def seal(self, sealer: Sealer) -> str:
        """The text that stands for this session in an upload URL."""
        return sealer.seal(json.dumps(astuple(self), separators=(",", ":")))

    @classmethod
    def open(cls, sealed: str, sealer: Sealer) -> "Session":
        """The session behind a URL. Raises SealBroken; expiry is the caller's to judge."""
        fields = json.loads(sealer.open(sealed))
        if len(fields) != len(cls.__dataclass_fields__):
            raise SealBroken
        return cls(*fields)


def session_time(size: int) -> int:
    """Milliseconds an upload of `size` bytes may take: half an hour and a second per 128 KiB."""
    return _LEAST_TIME + LAST_CHUNK + -(-size // _SLOWEST) * SECOND
