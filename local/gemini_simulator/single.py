"""Uploads in one request: multipart, raw and media (sections 5.1 and 5.2)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from gemini_simulator.answers import JSON_TYPE, json_text, upload_answer
from gemini_simulator.callers import caller_key
from gemini_simulator.metadata import Draft, read_draft
from gemini_simulator.related import RelatedBody
from gemini_simulator.request_text import RequestText
from gemini_simulator.stores_uploads import target_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.files import StoredFile
    from gemini_simulator.upstream import Upstream


async def multipart(request: Request, upstream: Upstream) -> Response:
    """Metadata and bytes in one multipart/related body."""
    project = upstream.projects.owner(caller_key(request))
    body = RelatedBody(request.headers.get("content-type", ""))
    async for data in request.stream():
        body.feed(data)
    body.close()
    metadata = bytes(body.metadata)
    target = target_of(request, upstream, project, metadata, body.mime_type)
    if target is not None:
        return _answer(target.keep(body.size, body.hash.hexdigest()))
    draft = read_draft(metadata)
    draft = Draft(draft.file_id, draft.display_name, draft.mime_type or body.mime_type)
    return _stored(project.store(draft, body.size, body.hash.hexdigest(), body.requests))


async def media(request: Request, upstream: Upstream) -> Response:
    """The body is the file and there is no metadata but the MIME type in a header."""
    project = upstream.projects.owner(caller_key(request))
    size, digest, requests = 0, sha256(), RequestText()
    async for data in request.stream():
        size += len(data)
        digest.update(data)
        requests.feed(data)
    headers = request.headers
    mime_type = headers.get("x-goog-upload-header-content-type") or headers.get("content-type")
    target = target_of(request, upstream, project, b"", mime_type)
    if target is not None:
        return _answer(target.keep(size, digest.hexdigest()))
    draft = Draft(mime_type=mime_type)
    return _stored(project.store(draft, size, digest.hexdigest(), requests))


def _stored(file: StoredFile) -> Response:
    return _answer({"file": file.resource()})


def _answer(body: dict[str, object]) -> Response:
    return upload_answer(json_text(body), media_type=JSON_TYPE)
