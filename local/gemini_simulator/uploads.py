"""The upload path: one URL, told apart by query and headers (sections 1 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemini_simulator import chunks, errors, single, starts

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream


async def upload(request: Request, upstream: Upstream) -> Response:
    """`POST` and `PUT /upload/{version}/files`, or `/{store}:uploadToFileSearchStore` there."""
    if "upload_id" in request.query_params:
        return await chunks.answer(request, upstream)
    if request.method != "POST":
        raise errors.not_found()
    protocol, kind = _protocol(request)
    if protocol == "resumable" or kind == "resumable":
        return await resumable(request, upstream)
    content_type = request.headers.get("content-type", "")
    if "multipart" in (protocol, kind) or (
        not protocol and not kind and content_type.startswith("multipart/related")
    ):
        return await single.multipart(request, upstream)
    if protocol in {"", "raw"} and kind in {"", "media"}:
        return await single.media(request, upstream)
    raise errors.UploadError(400, f"Unknown upload protocol: {protocol or kind}")


async def resumable(request: Request, upstream: Upstream) -> Response:
    """`POST` and `PUT` of the same paths below `/resumable`."""
    if "upload_id" in request.query_params:
        return await chunks.answer(request, upstream)
    if request.method != "POST":
        raise errors.not_found()
    protocol, kind = _protocol(request)
    if protocol == "resumable":
        if "start" not in chunks.commands_of(request):
            command = request.headers.get("x-goog-upload-command", "")
            raise errors.UploadError(400, f"Invalid upload command: {command}")
        return await starts.start(request, upstream)
    if kind == "resumable":
        return await starts.start_legacy(request, upstream)
    raise errors.UploadError(400, "This path takes resumable uploads only.")


def _protocol(request: Request) -> tuple[str, str]:
    """`X-Goog-Upload-Protocol` (or `upload_protocol`) and `uploadType`, lower-cased."""
    query = request.query_params
    protocol = request.headers.get("x-goog-upload-protocol") or query.get("upload_protocol", "")
    return protocol.lower(), query.get("uploadType", "").lower()
