"""Batch inputs: JSONL files of requests, read line by line on their way upstream.

They are the one kind of file whose content names other files. Upstream resolves those names for
its whole project and shows no upload again, so what such a file names is checked here, as its bytes
come in. What was checked is remembered as the content's SHA-256, and a batch runs on a file only if
that is upstream's own hash of it: whatever way the bytes took, they are the ones that were read.
"""

import base64
import binascii
import hashlib
import json
from typing import Final

from filegate.adapters.upstream import ChunkAnswer, Upstream
from filegate.chunks import Chunk, SessionRefused, admit
from filegate.errors import StatusError, batch_input_unchecked
from filegate.files import Files
from filegate.instants import Instant
from filegate.ledger import Ledger, RecordChanged
from filegate.models import require_models_of_lines
from filegate.ownership import Ownership
from filegate.records import FileRecord
from filegate.seals import SealBroken, Sealer
from filegate.sessions import Session
from filegate.tenants import Tenant, Tenants

LARGEST_READ: Final = 4 * 1024 * 1024
"""Bytes of a file that is read: one Lambda call takes no more (aws-facts 1)."""


def is_batch_input(mime_type: str | None, size: int | None) -> bool:
    """Whether an announced file is to be read: JSONL by its type, and small enough."""
    return "jsonl" in (mime_type or "").lower() and size is not None and size <= LARGEST_READ


class BatchInputs:
    """Reads files of requests. Raises what ledger and upstream raise."""

    def __init__(
        self,
        ownership: Ownership,
        files: Files,
        ledger: Ledger,
        upstream: Upstream,
        tenants: Tenants,
        sealer: Sealer,
        tokens: Sealer,
    ) -> None:
        """`sealer` is the one of upload sessions, `tokens` the one of browser tokens."""
        self._ownership = ownership
        self._files = files
        self._ledger = ledger
        self._upstream = upstream
        self._tenants = tenants
        self._sealer = sealer
        self._tokens = tokens

    def checked(self, tenant: Tenant, content: bytes, now: Instant) -> str | None:
        """The content's SHA-256 if all it names is the tenant's own, else None.

        So it is if a line names a model that the tenant may not call. A file that names anything
        else may be stored all the same; no batch will run on it.
        """
        if len(content) > LARGEST_READ:
            return None
        try:
            self._ownership.check_lines(tenant, content, now)
            require_models_of_lines(tenant, content)
        except StatusError:
            return None
        return hashlib.sha256(content).hexdigest()

    def send(self, chunk: Chunk, content: bytes, now: Instant) -> ChunkAnswer:
        """Pass a chunk or command on, having read a chunk that is the whole file.

        Raises SessionRefused and StatusError as the chunk route does.
        """
        try:
            session = Session.open(chunk.sealed_session, self._sealer)
        except SealBroken:
            raise SessionRefused from None
        if content and chunk.offset == "0":
            # Before the chunk is admitted: from then on the record may be settled as it is.
            self._remember(session, content, now)
        admitted = admit(chunk, self._sealer, self._tokens, lambda: self._ledger, now)
        return self._upstream.send_chunk(
            chunk.version, session.upload_id, admitted.command, admitted.offset, content
        )

    def require_checked(self, tenant: Tenant, file_id: str, now: Instant) -> None:
        """Raise StatusError unless a batch may run on this file of the tenant's."""
        record = self._files.get(tenant, file_id, now)
        if record.checked_sha256 is None or record.checked_sha256 != _stored_sha256(record):
            raise StatusError(batch_input_unchecked(file_id, LARGEST_READ))

    def _remember(self, session: Session, content: bytes, now: Instant) -> None:
        tenant = self._tenants.find(session.tenant)
        sha256 = None if tenant is None else self.checked(tenant, content, now)
        if sha256 is None:
            return
        try:
            self._ledger.mark_checked(session.tenant, session.file_id, session.reservation, sha256)
        except RecordChanged:
            return  # Ended already: the chunk's own admission says so.


def _stored_sha256(record: FileRecord) -> str | None:
    """Upstream's hash of what it stored: base64 of hexadecimal text (wire 6.1)."""
    try:
        encoded = json.loads(record.snapshot or "{}").get("sha256Hash", "")
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
