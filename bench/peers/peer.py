"""Peer: one way to the Gemini API that is measured, and how its process is run."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

_READY_SECONDS: Final = 180.0
"""A gateway that imports as much as LiteLLM takes a minute on a busy machine."""

_STOP_SECONDS: Final = 20.0


class Unavailable(Exception):
    """This machine cannot have the peer; the message says why and follows the word "it"."""


@dataclass(frozen=True)
class Upstream:
    """The simulated Gemini API and the one key that it takes."""

    url: str
    key: str


@dataclass(frozen=True)
class Peer:
    """One way to the Gemini API, up and running."""

    name: str
    base_url: str
    """What a stock SDK is given; the paths of the Gemini API follow."""
    keys: tuple[str, str]
    """What tenants A and B send as `x-goog-api-key`."""
    parts: Callable[[], Mapping[str, Sequence[psutil.Process]]]
    """Its processes now, by what they are in the tables."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every request carries besides."""
    chunk_type: str | None = None
    """The Content-Type that a chunk must have to get through; stock SDKs send none."""

    def client(self, tenant: int = 0) -> httpx.Client:
        """A keep-alive client of tenant A (0) or B (1)."""
        headers = {**self.headers, "x-goog-api-key": self.keys[tenant]}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], folder: Path, url: str, environment: Mapping[str, str]
) -> Iterator[psutil.Process]:
    """Run a peer's process until the block ends, which begins when `url` answers anything.

    Of this process's environment it gets the path alone. Raises Unavailable with its last words.
    """
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, url, log)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    return [process, *process.children(recursive=True)]


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=5)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(words) if line.strip()), "no word")
            raise Unavailable(f"did not start: {last[:120]}")
        time.sleep(0.1)
