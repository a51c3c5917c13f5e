"""Uploads: from an announcement to a place for its bytes, or to a stored file in one request.

The order is what makes it safe: bytes are reserved before upstream hears of the file, and the id
is chosen here, so that a crash at any point leaves a record that the appointments finish.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from filegate.adapters.refusals import may_have_happened
from filegate.adapters.upstream import FileToSend, Upstream
from filegate.appointments import DIRECT_LOOKS, Keeper, pause
from filegate.errors import (
    StatusError,
    file_exists,
    file_not_found,
    file_too_large,
    request_too_large,
)
from filegate.instants import Instant
from filegate.ledger import Ledger, NameTaken, RecordChanged
from filegate.names import chosen_file_id, new_file_id
from filegate.records import FileRecord
from filegate.reservations import Reservations
from filegate.seals import Sealer
from filegate.sessions import LAST_CHUNK, Session, session_time
from filegate.tenants import Tenant
from filegate.upload_requests import UploadRequest

LARGEST_WHOLE: Final = 4 * 1024 * 1024
"""Bytes of content one request may carry through a function: 6 MB a call, less base64's third."""


@dataclass(frozen=True)
class OpenUpload:
    """An upload that may begin: the sealed session its chunks go to, and its record."""

    sealed_session: str
    record: FileRecord
    direct_url: str | None = None
    """Upstream's own URL, if the chunks go straight there; None if they go by the session."""


class Uploads:
    """Starts uploads for a tenant. Raises StatusError, and what ledger and upstream raise."""

    def __init__(
        self,
        ledger: Ledger,
        upstream: Upstream,
        keeper: Keeper,
        reservations: Reservations,
        sealer: Sealer,
    ) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._keeper = keeper
        self._reservations = reservations
        self._sealer = sealer

    def start(
        self,
        tenant: Tenant,
        version: str,
        request: UploadRequest,
        now: Instant,
        *,
        direct: bool = False,
        origin: str | None = None,
    ) -> OpenUpload:
        """Reserve the bytes, open the upload upstream, seal the session.

        A file of unknown size reserves the most one file may have; settling gives back the rest.
        `direct`: whether its chunks go straight to upstream, from a page of `origin` if one is
        named. Then the session is kept in the record, so that everybody can ask how it ended.
        """
        if tenant.token is not None:
            tenant.token.check_upload(request.mime_type, request.size)
        size = tenant.max_file_bytes if request.size is None else request.size
        record = self._reserve(tenant, request, size, session_time(size), now, direct=direct)
        file = _to_send(record, request)
        try:
            if direct:
                started = self._upstream.start_direct(tenant.project, version, file, origin)
                sealed = Session.of(record, started.upload_id).seal(self._sealer)
                return open_direct(self._ledger, record, sealed, started.url, now)
            upload_id = self._upstream.start_upload(tenant.project, version, file)
            session = Session.of(record, upload_id, tenant.chunk_origins)
            return OpenUpload(session.seal(self._sealer), record)
        except Exception:
            # Nobody knows the upload's URL, so nothing can come of it: the bytes go back at once.
            self._reservations.undo(tenant, record)
            raise

    def send_whole(
        self,
        tenant: Tenant,
        version: str,
        request: UploadRequest,
        content: bytes,
        now: Instant,
        checked_sha256: str | None = None,
    ) -> FileRecord:
        """Upload a small file in this one request; answers its stored record.

        `checked_sha256` is the hash of a content that was read (batch_inputs).
        """
        if len(content) > LARGEST_WHOLE:
            raise StatusError(request_too_large(len(content), LARGEST_WHOLE))
        return self._send(
            tenant,
            request,
            len(content),
            now,
            lambda file: self._upstream.send_whole(tenant.project, version, file, content),
            checked_sha256,
        )

    def create(
        self, tenant: Tenant, version: str, request: UploadRequest, now: Instant
    ) -> FileRecord:
        """Make a file of metadata only (wire R11), without bytes; answers its stored record."""
        return self._send(
            tenant,
            request,
            0,
            now,
            lambda file: self._upstream.create_file(tenant.project, version, file),
        )

    def _send(
        self,
        tenant: Tenant,
        request: UploadRequest,
        size: int,
        now: Instant,
        send: Callable[[FileToSend], Mapping[str, Any]],
        checked_sha256: str | None = None,
    ) -> FileRecord:
        if tenant.token is not None:
            tenant.token.check_upload(request.mime_type, size)
        record = self._reserve(tenant, request, size, LAST_CHUNK, now, checked_sha256)
        try:
            resource = send(_to_send(record, request))
        except Exception as failure:
            if not may_have_happened(failure):
                self._reservations.undo(tenant, record)
            raise
        settled = self._settled(record, resource, now)
        if settled is None or settled.snapshot is None:
            raise StatusError(file_not_found(record.file_id))
        return settled

    def _settled(
        self, record: FileRecord, resource: Mapping[str, Any], now: Instant
    ) -> FileRecord | None:
        try:
            return self._keeper.settle(record, resource, now)
        except RecordChanged as change:
            return change.current

    def _reserve(
        self,
        tenant: Tenant,
        request: UploadRequest,
        size: int,
        lasts: int,
        now: Instant,
        checked_sha256: str | None = None,
        *,
        direct: bool = False,
    ) -> FileRecord:
        if size > tenant.max_file_bytes:
            raise StatusError(file_too_large(size, tenant.max_file_bytes))
        if request.name is None:
            file_id = new_file_id(tenant.tag, now)
        else:
            file_id = chosen_file_id(tenant.tag, request.name)
        try:
            return self._reservations.take(
                tenant, file_id, size, lasts, now, checked_sha256=checked_sha256, direct=direct
            )
        except NameTaken:
            raise StatusError(
                file_exists((request.name or file_id).removeprefix("files/"))
            ) from None


def open_direct(
    ledger: Ledger, record: FileRecord, sealed: str, url: str, now: Instant
) -> OpenUpload:
    """An upload whose chunks go to upstream's own URL, once its session is kept in the record.

    Raises RecordChanged.
    """
    due_at = min(now + pause(DIRECT_LOOKS), record.deadline)
    return OpenUpload(sealed, ledger.keep_session(record, sealed, due_at, DIRECT_LOOKS), url)


def _to_send(record: FileRecord, request: UploadRequest) -> FileToSend:
    return FileToSend(record.file_id, request.display_name, request.mime_type, request.size)
