"""A simulator in a process of its own, and the few requests every test makes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    Launch = Callable[..., AbstractContextManager["Simulator"]]

KEYS = ("AIzaSimulatorFirstKey", "AQ.Simulator-second_key")


class Simulator:
    """The running simulator: `http` speaks to it, the methods are the usual requests."""

    first_key, second_key = KEYS

    def __init__(self, url: str, process: subprocess.Popen[bytes], http: httpx.Client) -> None:
        self.url = url
        self.process = process
        self.http = http

    def start(
        self,
        body: object = None,
        *,
        length: int | None = None,
        mime_type: str | None = "text/plain",
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Start a resumable upload; header names are given with underscores."""
        sent = {
            "x-goog-api-key": key or self.first_key,
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
        }
        if length is not None:
            sent["x-goog-upload-header-content-length"] = str(length)
        if mime_type is not None:
            sent["x-goog-upload-header-content-type"] = mime_type
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.http.post("/upload/v1beta/files", headers=sent, content=content)

    def session(self, body: object = None, *, length: int | None = None, **more: str) -> str:
        """The session URL of a fresh upload."""
        answer = self.start(body, length=length, **more)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-goog-upload-url"]

    def send(
        self, url: str, data: bytes, offset: int = 0, command: str = "upload, finalize"
    ) -> httpx.Response:
        """Send a chunk, as the SDKs do: without a key and with a wrong content type."""
        headers = {
            "x-goog-upload-command": command,
            "x-goog-upload-offset": str(offset),
            "content-type": "application/json",
        }
        return self.http.post(url, headers=headers, content=data)

    def command(self, url: str, command: str) -> httpx.Response:
        """Send a command that has no content."""
        return self.http.post(url, headers={"x-goog-upload-command": command})

    def upload(
        self, data: bytes = b"hello", *, body: object = None, key: str | None = None, **more: str
    ) -> dict[str, object]:
        """A whole upload; the File as the final answer gives it."""
        url = self.session(
            {"file": body or {}}, length=len(data), key=key or self.first_key, **more
        )
        answer = self.send(url, data)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json()["file"])

    def get(self, name: object, *, key: str | None = None) -> httpx.Response:
        """Get a File by its resource name."""
        return self.http.get(f"/v1beta/{name}", headers={"x-goog-api-key": key or self.first_key})

    def listing(self, *, key: str | None = None, **parameters: str | int) -> httpx.Response:
        """List files."""
        return self.http.get(
            "/v1beta/files", params=parameters, headers={"x-goog-api-key": key or self.first_key}
        )

    def delete(self, name: object, *, key: str | None = None) -> httpx.Response:
        """Delete a File by its resource name."""
        return self.http.delete(
            f"/v1beta/{name}", headers={"x-goog-api-key": key or self.first_key}
        )

    def control(self, path: str, change: Mapping[str, object] | None = None) -> dict[str, object]:
        """Ask the control plane, or change something there."""
        url = f"/_simulator/{path}"
        answer = self.http.get(url) if change is None else self.http.post(url, json=change)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    def fault(self, fault: dict[str, object], *, times: int = 1, **match: str) -> None:
        """Let the next request that matches go wrong."""
        self.control("faults", {"match": match, "fault": fault, "times": times})

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock."""
        self.control("clock", {"advanceSeconds": seconds})

    def project(self, index: int = 0) -> dict[str, object]:
        """What a key stores."""
        projects = cast("list[dict[str, object]]", self.control("projects")["projects"])
        return projects[index]

    def requests(self) -> list[dict[str, object]]:
        """What the simulator has received."""
        return cast("list[dict[str, object]]", self.control("requests")["requests"])

    def events(self) -> list[dict[str, object]]:
        """What happened to files."""
        return cast("list[dict[str, object]]", self.control("log")["events"])


@contextmanager
def _running(folder: Path, keys: Sequence[str], *options: str) -> Iterator[Simulator]:
    """A simulator in a process that must end by itself when asked to."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "gemini_simulator", "--port", "0"]
    command += [part for key in keys for part in ("--key", key)]
    command += ["--ready-file", str(ready), *options]
    with subprocess.Popen(command) as process:
        try:
            url = _wait_for(ready, process)
            with httpx.Client(base_url=url, timeout=30) as http:
                yield Simulator(url, process, http)
        finally:
            process.terminate()
            assert process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One process for all tests."""
    with _running(tmp_path_factory.mktemp("simulator"), KEYS) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The simulator as if just started."""
    running_simulator.control("reset", {})
    return running_simulator


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Run a process of one's own, `with launch(KEYS, *options) as simulator`."""
    return partial(_running, tmp_path)


def _wait_for(ready: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None, "the simulator ended before it was ready"
        assert time.monotonic() < deadline, "the simulator was not ready in time"
    return cast("str", json.loads(ready.read_text())["url"])
