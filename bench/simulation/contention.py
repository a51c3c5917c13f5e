"""Contention: transactions that meet on a tenant's or a project's item, and are tried again."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench.samples import p50, p99
from bench.simulation.agenda import Agenda, Bucket
from bench.simulation.parameters import Parameters
from bench.simulation.population import Population
from filegate.adapters.table import pauses

_START = 0


@dataclass(frozen=True)
class Starts:
    """What starts met at a load; `rate` in starts a second, times in ms, shares of one."""

    rate: float
    conflicts: float
    """Starts that met another transaction, or a partition at its wall, at least once."""
    refused: float
    """Starts that were told 503 when patience ended."""
    p50: float
    p99: float
    hottest_project: float
    """WRU a second of the busiest project's item."""
    hottest_tenant: float


@dataclass
class _Transaction:
    kind: int
    items: tuple[int, int]
    began: float
    pauses: Iterator[float]
    tries: int = 0


def fleet(population: Population, parameters: Parameters, rate: float, seconds: float) -> Starts:
    """Starts of all tenants at `rate` a second, with the settlements and releases they lead to."""
    count = int(rate * seconds * parameters.transactions)
    tenants = population.draw(_seeded(parameters), count)
    # Below zero, so that a project's item is no tenant's.
    items = [(one, -1 - population.projects[one]) for one in tenants]
    return _Traffic(parameters).run(items, rate, seconds)


def one_project(parameters: Parameters, rate: float, seconds: float, tenants: int = 100) -> Starts:
    """Starts of a hundred like tenants of one project."""
    rng = _seeded(parameters)
    count = int(rate * seconds * parameters.transactions)
    items = [(rng.randrange(tenants), -1) for _ in range(count)]
    return _Traffic(parameters).run(items, rate, seconds)


class _Traffic:
    """Transactions on items that each bear one at a time, and so many units a second."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._rng = _seeded(parameters, 1)
        self._agenda = Agenda()
        self._held: dict[int, float] = {}
        self._buckets: defaultdict[int, Bucket] = defaultdict(lambda: Bucket(parameters.write_wall))
        self._latencies: list[float] = []
        self._starts = self._collided = self._refused = 0

    def run(self, items: Sequence[tuple[int, int]], rate: float, seconds: float) -> Starts:
        """Let all transactions come, at moments that know nothing of each other."""
        waits = _seeded(self._parameters, 3)
        for number, touched in enumerate(items):
            moment = self._rng.uniform(0, seconds)
            kind = number % self._parameters.transactions
            transaction = _Transaction(kind, touched, moment, pauses(waits))
            self._agenda.at(moment, partial(self._attempt, transaction))
        self._agenda.run()
        return Starts(
            rate=rate,
            conflicts=self._collided / self._starts,
            refused=self._refused / self._starts,
            p50=p50(self._latencies),
            p99=p99(self._latencies),
            hottest_project=_hottest(self._buckets, seconds, projects=True),
            hottest_tenant=_hottest(self._buckets, seconds, projects=False),
        )

    def _attempt(self, transaction: _Transaction, now: float) -> None:
        parameters = self._parameters
        if self._goes(transaction, now):
            ends = now + parameters.window * self._rng.uniform(0.5, 1.5)
            for item in transaction.items:
                self._held[item] = ends
            self._finish(transaction, ends)
            return
        transaction.tries += 1
        told = now + parameters.refusal
        later = told + next(transaction.pauses)
        if later > transaction.began + parameters.patience:
            self._finish(transaction, told, refused=True)
        else:
            self._agenda.at(later, partial(self._attempt, transaction))

    def _goes(self, transaction: _Transaction, now: float) -> bool:
        if any(self._held.get(item, 0.0) > now for item in transaction.items):
            return False
        units = self._parameters.item_units
        return all(self._buckets[item].take(units, now) for item in transaction.items)

    def _finish(self, transaction: _Transaction, now: float, *, refused: bool = False) -> None:
        if transaction.kind != _START:
            return
        self._starts += 1
        self._collided += transaction.tries > 0
        self._refused += refused
        if not refused:
            self._latencies.append((now - transaction.began) * 1000)


def _seeded(parameters: Parameters, stream: int = 0) -> random.Random:
    """A stream of its own: drawn from one, tenants would know their moments."""
    return random.Random(parameters.seed + stream)  # noqa: S311 - a simulation has to be repeatable


def _hottest(buckets: dict[int, Bucket], seconds: float, *, projects: bool) -> float:
    found = (bucket.taken for item, bucket in buckets.items() if (item < 0) == projects)
    return max(found, default=0.0) / seconds
