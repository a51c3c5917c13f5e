"""Gets: how many files.get a second each way carries, how long they take, what they cost."""

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.peers.peer import Peer
from bench.processes import cpu_seconds, resident
from bench.samples import p50, p99

CONNECTIONS: Final = (1, 16)


@dataclass(frozen=True)
class Round:
    """One way, one number of connections, one round."""

    latencies: tuple[float, ...]
    """ms of each answer that was 200."""
    seconds: float
    errors: int
    cpu: Mapping[str, float]
    """CPU seconds by part of the peer."""


@dataclass(frozen=True)
class Gets:
    """files.get one way over so many connections; medians of rounds."""

    peer: str
    connections: int
    rate: float
    """Answers a second."""
    p50: float
    p99: float
    """ms."""
    errors: int
    """Of all rounds."""
    cpu: Mapping[str, float]
    """CPU ms per answer, by part."""
    memory: Mapping[str, float]
    """Resident MiB after the last round, by part, all processes added up."""


def one_round(peer: Peer, path: str, connections: int, seconds: float) -> Round:
    """Ask for `path` again and again over so many kept connections."""
    before = {part: cpu_seconds(processes) for part, processes in peer.parts().items()}
    begin = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        found = list(threads.map(lambda _: _ask(peer, path, begin + seconds), range(connections)))
    spent = time.perf_counter() - begin
    after = {part: cpu_seconds(processes) for part, processes in peer.parts().items()}
    return Round(
        tuple(latency for latencies, _ in found for latency in latencies),
        spent,
        sum(errors for _, errors in found),
        {part: after[part] - before.get(part, 0.0) for part in after},
    )


def summary(peer: Peer, connections: int, rounds: Sequence[Round]) -> Gets:
    """The medians of rounds that are over."""
    good = [one for one in rounds if one.latencies]
    if not good:
        return Gets(peer.name, connections, 0, 0, 0, sum(r.errors for r in rounds), {}, {})
    return Gets(
        peer.name,
        connections,
        p50([len(one.latencies) / one.seconds for one in good]),
        p50([p50(one.latencies) for one in good]),
        p50([p99(one.latencies) for one in good]),
        sum(one.errors for one in rounds),
        {
            part: p50([1000 * one.cpu[part] / len(one.latencies) for one in good])
            for part in good[0].cpu
        },
        {part: sum(map(resident, processes)) for part, processes in peer.parts().items()},
    )


def _ask(peer: Peer, path: str, end: float) -> tuple[list[float], int]:
    """Latencies in ms and errors of one connection, which is made anew where it is lost."""
    base = urlsplit(peer.base_url)
    headers = {**peer.headers, "x-goog-api-key": peer.keys[0]}
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=60)
    latencies: list[float] = []
    errors = 0
    while (begin := time.perf_counter()) < end:
        try:
            connection.request("GET", f"{base.path}{path}", headers=headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            errors += 1
            continue
        if response.status == http.client.OK:
            latencies.append(1000 * (time.perf_counter() - begin))
        else:
            errors += 1
    connection.close()
    return latencies, errors
