"""Latency: what a call costs more through the gateway than straight, and the functions' CPU."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx

from bench.caller import Caller
from bench.functions import FILES, GENERATE, SESSIONS
from bench.model_calls import MODEL, prompt
from bench.processes import cpu_seconds
from bench.samples import p50, p99
from bench.stack import LocalStack
from bench.throughput import CHUNK, start_upload

Call: TypeAlias = Callable[[httpx.Client, str], httpx.Response]

_LISTED: Final = 10
_CHUNKS: Final = 2


@dataclass(frozen=True)
class Latency:
    """One kind of call: wall ms straight and through the gateway, CPU ms of the function."""

    operation: str
    straight_p50: float
    straight_p99: float
    gateway_p50: float
    gateway_p99: float
    cpu: float
    """CPU ms of the function's own process per call."""

    @property
    def added_p50(self) -> float:
        """Wall ms the gateway adds at the median."""
        return self.gateway_p50 - self.straight_p50


def measure_latency(stack: LocalStack, rounds: int) -> list[Latency]:
    """Each kind of call `rounds` times each way, one after the other."""
    with (
        stack.gateway_client(0) as gateway,
        stack.gateway_client(1) as lister,
        stack.upstream_client() as straight,
    ):
        # Listed by a tenant of its own: the other one has open uploads, which a list goes past.
        listed = [_store(lister) for _ in range(_LISTED)]
        return [
            _compare(stack, "get", _get, lister, straight, listed[:1] * rounds),
            _compare(stack, "list of 10", _list, lister, straight, [""] * rounds),
            _compare(stack, "start", _start, gateway, straight, [""] * rounds),
            _delete_all(stack, gateway, straight, rounds),
            _compare(
                stack,
                "query of an upload",
                _query,
                gateway,
                straight,
                [start_upload(gateway, _CHUNKS)] * (rounds + 1),
                [start_upload(straight, _CHUNKS)] * (rounds + 1),
                of=SESSIONS,
            ),
            _compare(
                stack, "generateContent", _generate, gateway, straight, [""] * rounds, of=GENERATE
            ),
        ]


def measure_authorizer(stack: LocalStack, caller: Caller, rounds: int) -> float:
    """CPU ms of the sessions authorizer per plain chunk.

    Invoked without the gateway and without the chunk's 8 MiB, of which it sees nothing anyway.
    """
    with stack.gateway_client(0) as gateway:
        path = httpx.URL(start_upload(gateway, _CHUNKS)).path
    event = caller.plain_chunk_at(path)
    for _ in range(10):
        _require_allowed(stack.invoke(SESSIONS, event))
    processes = stack.function_processes(SESSIONS)
    before = cpu_seconds(processes)
    for _ in range(rounds):
        stack.invoke(SESSIONS, event)
    return 1000 * (cpu_seconds(processes) - before) / rounds


def _delete_all(
    stack: LocalStack, gateway: httpx.Client, straight: httpx.Client, rounds: int
) -> Latency:
    ours = [_store(gateway) for _ in range(rounds + 1)]
    theirs = [_store(straight) for _ in range(rounds + 1)]
    return _compare(stack, "delete", _delete, gateway, straight, ours, theirs)


def _compare(
    stack: LocalStack,
    operation: str,
    call: Call,
    gateway: httpx.Client,
    straight: httpx.Client,
    files: list[str],
    upstream_files: list[str] | None = None,
    *,
    of: str = FILES,
) -> Latency:
    """`of` is the function that answers the call."""
    wanted = iter(zip(files, upstream_files or files, strict=True))
    if upstream_files is not None:
        ours, theirs = next(wanted)
        call(gateway, ours).raise_for_status()
        call(straight, theirs).raise_for_status()
    else:
        for client in (gateway, straight):
            call(client, files[0]).raise_for_status()
    processes = stack.function_processes(of)
    before = cpu_seconds(processes)
    times = list(_alternate(call, gateway, straight, wanted))
    cpu = 1000 * (cpu_seconds(processes) - before) / len(times)
    through, direct = [one for one, _ in times], [other for _, other in times]
    return Latency(operation, p50(direct), p99(direct), p50(through), p99(through), cpu)


def _alternate(
    call: Call,
    gateway: httpx.Client,
    straight: httpx.Client,
    wanted: Iterator[tuple[str, str]],
) -> Iterator[tuple[float, float]]:
    """Wall ms of each pair of calls, gateway's first; who goes first changes every time."""
    for number, (ours, theirs) in enumerate(wanted):
        if number % 2:
            through = _wall(call, gateway, ours)
            yield through, _wall(call, straight, theirs)
        else:
            direct = _wall(call, straight, theirs)
            yield _wall(call, gateway, ours), direct


def _wall(call: Call, client: httpx.Client, file: str) -> float:
    begin = time.perf_counter_ns()
    answer = call(client, file)
    end = time.perf_counter_ns()
    answer.raise_for_status()
    return (end - begin) / 1e6


def _get(client: httpx.Client, file: str) -> httpx.Response:
    return client.get(f"/v1beta/{file}")


def _list(client: httpx.Client, _file: str) -> httpx.Response:
    return client.get("/v1beta/files", params={"pageSize": _LISTED})


def _start(client: httpx.Client, _file: str) -> httpx.Response:
    return client.post(
        "/upload/v1beta/files",
        headers={
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(_CHUNKS * CHUNK),
            "x-goog-upload-header-content-type": "video/mp4",
        },
        json={"file": {"displayName": "talk.mp4"}},
    )


def _query(client: httpx.Client, session: str) -> httpx.Response:
    """A chunk's way without a chunk: heads, authorizer and answer."""
    return client.post(session, headers={"x-goog-upload-command": "query"})


def _delete(client: httpx.Client, file: str) -> httpx.Response:
    return client.delete(f"/v1beta/{file}")


def _generate(client: httpx.Client, _file: str) -> httpx.Response:
    return client.post(f"/v1beta/models/{MODEL}:generateContent", json=prompt())


def _store(client: httpx.Client) -> str:
    answer = client.post(
        "/upload/v1beta/files",
        headers={"x-goog-upload-protocol": "raw", "content-type": "text/plain"},
        content=b"x" * 1024,
    )
    return str(answer.raise_for_status().json()["file"]["name"])


def _require_allowed(answer: object) -> None:
    if "Allow" not in str(answer):
        raise RuntimeError(f"the authorizer refused: {answer}")
