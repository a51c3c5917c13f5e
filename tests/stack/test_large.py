"""The largest file there may be goes through the gateway, and the gateway's memory stays flat."""

import io
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from local_stack import LocalStack, run_stack

GIB = 1024**3
GROWTH_LIMIT = 32_000_000
"""Bytes by which all processes of the gateway together may grow: four chunks of 8 MiB, of 256."""
PROCESS_LIMIT = 128_000_000
"""Bytes that one process of the gateway may hold: the least memory a Lambda function can have."""


class Zeros(io.RawIOBase):
    """A file of zeros that is never anywhere as a whole."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        count = left if size < 0 else min(size, left)
        self._at += count
        return bytes(count)


@dataclass
class Memory:
    """Highest resident memory seen of the gateway's processes, in bytes."""

    peaks: dict[str, int] = field(default_factory=dict)
    idle: int = 0
    total: int = 0

    @property
    def growth(self) -> int:
        """How far all processes together rose above what they held when watching began."""
        return self.total - self.idle


@contextmanager
def watch_memory(stack: LocalStack) -> Iterator[Memory]:
    """Look at the gateway's processes again and again until the block ends."""
    memory, done = Memory(), threading.Event()
    environments = {
        pid: function for function, pids in stack.environments().items() for pid in pids
    }
    parents = {psutil.Process(pid).ppid() for pid in environments}
    watched = {**environments, **dict.fromkeys(parents, "gateway")}

    def look() -> int:
        sizes = {pid: psutil.Process(pid).memory_info().rss for pid in watched}
        memory.total = max(memory.total, sum(sizes.values()))
        for pid, size in sizes.items():
            name = watched[pid]
            memory.peaks[name] = max(memory.peaks.get(name, 0), size)
        return sum(sizes.values())

    def watch() -> None:
        while not done.wait(0.1):
            look()

    memory.idle = look()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        done.set()
        watcher.join()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_2_gib_less_one_byte_with_flat_memory(tmp_path: Path) -> None:
    # A stack of its own: how many environments are warm depends on what ran before.
    with run_stack(tmp_path) as stack:
        upload_2_gib_less_one_byte(stack)


def upload_2_gib_less_one_byte(stack: LocalStack) -> None:
    tenant = stack.tenant()
    size = 2 * GIB - 1
    # What a first upload loads and opens is not what a large one takes.
    warm = tenant.sdk.files.upload(
        file=Zeros(GIB // 64), config={"mime_type": "application/octet-stream"}
    )
    assert warm.size_bytes is not None
    with watch_memory(stack) as memory:
        began = time.monotonic()
        file = tenant.sdk.files.upload(
            file=Zeros(size), config={"mime_type": "application/octet-stream"}
        )
        seconds = time.monotonic() - began
    assert file.size_bytes == size
    assert file.name is not None
    assert stack.upstream_files()[file.name]["sizeBytes"] == size
    assert tenant.sdk.files.get(name=file.name) == file
    assert stack.available(tenant) == 20 * GIB - size - warm.size_bytes
    peaks = ", ".join(f"{name} {peak / 1e6:.0f} MB" for name, peak in memory.peaks.items())
    sys.stderr.write(
        f"\n2 GiB − 1 byte in {seconds:.1f} s ({size / seconds / 1e6:.0f} MB/s); "
        f"all gateway processes grew by {memory.growth / 1e6:.0f} MB to "
        f"{memory.total / 1e6:.0f} MB ({peaks})\n"
    )
    assert memory.growth < GROWTH_LIMIT
    assert max(memory.peaks.values()) < PROCESS_LIMIT
