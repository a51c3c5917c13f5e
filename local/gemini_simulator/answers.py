"""Responses as Google's front ends write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from gemini_simulator.errors import ApiError

JSON_TYPE = "application/json; charset=UTF-8"
TEXT_TYPE = "text/plain; charset=utf-8"

_API_HEADERS = {
    "vary": "Origin, X-Origin, Referer",
    "server": "scaffolding on HTTPServer2",
    "x-xss-protection": "0",
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
}
_UPLOAD_HEADERS = {"server": "UploadServer"}


def json_text(value: Mapping[str, object]) -> bytes:
    """JSON with two spaces of indentation and a final newline, as on the wire (section 3.6)."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def api_json(value: Mapping[str, object], status: int = 200) -> Response:
    """An answer of the API."""
    return Response(json_text(value), status, _API_HEADERS, JSON_TYPE)


def api_error(error: ApiError) -> Response:
    """A refusal of the API."""
    return api_json(error.body(), error.code)


def upload_answer(
    body: bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = TEXT_TYPE,
) -> Response:
    """An answer of the upload server; plain text but for the final File."""
    return Response(body, status, {**_UPLOAD_HEADERS, **(headers or {})}, media_type)


def origin_of(request: HTTPConnection) -> str:
    """Scheme, host and port under which the client reached this server."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
