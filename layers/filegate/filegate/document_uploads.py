"""Document uploads: bytes on their way into a store (wire 9.2).

Upstream chooses a document's name at the end of its upload, so only the upload's session can be
asked later what became of it. That is why every document goes up in a session, also one that comes
in a single request: wherever this stops, the record's appointment finishes it.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from filegate.adapters.refusals import may_have_happened
from filegate.adapters.upstream import DocumentToSend, Upstream
from filegate.errors import StatusError, document_too_large, request_too_large
from filegate.holdings import Holding
from filegate.instants import Instant
from filegate.ledger import Ledger, RecordChanged
from filegate.names import new_file_id
from filegate.records import CLOSING_LOOK, FileRecord
from filegate.reservations import Reservations
from filegate.seals import Sealer
from filegate.sessions import LAST_CHUNK, Session, session_time
from filegate.store_requests import DocumentRequest
from filegate.stores import Stores
from filegate.tenants import Tenant
from filegate.uploads import LARGEST_WHOLE, OpenUpload, open_direct

MOST_BYTES: Final = 100 * 1024 * 1024
"""Bytes a document may have (wire section 10: 104,857,600)."""


class DocumentUploads:
    """Starts uploads into a tenant's stores. Raises StatusError, and as ledger and upstream."""

    def __init__(
        self,
        ledger: Ledger,
        upstream: Upstream,
        reservations: Reservations,
        stores: Stores,
        sealer: Sealer,
    ) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._reservations = reservations
        self._stores = stores
        self._sealer = sealer

    def start(
        self,
        tenant: Tenant,
        version: str,
        store_id: str,
        request: DocumentRequest,
        now: Instant,
        origin: str | None = None,
    ) -> OpenUpload:
        """Reserve the bytes, open the upload upstream, seal the session.

        A document of unknown size reserves the most that one may have. `origin` is that of the page
        it comes from, for a tenant that sends straight to upstream.
        """
        store = self._stores.find(tenant, store_id, now)
        if tenant.token is not None:
            tenant.token.check_upload(request.mime_type, request.size)
        size = _most(tenant) if request.size is None else request.size
        direct = tenant.sends_direct
        record = self._reserve(tenant, store, size, session_time(size), now, direct=direct)
        if direct:
            return self._open_direct(tenant, version, record, store, request, origin, now)
        _, sealed = self._open(tenant, version, record, store, request)
        return OpenUpload(sealed, record)

    def send_whole(
        self,
        tenant: Tenant,
        version: str,
        store_id: str,
        request: DocumentRequest,
        content: bytes,
        now: Instant,
    ) -> Mapping[str, Any]:
        """Upload a small document in this one request; answers the Operation."""
        if len(content) > LARGEST_WHOLE:
            raise StatusError(request_too_large(len(content), LARGEST_WHOLE))
        store = self._stores.find(tenant, store_id, now)
        if tenant.token is not None:
            tenant.token.check_upload(request.mime_type, len(content))
        record = self._reserve(tenant, store, len(content), LAST_CHUNK, now)
        session, sealed = self._open(tenant, version, record, store, request)
        self._ledger.mark_closing(record.key, record.reservation, sealed, now, now + CLOSING_LOOK)
        try:
            operation = self._upstream.send_document(version, store.id, session.upload_id, content)
        except Exception as failure:
            if not may_have_happened(failure):
                with suppress(RecordChanged):
                    self._reservations.undo(tenant, record)
            raise
        with suppress(RecordChanged):  # The janitor saw it first.
            self._ledger.settle_document(record, len(content), now)
        return operation

    def _reserve(
        self,
        tenant: Tenant,
        store: Holding,
        size: int,
        lasts: int,
        now: Instant,
        *,
        direct: bool = False,
    ) -> FileRecord:
        if size > _most(tenant):
            raise StatusError(document_too_large(size, _most(tenant)))
        record_id = new_file_id(tenant.tag, now)
        return self._reservations.take(tenant, record_id, size, lasts, now, store.id, direct=direct)

    def _open(
        self,
        tenant: Tenant,
        version: str,
        record: FileRecord,
        store: Holding,
        request: DocumentRequest,
    ) -> tuple[Session, str]:
        """The session of a new upload upstream, and the same sealed."""
        document = _to_send(request)
        try:
            upload_id = self._upstream.start_document(store.project, version, store.id, document)
            session = Session.of(record, upload_id, tenant.chunk_origins)
            return session, session.seal(self._sealer)
        except Exception:
            # Nobody knows the upload's URL, so nothing can come of it: the bytes go back at once.
            self._reservations.undo(tenant, record)
            raise

    def _open_direct(
        self,
        tenant: Tenant,
        version: str,
        record: FileRecord,
        store: Holding,
        request: DocumentRequest,
        origin: str | None,
        now: Instant,
    ) -> OpenUpload:
        """A new upload whose chunks go straight to upstream."""
        try:
            started = self._upstream.start_direct_document(
                store.project, version, store.id, _to_send(request), origin
            )
            sealed = Session.of(record, started.upload_id).seal(self._sealer)
            return open_direct(self._ledger, record, sealed, started.url, now)
        except Exception:
            # As above: its URL was handed to nobody.
            self._reservations.undo(tenant, record)
            raise


def _to_send(request: DocumentRequest) -> DocumentToSend:
    return DocumentToSend(request.document.canonical(), request.mime_type, request.size)


def _most(tenant: Tenant) -> int:
    return min(MOST_BYTES, tenant.max_file_bytes)
