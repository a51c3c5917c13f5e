"""Throughput: how fast a file's bytes go up, through the gateway and straight."""

import time
from dataclasses import dataclass
from typing import Final

import httpx

from bench.processes import cpu_seconds
from bench.samples import p50
from bench.stack import LocalStack

CHUNK: Final = 8 * 1024 * 1024
_START: Final = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}


@dataclass(frozen=True)
class Throughput:
    """MB/s (10^6 bytes a second) of the chunks, and CPU s of the edge per GB; medians of rounds.

    `ratio` is the median of each round's own ratio, gateway to straight.
    """

    size: int
    """Bytes of the file."""
    straight: float
    gateway: float
    ratio: float
    ratios: tuple[float, ...]
    edge_cpu: float
    """CPU seconds of API Gateway's stand-in per GB (10^9 bytes)."""


def measure_throughput(stack: LocalStack, chunks: int, rounds: int) -> Throughput:
    """Upload a file of so many 8 MiB chunks each way, in turn."""
    content = bytes(CHUNK)
    size = chunks * CHUNK
    pairs = []
    edge = stack.edge_process()
    cpu = 0.0
    with stack.gateway_client(0) as gateway, stack.upstream_client() as straight:
        for client in (straight, gateway):
            _upload(client, content, 2)
        for number in range(rounds):
            rates = {}
            for name in ("straight", "gateway") if number % 2 else ("gateway", "straight"):
                before = cpu_seconds([edge])
                seconds = _upload(gateway if name == "gateway" else straight, content, chunks)
                if name == "gateway":
                    cpu += cpu_seconds([edge]) - before
                rates[name] = size / seconds / 1e6
            pairs.append((rates["straight"], rates["gateway"]))
    ratios = tuple(through / direct for direct, through in pairs)
    return Throughput(
        size,
        p50([direct for direct, _ in pairs]),
        p50([through for _, through in pairs]),
        p50(ratios),
        ratios,
        cpu / (rounds * size / 1e9),
    )


def _upload(client: httpx.Client, content: bytes, chunks: int) -> float:
    """Upload a file and delete it again; answers the seconds its chunks took."""
    start = client.post(
        "/upload/v1beta/files",
        headers={
            **_START,
            "x-goog-upload-header-content-length": str(chunks * CHUNK),
            "x-goog-upload-header-content-type": "video/mp4",
        },
        json={"file": {}},
    ).raise_for_status()
    url = start.headers["x-goog-upload-url"]
    begin = time.perf_counter()
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
    seconds = time.perf_counter() - begin
    client.delete(f"/v1beta/{answer.json()['file']['name']}").raise_for_status()
    return seconds
