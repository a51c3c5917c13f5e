"""Kept connections to upstream: what one costs that ended while the function was frozen.

Over real sockets, as it is the kernel that knows of an end before the client does.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import anyio.from_thread
import pytest
from tests.certificates import write_certificate

from filegate.adapters.refusals import UpstreamUnavailable
from filegate.adapters.upstream import KEPT_AT_REST, FileToSend, Upstream, create_client
from filegate.adapters.upstream_stream import UpstreamStream, create_stream_client
from filegate.edge.statuses import status_of

FILE = FileToSend("acme0001abc", None, "text/plain", 5)
GOOGLES_REST = 240
"""Seconds after which Google's front ends end a connection at rest, as the simulator does."""
WAIT = 30.0
GLANCE = 0.01
STARTED = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
    b"x-goog-upload-url: https://upstream.test/upload?upload_id=u\r\n\r\n{}"
)


class End(Enum):
    """How a connection ends."""

    CLOSED = "closed"
    """In order: by TLS's own word, where there is TLS, and a FIN."""
    RESET = "reset"
    """By an RST, and before it is used again."""
    RESET_ON_USE = "reset on use"
    """As a peer that has forgotten it: nothing is heard until something is sent."""


class Forgetful:
    """An upstream that keeps each connection after its answer until it is told to end it."""

    def __init__(self, certificate: Path | None) -> None:
        self.requests = 0
        """Those that were answered."""
        self.begun = 0
        """Those that came, answered or not."""
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.getsockname()[1]}"
        self._end: End | None = None
        self._answering: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._answering.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        connection.settimeout(GLANCE)
        with connection:
            while self._end not in {End.CLOSED, End.RESET}:
                try:
                    heard = connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if not heard:
                    return
                if not _whole(heard):
                    heard += connection.recv(65536)
                self.begun += 1
                if self._end is End.RESET_ON_USE:
                    break
                self.requests += 1
                connection.sendall(STARTED)
            if self._end is not End.CLOSED:
                # No lingering: what is closed so is reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif isinstance(connection, ssl.SSLSocket):
                with contextlib.suppress(OSError):
                    connection.unwrap()

    def end(self, how: End) -> None:
        """End all connections that there are."""
        self._end = how
        if how is not End.RESET_ON_USE:
            self._join()

    def revive(self) -> None:
        """Answer what comes over new ones."""
        self._join()
        self._end = None

    def _join(self) -> None:
        for thread in self._answering:
            thread.join(WAIT)
            assert not thread.is_alive()
        self._answering.clear()

    def close(self) -> None:
        """End everything."""
        self.end(End.CLOSED)
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(WAIT)


def _whole(heard: bytes) -> bool:
    """Whether a request came with its body, which is a small JSON object."""
    return heard.endswith(b"}" if heard.startswith(b"POST") else b"\r\n\r\n")


@pytest.fixture(params=["plain", "TLS"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forgetful]:
    certificate = None
    if request.param == "TLS":
        certificate = write_certificate(tmp_path / "certificate.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Forgetful(certificate)
    try:
        yield server
    finally:
        server.close()


Call = Callable[[], None]
Client = Callable[[Forgetful, str], contextlib.AbstractContextManager[Call]]


@contextmanager
def connected(server: Forgetful, method: str) -> Iterator[Call]:
    """What calls upstream once, for calls whose answer is read here."""
    with create_client(server.url) as client:
        upstream = Upstream(client, lambda _project: iter(["AIzaSyFirst_0123456789"]))

        def call() -> None:
            if method == "POST":
                assert upstream.start_upload("p", "v1beta", FILE) == "u"
            else:
                assert upstream.get_file("p", "abc") == {}

        yield call


@contextmanager
def streaming(server: Forgetful, method: str) -> Iterator[Call]:
    """The same for answers that stream, all in one loop, which rests between the calls."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[UpstreamStream]:
        async with create_stream_client(server.url) as client:
            yield UpstreamStream(client, lambda _project: iter(["AIzaSyFirst_0123456789"]))

    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(opened()) as upstream,
    ):

        async def ask() -> bytes:
            body = b"{}" if method == "POST" else None
            async with upstream.open("p", method, "/v1/x:y", query={}, body=body) as answer:
                return b"".join([piece async for piece in answer.pieces])

        def call() -> None:
            assert portal.call(ask) == b"{}"

        yield call


each_client = pytest.mark.parametrize("client", [connected, streaming])
each_method = pytest.mark.parametrize("method", ["GET", "POST"])


@each_client
@each_method
@pytest.mark.parametrize("how", [End.CLOSED, End.RESET])
def test_no_call_goes_over_a_connection_that_ended_meanwhile(
    server: Forgetful,
    client: Client,
    method: str,
    how: End,
) -> None:
    """Also none that nobody may send twice: it has to go over a live one at once."""
    with client(server, method) as call:
        call()
        call()
        assert (server.connections, server.requests) == (1, 2)

        server.end(how)
        server.revive()

        call()
        assert (server.connections, server.begun, server.requests) == (2, 3, 3)


@each_client
@each_method
def test_what_met_a_peer_that_had_forgotten_it_is_not_sent_again(
    server: Forgetful,
    client: Client,
    method: str,
) -> None:
    """Whether it was carried out nobody knows: the caller is told to try again, and it is counted
    as what may have happened."""
    with client(server, method) as call:
        call()
        server.end(End.RESET_ON_USE)
        with pytest.raises(UpstreamUnavailable) as failure:
            call()
        assert (server.connections, server.begun) == (1, 2)
        status = status_of(failure.value)
        assert (status.code, status.status) == (503, "UNAVAILABLE")
        assert status.retry_after is not None

        server.revive()

        call()
        assert (server.connections, server.begun, server.requests) == (2, 3, 2)


@each_client
@each_method
def test_a_connection_at_rest_is_kept_for_a_minute_and_left_before_google_ends_it(
    server: Forgetful,
    client: Client,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: moment[0])
    for kind in ("_sync", "_async"):
        monkeypatch.setattr(f"httpcore.{kind}.http11.time", clock)
    with client(server, method) as call:
        call()
        moment[0] += KEPT_AT_REST - 1
        call()
        assert server.connections == 1
        moment[0] += KEPT_AT_REST + 1
        call()
        assert (server.connections, server.requests) == (2, 3)
    assert 30 <= KEPT_AT_REST <= GOOGLES_REST / 4
