"""Rounds: the janitor, minute after minute, with what falls due and the time it has."""

import heapq
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.simulation.parameters import CLOSING, EXPIRY, TELLING, Errand, Parameters
from filegate.instants import HOUR, MINUTE, SECOND
from filegate.records import due_shard, shard_name
from filegate.usage import GRACE, closing_at

_MINUTE: Final = MINUTE // SECOND
_HOUR: Final = HOUR // SECOND
_FILE: Final = "file"
_USAGE: Final = "usage"
_ERRANDS: Final = {_FILE: EXPIRY, _USAGE: CLOSING}


@dataclass(frozen=True)
class Manner:
    """How the janitor goes about it."""

    name: str
    spread: bool = False
    """Whether each tenant's hour is closed at a minute of its own."""
    rotating: bool = False
    """Whether each round begins with another shard."""
    memory: int = 512


@dataclass(frozen=True)
class Day:
    """How late appointments were kept, in seconds, or still were not when the day ended."""

    manner: str
    tenants: int
    file_p99: float
    file_most: float
    hour_p99: float
    hour_most: float
    left: int
    """Appointments that were due and not kept when the day ended."""
    untold: int
    """Events that waited to be published then."""
    busy: float
    """The share of its time that the janitor was at work."""
    lags: tuple[float, ...] = ()
    """By minute: how late the latest appointment was, of those kept in it and those that wait."""


@dataclass
class _Shards:
    """Appointments by shard, earliest first: `(due, kind, how many)`."""

    queues: list[list[tuple[float, str, int]]] = field(default_factory=list)

    def add(self, shard: int, due: float, kind: str, count: int) -> None:
        if count:
            heapq.heappush(self.queues[shard], (due, kind, count))

    def batch(self, shard: int, now: float, most: int) -> Iterator[tuple[float, str, int]]:
        """Up to so many that are due, taken out."""
        queue, taken = self.queues[shard], 0
        while queue and queue[0][0] <= now and taken < most:
            due, kind, count = heapq.heappop(queue)
            some = min(count, most - taken)
            if count > some:
                heapq.heappush(queue, (due, kind, count - some))
            taken += some
            yield due, kind, some

    def waiting(self, now: float) -> tuple[int, float]:
        """How many are due, and since when the first."""
        due = [one for queue in self.queues for one in queue if one[0] <= now]
        return sum(one[2] for one in due), min((one[0] for one in due), default=now)


def day(
    parameters: Parameters, tenants: int, manner: Manner, hours: int = 24, per_day: float = 0.0
) -> Day:
    """A day of the janitor, with every tenant storing something all the time.

    `per_day`: files of a tenant that expire in it.
    """
    found = _Day(parameters, manner)
    rate = tenants * per_day / (24 * _HOUR) * _MINUTE
    closings = _closings(tenants, parameters, spread=manner.spread)
    for minute in range(hours * 60):
        found.fall_due(minute, rate, closings.get(minute % 60, ()))
        found.make_round(minute)
    return found.end(tenants, hours)


