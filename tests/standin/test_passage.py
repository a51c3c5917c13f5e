"""A body's way from the client's socket to upstream's, and the connection afterwards."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.certificates import write_certificate
from tests.standin.conftest import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from tests.standin.conftest import Standin

SEND = "/up/v1/send/s-1"
BODY = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(70_000))
"""2.2 MB of which no part is like another: more than is read or buffered at once."""


def head(length: int, *more: str, method: str = "POST", target: str = SEND) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def answered(stream: BinaryIO) -> tuple[int, bytes]:
    """The next answer on a connection."""
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, stream.read(length)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key in the same file."""
    return write_certificate(tmp_path / "upstream.pem")


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_143, 262_145, len(BODY)])
def test_bodies_of_any_length_follow_each_other(
    standin: Standin, upstream: Upstream, size: int
) -> None:
    with standin.connect() as client, client.makefile("rb") as stream:
        for _ in range(3):
            client.sendall(head(size) + BODY[:size])
            assert answered(stream) == (200, b"done")
            assert upstream.last.body == BODY[:size]
        client.sendall(head(0, method="GET", target="/items/x"))
        assert answered(stream)[0] == 200


def test_next_request_right_behind_a_body(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client, client.makefile("rb") as stream:
        client.sendall(head(len(BODY)) + BODY + head(3) + b"abc" + head(len(BODY)) + BODY)
        assert [answered(stream)[0] for _ in range(3)] == [200, 200, 200]
    assert [request.body for request in upstream.requests] == [BODY, b"abc", BODY]


def test_body_that_comes_in_drips(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client, client.makefile("rb") as stream:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(head(300_001))
        for start in range(0, 300_001, 997):
            client.sendall(BODY[start : min(start + 997, 300_001)])
        assert answered(stream) == (200, b"done")
    assert upstream.last.body == BODY[:300_001]


def test_answer_before_the_end_of_a_body(standin: Standin, upstream: Upstream) -> None:
    """The rest of the body is read and thrown away, and the connection goes on."""
    upstream.hasty = True
    with standin.connect() as client, client.makefile("rb") as stream:
        client.sendall(head(len(BODY)) + BODY[:1_000_000])
        assert answered(stream) == (200, b"done")
        upstream.hasty = False
        client.sendall(BODY[1_000_000:] + head(3) + b"abc")
        assert answered(stream) == (200, b"done")
    assert upstream.last.body == b"abc"


def test_open_files_stay_as_many(standin: Standin, upstream: Upstream) -> None:
    descriptors = f"/proc/{standin.process.pid}/fd"
    if not os.path.isdir(descriptors):  # noqa: PTH112 - as plain as listdir below
        pytest.skip("this system does not tell")
    with standin.connect() as client, client.makefile("rb") as stream:
        counts = []
        for _ in range(4):
            client.sendall(head(len(BODY)) + BODY)
            assert answered(stream)[0] == 200
            counts.append(len(os.listdir(descriptors)))  # noqa: PTH208
    assert counts[-1] == counts[0]
    assert len(upstream.requests) == 4


def test_encrypted_upstream(
    launch: Callable[..., Standin], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is encrypted cannot be written to the socket itself."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    upstream = Upstream(_listener=listener)
    upstream.start()
    with closing(listener):
        standin = launch(
            resources={"Parameters": {"UpstreamUrl": f"https://127.0.0.1:{upstream.port}"}}
        )
        with standin.connect() as client, client.makefile("rb") as stream:
            for _ in range(2):
                client.sendall(head(len(BODY)) + BODY)
                assert answered(stream) == (200, b"done")
        assert [request.body for request in upstream.requests] == [BODY, BODY]
        upstream.stop()
