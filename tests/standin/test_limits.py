"""Payload and header limits, and `Expect: 100-continue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.standin.conftest import Standin, Upstream

TEN_MB = 10 * 1024 * 1024


def test_body_of_ten_megabytes_passes(standin: Standin, upstream: Upstream) -> None:
    assert standin.request("POST", "/open", body=bytes(TEN_MB)).status == 200
    assert len(upstream.last.body) == TEN_MB


def test_announced_body_above_the_limit(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client:
        client.sendall(
            f"POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: {TEN_MB + 1}\r\n\r\n".encode()
        )
        answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.endswith(b'{"message":"Request Too Long"}')
    assert upstream.requests == []


def test_chunked_body_above_the_limit(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client:
        client.sendall(b"POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = bytes(1024 * 1024)
        for _ in range(10):
            client.sendall(b"100000\r\n" + block + b"\r\n")
        client.sendall(b"1\r\nx\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert upstream.requests == []


def test_event_above_lambdas_limit(standin: Standin) -> None:
    answer = standin.request("POST", "/echo", body=bytes(8 * 1024 * 1024))
    assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})
    # 4.4 MB are about 6 MB of event; "self" answers without repeating it.
    assert standin.request("POST", "/echo?mode=text", body=bytes(4_400_000)).status == 200


def test_lambda_response_above_the_limit(standin: Standin) -> None:
    answer = standin.request("GET", "/echo?mode=huge")
    assert (answer.status, answer.json) == (502, {"message": "Internal server error"})
    assert "exceeded maximum allowed payload size" in standin.log("EchoFunction")


def test_upstream_response_above_the_limit(standin: Standin, upstream: Upstream) -> None:
    upstream.answer = lambda _: (200, [], bytes(TEN_MB + 1))
    assert standin.request("POST", "/open", body=b"x").status == 500


@pytest.mark.parametrize(("size", "status"), [(9_000, 200), (10_240, 431), (20_000, 431)])
def test_headers(standin: Standin, size: int, status: int) -> None:
    assert standin.request("GET", "/items/x", [("X-Long", "v" * size)]).status == status


def test_expect_100_continue(standin: Standin, upstream: Upstream) -> None:
    head = (
        b"POST /up/v1/send/s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
    )
    with standin.connect() as client:
        client.sendall(head + b"\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert upstream.last.body == b"abc"
    assert upstream.last.header("Expect") is None
    with standin.connect() as client:
        client.sendall(head + b"Guard: deny\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "head",
    [
        b"secret-canary / HTTP/1.1\r\n\r\n",
        b"GET /a secret-canary HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/secret-canary\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nsecret-canary\r\n\r\n",
        b"GET / HTTP/1.1\r\nsecret canary: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: secret-canary\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n secret-canary\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: secret-canary\r\n\r\n",
        b'"secret-canary"\r\n\r\n',
    ],
)
def test_what_is_no_http_is_not_quoted(standin: Standin, head: bytes) -> None:
    with standin.connect() as client:
        client.sendall(head)
        answer = client.makefile("rb").read()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), answer
    assert answer.endswith(b'\r\n\r\n{"message": "Bad Request"}')
    assert b"canary" not in answer
