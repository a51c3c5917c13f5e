"""Uploads: from an announcement to a place for its bytes, or to a stored file in one request.

The order is what makes it safe: bytes are reserved before upstream hears of the file, and the id
is chosen here, so that a crash at any point leaves a record that the appointments finish.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from filegate.adapters.upstream import (
    FileToSend,
    Upstream,
    UpstreamRefused,
    UpstreamUnavailable,
)
from filegate.appointments import CannotKeep, Keeper
from filegate.errors import (
    PROJECT_QUOTA_EXCEEDED,
    Shortage,
    Status,
    StatusError,
    file_exists,
    file_not_found,
    file_too_large,
    request_too_large,
    tenant_quota_exceeded,
)
from filegate.instants import MINUTE, SECOND, Instant
from filegate.ledger import (
    Ledger,
    NameTaken,
    ProjectShort,
    RecordChanged,
    TenantShort,
)
from filegate.names import chosen_file_id, new_file_id
from filegate.quota import free_at
from filegate.records import FileRecord, State
from filegate.seals import Sealer
from filegate.sessions import Session
from filegate.tenants import Tenant
from filegate.upload_requests import UploadRequest

LARGEST_WHOLE: Final = 4 * 1024 * 1024
"""Bytes of content one request may carry through a function: 6 MB a call, less base64's third."""

_LEAST_TIME: Final = 30 * MINUTE
_SLOWEST: Final = 128 * 1024
"""Bytes a second an upload has to make on average for its session to last."""
_LAST_CHUNK: Final = 2 * MINUTE
"""From the end of a session to its record's deadline: no chunk let through lasts longer (29 s)."""
_KEPT_AT_ONCE: Final = 10


@dataclass(frozen=True)
class OpenUpload:
    """An upload that may begin: the sealed session its chunks go to, and its record."""

    sealed_session: str
    record: FileRecord


class Uploads:
    """Starts uploads for a tenant. Raises StatusError, and what ledger and upstream raise."""

    def __init__(self, ledger: Ledger, upstream: Upstream, keeper: Keeper, sealer: Sealer) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._keeper = keeper
        self._sealer = sealer

    def start(
        self, tenant: Tenant, version: str, request: UploadRequest, now: Instant
    ) -> OpenUpload:
        """Reserve the bytes, open the upload upstream, seal the session.

        A file of unknown size reserves the most one file may have; settling gives back the rest.
        """
        size = tenant.max_file_bytes if request.size is None else request.size
        record = self._reserve(tenant, request, size, now)
        try:
            upload_id = self._upstream.start_upload(
                tenant.project, version, _to_send(record, request)
            )
            session = Session(
                tenant=tenant.id,
                file_id=record.file_id,
                reservation=record.reservation,
                project=record.project,
                upload_id=upload_id,
                reserved=record.bytes,
                expires_at=record.deadline - _LAST_CHUNK,
            )
            return OpenUpload(session.seal(self._sealer), record)
        except Exception:
            # Nobody knows the upload's URL, so nothing can come of it: the bytes go back at once.
            self._ledger.abandon(record)
            raise

    def send_whole(
        self, tenant: Tenant, version: str, request: UploadRequest, content: bytes, now: Instant
    ) -> FileRecord:
        """Upload a small file in this one request; answers its stored record."""
        if len(content) > LARGEST_WHOLE:
            raise StatusError(request_too_large(len(content), LARGEST_WHOLE))
        record = self._reserve(tenant, request, len(content), now, lasts=_LAST_CHUNK)
        try:
            resource = self._upstream.send_whole(
                tenant.project, version, _to_send(record, request), content
            )
        except Exception as failure:
            if not _may_be_there(failure):
                self._ledger.abandon(record)
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
        now: Instant,
        lasts: int | None = None,
    ) -> FileRecord:
        if size > tenant.max_file_bytes:
            raise StatusError(file_too_large(size, tenant.max_file_bytes))
        if request.name is None:
            file_id = new_file_id(tenant.tag, now)
        else:
            file_id = chosen_file_id(tenant.tag, request.name)
        deadline = now + (_session_time(size) if lasts is None else lasts)
        record = FileRecord(
            tenant=tenant.id,
            file_id=file_id,
            reservation=uuid4().hex,
            project=tenant.project,
            state=State.RESERVED,
            bytes=size,
            created_at=now,
            deadline=deadline,
            due_at=deadline,
        )
        try:
            self._reserve_or_make_room(record, now)
        except NameTaken:
            raise StatusError(
                file_exists((request.name or file_id).removeprefix("files/"))
            ) from None
        except ProjectShort:
            raise StatusError(PROJECT_QUOTA_EXCEEDED) from None
        return record

    def _reserve_or_make_room(self, record: FileRecord, now: Instant) -> None:
        """Reserve; if that fails, keep the appointments that stand in the way and try once more."""
        try:
            self._ledger.reserve(record)
        except NameTaken:
            holder = self._ledger.find(record.tenant, record.file_id)
            if holder is not None and not self._keep_early([holder], now):
                raise
        except TenantShort as short:
            records = list(self._ledger.records(record.tenant))
            if not self._keep_early(records, now):
                raise StatusError(_shortage(record, short, records, now)) from None
        else:
            return
        try:
            self._ledger.reserve(record)
        except TenantShort as short:
            records = list(self._ledger.records(record.tenant))
            raise StatusError(_shortage(record, short, records, now)) from None

    def _keep_early(self, records: Sequence[FileRecord], now: Instant) -> bool:
        """Keep what is due or has just ended, before the janitor comes by; False if nothing is."""
        ready = sorted(
            (record for record in records if record.due_at <= now or record.closing),
            key=lambda record: record.due_at,
        )
        for record in ready[:_KEPT_AT_ONCE]:
            try:
                self._keeper.keep(record, now)
            except CannotKeep:
                break
        return bool(ready)


def _shortage(
    record: FileRecord, short: TenantShort, records: Iterable[FileRecord], now: Instant
) -> Status:
    missing = record.bytes - short.available
    return tenant_quota_exceeded(
        Shortage(
            asked=record.bytes,
            available=short.available,
            limit=short.limit,
            free_at=None if record.bytes > short.limit else free_at(records, missing),
        ),
        now,
    )


def _may_be_there(failure: Exception) -> bool:
    """Whether upstream may have the file although the request failed; the appointment will tell."""
    if isinstance(failure, UpstreamRefused):
        return failure.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(failure, UpstreamUnavailable)


def _session_time(size: int) -> int:
    """Milliseconds an upload of `size` bytes may take: half an hour and a second per 128 KiB."""
    return _LEAST_TIME + _LAST_CHUNK + -(-size // _SLOWEST) * SECOND


def _to_send(record: FileRecord, request: UploadRequest) -> FileToSend:
    return FileToSend(record.file_id, request.display_name, request.mime_type, request.size)
