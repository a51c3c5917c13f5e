"""Responses that are streamed, from the web function to the client."""

from __future__ import annotations

import base64
import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.standin.conftest import Answer, Json, Streams

FAILED = {"message": "Internal server error"}


def header(report: Json, name: str) -> str:
    [value] = [value for key, value in report["headers"] if key == name]
    assert isinstance(value, str)
    return value


def given(streams: Streams, status: int, headers: list[tuple[str, str]], text: str = "") -> Answer:
    query = f"status={status}&text={text}&headers={quote(json.dumps(headers))}"
    return streams.standin.request("GET", f"/stream?mode=answer&{query}")


def test_headers_and_pieces_arrive_when_they_are_sent(streams: Streams) -> None:
    connection, response = streams.open("/stream?mode=gate&flag=first&flag=second")
    assert response.getheader("Content-Type") == "text/event-stream"
    assert response.getheader("Transfer-Encoding") == "chunked"
    streams.raise_flag("first")
    assert response.read1() == b"data: first\n\n"
    streams.raise_flag("second")
    assert response.read() == b"data: second\n\n"
    connection.close()


def test_fifteen_megabytes(streams: Streams) -> None:
    answer = streams.standin.request("GET", "/stream?mode=bulk&pieces=240&size=65536")
    assert answer.status == 200
    assert answer.body == b"".join(bytes([number]) * 65536 for number in range(240))


def test_connection_to_the_client_is_kept(streams: Streams) -> None:
    connection, response = streams.open("/stream?mode=bulk&pieces=2&size=3")
    assert response.read() == b"\0\0\0\1\1\1"
    connection.request("GET", "/stream?mode=bulk&pieces=1&size=3")
    assert connection.getresponse().read() == b"\0\0\0"
    connection.close()


def test_request_as_the_app_gets_it(streams: Streams) -> None:
    report = streams.standin.request(
        "POST",
        "/stream?b=2&a=1+2&b=%2F",
        [
            ("Host", "api.example"),
            ("Content-Type", "application/octet-stream"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
            ("Connection", "keep-alive"),
        ],
        bytes(range(256)),
    ).json
    assert (report["method"], report["target"]) == ("POST", "/stream")
    assert report["query"] == "b=2&b=%2F&a=1+2"
    assert base64.b64decode(report["body"]) == bytes(range(256))
    assert header(report, "content-length") == "256"
    assert header(report, "x-twice") == "2"
    assert header(report, "x-forwarded-for") == "127.0.0.1"
    names = {name for name, _ in report["headers"]}
    assert not names & {"accept", "accept-encoding", "user-agent", "connection", "expect"}


def test_text_is_what_the_event_made_of_it(streams: Streams) -> None:
    report = streams.standin.request(
        "POST", "/stream", [("Content-Type", "text/plain")], b"\xff"
    ).json
    assert base64.b64decode(report["body"]) == "\ufffd".encode()


def test_contexts(streams: Streams) -> None:
    spoofed = [("X-Amzn-Request-Context", "{}"), ("x-amzn-lambda-context", "{}")]
    standin = streams.standin
    moved = standin.control("POST", "/clock", {"advanceSeconds": 86400})
    report = standin.request("POST", "/guarded", [*spoofed, ("Guard", "allow")], b"").json
    standin.control("POST", "/clock", {"offsetSeconds": 0})
    context = json.loads(header(report, "x-amzn-request-context"))
    assert context["authorizer"]["principalId"]
    assert context["resourcePath"] == "/guarded"
    assert moved["offsetSeconds"] == 86400
    function = json.loads(header(report, "x-amzn-lambda-context"))
    # The event's time is the moved one, the deadline that of the process' own clock.
    assert context["requestTimeEpoch"] > function["deadline"]
    assert function["env_config"]["function_name"] == "StreamFunction"


@pytest.mark.parametrize(
    "path", ["/v1/files", "/v1/files:register", "/v1/files%3Aregister", "/greedy/a%2Fb//c"]
)
def test_path_stays_as_it_was_sent(streams: Streams, path: str) -> None:
    report = streams.standin.request("GET", path).json
    assert report["target"] == path
    context = json.loads(header(report, "x-amzn-request-context"))
    assert context["resourcePath"].endswith("files:register") == ("register" in path)


def test_status_and_headers(streams: Streams) -> None:
    answer = given(
        streams,
        418,
        [("X-Own", "grün"), ("Server", "mine"), ("Content-Length", "3"), ("X-Two", "1")],
        "tea",
    )
    assert (answer.status, answer.body) == (418, b"tea")
    assert answer.header("X-Own") == "grün".encode().decode("latin-1")
    assert answer.header("x-amzn-Remapped-server") == "mine"
    assert answer.header("Content-Length") is None
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("x-amzn-RequestId")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_body(streams: Streams, status: int) -> None:
    answer = given(streams, status, [])
    assert (answer.status, answer.body) == (status, b"")
    assert answer.header("Transfer-Encoding") is None


def test_head(streams: Streams) -> None:
    answer = streams.standin.request("HEAD", "/stream?mode=bulk&pieces=1&size=9")
    assert (answer.status, answer.body) == (200, b"")


def test_binary_needs_no_binary_media_type(streams: Streams) -> None:
    target = "/stream?mode=bulk&pieces=1&size=1"
    assert streams.standin.request("GET", target, [("Accept", "text/plain")]).body == b"\0"


def test_event_above_lambdas_limit(streams: Streams) -> None:
    answer = streams.standin.request("POST", "/stream", body=bytes(8 * 1024 * 1024))
    assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})


def test_integration_timeout_before_the_first_byte(streams: Streams) -> None:
    answer = streams.standin.request("GET", "/hasty?mode=left&left=hasty")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})
    streams.wait_for_flag("hasty")


def test_integration_timeout_in_the_middle(streams: Streams) -> None:
    connection, response = streams.open("/hasty?mode=part&end=wait&left=halfway")
    with pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"a part"
    streams.wait_for_flag("halfway")
    connection.close()


@pytest.mark.parametrize("end", ["exit", "raise"])
def test_crash_in_the_middle_is_no_end(streams: Streams, end: str) -> None:
    connection, response = streams.open(f"/stream?mode=part&end={end}")
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"a part"
    connection.close()
    assert streams.standin.request("GET", "/stream").status == 200


def test_client_that_leaves_in_the_middle(streams: Streams) -> None:
    connection, response = streams.open("/stream?mode=part&end=wait&left=middle")
    assert response.read1() == b"a part"
    response.close()
    connection.close()
    streams.wait_for_flag("middle")


def test_client_that_leaves_before_the_answer(streams: Streams) -> None:
    pids = streams.standin.control("GET", "/environments")["StreamFunction"]
    with streams.standin.connect() as client:
        client.sendall(b"GET /stream?mode=gate&flag=reached HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    with streams.standin.connect() as client:
        target = b"/stream?mode=left&arrived=here&left=early"
        client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        # Who leaves sooner may never get as far as the function, which then learns nothing.
        streams.wait_for_flag("here")
    streams.wait_for_flag("early")
    assert streams.standin.request("GET", "/stream").json["pid"] in pids
    # The first one's function still waits: it was never told to look.
    streams.raise_flag("reached")


def test_clients_that_leave_at_once_hold_nothing_up(streams: Streams) -> None:
    for _ in range(5):
        with streams.standin.connect() as client:
            client.sendall(b"GET /stream?mode=left&left=gone HTTP/1.1\r\nHost: x\r\n\r\n")
    assert streams.standin.request("GET", "/stream").status == 200
