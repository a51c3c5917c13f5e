"""Where the suite sends its requests, and what is known of the bytes that arrived there."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import sysconfig
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import httpx

from filegate_local.children import free_port

from .drivers import ROOT, without_sdk_settings
from .payloads import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

FILEGATE = Path(sysconfig.get_path("scripts")) / "filegate"
READY_DEADLINE = 60.0  # seconds
STOP_DEADLINE = 30.0  # seconds
CONTROL_DEADLINE = 30.0  # seconds


class Received(TypedDict):
    """What upstream holds of a file."""

    sha256: str
    sizeBytes: int


class Upstream(Protocol):
    """A look behind the endpoint."""

    def received(self, name: str) -> Received:
        """Return what arrived of the file `name`."""
        ...

    def forget_requests(self) -> None:
        """Begin to count chunk requests anew."""
        ...

    def chunks(self) -> int:
        """Return how many chunk requests arrived since the count began."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """A base URL, a key for it, and a look behind it."""

    kind: str
    base_url: str
    key: str
    upstream: Upstream

    def received(self, name: str) -> Received:
        """Return what arrived of the file `name`."""
        return self.upstream.received(name)


class Simulator:
    """The upstream simulator, asked through its control API."""

    def __init__(self, control_url: str) -> None:
        self._control_url = control_url.rstrip("/")

    def received(self, name: str) -> Received:
        """Return what the simulator counted and hashed."""
        held = [
            file
            for project in self._get("projects")["projects"]
            for file in project["files"]
            if file["name"] == name
        ]
        assert len(held) == 1, f"the simulator holds {len(held)} files called {name}"
        return {"sha256": held[0]["sha256"], "sizeBytes": int(held[0]["sizeBytes"])}

    def forget_requests(self) -> None:
        """Empty the simulator's log."""
        httpx.delete(f"{self._control_url}/requests", timeout=CONTROL_DEADLINE).raise_for_status()

    def chunks(self) -> int:
        """Return the number of requests in the simulator's log that went to an upload session."""
        return sum("upload_id=" in request["path"] for request in self._get("requests")["requests"])

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = httpx.get(f"{self._control_url}/{path}", timeout=CONTROL_DEADLINE)
        return answer.raise_for_status().json()


class Deployed:
    """Something far away: all there is to see of a file is what the API says."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key

    def received(self, name: str) -> Received:
        """Return the size and hash in the File itself."""
        answer = httpx.get(
            f"{self._base_url}/v1beta/{name}",
            headers={"x-goog-api-key": self._key},
            timeout=CONTROL_DEADLINE,
        )
        file = answer.raise_for_status().json()
        return {
            "sha256": hexadecimal(file["sha256Hash"]),
            "sizeBytes": int(file.get("sizeBytes", 0)),
        }

    def forget_requests(self) -> None:
        """Do nothing: there is no log to see."""

    def chunks(self) -> int:
        """Return 0: the far side keeps its log to itself."""
        return 0


@contextmanager
def simulator(folder: Path) -> Iterator[Endpoint]:
    """Run the upstream simulator and go to it straight."""
    key = "AIza-" + secrets.token_hex(16)
    command = (sys.executable, "-m", "gemini_simulator", "--port", "0", "--key", key)
    with _served(command, folder) as ready:
        base_url = ready["url"]
        yield Endpoint("simulator", base_url, key, Simulator(f"{base_url}/_simulator"))


@contextmanager
def filegate(folder: Path) -> Iterator[Endpoint]:
    """Run the whole gateway on this machine and go through it as its first tenant."""
    command = (str(FILEGATE), "local", "--port", str(free_port()))
    with _served((*command, "--data-dir", str(folder / "data")), folder) as ready:
        upstream = Simulator(f"{ready['upstream_url']}/_simulator")
        yield Endpoint("filegate", ready["base_url"], ready["tenants"][0]["key"], upstream)


@contextmanager
def deployed(_folder: Path) -> Iterator[Endpoint]:
    """Go to the address in `FILEGATE_CONFORMANCE_URL`, with the key of a tenant without files."""
    base_url = os.environ["FILEGATE_CONFORMANCE_URL"]
    key = os.environ["FILEGATE_CONFORMANCE_KEY"]
    yield Endpoint("deployed", base_url, key, Deployed(base_url, key))


def missing(kind: str) -> str:
    """Return why this kind of endpoint cannot run here; empty when it can."""
    if kind == "filegate" and not FILEGATE.exists():
        return "the filegate command is not installed"
    module = {"simulator": "gemini_simulator.__main__", "filegate": "filegate_local.cli"}.get(kind)
    if module is not None and importlib.util.find_spec(module) is None:
        return f"{module} cannot be imported"
    return ""


ENDPOINTS: dict[str, Callable[[Path], AbstractContextManager[Endpoint]]] = {
    "simulator": simulator,
    "filegate": filegate,
}
if "FILEGATE_CONFORMANCE_URL" in os.environ:
    ENDPOINTS = {"deployed": deployed}


class NotReadyError(Exception):
    """A server did not get ready."""


class Endpoints:
    """The running endpoints: each starts when first asked for and stays to the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = ExitStack()
        self._running: dict[str, Endpoint] = {}
        self._failures: dict[str, NotReadyError] = {}

    def get(self, kind: str) -> Endpoint:
        """Return the endpoint of this kind; one that failed to start is not tried again."""
        if kind in self._failures:
            raise self._failures[kind]
        if kind not in self._running:
            folder = self._folder / kind
            folder.mkdir()
            try:
                self._running[kind] = self._started.enter_context(ENDPOINTS[kind](folder))
            except NotReadyError as failure:
                self._failures[kind] = failure
                raise
        return self._running[kind]

    def close(self) -> None:
        """Stop every endpoint."""
        self._started.close()


@contextmanager
def _served(command: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Run a server, yield what its ready file says, and stop it."""
    ready = folder / "ready.json"
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*command, "--ready-file", str(ready)),
            cwd=ROOT,
            env=without_sdk_settings(os.environ),
            stdout=output,
            stderr=output,
        )
        try:
            yield _ready(process, ready, log)
        finally:
            process.terminate()
            try:
                code = process.wait(timeout=STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
    assert code in {0, -15}, f"the server ended with {code}:\n{_tail(log)}"


def _ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    until = time.monotonic() + READY_DEADLINE
    while time.monotonic() < until:
        try:
            said: dict[str, Any] = json.loads(ready.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        else:
            return said
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise NotReadyError(f"no answer from the server (exit {process.poll()}):\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