class _Day:
    """A day as it goes on."""

    def __init__(self, parameters: Parameters, manner: Manner) -> None:
        self._parameters = parameters
        self._manner = manner
        self._core = min(1.0, manner.memory / 1769)
        self._rng = random.Random(parameters.seed)  # noqa: S311 - a simulation is repeatable
        self._shards = _Shards([[] for _ in range(parameters.shards)])
        self._late: dict[str, list[tuple[float, int]]] = {_FILE: [], _USAGE: []}
        self._by_minute: list[float] = []
        self._outbox = self._busy = 0.0

    def fall_due(self, minute: int, rate: float, closings: Iterable[tuple[int, int]]) -> None:
        """Files that expire in a minute, `rate` of them by chance, and hours to be closed."""
        now = float(minute * _MINUTE)
        for shard, count in enumerate(_split(self._rng, rate, self._parameters.shards)):
            self._shards.add(shard, now, _FILE, count)
        for shard, count in closings:
            self._shards.add(shard, now, _USAGE, count)

    def make_round(self, minute: int) -> None:
        """What the janitor does in a minute: shard by shard, then what waits in the outbox."""
        parameters, now = self._parameters, float(minute * _MINUTE)
        spent, worst = parameters.shards * parameters.call, 0.0
        first = minute % parameters.shards if self._manner.rotating else 0
        for number in range(parameters.shards):
            shard = (first + number) % parameters.shards
            while spent < parameters.round_time:
                taken = list(self._shards.batch(shard, now, parameters.batch))
                if not taken:
                    break
                spent += _time(taken, parameters, self._core)
                worst = max(worst, self._note(taken, now + spent))
        _, since = self._shards.waiting(now)
        while self._outbox > 0 and spent < parameters.round_time + parameters.publish_time:
            spent += _single(TELLING, parameters, self._core)
            self._outbox = max(0.0, self._outbox - 10)
        self._busy += spent
        self._by_minute.append(max(worst, now - since))

    def end(self, tenants: int, hours: int) -> Day:
        """What is to be said of it; what still waits is as late as it is by now."""
        end = float(hours * _HOUR)
        left, _ = self._shards.waiting(end)
        for queue in self._shards.queues:
            for due, kind, count in queue:
                self._late[kind].append((end - due, count))
        return Day(
            self._manner.name,
            tenants,
            *_quantiles(self._late[_FILE]),
            *_quantiles(self._late[_USAGE]),
            left,
            int(self._outbox),
            self._busy / end,
            tuple(self._by_minute),
        )

    def _note(self, taken: list[tuple[float, str, int]], now: float) -> float:
        for due, kind, count in taken:
            self._late[kind].append((now - due, count))
            self._outbox += count if kind == _USAGE else 0
        return now - taken[0][0]


def capacity(parameters: Parameters, memory: int, errand: Errand) -> float:
    """Appointments of one kind that a round can keep."""
    core = min(1.0, memory / 1769)
    cpu = errand.cpu(parameters) * parameters.core / core
    each = max(errand.latency(parameters) / parameters.at_once, cpu)
    return parameters.round_time / each


def _closings(
    tenants: int, parameters: Parameters, *, spread: bool
) -> dict[int, list[tuple[int, int]]]:
    """By minute of the hour: shard, and how many hours fall due in it."""
    found: Counter[tuple[int, int]] = Counter()
    numbers = {shard_name(number): number for number in range(parameters.shards)}
    for tenant in range(tenants):
        name = f"t{tenant:06d}"
        due = closing_at(name, 0) - HOUR if spread else GRACE
        found[due // MINUTE, numbers[due_shard(name)]] += 1
    by_minute: dict[int, list[tuple[int, int]]] = {}
    for (minute, shard), count in found.items():
        by_minute.setdefault(minute, []).append((shard, count))
    return by_minute


def _split(rng: random.Random, rate: float, shards: int) -> list[int]:
    """Appointments of a minute by shard: as many as fall by chance."""
    each = rate / shards
    return [max(0, round(rng.gauss(each, math.sqrt(each)))) for _ in range(shards)]


def _time(taken: list[tuple[float, str, int]], parameters: Parameters, core: float) -> float:
    """Seconds of a batch: its threads wait side by side, and share what there is of a core."""
    waits = cpu = 0.0
    for _, kind, count in taken:
        errand = _ERRANDS[kind]
        waits += count * errand.latency(parameters)
        cpu += count * errand.cpu(parameters) * parameters.core / core
    longest = max(_ERRANDS[kind].latency(parameters) for _, kind, _ in taken)
    return max(waits / parameters.at_once, longest, cpu)


def _single(errand: Errand, parameters: Parameters, core: float) -> float:
    return errand.latency(parameters) + errand.cpu(parameters) * parameters.core / core


def _quantiles(late: list[tuple[float, int]]) -> tuple[float, float]:
    """The 99th percentile and the most."""
    if not late:
        return 0.0, 0.0
    late.sort()
    total = sum(count for _, count in late)
    seen = 0
    for seconds, count in late:
        seen += count
        if seen >= 0.99 * total:
            return seconds, late[-1][0]
    return late[-1][0], late[-1][0]
