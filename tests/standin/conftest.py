"""A stand-in process to talk to, and an upstream that remembers every byte it is sent."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STACK = Path(__file__).parent / "stack"
DEADLINE = 30.0
Json: TypeAlias = Any
"""Decoded JSON; what it holds is the test's business."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class Recorded:
    """One request as it reached the upstream; `complete` is false if the body broke off."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = False
    connection: int = 0

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


Reply = tuple[int, list[tuple[str, str]], bytes]


def plain(_request: Recorded) -> Reply:
    """The upstream's usual answer."""
    return 200, [("Content-Type", "text/plain"), ("X-Shown", "yes"), ("X-Secret", "no")], b"done"


@dataclass
class Upstream:
    """A plain-socket HTTP/1.1 server."""

    port: int = 0
    requests: list[Recorded] = field(default_factory=list)
    answer: Callable[[Recorded], Reply] = plain
    silent: bool = False
    hasty: bool = False
    """Answers before it has read the body."""
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def stop(self) -> None:
        # Shutting down wakes the threads that accept and read.
        for one in [self._listener, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)

    def reset(self) -> None:
        self.requests.clear()
        self.answer = plain
        self.silent = False
        self.hasty = False

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._spawn(self._serve, connection, len(self._open))

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                self._one(connection, stream, line, number)

    def _one(self, connection: socket.socket, stream: BinaryIO, line: bytes, number: int) -> None:
        headers = []
        while (head := stream.readline()) not in {b"\r\n", b""}:
            name, _, value = head.decode("latin-1").rstrip("\r\n").partition(": ")
            headers.append((name, value))
        request = Recorded(line.decode().rstrip(), headers, connection=number)
        self.requests.append(request)
        if self.hasty:
            self._reply(connection, request)
        length = int(request.header("Content-Length") or 0)
        request.body = stream.read(length)
        request.complete = len(request.body) == length
        if self.silent or not request.complete:
            stream.read()
            return
        if not self.hasty:
            self._reply(connection, request)

    def _reply(self, connection: socket.socket, request: Recorded) -> None:
        status, answer, body = self.answer(request)
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in answer)]
        if status not in {204, 304}:
            lines.append(f"Content-Length: {len(body)}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


@dataclass
class Standin:
    """A running stand-in process."""

    process: subprocess.Popen[bytes]
    base_url: str
    control_url: str
    pids: dict[str, list[int]]
    log_dir: Path
    output: Path

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or 0

    def request(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        return call(self.port, method, target, headers, body)

    def control(self, method: str, target: str, content: object = None) -> Json:
        port = urlsplit(self.control_url).port or 0
        body = None if content is None else json.dumps(content).encode()
        return call(port, method, target, None, body).json

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def log(self, function: str) -> str:
        return (self.log_dir / f"{function}.log").read_text()


def call(
    port: int,
    method: str,
    target: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request, exactly as told: no header is added but Content-Length and a missing Host."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        # A second Host is a bad request (RFC 9112, section 3.2), and is refused as one.
        own_host = any(name.lower() == "host" for name, _ in headers or [])
        connection.putrequest(method, target, skip_host=own_host, skip_accept_encoding=True)
        for name, value in headers or []:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool], what: str) -> None:
    """Poll until something is so."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    return until


@pytest.fixture(scope="session")
def is_alive() -> Callable[[int], bool]:
    return alive


@pytest.fixture(scope="module")
def upstream_server() -> Iterator[Upstream]:
    server = Upstream()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def upstream(upstream_server: Upstream) -> Upstream:
    upstream_server.reset()
    return upstream_server


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Standin]]:
    """Starts stand-ins; all are gone when the module ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        template: Path = STACK / "template.yaml",
        resources: dict[str, Any] | None = None,
        options: tuple[str, ...] = (),
    ) -> Standin:
        directory = tmp_path_factory.mktemp("standin")
        ready, given, output = (directory / n for n in ("ready.json", "resources.json", "output"))
        given.write_text(json.dumps(resources or {}))
        with output.open("wb") as sink:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "apigateway_standin", "--template", str(template)),
                    *("--resources", str(given), "--log-dir", str(directory / "logs")),
                    *("--ready-file", str(ready), *options),
                ],
                stdout=sink,
                stderr=sink,
                env={**os.environ, "LEAK": "of the server"},
            )
        started.append(process)
        until(lambda: ready.exists() or process.poll() is not None, "ready")
        assert process.poll() is None, output.read_text()
        facts = json.loads(ready.read_text())
        return Standin(process=process, log_dir=directory / "logs", output=output, **facts)

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(10)


@pytest.fixture(scope="module")
def standin(
    launch: Callable[..., Standin],
    upstream_server: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Standin:
    """The test stack in front of the recording upstream."""
    ticks = tmp_path_factory.mktemp("ticks") / "ticks"
    return launch(
        resources={
            "Parameters": {"UpstreamUrl": f"http://127.0.0.1:{upstream_server.port}"},
            "Resources": {"Table": {"Ref": "real-table", "Arn": "arn:real"}},
            "Environment": {"*": {"TICKS": str(ticks)}, "EchoFunction": {"EXTRA": "for echo"}},
        },
        options=("--max-environments", "3"),
    )


@dataclass(frozen=True)
class Streams:
    """The streaming stack, and the directory of the flags it waits for and raises."""

    standin: Standin
    flags: Path

    def raise_flag(self, name: str) -> None:
        (self.flags / name).touch()

    def wait_for_flag(self, name: str) -> None:
        until((self.flags / name).exists, name)

    def open(self, target: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A response whose body is still to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.standin.port, timeout=DEADLINE)
        connection.request("GET", target)
        return connection, connection.getresponse()


@pytest.fixture(scope="module")
def streams(launch: Callable[..., Standin], tmp_path_factory: pytest.TempPathFactory) -> Streams:
    """The streaming stack."""
    flags = tmp_path_factory.mktemp("flags")
    standin = launch(
        template=STACK / "streaming.yaml",
        resources={"Environment": {"*": {"FLAGS": str(flags)}}},
        options=("--max-environments", "2"),
    )
    return Streams(standin, flags)
