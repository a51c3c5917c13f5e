"""Appointments: the one mechanism that settles, abandons, refreshes and expires.

Every record has one next appointment. Keeping it means: ask upstream for the truth, and move the
ledger to it. The janitor keeps what is due; anyone who touches a file earlier may keep it early.
It is idempotent, may run twice at once, and may stop anywhere: the next one goes on.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.upstream import DocumentUpload, UploadState, Upstream
from filegate.instants import HOUR, MINUTE, SECOND, Instant, format_rfc3339
from filegate.ledger import DoesNotFit, Ledger, RecordChanged, Stored
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.seals import SealBroken
from filegate.sessions import Session
from filegate.snapshots import write_snapshot
from filegate.wire import read_file

DELETING_LOOK: Final = 30 * SECOND
"""From a delete until the look that finishes or forgets it; longer than any call takes."""
_APPEARS_WITHIN: Final = MINUTE
"""How long a finalized upload without its file is given the benefit of the doubt: upstream may show
a file late, and bytes given back for a file that then appears would be counted by nobody."""
_LONGEST_PAUSE: Final = 5 * MINUTE
DIRECT_LOOKS: Final = 4
"""Where the looks at an upload that goes straight to upstream begin: 80 seconds after its start, as
nobody here sees it end, and most looks before would be in vain."""
_SESSION_LIFE: Final = 7 * 24 * HOUR
"""How long upstream keeps a session (wire 3.3, from sibling APIs)."""
_OTHER_CLOCK: Final = MINUTE
"""How far upstream's clock, and the time a call takes, may put a moment from ours."""
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


def shortened(record: FileRecord, stored: Stored, resource: Mapping[str, Any]) -> Stored:
    """The same with the end that the record's own lifetime gives it, where that comes first.

    What is shown of the file says so too.
    """
    if record.lifetime is None:
        return stored
    ends = replace(record, stored_at=stored.created_at).stored_since + record.lifetime
    if ends >= stored.expires_at:
        return stored
    shown = {**resource, "expirationTime": format_rfc3339(ends)}
    return replace(stored, expires_at=ends, snapshot=write_snapshot(shown))


