"""Throughput: how fast files' bytes go up, through the gateway and straight."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx

from bench.processes import cpu_seconds
from bench.samples import p50
from bench.stack import LocalStack

CHUNK: Final = 8 * 1024 * 1024
_START: Final = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}


@dataclass(frozen=True)
class Load:
    """Files that go up at once, each in so many 8 MiB chunks, and how often."""

    files: int
    chunks: int
    rounds: int
    distance: float = 0.0
    """Seconds that upstream waits before it reads a chunk."""

    @property
    def size(self) -> int:
        """Bytes of one file."""
        return self.chunks * CHUNK


@dataclass(frozen=True)
class Throughput:
    """MB/s (10^6 bytes a second) of all chunks, and CPU s of the edge per GB; medians of rounds.

    `ratio` is the median of each round's own ratio, gateway to straight.
    """

    files: int
    size: int
    """Bytes of one file."""
    distance: float
    """Seconds that upstream waited before it read a chunk."""
    straight: float
    gateway: float
    ratio: float
    ratios: tuple[float, ...]
    edge_cpu: float
    """CPU seconds of API Gateway's stand-in per GB (10^9 bytes)."""


def measure_throughput(stack: LocalStack, load: Load) -> Throughput:
    """Upload the files each way, in turn."""
    content = bytes(CHUNK)
    pairs = []
    edge = stack.edge_process()
    cpu = 0.0
    with contextlib.ExitStack() as kept:
        ways = {
            "straight": _clients(kept, stack.upstream_client, load.files),
            "gateway": _clients(kept, lambda: stack.gateway_client(0), load.files),
        }
        for clients in ways.values():
            upload(clients, content, 2)
        kept.enter_context(stack.distant_upstream(load.distance))
        for number in range(load.rounds):
            rates = {}
            for name in sorted(ways, reverse=bool(number % 2)):
                before = cpu_seconds([edge])
                seconds = upload(ways[name], content, load.chunks)
                if name == "gateway":
                    cpu += cpu_seconds([edge]) - before
                rates[name] = load.files * load.size / seconds / 1e6
            pairs.append((rates["straight"], rates["gateway"]))
    ratios = tuple(through / direct for direct, through in pairs)
    return Throughput(
        load.files,
        load.size,
        load.distance,
        p50([direct for direct, _ in pairs]),
        p50([through for _, through in pairs]),
        p50(ratios),
        ratios,
        cpu / (load.rounds * load.files * load.size / 1e9),
    )


def upload(clients: Sequence[httpx.Client], content: bytes, chunks: int) -> float:
    """Upload a file by each client at once and delete them again.

    Answers the seconds from the first chunk sent to the last one answered.
    """
    started = [start_upload(client, chunks) for client in clients]
    together = threading.Barrier(len(clients))

    def send(client: httpx.Client, url: str) -> tuple[float, float, str]:
        together.wait()
        begin = time.perf_counter()
        name = send_chunks(client, url, content, chunks)
        return begin, time.perf_counter(), name

    with ThreadPoolExecutor(len(clients)) as threads:
        sent = list(threads.map(send, clients, started))
    for client, (_, _, name) in zip(clients, sent, strict=True):
        client.delete(f"/v1beta/{name}").raise_for_status()
    return max(end for _, end, _ in sent) - min(begin for begin, _, _ in sent)


def _clients(
    kept: contextlib.ExitStack, make: Callable[[], httpx.Client], count: int
) -> list[httpx.Client]:
    return [kept.enter_context(make()) for _ in range(count)]


def start_upload(client: httpx.Client, chunks: int) -> str:
    """Start an upload; answers the address of its chunks."""
    start = client.post(
        "/upload/v1beta/files",
        headers={
            **_START,
            "x-goog-upload-header-content-length": str(chunks * CHUNK),
            "x-goog-upload-header-content-type": "video/mp4",
        },
        json={"file": {}},
    ).raise_for_status()
    return start.headers["x-goog-upload-url"]


def send_chunks(client: httpx.Client, url: str, content: bytes, chunks: int) -> str:
    """Send all chunks of a file; answers the file's name."""
    for number in range(chunks):
        last = number == chunks - 1
        answer = client.post(
            url,
            headers={
                "x-goog-upload-command": "upload, finalize" if last else "upload",
                "x-goog-upload-offset": str(number * CHUNK),
            },
            content=content,
        ).raise_for_status()
    name: str = answer.json()["file"]["name"]
    return name
