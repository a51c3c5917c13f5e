"""AWS services over TLS: only who has a known certificate for its name is asked."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.certificates import write_certificate

from filegate.adapters.aws_service import AwsUnavailable, HttpWire


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    return write_certificate(tmp_path / "certificate.pem")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Be silent."""


@contextmanager
def serving(certificate: Path) -> Iterator[int]:
    """A service over TLS on 127.0.0.1; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # a refused handshake
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_known_authority_is_enough(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with serving(certificate) as port, closing(HttpWire(f"https://127.0.0.1:{port}", 5, 5)) as wire:
        assert [wire.post({}, b"{}").status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("known", "host"), [(False, "127.0.0.1"), (True, "localhost")], ids=["unknown", "another name"]
)
def test_who_is_not_known_is_not_asked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, known: bool, host: str
) -> None:
    if known:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with (
        serving(certificate) as port,
        closing(HttpWire(f"https://{host}:{port}", 5, 5)) as wire,
        pytest.raises(AwsUnavailable, match="SSLCertVerificationError") as failure,
    ):
        wire.post({}, b"{}")
    assert failure.value.unsent
