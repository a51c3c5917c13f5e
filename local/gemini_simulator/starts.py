"""Starting a resumable upload, in today's and in the older protocol (sections 3.1 and 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gemini_simulator import chunks, errors, stores_uploads
from gemini_simulator.answers import origin_of, upload_answer
from gemini_simulator.callers import caller_key, query_key
from gemini_simulator.limits import CHUNK_GRANULARITY, METADATA_BYTES
from gemini_simulator.metadata import Draft, read_draft
from gemini_simulator.numerals import natural

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.projects import Project
    from gemini_simulator.sessions import Session
    from gemini_simulator.upstream import Upstream

EXPOSED_HEADERS = (
    "X-Goog-Upload-Chunk-Granularity, X-Goog-Upload-Control-URL, X-Goog-Upload-Size-Received, "
    "X-Goog-Upload-Status, X-Goog-Upload-URL, X-GUploader-UploadID"
)


async def start(request: Request, upstream: Upstream) -> Response:
    """Open a session: 200, an empty body and the session URL twice (section 3.3).

    `start, upload, finalize` in one request carries the bytes instead of the metadata.
    """
    project = upstream.projects.owner(caller_key(request))
    whole = chunks.commands_of(request) == {"start", "upload", "finalize"}
    body = b"" if whole else await read_metadata(request)
    session = open_session(
        request,
        upstream,
        project,
        body,
        length=request.headers.get("x-goog-upload-header-content-length"),
        mime_type=request.headers.get("x-goog-upload-header-content-type"),
    )
    if whole:
        return await chunks.upload(request, session, offset=0, finalize=True)
    url = session_url(request, session)
    headers = {
        "X-Goog-Upload-URL": url,
        "X-Goog-Upload-Control-URL": url,
        "X-GUploader-UploadID": session.upload_id,
        "X-Goog-Upload-Status": "active",
        "X-Goog-Upload-Chunk-Granularity": str(CHUNK_GRANULARITY),
    }
    if session.start.origin is not None:
        headers |= {
            "Access-Control-Allow-Origin": session.start.origin,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        }
    return upload_answer(headers=headers)


async def start_legacy(request: Request, upstream: Upstream) -> Response:
    """Open a session of `uploadType=resumable`: 200, an empty body and `Location`."""
    project = upstream.projects.owner(caller_key(request))
    session = open_session(
        request,
        upstream,
        project,
        await read_metadata(request),
        length=request.headers.get("x-upload-content-length"),
        mime_type=request.headers.get("x-upload-content-type"),
    )
    url = origin_of(request) + request.url.path
    location = f"{url}?{_key_parameter(request)}alt=json&uploadType=resumable"
    headers = {
        "Location": f"{location}&upload_id={session.upload_id}",
        "X-GUploader-UploadID": session.upload_id,
    }
    return upload_answer(headers=headers)


def open_session(
    request: Request,
    upstream: Upstream,
    project: Project,
    body: bytes,
    *,
    length: str | None,
    mime_type: str | None,
) -> Session:
    """A session for the metadata in `body`; the body's MIME type goes before the header's."""
    target = stores_uploads.target_of(request, upstream, project, body, mime_type)
    draft = read_draft(body) if target is None else Draft()
    if draft.mime_type is None:
        draft = Draft(draft.file_id, draft.display_name, mime_type)
    return upstream.sessions.open(
        project,
        draft,
        length=None if length is None else _announced(length),
        version=request.path_params["version"],
        origin=request.headers.get("origin"),
        target=target,
    )


async def read_metadata(request: Request) -> bytes:
    """The body of a start; raises `ApiError` 400 for one that cannot be metadata."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > METADATA_BYTES:
            raise errors.too_large(METADATA_BYTES)
    return bytes(body)


def session_url(request: Request, session: Session) -> str:
    """The URL for the chunks; it holds the key iff the client sent it in the query."""
    path = f"/upload/{session.start.version}{session.path}"
    query = f"upload_id={session.upload_id}&upload_protocol=resumable"
    return f"{origin_of(request)}{path}?{_key_parameter(request)}{query}"


def _key_parameter(request: Request) -> str:
    key = query_key(request)
    return "" if key is None else f"key={quote(key, safe='')}&"


def _announced(length: str) -> int:
    number = natural(length)
    if number is None:
        raise errors.UploadError(400, f"Invalid content length: {length}")
    return number