class CannotKeep(Exception):
    """Upstream does not say how things stand; `__cause__` is why. The ledger is as it was."""

    @property
    def wait(self) -> int:
        """Milliseconds that upstream asks to be left alone for, a few minutes at most."""
        cause = self.__cause__
        if not isinstance(cause, (UpstreamRefused, UpstreamUnavailable)):
            return 0
        return min((cause.retry_after or 0) * SECOND, _LONGEST_PAUSE)


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
    ) -> None:
        """`open_session` reads a sealed session."""
        self._ledger = ledger
        self._upstream = upstream
        self._open_session = open_session

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
        stored = _stored(record, resource, now)
        due_at, looks = next_look(stored, now, 0)
        try:
            return self._ledger.settle(record, stored, due_at, looks)
        except DoesNotFit:
            self._upstream.delete_file(record.project, record.file_id)
            self._ledger.abandon(record)
            return None

    def _keep_reserved(self, record: FileRecord, now: Instant) -> FileRecord | None:
        if record.store is not None:
            return self._keep_document(record, record.store, now)
        upload = self._ask_upload(record, now)
        # Asked after the upload's own state: a file that is not there now will not come.
        resource = self._upstream.get_file(record.project, record.file_id)
        if resource is not None:
            return self.settle(record, resource, now)
        if upload is UploadState.FINAL and record.closing_since is None:
            return self._ledger.note_ended(record, now, now + CLOSING_LOOK)
        if upload is UploadState.CANCELLED or (
            upload is UploadState.FINAL and now >= (record.closing_since or 0) + _APPEARS_WITHIN
        ):
            self._ledger.abandon(record)
            return None
        return self._look_later(record, now)

    def _look_later(self, record: FileRecord, now: Instant) -> FileRecord:
        if not record.closing:
            return self._ledger.appoint(record, record.deadline)
        latest = max(record.deadline, now + CLOSING_LOOK)
        due_at = min(now + pause(record.looks), latest)
        return self._ledger.appoint(record, due_at, record.looks + 1)

    def _ask_upload(self, record: FileRecord, now: Instant) -> UploadState:
        """How the upload stands; one that is past its deadline is ended here."""
        expired = now >= record.deadline
        session = self._session_of(record)
        if session is None:
            # No chunk that could finish it was let through, and after the deadline none will be.
            return UploadState.CANCELLED if expired else UploadState.ACTIVE
        if not expired:
            return self._upstream.query_upload(session.upload_id)
        try:
            return self._upstream.cancel_upload(session.upload_id)
        except UpstreamRefused:
            # It cannot be ended, and no chunk passes any more: whether the file is there decides.
            if _may_go_on(record, now):
                raise
            return UploadState.CANCELLED

    def _session_of(self, record: FileRecord) -> Session | None:
        try:
            return None if record.session is None else self._open_session(record.session)
        except SealBroken:
            return None  # Its key was retired. The deadline still ends it.

    def _keep_document(self, record: FileRecord, store: str, now: Instant) -> FileRecord | None:
        """What its session says is all there is: upstream names documents itself."""
        upload = self._ask_document(record, store, now)
        if upload.state is UploadState.ACTIVE:
            return self._look_later(record, now)
        size = record.bytes if upload.size is None else upload.size
        if upload.state is UploadState.CANCELLED:
            self._ledger.abandon(record)
        elif size > record.bytes and upload.document is not None:
            # Of unknown size when it began, and larger than the tenant may have one.
            self._upstream.delete_document(record.project, store, upload.document)
            self._ledger.abandon(record)
        else:
            self._ledger.settle_document(record, size, now)
        return None

    def _ask_document(self, record: FileRecord, store: str, now: Instant) -> DocumentUpload:
        """How the upload stands; one that is past its deadline is ended here."""
        expired = now >= record.deadline
        nothing = DocumentUpload(UploadState.CANCELLED if expired else UploadState.ACTIVE)
        session = self._session_of(record)
        if session is None:
            return nothing
        if expired:
            with suppress(UpstreamRefused):
                self._upstream.cancel_upload(session.upload_id, store)
        try:
            upload = self._upstream.query_document(store, session.upload_id)
        except UpstreamRefused:
            if not expired or _may_go_on(record, now):
                raise
            return nothing  # It tells nothing for good, and no chunk passes any more.
        return nothing if upload.state is UploadState.ACTIVE else upload

    def _keep_stored(self, record: FileRecord, now: Instant) -> FileRecord | None:
        resource = self._upstream.get_file(record.project, record.file_id)
        if resource is None:
            self._ledger.release(record, now)
            return None
        if not record.alive(now):
            deleted_at = believable(self._upstream.delete_file(record.project, record.file_id), now)
            self._ledger.release(record, now, deleted_at)
            return None
        stored = _stored(record, resource, now)
        return self._ledger.refresh(record, stored, *next_look(stored, now, record.looks))


def _stored(record: FileRecord, resource: Mapping[str, Any], now: Instant) -> Stored:
    return shortened(record, stored_from(resource, now, write_snapshot(resource)), resource)


def _may_go_on(record: FileRecord, now: Instant) -> bool:
    """Whether chunks may still come although none passes the gateway: as long as upstream's session
    lasts, if they go straight there."""
    return record.direct and now < record.created_at + _SESSION_LIFE


def next_look(stored: Stored, now: Instant, looks: int) -> tuple[Instant, int]:
    """When to look at a stored file again: soon while upstream works on it, else as it expires."""
    if stored.processing:
        return min(now + pause(looks), stored.expires_at), looks + 1
    return stored.expires_at, 0


def pause(looks: int) -> int:
    """Milliseconds until the next look after `looks` in vain: 5 s, doubling, 5 min at most."""
    return min(CLOSING_LOOK << min(looks, 10), _LONGEST_PAUSE)


def believable(moment: Instant | None, now: Instant) -> Instant | None:
    """What upstream says of a moment about now; None if it is nowhere near."""
    return None if moment is None or abs(moment - now) > _OTHER_CLOCK else moment
