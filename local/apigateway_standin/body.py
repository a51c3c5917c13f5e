"""The client's request body: read once, counted, never beyond the payload limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.limits import MAX_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Body:
    """A request body; nothing is read before `chunks` or `read` is called."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.length = request.content_length
        self.announced = request.body_exists

    def check_length(self) -> None:
        """Refuse an announced length above the limit before a byte is read."""
        if self.length is not None and self.length > MAX_PAYLOAD:
            raise GatewayFailure("REQUEST_TOO_LARGE")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, without joining or copying."""
        if not self.announced:
            return
        await self._continue()
        received = 0
        content = self._request.content
        while True:
            try:
                chunk, _ = await content.readchunk()
            except Exception as error:
                # Whatever the server library makes of a connection lost inside a body.
                raise Disconnected from error
            if not chunk:
                if content.at_eof():
                    return
                continue
            received += len(chunk)
            if received > MAX_PAYLOAD:
                raise GatewayFailure("REQUEST_TOO_LARGE")
            yield chunk

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def _continue(self) -> None:
        # Only now, so that a refused client never sends its body.
        expect = self._request.headers.get("Expect", "")
        if expect.lower() == "100-continue" and self._request.transport is not None:
            self._request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
