"""Streaming: how soon and how fast events pass the gateway, beside the simulator itself.

`streamGenerateContent?alt=sse`, each way in turn, over kept connections.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx

from bench.event_stream import EventStream, read_stream
from bench.functions import GENERATE
from bench.processes import cpu_seconds
from bench.samples import p50, p90
from bench.stack import LocalStack

PACE: Final = 0.05
"""Seconds between two events of a paced stream."""
_SHORT_EVENTS: Final = 3
_PACED_EVENTS: Final = 20
_LARGE_EVENTS: Final = 100
_EVENT_BYTES: Final = 150_000
_WARM_UP: Final = 3

Pair: TypeAlias = tuple[EventStream, EventStream]
"""Straight, and through the gateway."""


@dataclass(frozen=True)
class FirstEvent:
    """Wall ms from a request to its first event, over `rounds` streams of short events each way."""

    rounds: int
    straight_p50: float
    straight_p90: float
    gateway_p50: float
    gateway_p90: float
    cpu: float
    """CPU ms of the function's own process for a whole stream of three events."""

    @property
    def added_p50(self) -> float:
        """Wall ms the gateway adds at the median."""
        return self.gateway_p50 - self.straight_p50

    @property
    def ratio(self) -> float:
        """Gateway to straight, of the medians."""
        return self.gateway_p50 / self.straight_p50


@dataclass(frozen=True)
class Gaps:
    """Ms between two events on one way, where upstream sends one every PACE: least, p50, most."""

    way: str
    count: int
    least: float
    p50: float
    most: float


@dataclass(frozen=True)
class StreamRate:
    """MB/s (10^6 bytes a second) of one large stream, from request to end; medians of rounds.

    `ratio` is the median of each round's own ratio, gateway to straight.
    """

    size: int
    """Bytes of the answer."""
    straight: float
    gateway: float
    ratio: float
    ratios: tuple[float, ...]
    function_cpu: float
    edge_cpu: float
    """CPU seconds per GB (10^9 bytes): of the function, and of API Gateway's stand-in."""


class Ways:
    """Two kept connections, straight to the simulator and through the gateway."""

    def __init__(self, straight: httpx.Client, gateway: httpx.Client) -> None:
        self._straight = straight
        self._gateway = gateway

    def warm(self) -> None:
        """Open the connections and let the function make its clients."""
        for _ in range(_WARM_UP):
            read_stream(self._straight)
            read_stream(self._gateway)

    def pairs(self, rounds: int) -> list[Pair]:
        """A stream each way, so many times; who goes first changes every time."""
        found = []
        for number in range(rounds):
            if number % 2:
                gateway = read_stream(self._gateway)
                found.append((read_stream(self._straight), gateway))
            else:
                straight = read_stream(self._straight)
                found.append((straight, read_stream(self._gateway)))
        return found


@contextlib.contextmanager
def open_ways(stack: LocalStack) -> Iterator[Ways]:
    """Both ways, warm, until the block ends."""
    with stack.gateway_client(0) as gateway, stack.upstream_client() as straight:
        ways = Ways(straight, gateway)
        ways.warm()
        yield ways


def measure_first_event(stack: LocalStack, ways: Ways, rounds: int) -> FirstEvent:
    """The first of three short events that come at once."""
    processes = stack.function_processes(GENERATE)
    with stack.streaming(events=_SHORT_EVENTS, delaySeconds=0, bytesPerEvent=0):
        before = cpu_seconds(processes)
        pairs = ways.pairs(rounds)
        cpu = 1000 * (cpu_seconds(processes) - before) / rounds
    direct = [1000 * straight.first for straight, _ in pairs]
    through = [1000 * gateway.first for _, gateway in pairs]
    return FirstEvent(rounds, p50(direct), p90(direct), p50(through), p90(through), cpu)


def measure_gaps(stack: LocalStack, ways: Ways, rounds: int) -> list[Gaps]:
    """What is between events that upstream sends at a pace; a buffer would show as a long one."""
    with stack.streaming(events=_PACED_EVENTS, delaySeconds=PACE, bytesPerEvent=0):
        pairs = ways.pairs(rounds)
    return [
        _gaps("straight", [straight for straight, _ in pairs]),
        _gaps("gateway", [gateway for _, gateway in pairs]),
    ]


def measure_stream_rate(stack: LocalStack, ways: Ways, rounds: int) -> StreamRate:
    """Streams of a hundred events of 150 kB."""
    function, edge = stack.function_processes(GENERATE), [stack.edge_process()]
    with stack.streaming(events=_LARGE_EVENTS, delaySeconds=0, bytesPerEvent=_EVENT_BYTES):
        ways.pairs(1)
        function_before, edge_before = cpu_seconds(function), cpu_seconds(edge)
        pairs = ways.pairs(rounds)
        function_cpu = cpu_seconds(function) - function_before
        edge_cpu = cpu_seconds(edge) - edge_before
    rates = [(_rate(straight), _rate(gateway)) for straight, gateway in pairs]
    ratios = tuple(through / direct for direct, through in rates)
    size = pairs[0][1].size
    gigabytes = rounds * size / 1e9
    return StreamRate(
        size,
        p50([direct for direct, _ in rates]),
        p50([through for _, through in rates]),
        p50(ratios),
        ratios,
        function_cpu / gigabytes,
        edge_cpu / gigabytes,
    )


def _gaps(way: str, streams: Sequence[EventStream]) -> Gaps:
    gaps = [1000 * gap for stream in streams for gap in stream.gaps]
    return Gaps(way, len(gaps), min(gaps), p50(gaps), max(gaps))


def _rate(stream: EventStream) -> float:
    return stream.size / stream.seconds / 1e6
