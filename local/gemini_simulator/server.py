"""The simulator as a process: one uvicorn server on 127.0.0.1."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gemini_simulator.app import serve_upstream
from gemini_simulator.cutting import CUT
from gemini_simulator.upstream import Upstream

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType

    from gemini_simulator.state_file import StateFile

_IDLE_SECONDS = 240
"""Google's front ends keep idle connections for minutes; a short time races with reuse."""

_SHUTDOWN_SECONDS = 2

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 32 * 1024 * 1024


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose requests carry a function that cuts their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport's abort into the state of every request on this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class _ReadyServer(uvicorn.Server):
    """A server that says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, url: str, ready_file: Path | None) -> None:
        super().__init__(config)
        self._url = url
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready_file is not None:
            # A reader that polls must never see half a file.
            unfinished = self._ready_file.with_name(self._ready_file.name + ".part")
            unfinished.write_text(json.dumps({"url": self._url}), encoding="utf-8")
            unfinished.replace(self._ready_file)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A request whose body never comes would hold the process; nothing here needs its end.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def _keep_freed_memory() -> None:
    """Let glibc keep what it frees; elsewhere nothing happens.

    By default it returns every body buffer to the system and takes it back at the next read:
    a page fault per 4 KiB, which halves the speed of uploads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def serve(
    keys: Sequence[str],
    port: int,
    ready_file: Path | None = None,
    state_file: StateFile | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; port 0 takes a free one.

    The ready file gets `{"url": "http://127.0.0.1:PORT"}` once requests are accepted.
    The state file is read before that and written after the last answer; raises `StateFileError`.
    """
    upstream = Upstream(keys)
    if state_file is not None:
        upstream.restore(state_file.load(len(keys)))
    _keep_freed_memory()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        serve_upstream(upstream),
        http=cast("type[asyncio.Protocol]", CuttableProtocol),
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        # Dated by the movable clock (dating.py).
        date_header=False,
        # Session URLs are made from the address that was really called.
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _ReadyServer(config, url, ready_file)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises a caught signal again when it has stopped; this handler makes that a
    # normal end of the process.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.run(sockets=[listener])
    if state_file is not None:
        state_file.save(upstream.state())
