"""A client's connection, and its socket itself for what is left of a body."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpRequestParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import StreamReader

log = logging.getLogger(__name__)

_LOW_WATER = 256 * 1024
"""Bytes to wait for before a read: each turn of the loop costs as much as copying about 100 kB."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Rest:
    """What a body still has to bring, read from its socket and not a byte further."""

    def __init__(self, source: socket.socket, left: int) -> None:
        self._source = source
        self._patience = 0
        self.left = left
        """Bytes that are not read yet."""

    async def read_into(self, buffer: memoryview) -> int:
        """Fill as much of a buffer as there is; answers the bytes read. Raises Disconnected."""
        wanted = min(self.left, len(buffer))
        self._wait_for(min(wanted, _LOW_WATER))
        try:
            read = await asyncio.get_running_loop().sock_recv_into(self._source, buffer[:wanted])
        except OSError as error:
            raise Disconnected from error
        if not read:
            raise Disconnected
        self.left -= read
        return read

    def close(self) -> None:
        """Leave the socket as it was; the connection itself stays open."""
        with suppress(OSError):
            self._wait_for(1)
        self._source.close()

    def _wait_for(self, count: int) -> None:
        if count != self._patience:
            self._patience = count
            # Where a system knows no such thing, reads are only shorter.
            with suppress(OSError):
                self._source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


class Connection(web.RequestHandler):
    """A connection; what is no HTTP on it is answered without a word of it."""

    __slots__ = ()

    @contextmanager
    def rest(self, payload: StreamReader, left: int) -> Iterator[Rest]:
        """Read the last `left` bytes of the current request's body past aiohttp's server, which
        would copy each byte twice. Raises Disconnected.

        Nothing that aiohttp has read already may be waiting in `payload`.
        """
        if self.transport is None:
            raise Disconnected
        self.transport.pause_reading()
        # A descriptor of its own: the loop lets nobody else read that of a transport.
        rest = Rest(self.transport.get_extra_info("socket").dup(), left)
        try:
            yield rest
        finally:
            rest.close()
            if rest.left:
                # The parser must count what it has not seen; whoever reads on throws it away.
                self.data_received(bytes(left - rest.left))
                if self.transport is not None and not self._reading_paused:
                    self.transport.resume_reading()
            else:
                self._parser = self._new_parser()
                payload.feed_eof()

    def _new_parser(self) -> HttpRequestParser:
        """aiohttp's parser for the next request, as the old one waits for this one's body."""
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp's own call; its answer, like its log, quotes the line that it could not read.

        AWS's front end answers such a request before it knows which API it is for, so in no API's
        own shape.
        """
        del message
        log.info("refused what is no HTTP: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        text = "Bad Request" if status < 500 else "Internal server error"
        answer = web.json_response({"message": text}, status=status)
        answer.force_close()
        return answer
