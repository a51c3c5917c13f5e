"""Resumable upload sessions: the upload server's state machine (section 4).

Neither the bytes nor a partly received chunk are ever kept: a session holds how much it has
received, the running hash and what may be a few requests of a batch, and all move only when a
whole request has been accepted.
A running hash cannot leave the process: a half-received upload ends with it, its URL unknown.
So does an upload to a File Search store, half-received or not.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from gemini_simulator import errors, names
from gemini_simulator.clock import NANOSECONDS
from gemini_simulator.files import StoredFile
from gemini_simulator.limits import CHUNK_GRANULARITY, SESSION_SECONDS
from gemini_simulator.metadata import Start
from gemini_simulator.request_text import RequestText
from gemini_simulator.state import ACTIVE, CANCELLED, FINAL, Refusal, SessionState, Status, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from hashlib import _Hash as Sha256

    from gemini_simulator.clock import Clock
    from gemini_simulator.limits import Limits
    from gemini_simulator.metadata import Draft
    from gemini_simulator.projects import Project
    from gemini_simulator.stores_uploads import DocumentTarget


class Chunk:
    """Bytes on their way into a session; they count only once `Session.accept` takes them."""

    __slots__ = ("before", "length", "offset", "requests", "running")

    def __init__(self, offset: int, before: Sha256 | None, requests: RequestText) -> None:
        self.offset = offset
        self.length = 0
        self.before = before
        self.running = None if before is None else before.copy()
        self.requests = requests.copy()

    def feed(self, data: bytes) -> None:
        """Count and hash the next bytes of the request body."""
        self.length += len(data)
        if self.running is not None:
            self.running.update(data)
            self.requests.feed(data)

    def taken(self) -> Taken | None:
        """What to remember of the chunk, or None when it is for no place it could be taken at."""
        if self.running is None:
            return None
        return Taken(self.offset, self.length, self.running.hexdigest())


class Session:
    """One upload from start to its end; `status` is active, final or cancelled.

    Its bytes become a File, or the document of its target.
    """

    def __init__(
        self,
        upload_id: str,
        project: Project,
        start: Start,
        limits: Limits,
        target: DocumentTarget | None = None,
    ) -> None:
        self.upload_id = upload_id
        self.project = project
        self.start = start
        self.status: Status = ACTIVE
        self.received = 0
        self._limits = limits
        self._target = target
        self._hash = sha256()
        self._requests = RequestText()
        self._last: Taken | None = None
        self._before_last: Sha256 | None = None
        self._outcome: StoredFile | dict[str, object] | errors.ApiError | None = None

    @property
    def store_id(self) -> str | None:
        """The File Search store it uploads to, or None when it makes a File."""
        return None if self._target is None else self._target.store_id

    @property
    def path(self) -> str:
        """Where its requests go, below the version (sections 3.3 and 9.2)."""
        if self._target is None:
            return "/files"
        return f"/fileSearchStores/{self._target.store_id}:uploadToFileSearchStore"

    def chunk(self, offset: int) -> Chunk:
        """A chunk that would begin at `offset`, ready to be fed.

        At the place of the last accepted chunk it is hashed like that one, so that `accept` can
        tell a repeated request from a wrong one.
        """
        if self.status == ACTIVE and offset == self.received:
            return Chunk(offset, self._hash, self._requests)
        if self._last is not None and offset == self._last.offset:
            return Chunk(offset, self._before_last, self._requests)
        return Chunk(offset, None, self._requests)

    def accept(self, chunk: Chunk, *, finalize: bool, granularity: int = CHUNK_GRANULARITY) -> None:
        """Take a complete chunk, or raise `UploadError` and change nothing.

        The same bytes at the same place as the last accepted chunk are taken again without
        effect: stock clients re-send a chunk whose answer they lost (section 3.5). A repetition
        that asks to finalize finalizes, even if the first one did not.
        """
        taken = chunk.taken()
        repeated = taken is not None and taken == self._last
        if self.status != ACTIVE:
            if repeated and self.status == FINAL:
                return
            raise errors.terminated(self.status)
        if chunk.offset != self.received or chunk.running is None:
            if not repeated:
                raise errors.UploadError(
                    400,
                    f"Invalid upload offset {chunk.offset}: "
                    f"the upload has received {self.received} bytes.",
                    ACTIVE,
                )
        else:
            self._check(chunk, finalize=finalize, granularity=granularity)
            self.received += chunk.length
            self._hash = chunk.running
            self._requests = chunk.requests
            self._last = taken
            self._before_last = chunk.before
        if finalize:
            self.finalize()

    def finalize(self) -> None:
        """End the upload; the project's refusal ends it too and is kept as its outcome."""
        if self.status != ACTIVE:
            raise errors.terminated(self.status)
        self._check_total(self.received)
        self.status = FINAL
        try:
            self._outcome = self._keep(self.received, self._hash.hexdigest())
        except errors.ApiError as refusal:
            self._outcome = refusal

    def cancel(self) -> None:
        """End the upload without a file."""
        if self.status != ACTIVE:
            raise errors.terminated(self.status)
        self.status = CANCELLED

    def answer(self) -> dict[str, object]:
        """The final body: a File, wrapped, or an Operation, not wrapped (sections 3.6 and 9.2).

        Raises the `ApiError` that ended the session instead.
        """
        match self._outcome:
            case errors.ApiError() as refusal:
                raise refusal
            case StoredFile() as file:
                return {"file": file.resource()}
            case None:
                raise errors.terminated(self.status)
            case operation:
                return operation

    def state(self) -> SessionState | None:
        """What another process needs to go on, or None for an upload that ends with this one."""
        if (self.status == ACTIVE and self.received) or self._target is not None:
            return None
        end = self._outcome
        assert not isinstance(end, dict)  # noqa: S101
        return SessionState(
            self.upload_id,
            self.project.index,
            self.start,
            self.status,
            self.received,
            self._last,
            Refusal(end.code, end.message, end.status, end.details)
            if isinstance(end, errors.ApiError)
            else end,
        )

    def restore(self, state: SessionState) -> None:
        """Take over what another process held.

        A last chunk that was not the first cannot be told from other bytes any more (its hash
        begins with a lost one), so sending it again is refused as a finished upload's.
        """
        self.status = state.status
        self.received = state.received
        self._last = state.last
        self._before_last = sha256() if state.last is not None and not state.last.offset else None
        match state.outcome:
            case StoredFile() as file:
                self._outcome = self.project.original(file)
            case Refusal(code, message, status, details):
                self._outcome = errors.ApiError(code, message, status, details)

    @property
    def _largest(self) -> int:
        return self._limits.file_bytes if self._target is None else self._target.largest

    def _keep(self, size: int, digest: str) -> StoredFile | dict[str, object]:
        if self._target is not None:
            return self._target.keep(size, digest)
        return self.project.store(self.start.draft, size, digest, self._requests)

    def _check(self, chunk: Chunk, *, finalize: bool, granularity: int) -> None:
        total = chunk.offset + chunk.length
        if self.start.length is not None and total > self.start.length:
            raise errors.UploadError(
                400,
                f"The client sent {total} bytes, which is more than the announced "
                f"{self.start.length} bytes.",
                ACTIVE,
            )
        if total > self._largest:
            raise errors.UploadError(400, errors.too_large_text(self._largest), ACTIVE)
        if finalize:
            self._check_total(total)
        elif chunk.length % granularity:
            raise errors.UploadError(
                400,
                f"The client sent {chunk.length} bytes, which is not a multiple of the "
                f"{granularity} byte chunk granularity.",
                ACTIVE,
            )

    def _check_total(self, total: int) -> None:
        if self.start.length is not None and total != self.start.length:
            raise errors.UploadError(
                400,
                f"The upload has {total} bytes, but {self.start.length} bytes were announced.",
                ACTIVE,
            )


