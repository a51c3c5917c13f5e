"""Requests to an upload session: chunks, query, finalize and cancel (sections 3.5 and 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gemini_simulator.answers import JSON_TYPE, TEXT_TYPE, json_text, upload_answer
from gemini_simulator.errors import ApiError, UploadError
from gemini_simulator.limits import LEGACY_GRANULARITY
from gemini_simulator.numerals import natural
from gemini_simulator.state import ACTIVE, CANCELLED, FINAL

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.sessions import Session
    from gemini_simulator.upstream import Upstream

_CONTENT_RANGE = re.compile(r"bytes\s+(?:([0-9]{1,19})-([0-9]{1,19})|\*)/([0-9]{1,19}|\*)")


def commands_of(request: Request) -> set[str]:
    """The commands of a request, lower-cased; the order does not matter."""
    value = request.headers.get("x-goog-upload-command", "")
    return {command for part in value.split(",") if (command := part.strip().lower())}


async def answer(request: Request, upstream: Upstream) -> Response:
    """Carry out a request to the session its URL names; no key is needed."""
    session = upstream.sessions.find(request.query_params["upload_id"])
    if session.store_id != request.path_params.get("store_id"):
        # The path names the method: another path's handler has no such session.
        raise UploadError(404, "The upload session was not found.")
    try:
        if request.method == "PUT" or "content-range" in request.headers:
            return await _legacy(request, session)
        return await _command(request, session)
    except UploadError as error:
        return _answer(session, error.upload_status, error.code, error.text.encode())


async def upload(request: Request, session: Session, *, offset: int, finalize: bool) -> Response:
    """Take the request's body as a chunk at `offset` (bytes); a broken body changes nothing."""
    chunk = session.chunk(offset)
    async for data in request.stream():
        chunk.feed(data)
    session.accept(chunk, finalize=finalize)
    return _progress(session)


async def _command(request: Request, session: Session) -> Response:
    commands = commands_of(request)
    if commands == {"query"}:
        return _progress(session, queried=True)
    if commands == {"cancel"}:
        session.cancel()
        return _answer(session, session.status)
    if commands == {"finalize"}:
        async for data in request.stream():
            if data:
                raise UploadError(400, "A finalize command has no content.", session.status)
        session.finalize()
        return _progress(session)
    if commands in ({"upload"}, {"upload", "finalize"}):
        text = request.headers.get("x-goog-upload-offset", "")
        offset = natural(text)
        if offset is None:
            raise UploadError(400, f"Invalid upload offset: {text}", session.status)
        return await upload(request, session, offset=offset, finalize="finalize" in commands)
    value = request.headers.get("x-goog-upload-command", "")
    raise UploadError(400, f"Invalid upload command: {value}", session.status)


def _progress(session: Session, *, queried: bool = False) -> Response:
    received = {"X-Goog-Upload-Size-Received": str(session.received)} if queried else {}
    if session.status != FINAL:
        return _answer(session, session.status, headers=received)
    status, body = _outcome(session)
    return _answer(session, session.status, status, body, JSON_TYPE, received)


def _outcome(session: Session) -> tuple[int, bytes]:
    try:
        return 200, json_text(session.answer())
    except ApiError as error:
        return error.code, json_text(error.body())


def _answer(
    session: Session,
    upload_status: str | None,
    status: int = 200,
    body: bytes = b"",
    media_type: str = TEXT_TYPE,
    headers: dict[str, str] | None = None,
) -> Response:
    sent = dict(headers or {})
    if upload_status is not None:
        sent["X-Goog-Upload-Status"] = upload_status
    if session.start.origin is not None:
        # Whose page may read the answer was settled at start (section 3.3).
        sent["Access-Control-Allow-Origin"] = session.start.origin
        sent["Access-Control-Expose-Headers"] = "X-Goog-Upload-Status, X-Goog-Upload-Size-Received"
    return upload_answer(body, status, sent, media_type)


async def _legacy(request: Request, session: Session) -> Response:
    """A chunk or a question of `uploadType=resumable` (section 5.3)."""
    value = request.headers.get("content-range")
    if value is None:
        return await _legacy_upload(request, session, offset=0, length=None, finalize=True)
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise UploadError(400, f"Invalid Content-Range: {value}")
    first, last, total_text = match.groups()
    total = None if total_text == "*" else int(total_text)
    if first is None:
        if session.status == ACTIVE and total == session.received:
            session.finalize()
        return _legacy_progress(session)
    length = int(last) - int(first) + 1
    return await _legacy_upload(
        request, session, offset=int(first), length=length, finalize=int(last) + 1 == total
    )


async def _legacy_upload(
    request: Request, session: Session, *, offset: int, length: int | None, finalize: bool
) -> Response:
    chunk = session.chunk(offset)
    async for data in request.stream():
        chunk.feed(data)
    if length is not None and chunk.length != length:
        raise UploadError(400, f"Content-Range has {length} bytes, the body {chunk.length}.")
    session.accept(chunk, finalize=finalize, granularity=LEGACY_GRANULARITY)
    return _legacy_progress(session)


def _legacy_progress(session: Session) -> Response:
    if session.status == FINAL:
        status, body = _outcome(session)
        return _answer(session, None, status, body, JSON_TYPE)
    if session.status == CANCELLED:
        raise UploadError(410, "Upload has already been terminated.")
    received = {"Range": f"bytes=0-{session.received - 1}"} if session.received else {}
    return _answer(session, None, 308, headers=received)
