"""The control plane of models: how they stream, what they were asked, what they generated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from gemini_simulator.control import body_of, number
from gemini_simulator.streams import Streaming

if TYPE_CHECKING:
    from starlette.requests import Request

    from gemini_simulator.upstream import Upstream


async def streaming(request: Request, upstream: Upstream) -> Response:
    """`POST` takes any of `events`, `delaySeconds`, `bytesPerEvent`, `errorAfter`, `cutAfter`.

    Calls that have begun go on as they began.
    """
    if request.method == "POST":
        values = upstream.streaming.to_json() | await body_of(request)
        settings = Streaming(
            int(number(values["events"])),
            number(values["delaySeconds"]),
            int(number(values["bytesPerEvent"])),
            _count(values["errorAfter"]),
            _count(values["cutAfter"]),
        )
        if settings.events < 1:
            raise ValueError("events must be at least 1")
        upstream.streaming = settings
    return JSONResponse(upstream.streaming.to_json())


async def model_calls(request: Request, upstream: Upstream) -> Response:
    """`GET` shows the model calls, oldest first; `DELETE` forgets them."""
    entries = upstream.model_calls.entries
    if request.method == "DELETE":
        entries.clear()
    text = json.dumps({"modelCalls": [call.to_json() for call in entries]})
    return Response(text, media_type="application/json")


async def generated(request: Request, upstream: Upstream) -> Response:
    """`POST {"index", "mimeType", "text" or "sizeBytes"}` generates a file and answers it."""
    change = await body_of(request)
    index, text = change.get("index", 0), change.get("text")
    if not isinstance(text, str | None):
        raise TypeError("text is text")
    size = int(number(change.get("sizeBytes", 0)))
    if size < 0:
        raise ValueError("sizeBytes must not be negative")
    mime_type = str(change.get("mimeType", "application/octet-stream"))
    for project in upstream.projects:
        if project.index == index:
            return JSONResponse(project.generate(mime_type, text, size).resource())
    raise ValueError(f"no project {index}")


async def downloads(request: Request, upstream: Upstream) -> Response:
    """`POST {"redirectTo": url}` sends downloads elsewhere; null sends them home again."""
    if request.method == "POST":
        target = (await body_of(request)).get("redirectTo")
        if not isinstance(target, str | None):
            raise TypeError("redirectTo is a URL or null")
        upstream.download_target = target
    return JSONResponse({"redirectTo": upstream.download_target})


def _count(value: object) -> int | None:
    return None if value is None else int(number(value))
