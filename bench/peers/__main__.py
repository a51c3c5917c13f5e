"""`python -m bench.peers`: measure Filegate beside its peers on this machine."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import psutil

from bench.functions import FILES, SESSIONS
from bench.peers import gets, uploads
from bench.peers.capabilities import Bench, straight_file, try_all
from bench.peers.gets import CONNECTIONS
from bench.peers.litellm import run_litellm
from bench.peers.nginx import run_nginx
from bench.peers.peer import Peer, Unavailable, Upstream
from bench.peers.portkey import run_portkey
from bench.peers.report import EDGE, FUNCTIONS, Figures, tables, write
from bench.stack import LocalStack, run_stack
from bench.throughput import CHUNK, send_chunks, start_upload

Runner: TypeAlias = Callable[[Upstream, Path], AbstractContextManager[Peer]]

PEERS: Final[dict[str, Runner]] = {
    "nginx": run_nginx,
    "Portkey": run_portkey,
    "LiteLLM": run_litellm,
}


@dataclass(frozen=True)
class Extent:
    """How often, and seconds of a round of gets."""

    rounds: int
    seconds: float
    uploads: int


FULL: Final = Extent(5, 2.0, 3)
QUICK: Final = Extent(1, 1.0, 1)


def main() -> int:
    """Parse the command line and do what it says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument(
        "--write", action="store_true", help="put the tables into bench/README.md and results.json"
    )
    options = parser.parse_args()
    with run_stack() as stack, contextlib.ExitStack() as running:
        stack.stop_hashing()
        figures = _measure(stack, running, QUICK if options.quick else FULL)
    for name, text in tables(figures).items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        write(figures)
    return 0


def _measure(stack: LocalStack, running: contextlib.ExitStack, extent: Extent) -> Figures:
    upstream = Upstream(stack.upstream_url, stack.upstream_key)
    straight = Peer("straight to the simulator", upstream.url, (upstream.key, upstream.key), dict)
    figures = Figures()
    ways = [straight, _filegate(stack)]
    for name, run in PEERS.items():
        _say(f"starting {name}")
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="filegate-peer-")))
        try:
            ways.append(running.enter_context(run(upstream, folder)))
        except Unavailable as error:
            figures.left_out[name] = str(error)
            _say(f"{name} is left out: it {error}")
    _measure_gets(figures, ways, stack, extent)
    _measure_uploads(figures, ways, extent.uploads)
    bench = Bench(stack, upstream, lambda peer, count: _limit(stack, peer, count))
    for peer in ways[1:]:
        _say(f"what {peer.name} can do")
        figures.capabilities[peer.name] = try_all(peer, bench)
    return figures


def _filegate(stack: LocalStack) -> Peer:
    def parts() -> dict[str, list[psutil.Process]]:
        on_the_way = (FILES, SESSIONS)
        functions = [one for name in on_the_way for one in stack.function_processes(name)]
        return {FUNCTIONS: functions, EDGE: [stack.edge_process()]}

    first, second = stack.tenant_keys[:2]
    return Peer("Filegate", stack.base_url, (first, second), parts)


def _limit(stack: LocalStack, peer: Peer, count: int | None) -> bool:
    """No other peer has a limit in bytes that could be set."""
    if peer.base_url != stack.base_url:
        return False
    stack.limit_storage(0, count)
    return True


def _measure_gets(
    figures: Figures, ways: Sequence[Peer], stack: LocalStack, extent: Extent
) -> None:
    """In turn, each round in the other direction, so that drift meets all alike."""
    straight = straight_file(Upstream(stack.upstream_url, stack.upstream_key))
    with stack.gateway_client(0) as client:
        own = send_chunks(client, start_upload(client, 1), bytes(CHUNK), 1)
    paths = {way.name: f"/v1beta/{own if way.name == 'Filegate' else straight}" for way in ways}
    for connections in CONNECTIONS:
        for way in ways:
            gets.one_round(way, paths[way.name], connections, 0.5)
        found: dict[str, list[gets.Round]] = {way.name: [] for way in ways}
        for number in range(extent.rounds):
            _say(f"files.get over {connections}, round {number + 1} of {extent.rounds}")
            for way in ways if number % 2 else reversed(ways):
                one = gets.one_round(way, paths[way.name], connections, extent.seconds)
                found[way.name].append(one)
        for way in ways:
            of_peer = figures.gets.setdefault(way.name, {})
            of_peer[connections] = gets.summary(way, connections, found[way.name])


def _measure_uploads(figures: Figures, ways: Sequence[Peer], rounds: int) -> None:
    content = bytes(CHUNK)
    found: dict[str, list[uploads.UploadRound]] = {way.name: [] for way in ways}
    for number in range(rounds):
        _say(f"upload, round {number + 1} of {rounds}")
        for way in ways if number % 2 else reversed(ways):
            if way.name in figures.uploads:
                continue
            try:
                found[way.name].append(uploads.one_upload(way, content))
            except Exception as error:  # noqa: BLE001 - that it cannot is the result
                figures.uploads[way.name] = uploads.failed(way, error)
    failures = dict(figures.uploads)
    figures.uploads = {
        way.name: failures.get(way.name) or uploads.summary(way, found[way.name]) for way in ways
    }


def _say(text: str) -> None:
    print(f"peers: {text} …", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
