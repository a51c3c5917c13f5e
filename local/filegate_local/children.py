"""Children: the processes of the local stack, started together and stopped in reverse."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_SERVERS_PORTS: Final = range(20_000, 32_000)
_MOST_TRIES: Final = 100


class StartFailed(Exception):
    """The stack did not come up; the message says what to do."""


@dataclass(frozen=True)
class Child:
    """A running process and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self, lines: int = 15) -> str:
        """The end of the child's log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


class Children:
    """Starts processes, waits until they are ready, stops them all in reverse order."""

    def __init__(self, log_directory: Path) -> None:
        self._logs = log_directory
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a process in a session of its own, so that Ctrl-C reaches only the parent."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def wait_until(self, ready: Callable[[], bool], child: Child, seconds: float) -> None:
        """Wait for a child to be ready. Raises StartFailed if it ends or time runs out."""
        deadline = time.monotonic() + seconds
        while not ready():
            if child.process.poll() is not None:
                raise StartFailed(
                    f"{child.name} ended at start with code {child.process.returncode}. "
                    f"Its last words ({child.log}):\n{child.last_words()}"
                )
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{child.name} was not ready within {seconds:.0f} seconds. Is the machine "
                    f"very busy? Its last words ({child.log}):\n{child.last_words()}"
                )
            time.sleep(_POLL_SECONDS)

    def require_alive(self) -> None:
        """Raise StartFailed if a child has ended by itself."""
        for child in self._children:
            if child.process.poll() is not None:
                raise StartFailed(f"{child.name} ended by itself:\n{child.last_words()}")

    def stop(self) -> None:
        """End all children, the last started first; each gets time to save its state."""
        while self._children:
            process = self._children.pop().process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A TCP port that was free on 127.0.0.1 a moment ago.

    Of those that systems give to no client by themselves (Linux begins at 32,768, RFC 6335 at
    49,152): a connection made meanwhile would take it away from whoever is to listen there.
    """
    for port in random.sample(_SERVERS_PORTS, _MOST_TRIES):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise StartFailed(f"None of {_MOST_TRIES} ports of 127.0.0.1 that were tried is free.")


def require_free(port: int) -> None:
    """Raise StartFailed if somebody else listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartFailed(
                f"Port {port} is taken. Stop what listens there, or choose another: "
                "filegate local --port 8090"
            ) from None


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
