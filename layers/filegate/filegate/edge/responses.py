"""Responses: what leaves a function; headers by allow-list, errors in Google's shape.

What lets a web page read them is added to each at the function's exit (`cors`).
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from filegate.edge.statuses import JSON, refusal_headers
from filegate.errors import Status


def answer_json(value: Mapping[str, Any]) -> "Response[str]":
    """200 with a JSON object."""
    return answer_text(json.dumps(value))


def answer_text(text: str) -> "Response[str]":
    """200 with a text that is JSON already."""
    return Response(200, JSON, text)


def answer_open_upload(url: str, granularity: int) -> "Response[str]":
    """200 to a resumable start: no body, the URL for its chunks in both headers (wire 3.3)."""
    return Response(
        200,
        "text/plain; charset=utf-8",
        "",
        {
            "X-Goog-Upload-URL": url,
            "X-Goog-Upload-Control-URL": url,
            "X-Goog-Upload-Status": "active",
            "X-Goog-Upload-Chunk-Granularity": str(granularity),
        },
    )


def answer_chunk(status: int, headers: Mapping[str, str], text: str) -> "Response[str]":
    """Upstream's own answer to a chunk, with the headers of it that a client may have."""
    passed = {name: value for name, value in headers.items() if name != "content-type"}
    return Response(status, headers.get("content-type"), text, passed)


def answer_redirect(url: str) -> "Response[str]":
    """302 to another route of this API; SDKs send their key along (wire 2.5)."""
    return Response(302, "text/plain; charset=utf-8", "", {"Location": url})


def answer_error(status: Status, *, upload: bool) -> "Response[str]":
    """A refusal. `upload` adds the header that keeps SDKs from sending the bytes again."""
    return Response(
        status.code, JSON, json.dumps(status.body()), refusal_headers(status, upload=upload)
    )
