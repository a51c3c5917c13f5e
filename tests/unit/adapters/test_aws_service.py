"""AWS services: over real sockets, what is sent, what an answer means, what is sent again."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.unit.wires import OneAnswer, Script, refused, service

from filegate.adapters.aws_service import (
    DYNAMODB,
    EVENTBRIDGE,
    SECRETS_MANAGER,
    AwsRefused,
    AwsService,
    AwsUnavailable,
    Dialect,
    HttpWire,
    Reply,
)


class Peer(ThreadingHTTPServer):
    """A service that answers as a test says, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.drops_after_answer = False
        self.hangs = threading.Event()
        self.hangs.set()
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and count it."""
        self.connections += 1
        return super().get_request()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's own signature
        """End a connection, and count it."""
        super().shutdown_request(request)
        self.ended.release()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Peer
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, dict(self.headers.items()), body))
        assert self.server.hangs.wait(30)
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)
        # Without saying so, as an idle connection is dropped while a function is frozen.
        self.close_connection = self.server.drops_after_answer

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    with closing_server(Peer()) as made:
        yield made


class closing_server:  # noqa: N801 - reads as a function
    """Serve in a thread until the block ends."""

    def __init__(self, server: Peer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.hangs.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> Peer:
    """The peer as what this process's environment leads to."""
    for name, value in {
        "AWS_ENDPOINT_URL": peer.url,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }.items():
        monkeypatch.setenv(name, value)
    return peer


def connect(dialect: Dialect = DYNAMODB, read_timeout: float = 10) -> AwsService:
    return AwsService.connect(dialect, connect_timeout=5, read_timeout=read_timeout)


@pytest.mark.parametrize(
    ("dialect", "target", "content_type"),
    [
        (DYNAMODB, "DynamoDB_20120810.Do", "application/x-amz-json-1.0"),
        (SECRETS_MANAGER, "secretsmanager.Do", "application/x-amz-json-1.1"),
        (EVENTBRIDGE, "AWSEvents.Do", "application/x-amz-json-1.1"),
    ],
)
def test_a_call_is_one_signed_post(
    here: Peer, dialect: Dialect, target: str, content_type: str
) -> None:
    here.body = b'{"Item": {"a": {"S": "\xc3\xa9"}}}'
    with closing(connect(dialect)) as aws:
        assert aws.call("Do", {"Key": "é", "Limit": 1}) == {"Item": {"a": {"S": "é"}}}
    [(path, headers, body)] = here.asked
    assert (path, json.loads(body)) == ("/", {"Key": "é", "Limit": 1})
    sent = {name.lower(): value for name, value in headers.items()}
    assert (sent["x-amz-target"], sent["content-type"]) == (target, content_type)
    assert sent["host"] == here.url.removeprefix("http://")
    assert sent["x-amz-security-token"] == "token"
    scope = f"/eu-central-1/{dialect.service}/aws4_request, SignedHeaders="
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert scope in sent["authorization"]
    assert "host;x-amz-date;x-amz-security-token;x-amz-target" in sent["authorization"]


def test_connections_are_kept(here: Peer) -> None:
    with closing(connect()) as aws:
        for _ in range(5):
            aws.call("Do", {})
    assert (len(here.asked), here.connections) == (5, 1)


def test_a_connection_that_was_dropped_meanwhile_is_not_used(here: Peer) -> None:
    here.drops_after_answer = True
    with closing(connect()) as aws:
        for _ in range(3):
            aws.call("Do", {})
            assert here.ended.acquire(timeout=30)
    assert (len(here.asked), here.connections) == (3, 3)


def test_a_service_that_does_not_listen_was_not_reached(here: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with closing(HttpWire(url, 1, 1)) as wire, pytest.raises(AwsUnavailable) as failure:
        wire.post({}, b"{}")
    assert failure.value.unsent
    assert here.asked == []


def test_a_service_that_is_silent_may_have_done_it(here: Peer) -> None:
    here.hangs.clear()
    with closing(connect(read_timeout=0.2)) as aws:
        with pytest.raises(AwsUnavailable, match="TimeoutError") as failure:
            aws.call("Do", {})
        assert not failure.value.unsent
    here.hangs.set()
    assert len(here.asked) == 1


def test_an_answer_that_breaks_off_may_have_done_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")

        thread = threading.Thread(target=break_off)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with closing(HttpWire(url, 5, 5)) as wire, pytest.raises(AwsUnavailable) as failure:
            wire.post({"content-type": "x"}, b"{}")
        thread.join()
    assert not failure.value.unsent


def test_nothing_is_followed_elsewhere(here: Peer) -> None:
    here.status = 307
    with closing(connect()) as aws, pytest.raises(AwsRefused) as refusal:
        aws.call("Do", {})
    assert refusal.value.code == "307"
    assert len(here.asked) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(400, b'{"__type":"com.amazonaws.dynamodb.v20120810#Odd"}'), "Odd"),
        (Reply(400, b'{"__type":"Odd","message":"why"}'), "Odd"),
        (Reply(400, b'{"Message":"why"}'), "400"),
        (Reply(413, b"<html>"), "413"),
        (Reply(403, b""), "403"),
        (Reply(502, b"[]"), "502"),
        (Reply(500, b"\xff"), "500"),
    ],
)
def test_a_refusal_has_a_code(reply: Reply, code: str) -> None:
    with pytest.raises(AwsRefused, match=code) as refusal:
        service(DYNAMODB, OneAnswer(reply)).call("Do", {})
    assert (refusal.value.code, refusal.value.status) == (code, reply.status)
    assert refusal.value.failed == (reply.status >= 500)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff", b"null"])
def test_an_answer_that_is_no_object_is_none(body: bytes) -> None:
    with pytest.raises(AwsUnavailable):
        service(DYNAMODB, OneAnswer(Reply(200, body))).call("Do", {})


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("filegate.adapters.aws_service.time.sleep", slept.append)
    return slept


LOST = AwsUnavailable("ReadTimeoutError")


@pytest.mark.parametrize(
    ("reply", "attempts", "sent"),
    [
        (LOST, 1, 1),
        (LOST, 2, 2),
        (LOST, 3, 3),
        (refused("ThrottlingException"), 2, 2),
        (refused("InternalServiceError", 500), 2, 2),
        (refused("AccessDeniedException"), 2, 1),
        (Reply(200, b"{}"), 2, 1),
    ],
)
def test_a_call_is_sent_again_as_often_as_is_said(
    slept: list[float], reply: Reply | AwsUnavailable, attempts: int, sent: int
) -> None:
    wire = OneAnswer(reply)
    call: Callable[[], object] = lambda: service(DYNAMODB, wire, attempts).call("Do", {"a": 1})  # noqa: E731
    if reply == Reply(200, b"{}"):
        call()
    else:
        with pytest.raises((AwsUnavailable, AwsRefused)):
            call()
    assert wire.sent == [{"a": 1}] * sent
    assert len(slept) == sent - 1
    assert all(0 <= pause <= 1 for pause in slept)


def test_the_second_attempt_may_succeed(slept: list[float]) -> None:
    script = Script()
    script.refuse("Do", "ThrottlingException")
    script.answer("Do", {"a": 1})
    assert service(DYNAMODB, script, 2).call("Do", {}) == {"a": 1}
    assert len(slept) == 1
