"""Clients that leave in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standin.conftest import Standin, Upstream


@pytest.mark.parametrize("path", ["/open", "/up/v1/send/s"])
def test_body_that_breaks_off_is_never_finished_upstream(
    standin: Standin,
    upstream: Upstream,
    path: str,
    wait_until: Callable[[Callable[[], bool], str], None],
) -> None:
    with standin.connect() as client:
        client.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        client.sendall(b"x" * 300_000)
        wait_until(lambda: bool(upstream.requests), "upstream saw the beginning")
    wait_until(lambda: len(upstream.last.body) > 0, "upstream saw the end of the connection")
    assert len(upstream.last.body) <= 300_000
    assert not upstream.last.complete
    # And the stand-in goes on.
    assert standin.request("POST", path, body=b"whole").status == 200
    assert upstream.last.body == b"whole"


def test_client_that_leaves_before_the_answer(
    standin: Standin, upstream: Upstream, wait_until: Callable[[Callable[[], bool], str], None]
) -> None:
    upstream.silent = True
    with standin.connect() as client:
        client.sendall(b"POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        wait_until(lambda: bool(upstream.requests) and upstream.last.complete, "upstream has it")
    upstream.silent = False
    assert standin.request("POST", "/open", body=b"next").status == 200


def test_lambda_body_that_breaks_off_invokes_nothing(standin: Standin) -> None:
    with standin.connect() as client:
        client.sendall(b"POST /echo?mode=print HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    assert standin.request("GET", "/echo").status == 200
    assert "one line to stdout" not in standin.log("EchoFunction")
