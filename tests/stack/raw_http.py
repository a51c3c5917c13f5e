"""Bytes to the gateway as they are, which an HTTP library would tidy up, and what came back."""

import http.client
import io
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from local_stack import LocalStack

_SILENCE = 5.0
"""Seconds after which a server that says nothing is taken to have said all."""


@dataclass(frozen=True)
class RawAnswer:
    """Everything that came back on one connection."""

    data: bytes

    @property
    def count(self) -> int:
        """How many answers it holds."""
        return self.data.count(b"HTTP/1.")

    @property
    def first(self) -> httpx.Response:
        """The first of them."""
        response = http.client.HTTPResponse(_Socket(self.data))  # type: ignore[arg-type]
        response.begin()
        return httpx.Response(
            response.status, headers=response.getheaders(), content=response.read()
        )


class _Socket:
    """What http.client wants of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        """The bytes to read."""
        return io.BytesIO(self._data)


def send_raw(stack: LocalStack, data: bytes) -> RawAnswer:
    """Send bytes on a connection of their own, and read until the server closes it."""
    where = urlsplit(stack.base_url)
    received = b""
    with socket.create_connection((str(where.hostname), where.port or 80), _SILENCE) as connection:
        connection.sendall(data)
        try:
            while piece := connection.recv(65_536):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return RawAnswer(received)


def head(stack: LocalStack, line: str, *headers: str) -> bytes:
    """A request's line and headers, which ask for the connection to be closed afterwards."""
    host = urlsplit(stack.base_url).netloc
    return "\r\n".join([line, f"Host: {host}", "Connection: close", *headers, "", ""]).encode(
        "latin-1"
    )
