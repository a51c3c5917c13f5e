"""Uploads: how fast 8 MiB chunks go up each way, and what they cost."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from bench.peers.peer import Peer
from bench.processes import cpu_seconds, most_resident, resident
from bench.samples import p50
from bench.throughput import CHUNK, send_chunks, start_upload

CHUNKS: Final = 32


@dataclass(frozen=True)
class UploadRound:
    """One upload: seconds of its chunks, and CPU seconds by part."""

    seconds: float
    cpu: Mapping[str, float]


@dataclass(frozen=True)
class Uploads:
    """Uploads one way; medians of rounds."""

    peer: str
    rate: float
    """MB/s (10^6 bytes)."""
    cpu: Mapping[str, float]
    """CPU seconds per file, by part."""
    most: Mapping[str, float]
    """The most resident MiB since the processes began, by part, all processes added up."""
    failure: str = ""
    """Why there are no figures."""


def chunk_url(given: str, base_url: str) -> str:
    """Where a client sends its chunks that keeps to its base URL.

    A URL on another host is put behind the base URL, so that the bytes pass what is measured.
    """
    url, base = urlsplit(given), urlsplit(base_url)
    if url.netloc == base.netloc:
        return given
    return urlunsplit((base.scheme, base.netloc, base.path + url.path, url.query, ""))


def one_upload(peer: Peer, content: bytes) -> UploadRound:
    """Upload a file and delete it again. Raises what goes wrong; KeyError: no upload URL comes."""
    with peer.client() as client:
        before = {part: cpu_seconds(processes) for part, processes in peer.parts().items()}
        url = chunk_url(start_upload(client, CHUNKS), peer.base_url)
        if peer.chunk_type is not None:
            client.headers["content-type"] = peer.chunk_type
        begin = time.perf_counter()
        name = send_chunks(client, url, content, CHUNKS)
        seconds = time.perf_counter() - begin
        after = {part: cpu_seconds(processes) for part, processes in peer.parts().items()}
        client.headers.pop("content-type", None)
        client.delete(f"/v1beta/{name}").raise_for_status()
    return UploadRound(seconds, {part: after[part] - before.get(part, 0.0) for part in after})


def summary(peer: Peer, rounds: Sequence[UploadRound]) -> Uploads:
    """The medians of rounds that are over."""
    return Uploads(
        peer.name,
        CHUNKS * CHUNK / p50([one.seconds for one in rounds]) / 1e6,
        {part: p50([one.cpu[part] for one in rounds]) for part in rounds[0].cpu},
        {
            part: sum(most_resident(process) or resident(process) for process in processes)
            for part, processes in peer.parts().items()
        },
    )


def failed(peer: Peer, error: Exception) -> Uploads:
    """No figures, and in a few words why."""
    if isinstance(error, KeyError):
        why = "the answer to the start has no upload URL"
    elif isinstance(error, httpx.HTTPStatusError):
        why = f"{error.request.method} is answered {error.response.status_code}"
    else:
        why = type(error).__name__
    return Uploads(peer.name, 0, {}, {}, why)
