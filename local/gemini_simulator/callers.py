"""Who calls: the API key of a request, in its header or its query (section 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


def header_key(request: HTTPConnection) -> str | None:
    """The key in `x-goog-api-key`; keys are text, so the header's bytes are read as UTF-8."""
    value = request.headers.get("x-goog-api-key")
    return value.encode("latin-1").decode("utf-8", "replace") if value else None


def query_key(request: HTTPConnection) -> str | None:
    """The key in `?key=`."""
    return request.query_params.get("key") or None


def caller_key(request: HTTPConnection) -> str | None:
    """The key of a request; the header goes before the query."""
    return header_key(request) or query_key(request)
