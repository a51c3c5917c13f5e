"""The process itself: its command line, its end and its memory."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulator.conftest import Simulator


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_even_during_an_upload(tmp_path: Path, stop: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "gemini_simulator", "--port", "0", "--key", "K"]
    command += ["--ready-file", str(ready)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert time.monotonic() < deadline
        url = json.loads(ready.read_text())["url"]
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as upload:
            upload.sendall(
                b"POST /upload/v1/files?key=K HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123"
            )
            while not httpx.get(f"{url}/_simulator/requests").json()["requests"]:
                assert time.monotonic() < deadline
            process.send_signal(stop)
            _, complaints = process.communicate(timeout=10)
        assert (process.returncode, complaints) == (0, b"")


def test_memory_stays_flat_however_large_a_file_is(simulator: Simulator) -> None:
    piece = bytes(1_048_576)

    def body(pieces: int) -> Iterator[bytes]:
        for _ in range(pieces):
            yield piece

    def upload(pieces: int) -> None:
        answer = simulator.http.post(
            f"/upload/v1/files?key={simulator.first_key}", content=body(pieces)
        )
        assert answer.json()["file"]["sizeBytes"] == str(pieces * len(piece))

    process = psutil.Process(simulator.process.pid)
    upload(16)
    before = process.memory_info().rss
    upload(256)
    assert process.memory_info().rss - before < 32 * 1_048_576
