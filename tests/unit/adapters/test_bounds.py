"""Every call that leaves the process ends in time, and is repeated a bounded number of times."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.wires import OneAnswer

from filegate.adapters import event_bus, secret_store, table, upstream, upstream_stream
from filegate.adapters.aws_service import AwsUnavailable
from filegate.adapters.deadline import DEADLINE, SHARED
from filegate.adapters.event_bus import EventBus, EventBusUnavailable
from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretStore, SecretUnavailable
from filegate.adapters.table import Delete, Key, Table, TableUnavailable
from filegate.adapters.upstream import DocumentToSend, FileToSend, Upstream

LAMBDA = 28.0
"""Seconds a function behind API Gateway has for all it does."""
FILE = FileToSend("acme0001abc", None, "text/plain", 5)
DOCUMENT = DocumentToSend({}, "text/plain", 5)

CALLS: dict[str, Callable[[Upstream], object]] = {
    "start_upload": lambda up: up.start_upload("p", "v1beta", FILE),
    "start_direct": lambda up: up.start_direct("p", "v1beta", FILE, None),
    "start_document": lambda up: up.start_document("p", "v1beta", "s", DOCUMENT),
    "send_document": lambda up: up.send_document("v1beta", "s", "u", b"12345"),
    "send_whole": lambda up: up.send_whole("p", "v1beta", FILE, b"12345"),
    "get_file": lambda up: up.get_file("p", "abc"),
    "list_files": lambda up: up.list_files("p"),
    "delete_file": lambda up: up.delete_file("p", "abc"),
    "create_file": lambda up: up.create_file("p", "v1beta", FILE),
    "register_files": lambda up: up.register_files("p", "v1beta", ["gs://b/o"], "Bearer t", None),
    "call": lambda up: up.call("p", "GET", "/v1beta/models"),
    "query_upload": lambda up: up.query_upload("u"),
    "query_document": lambda up: up.query_document("s", "u"),
    "cancel_upload": lambda up: up.cancel_upload("u"),
    "delete_document": lambda up: up.delete_document("p", "s", "d"),
}
every_call = pytest.mark.parametrize("name", CALLS)
SILENT = {"delete_file", "delete_document"}
"""Of these the status is the whole answer."""
BY_HEADER = {"start_upload", "start_direct", "start_document", "query_upload", "cancel_upload"}
"""Of these the answer is in the headers."""


def connect(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], httpx.Response]) -> Any:  # noqa: ANN401
    """An upstream that gives one answer for ever, and the requests it got."""
    got: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return answer()

    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(respond))
    keys = lambda _project: iter(["AIzaSyFirst_0123456789abcdefghijklmnop", "AIzaSySecond"])  # noqa: E731
    return Upstream(upstream.create_client("https://upstream.test"), keys), got


@every_call
@pytest.mark.parametrize("code", [429, 500, 503])
def test_upstream_that_is_overloaded_for_ever_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """The caller is told when to come again; nobody here tries again at once."""
    body = {"error": {"code": code, "status": "UNAVAILABLE", "message": "later"}}
    up, got = connect(
        monkeypatch, lambda: httpx.Response(code, json=body, headers={"retry-after": "17"})
    )

    with pytest.raises((UpstreamRefused, UpstreamUnavailable)) as failure:
        CALLS[name](up)

    assert isinstance(failure.value, (UpstreamRefused, UpstreamUnavailable))
    assert failure.value.retry_after == 17
    assert len(got) == 1


@every_call
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"<html>", b"null"])
def test_an_answer_that_is_not_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    """No header of its protocol and no JSON object: no answer, and no exception nobody knows."""
    up, got = connect(monkeypatch, lambda: httpx.Response(200, content=content))

    if name in SILENT:
        CALLS[name](up)
    else:
        with pytest.raises(UpstreamUnavailable):
            CALLS[name](up)
    assert len(got) == 1


class Hanging:
    """A server that says the beginning of an answer, then pieces of it, and never its end."""

    def __init__(self, beginning: bytes, piece: bytes = b"") -> None:
        self._beginning, self._piece = beginning, piece
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0

    @contextmanager
    def running(self) -> Iterator["Hanging"]:
        """Serve until the block ends."""
        self._threads[0].start()
        try:
            yield self
        finally:
            self._over.set()
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            for thread in self._threads:
                thread.join()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.recv(65_536)
                connection.sendall(self._beginning)
                while not self._over.wait(0.02):
                    try:
                        connection.sendall(self._piece)
                        connection.settimeout(0.01)
                        if connection.recv(1) == b"":
                            break
                    except TimeoutError:
                        continue
                    except OSError:
                        break


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n"


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"", b""),
        (HEAD, b""),
        (HEAD + b'\r\n{"name": ', b""),
        (HEAD + b'\r\n{"name": "', b"x"),
    ],
    ids=["before all", "in the headers", "in the body", "drop by drop"],
)
def test_upstream_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, beginning: bytes, piece: bytes
) -> None:
    monkeypatch.setattr(upstream, "_LONGEST_SILENCE", 0.2)
    monkeypatch.setattr(upstream, "_LONGEST_ANSWER", 0.5)
    with Hanging(beginning, piece).running() as server:
        with upstream.create_client(server.url) as client:
            up = Upstream(client, lambda _: iter(["AIzaSyFirst_0123456789abcdefghijklmnop"]))
            with pytest.raises(UpstreamUnavailable):
                up.get_file("p", "abc")
        assert server.connections == 1


def test_no_wait_for_upstream_is_longer_than_the_function() -> None:
    with upstream.create_client("https://upstream.test") as client:
        waits = client.timeout
        assert None not in {waits.connect, waits.read, waits.write, waits.pool}
    assert upstream._LONGEST_ANSWER < LAMBDA  # noqa: SLF001


def test_calls_of_one_request_share_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys, or two calls, that each hang: together no longer than the request has."""
    monkeypatch.setattr(upstream, "_LONGEST_SILENCE", 0.3)
    waits: list[float] = []
    moment = [100.0]

    def hang(request: httpx.Request) -> httpx.Response:
        wait = request.extensions["timeout"]["read"]
        waits.append(wait)
        moment[0] += wait
        raise httpx.ReadTimeout("silent", request=request)

    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(hang))
    monkeypatch.setattr("filegate.adapters.deadline.time.monotonic", lambda: moment[0])
    up = Upstream(upstream.create_client("https://upstream.test"), lambda _: iter(["AIzaSyFirst"]))
    with DEADLINE.within(1.0):
        for _ in range(9):
            with pytest.raises(UpstreamUnavailable):
                up.get_file("p", "abc")
    assert waits == pytest.approx([0.3, 0.3, 0.3, 0.1])
    # Outside of a request each call has its own bounds alone.
    with pytest.raises(UpstreamUnavailable):
        up.get_file("p", "abc")
    assert waits[-1] == 0.3


