"""The requests the simulator has received, so that tests can see what a proxy really sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from gemini_simulator.clock import epoch_seconds

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gemini_simulator.upstream import Upstream

KEPT_REQUESTS = 10_000
KEPT_BODY_BYTES = 65_536
CONTROL_PREFIX = "/_simulator/"


@dataclass(slots=True)
class Entry:
    """One request as it arrived; `status` stays None when nothing was answered."""

    at: float
    method: str
    path: str
    headers: list[tuple[str, str]]
    body_bytes: int = 0
    body_sha256: str | None = None
    body_text: str | None = None
    aborted: bool = False
    status: int | None = None
    fault: str | None = None

    def to_json(self) -> dict[str, object]:
        """The entry for the control plane."""
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "headers": [list(pair) for pair in self.headers],
            "bodyBytes": self.body_bytes,
            "bodySha256": self.body_sha256,
            "bodyText": self.body_text,
            "aborted": self.aborted,
            "status": self.status,
            "fault": self.fault,
        }


@dataclass(slots=True)
class RequestLog:
    """The last 10,000 requests; `hash_chunks` says whether chunk bodies get a hash of their own."""

    hash_chunks: bool = True
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))


class Recorder:
    """ASGI middleware that notes every request and reads its body to the end before an answer.

    An answer to a half-read body would race with the client's writing; the real front end
    takes the body first as well.
    """

    def __init__(self, app: ASGIApp, upstream: Upstream) -> None:
        self._app = app
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what goes by."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        log = self._upstream.requests
        entry = Entry(
            at=epoch_seconds(self._upstream.clock.now()),
            method=scope["method"],
            path=target(scope),
            headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in scope["headers"]
            ],
        )
        log.entries.append(entry)
        intake = _Intake(entry, receive, hashed=log.hash_chunks and is_session_request(scope))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                while not intake.complete:
                    await intake.receive()
                entry.fault = fault_of(scope)
                if not entry.aborted:
                    entry.status = message["status"]
            await send(message)

        try:
            await self._app(scope, intake.receive, answer)
        finally:
            entry.fault = fault_of(scope)


class _Intake:
    """Counts a request body while it is read."""

    def __init__(self, entry: Entry, receive: Receive, *, hashed: bool) -> None:
        self.complete = False
        self._entry = entry
        self._receive = receive
        self._hash = sha256() if hashed else None
        self._text: bytearray | None = None if is_session(entry.path) else bytearray()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._take(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if self.complete:
                self._close()
        else:
            self._entry.aborted = not self.complete
            self.complete = True
        return message

    def _take(self, data: bytes) -> None:
        self._entry.body_bytes += len(data)
        if self._hash is not None:
            self._hash.update(data)
        if self._text is not None:
            if self._entry.body_bytes <= KEPT_BODY_BYTES:
                self._text += data
            else:
                self._text = None

    def _close(self) -> None:
        if self._hash is not None:
            self._entry.body_sha256 = self._hash.hexdigest()
        if self._text is not None and self._text.lstrip().startswith(b"{"):
            self._entry.body_text = self._text.decode("utf-8", "replace")


def target(scope: Scope) -> str:
    """Path and query as they were sent."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.partition(b"?")[0].decode("latin-1")
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def is_session(path: str) -> bool:
    """Whether a path with query names an upload session."""
    return "upload_id=" in path.partition("?")[2]


def is_session_request(scope: Scope) -> bool:
    """Whether a request is addressed to an upload session."""
    return b"upload_id=" in scope["query_string"]


def fault_of(scope: Scope) -> str | None:
    """The kind of fault that hit a request."""
    fault: str | None = scope.get("state", {}).get("fault")
    return fault
