"""The client's request body: read once, counted, never beyond the payload limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from apigateway_standin.connection import Connection, Disconnected
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.limits import MAX_PAYLOAD

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader, web


_PIECE = 512 * 1024
"""Bytes of the one buffer through which a body goes: small enough to stay in a core's cache."""


class Watch(Protocol):
    """Who wants to know which side a body's passage waits for."""

    def client_is_waited_for(self) -> None:
        """The next bytes are the client's to send."""

    def upstream_is_waited_for(self) -> None:
        """The next bytes are upstream's to take."""


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

    async def pass_to(self, target: socket.socket, watch: Watch) -> None:
        """Send the body, whose length is announced, to a socket as it arrives: through one buffer,
        used again for each piece. Raises Disconnected."""
        await self._continue()
        connection, content = self._request.protocol, self._request.content
        assert isinstance(connection, Connection)  # noqa: S101 - the server makes no other
        assert self.length is not None  # noqa: S101 - the caller's promise
        loop = asyncio.get_running_loop()
        left = self.length
        watch.upstream_is_waited_for()
        while begun := self._read_already(content):
            left -= len(begun)
            await loop.sock_sendall(target, begun)
        if not left:
            return
        buffer = memoryview(bytearray(min(left, _PIECE)))
        with connection.rest(content, left) as rest:
            while rest.left:
                watch.client_is_waited_for()
                read = await rest.read_into(buffer)
                watch.upstream_is_waited_for()
                await loop.sock_sendall(target, buffer[:read])

    def _read_already(self, content: StreamReader) -> bytes:
        """What aiohttp's server has read of the body before anybody asked."""
        try:
            return content.read_nowait()
        except Exception as error:
            raise Disconnected from error

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def _continue(self) -> None:
        # Only now, so that a refused client never sends its body.
        expect = self._request.headers.get("Expect", "")
        if expect.lower() == "100-continue" and self._request.transport is not None:
            self._request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