class Sessions:
    """All sessions by upload id; the id alone is the right to upload (section 3.3)."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def open(
        self,
        project: Project,
        draft: Draft,
        *,
        length: int | None,
        version: str,
        origin: str | None,
        target: DocumentTarget | None = None,
    ) -> Session:
        """A new session; raises `ApiError` 400 when the announced `length` (bytes) is too large."""
        largest = self._limits.file_bytes if target is None else target.largest
        if length is not None and length > largest:
            raise errors.too_large(largest)
        self._forget_old()
        start = Start(draft, length, version, origin, self._clock.now())
        session = Session(names.new_upload_id(), project, start, self._limits, target)
        self._sessions[session.upload_id] = session
        return session

    def find(self, upload_id: str) -> Session:
        """The session of an upload id; raises `UploadError` 404 for any other text."""
        self._forget_old()
        session = self._sessions.get(upload_id)
        if session is None:
            raise errors.UploadError(404, "The upload session was not found.")
        return session

    def state(self) -> list[SessionState]:
        """What another process needs to go on; half-received ones and stores' are left out."""
        states = (session.state() for session in self)
        return [state for state in states if state is not None]

    def restore(self, project: Project, state: SessionState) -> None:
        """Take over a session that another process held."""
        session = Session(state.upload_id, project, state.start, self._limits)
        session.restore(state)
        self._sessions[session.upload_id] = session

    def _forget_old(self) -> None:
        oldest = self._clock.now() - SESSION_SECONDS * NANOSECONDS
        while self._sessions:
            upload_id, session = next(iter(self._sessions.items()))
            if session.start.started > oldest:
                return
            del self._sessions[upload_id]
