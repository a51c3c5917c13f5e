"""Appointments: the one mechanism that settles, abandons, refreshes and expires.

Every record has one next appointment. Keeping it means: ask upstream for the truth, and move the
ledger to it. The janitor keeps what is due; anyone who touches a file earlier may keep it early.
It is idempotent, may run twice at once, and may stop anywhere: the next one goes on.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.upstream import (
    UploadState,
    Upstream,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)
from filegate.instants import HOUR, MINUTE, SECOND, Instant
from filegate.ledger import DoesNotFit, Ledger, RecordChanged, Stored
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.seals import SealBroken
from filegate.sessions import Session
from filegate.wire import read_file

DELETING_LOOK: Final = 30 * SECOND
"""From a delete until the look that finishes or forgets it; longer than any call takes."""
_APPEARS_WITHIN: Final = MINUTE
"""How long a finalized upload without its file is given the benefit of the doubt: upstream may show
a file late, and bytes given back for a file that then appears would be counted by nobody."""
_LONGEST_PAUSE: Final = 5 * MINUTE
_LIFETIME: Final = 48 * HOUR
"""How long upstream keeps a file (seeds: 48 hours), where it names no expirationTime."""


def stored_from(resource: Mapping[str, Any], now: Instant, snapshot: str) -> Stored:
    """What the ledger keeps of an upstream File. Raises ValueError if it is not one."""
    file = read_file(resource)
    return Stored(
        bytes=file.size_bytes,
        created_at=file.create_time or now,
        expires_at=file.expiration_time or now + _LIFETIME,
        processing=file.processing,
        snapshot=snapshot,
    )


class CannotKeep(Exception):
    """Upstream does not say how things stand; `__cause__` is why. The ledger is as it was."""


_OBSTACLES: Final = (
    SecretUnavailable,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
    ValueError,
)


class Keeper:
    """Keeps appointments. Besides CannotKeep it raises what the ledger raises out of reach."""

    def __init__(
        self,
        ledger: Ledger,
        upstream: Upstream,
        open_session: Callable[[str], Session],
        write_snapshot: Callable[[Mapping[str, Any]], str],
    ) -> None:
        """`open_session` reads a sealed session; `write_snapshot` turns a File into JSON text."""
        self._ledger = ledger
        self._upstream = upstream
        self._open_session = open_session
        self._write_snapshot = write_snapshot

    def keep(self, record: FileRecord, now: Instant) -> FileRecord | None:
        """Bring a record up to what upstream says; answers how it stands then, None if gone."""
        try:
            if record.state is State.RESERVED:
                return self._keep_reserved(record, now)
            return self._keep_stored(record, now)
        except RecordChanged as change:
            # Somebody else kept it at the same time. What they did is as true as what we saw.
            return change.current
        except _OBSTACLES as obstacle:
            raise CannotKeep(type(obstacle).__name__) from obstacle

    def settle(
        self, record: FileRecord, resource: Mapping[str, Any], now: Instant
    ) -> FileRecord | None:
        """Settle a reservation by the File that upstream has; None if it did not fit.

        A file larger than what is left is deleted upstream before its reservation is given back.
        Raises RecordChanged.
        """
        stored = stored_from(resource, now, self._write_snapshot(resource))
        due_at, looks = _next_look(stored, now, 0)
        try:
            return self._ledger.settle(record, stored, now, due_at, looks)
        except DoesNotFit:
            self._upstream.delete_file(record.project, record.file_id)
            self._ledger.abandon(record)
            return None

    def _keep_reserved(self, record: FileRecord, now: Instant) -> FileRecord | None:
        upload = self._ask_upload(record, now)
        # Asked after the upload's own state: a file that is not there now will not come.
        resource = self._upstream.get_file(record.project, record.file_id)
        if resource is not None:
            return self.settle(record, resource, now)
        if upload is UploadState.CANCELLED or (
            upload is UploadState.FINAL and now >= (record.closing_since or 0) + _APPEARS_WITHIN
        ):
            self._ledger.abandon(record)
            return None
        if record.closing_since is None:
            return self._ledger.appoint(record, record.deadline)
        latest = max(record.deadline, now + CLOSING_LOOK)
        due_at = min(now + pause(record.looks), latest)
        return self._ledger.appoint(record, due_at, record.looks + 1)

    def _ask_upload(self, record: FileRecord, now: Instant) -> UploadState:
        """How the upload stands; one that is past its deadline is ended here."""
        expired = now >= record.deadline
        try:
            session = None if record.session is None else self._open_session(record.session)
        except SealBroken:
            session = None  # Its key was retired. The deadline still ends it.
        if session is None:
            # No chunk that could finish it was let through, and after the deadline none will be.
            return UploadState.CANCELLED if expired else UploadState.ACTIVE
        if not expired:
            return self._upstream.query_upload(session.upload_id)
        try:
            return self._upstream.cancel_upload(session.upload_id)
        except UpstreamRefused:
            # It cannot be ended, and no chunk passes any more: whether the file is there decides.
            return UploadState.CANCELLED

    def _keep_stored(self, record: FileRecord, now: Instant) -> FileRecord | None:
        resource = self._upstream.get_file(record.project, record.file_id)
        if resource is None:
            self._ledger.release(record, now)
            return None
        if not record.alive(now):
            self._upstream.delete_file(record.project, record.file_id)
            self._ledger.release(record, now)
            return None
        stored = stored_from(resource, now, self._write_snapshot(resource))
        return self._ledger.refresh(record, stored, *_next_look(stored, now, record.looks))


def _next_look(stored: Stored, now: Instant, looks: int) -> tuple[Instant, int]:
    """When to look at a stored file again: soon while upstream works on it, else as it expires."""
    if stored.processing:
        return min(now + pause(looks), stored.expires_at), looks + 1
    return stored.expires_at, 0


def pause(looks: int) -> int:
    """Milliseconds until the next look after `looks` in vain: 5 s, doubling, 5 min at most."""
    return min(CLOSING_LOOK << min(looks, 10), _LONGEST_PAUSE)
