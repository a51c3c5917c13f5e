"""CORS: what lets a web page read an answer. On every answer, refusals included (wire item 43).

Whose pages may call is decided where the caller is known (`Caller.from_origin`), by refusing. So
every answer can name the origin that asked: what a page may not have is in none. Preflights are
answered by API Gateway itself, which knows no tenant, and are open to all (template.yaml). No
answer allows credentials: the page sends its key or token itself, the browser adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXPOSED: Final = (
    "x-goog-upload-url, x-goog-upload-control-url, x-goog-upload-status, "
    "x-goog-upload-chunk-granularity, x-goog-upload-size-received, retry-after"
)
"""Headers a page may read; without them an SDK in a browser finds no upload URL (wire item 41)."""
_LONGEST: Final = 512


def allowed_origin(origin: str | None) -> str:
    """`Access-Control-Allow-Origin` of an answer to a request from an origin; None for no page."""
    if origin and origin.isascii() and origin.isprintable() and len(origin) <= _LONGEST:
        return origin
    return "*"


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """The headers that every answer to a request from an origin has; None for no page."""
    return {
        "Access-Control-Allow-Origin": allowed_origin(origin),
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }


def for_pages(answer: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to an event (Lambda proxy integration) as a page may read it."""
    sent: Mapping[str, str] = event.get("headers") or {}
    origin = next((value for name, value in sent.items() if name.lower() == "origin"), None)
    headers = {name: [value] for name, value in cors_headers(origin).items()}
    return {**answer, "multiValueHeaders": {**answer.get("multiValueHeaders", {}), **headers}}


class ForPages:
    """An ASGI app whose every answer a page may read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        sent: list[tuple[bytes, bytes]] = scope.get("headers", [])
        origin = next((value for name, value in sent if name.lower() == b"origin"), None)
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in cors_headers(
                None if origin is None else origin.decode("latin-1")
            ).items()
        ]

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *headers]}
            await send(message)

        await self._app(scope, receive, send_readable)