def test_an_answer_that_drips_is_given_up_when_the_request_has_no_more_time() -> None:
    with Hanging(HEAD + b'\r\n{"name": "', b"x").running() as server:
        with upstream.create_client(server.url) as client:
            up = Upstream(client, lambda _: iter(["AIzaSyFirst_0123456789abcdefghijklmnop"]))
            with DEADLINE.within(0.3), pytest.raises(UpstreamUnavailable):
                up.get_file("p", "abc")
            with DEADLINE.within(0.0), pytest.raises(UpstreamUnavailable):
                up.get_file("p", "abc")
        assert server.connections == 1


def test_what_the_calls_share_ends_before_the_function_and_before_api_gateway() -> None:
    template = (Path(__file__).resolve().parents[3] / "template.yaml").read_text()
    # The functions whose answers are not streamed, which API Gateway waits 29 s for.
    assert template.count("      Timeout: 28\n") == 3
    assert SHARED + 5 <= LAMBDA < 29


def test_streams_wait_a_bounded_time() -> None:
    client = upstream_stream.create_stream_client("https://upstream.test")
    waits = client.timeout
    assert None not in {waits.connect, waits.read, waits.write, waits.pool}


AWS: dict[str, tuple[Callable[[], Any], Callable[[Any], object], type[Exception]]] = {
    "table": (
        table.create_client,
        lambda client: Table(client, "t").transact([Delete(Key("a", "b"))]),
        TableUnavailable,
    ),
    "table, reading": (
        table.create_client,
        lambda client: Table(client, "t").get(Key("a", "b")),
        TableUnavailable,
    ),
    "secrets": (
        secret_store.create_client,
        lambda client: SecretStore(client).read("s"),
        SecretUnavailable,
    ),
    "events": (
        event_bus.create_client,
        lambda client: EventBus(client, "b").publish(['{"type": "x"}']),
        EventBusUnavailable,
    ),
}


class Clock:
    """Notes pauses and makes none."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @staticmethod
    def monotonic() -> float:
        return 1.0


@pytest.mark.parametrize("name", AWS)
def test_an_aws_service_that_is_silent_is_asked_twice_within_a_functions_time(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    clock = Clock()
    monkeypatch.setattr("filegate.adapters.aws_service.time.sleep", clock.sleep)
    monkeypatch.setattr("filegate.adapters.table.time", clock)
    create, call, failure = AWS[name]
    client = create()
    waits = client.wire
    client.wire = OneAnswer(AwsUnavailable("ReadTimeoutError"))
    with pytest.raises(failure):
        call(client)

    assert client.wire.calls == 2
    assert len(clock.slept) == 1
    assert 2 * (waits.connect_timeout + waits.read_timeout) + 1 < LAMBDA / 2
