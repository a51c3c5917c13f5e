"""The custom `http` integration: nothing crosses unmapped, bytes cross unchanged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.standin.conftest import Recorded, Standin, Upstream

SEND = "/up/v1/send/s-1"


def test_request_crosses_by_allow_list(standin: Standin, upstream: Upstream) -> None:
    headers = [
        ("x-goog-api-key", "tenant-key"),
        ("Authorization", "Bearer tenant"),
        ("Cookie", "a=b"),
        ("X-Wanted", "wanted"),
        ("X-Fixed", "not mine to set"),
        ("Content-Type", "application/x-thing"),
        ("User-Agent", "tenant-agent"),
        ("Accept", "text/html"),
    ]
    answer = standin.request("POST", f"{SEND}?q=a%20b&key=tenant-key&q2=no", headers, b"abc")
    assert answer.status == 200
    got = upstream.last
    assert got.line == ("POST /deep/v1/s-1?fixed=1&upload_id=up%26load%2Fid%3D1&q=a%20b HTTP/1.1")
    assert {name for name, _ in got.headers} == {
        "Host",
        "Accept",
        "User-Agent",
        "X-Amzn-Apigateway-Api-Id",
        "X-Amzn-Trace-Id",
        "Content-Type",
        "Content-Length",
        "X-Wanted",
        "X-Fixed",
        "X-Count",
        "X-Ip",
        "X-Colour",
    }
    assert got.header("X-Wanted") == "wanted"
    assert got.header("X-Fixed") == "always"
    assert got.header("X-Count") == "7"
    assert got.header("X-Ip") == "127.0.0.1"
    assert got.header("X-Colour") == "blue"
    assert got.header("Accept") == "application/json"
    assert got.header("User-Agent") == "AmazonAPIGateway_Api"
    assert got.header("Content-Type") == "application/x-thing"
    assert got.header("Host") == f"127.0.0.1:{upstream.port}"
    assert "tenant" not in repr(got)


def test_absent_sources_are_left_out(standin: Standin, upstream: Upstream) -> None:
    standin.request("POST", SEND, body=b"")
    assert upstream.last.line == "POST /deep/v1/s-1?fixed=1&upload_id=up%26load%2Fid%3D1 HTTP/1.1"
    assert upstream.last.header("X-Wanted") is None
    assert upstream.last.header("X-Missing") is None
    assert upstream.last.header("Content-Type") is None


def test_header_names_are_mapped_case_sensitively(standin: Standin, upstream: Upstream) -> None:
    def answer(_request: Recorded) -> tuple[int, list[tuple[str, str]], bytes]:
        return 200, [("x-shown", "lower case")], b""

    upstream.answer = answer
    got = standin.request("POST", SEND, [("x-wanted", "lower case")], b"")
    assert upstream.last.header("X-Wanted") is None
    assert got.header("X-Shown") is None
    said = standin.output.read_text()
    assert "header X-Wanted found nothing: the client sent x-wanted" in said
    assert "header X-Shown found nothing: the upstream sent x-shown" in said


def test_response_crosses_by_allow_list(standin: Standin, upstream: Upstream) -> None:
    answer = standin.request("POST", SEND, body=b"x")
    assert answer.body == b"done"
    assert answer.header("X-Shown") == "yes"
    assert answer.header("X-Static") == "from the gateway"
    assert answer.header("X-Reason") == "because"
    assert answer.header("Content-Type") == "text/plain"
    assert answer.header("X-Secret") is None
    assert answer.header("x-amzn-RequestId")
    assert upstream.last.complete


def test_unmapped_content_type_becomes_json(standin: Standin, upstream: Upstream) -> None:
    answer = standin.request("POST", "/open", body=b"x")
    assert (answer.status, answer.body) == (200, b"done")
    assert answer.header("Content-Type") == "application/json"
    assert upstream.last.line == "POST /open HTTP/1.1"


@pytest.mark.parametrize(
    ("upstream_status", "status", "body"),
    [
        (200, 200, b"said"),
        (404, 404, b"said"),
        (410, 409, b"said"),
        (418, 409, b"said"),
        (308, 202, b"said"),
        (500, 502, b'{"constant": true}'),
    ],
)
def test_responses_are_selected_by_status(
    standin: Standin, upstream: Upstream, upstream_status: int, status: int, body: bytes
) -> None:
    upstream.answer = lambda _: (upstream_status, [("Location", "/elsewhere")], b"said")
    answer = standin.request("POST", SEND, body=b"x")
    assert (answer.status, answer.body) == (status, body)
    # 308 was not followed.
    assert len(upstream.requests) == 1


def test_no_matching_response_is_a_configuration_error(
    standin: Standin, upstream: Upstream
) -> None:
    upstream.answer = lambda _: (500, [], b"secret of upstream")
    answer = standin.request("POST", "/open", body=b"x")
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')


@pytest.mark.parametrize("encoded", ["a%2Fb", "a/b".replace("/", "%2f")])
def test_path_values_are_decoded_and_encoded_again(
    standin: Standin, upstream: Upstream, encoded: str
) -> None:
    standin.request("POST", f"/up/v%201/send/{encoded}", body=b"x")
    assert upstream.last.line.startswith("POST /deep/v%201/a/b?")


def test_every_byte_value_crosses_both_ways(standin: Standin, upstream: Upstream) -> None:
    every = bytes(range(256)) * 3
    upstream.answer = lambda request: (200, [], request.body[::-1])
    answer = standin.request("POST", SEND, body=every)
    assert upstream.last.body == every
    assert answer.body == every[::-1]


def test_eight_mebibytes_cross_unchanged(standin: Standin, upstream: Upstream) -> None:
    block = hashlib.sha512(b"seed").digest() * (8 * 1024 * 1024 // 64)
    answer = standin.request("PUT", SEND, body=block)
    assert answer.status == 200
    assert upstream.last.line.startswith("POST ")
    assert upstream.last.header("Content-Length") == str(len(block))
    assert hashlib.sha256(upstream.last.body).digest() == hashlib.sha256(block).digest()


def test_chunked_body_reaches_upstream_with_a_length(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client:
        client.sendall(
            f"POST {SEND} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert upstream.last.header("Content-Length") == "7"
    assert upstream.last.header("Transfer-Encoding") is None
    assert upstream.last.body == b"abcdefg"


def test_delete_with_a_body(standin: Standin, upstream: Upstream) -> None:
    assert standin.request("DELETE", "/open", body=b"why").status == 200
    assert upstream.last.line == "DELETE /open HTTP/1.1"
    assert upstream.last.body == b"why"


def test_upstream_connections_are_kept(standin: Standin, upstream: Upstream) -> None:
    for _ in range(3):
        standin.request("POST", "/open", body=b"x")
    assert len({request.connection for request in upstream.requests}) == 1


def test_unreachable_upstream(standin: Standin) -> None:
    answer = standin.request("POST", "/unreachable", body=b"x")
    assert answer.status == 504
    assert answer.json == {"message": "Network error communicating with endpoint"}


def test_silent_upstream_times_out(standin: Standin, upstream: Upstream) -> None:
    upstream.silent = True
    answer = standin.request("POST", "/impatient", body=b"x")
    assert answer.status == 504
    assert answer.json == {"message": "Endpoint request timed out"}
