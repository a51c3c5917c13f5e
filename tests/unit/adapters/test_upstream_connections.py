"""Kept connections to upstream: one that ended while the function was frozen fails no request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from filegate.adapters.upstream import FileToSend, Upstream, create_client

FILE = FileToSend("acme0001abc", None, "text/plain", 5)
WAIT = 30.0
STARTED = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
    b"x-goog-upload-url: https://upstream.test/upload?upload_id=u\r\n\r\n{}"
)


class Forgetful:
    """An upstream that keeps each connection after its answer until it is told to end it."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.settimeout(WAIT)
            self.connections += 1
            self._kept.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        heard = b""
        try:
            while piece := connection.recv(65536):
                heard += piece
                if heard.endswith(b"}"):
                    self.requests += 1
                    heard = b""
                    connection.sendall(STARTED)
        except OSError:
            return

    def end(self) -> None:
        """End all connections, as a server does that has waited long enough."""
        for connection in self._kept:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._kept.clear()

    def close(self) -> None:
        """End everything."""
        self.end()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(WAIT)


@contextmanager
def forgetful() -> Iterator[Forgetful]:
    server = Forgetful()
    try:
        yield server
    finally:
        server.close()


def test_a_start_does_not_go_over_a_connection_that_ended_meanwhile() -> None:
    """A POST that nobody may send twice: it has to go over a live one at once."""
    with forgetful() as server, create_client(server.url) as client:
        upstream = Upstream(client, lambda _project: iter(["AIzaSyFirst_0123456789"]))
        assert upstream.start_upload("p", "v1beta", FILE) == "u"
        assert upstream.start_upload("p", "v1beta", FILE) == "u"
        assert (server.connections, server.requests) == (1, 2)

        server.end()

        assert upstream.start_upload("p", "v1beta", FILE) == "u"
        assert (server.connections, server.requests) == (2, 3)
