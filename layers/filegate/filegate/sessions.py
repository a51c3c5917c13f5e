"""Sessions: an upload in progress, sealed into the URL its chunks go to.

Python's SDK sends no credential on chunks (wire 3.4), so the URL is the capability. It holds what
the gateway has to know about the upload, and the upstream `upload_id`, which no client may see.
"""

import json
from dataclasses import astuple, dataclass
from typing import Final

from filegate.instants import Instant
from filegate.seals import SealBroken, Sealer

PURPOSE: Final = "upload session"

GRANULARITY: Final = 8 * 1024 * 1024
"""Bytes every chunk but the last is a multiple of (wire 3.3)."""


@dataclass(frozen=True)
class Session:
    """One resumable upload; `reserved` in bytes, `expires_at` in epoch milliseconds."""

    tenant: str
    file_id: str
    reservation: str
    project: str
    upload_id: str
    reserved: int
    expires_at: Instant

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
