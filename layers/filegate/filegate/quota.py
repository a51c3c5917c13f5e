"""Quota: when a tenant that is short of bytes will have enough again."""

from collections.abc import Iterable

from filegate.instants import Instant
from filegate.records import FileRecord, State


def free_at(records: Iterable[FileRecord], missing: int) -> Instant | None:
    """The moment at which `missing` more bytes will have come back by expiry; None if never.

    A stored file gives its bytes back when it expires, an open upload at its deadline at the
    latest.
    """
    for moment, freed in sorted((_ends_at(record), record.bytes) for record in records):
        missing -= freed
        if missing <= 0:
            return moment
    return None


def _ends_at(record: FileRecord) -> Instant:
    if record.state is State.STORED and record.expires_at is not None:
        return record.expires_at
    return record.deadline
