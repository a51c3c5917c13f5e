"""Population: tenants, how busy each is, and which project each was placed on."""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from bench.simulation.parameters import Parameters
from filegate.limits import STORAGE_BYTES
from filegate.placement import Placement
from filegate.projects import Health, Project

_GIB: Final = 2**30
_LIMITS: Final = (_GIB, 5 * _GIB, STORAGE_BYTES)
"""Storage limits that are sold, and to how many of a hundred tenants each."""
_SOLD: Final = (80, 18, 2)


@dataclass(frozen=True)
class Population:
    """By tenant: its project, and the running sum of weights that uploads are drawn by."""

    projects: Sequence[int]
    cumulated: Sequence[float]
    promised: Sequence[int]
    """By project: bytes."""

    @classmethod
    def of(cls, parameters: Parameters) -> "Population":
        """Tenants that came one after the other, busy and quiet ones mixed."""
        rng = random.Random(parameters.seed)  # noqa: S311 - a simulation
        weights = [1 / (rank + 1) ** parameters.skew for rank in range(parameters.tenants)]
        rng.shuffle(weights)
        limits = rng.choices(_LIMITS, _SOLD, k=parameters.tenants)
        placed, promised = place_all(limits, parameters.projects)
        return cls(placed, list(accumulate(weights)), promised)

    def draw(self, rng: random.Random, count: int) -> list[int]:
        """Tenants that so many uploads are of."""
        return rng.choices(range(len(self.projects)), cum_weights=self.cumulated, k=count)

    @property
    def loads(self) -> list[float]:
        """By project: its share of all uploads."""
        shares = [0.0] * len(self.promised)
        before, total = 0.0, self.cumulated[-1]
        for project, weight in zip(self.projects, self.cumulated, strict=True):
            shares[project] += (weight - before) / total
            before = weight
        return shares

    @property
    def busiest(self) -> float:
        """The share of the busiest tenant."""
        before = [0.0, *self.cumulated]
        found = (after - one for one, after in zip(before, self.cumulated, strict=False))
        return max(found) / self.cumulated[-1]


def place_all(limits: Sequence[int], projects: int) -> tuple[list[int], list[int]]:
    """What Placement chooses for one tenant after the other, and the bytes it promised by project.

    With a heap where Placement looks through all projects; a test compares the two.
    """
    rooms = [(-STORAGE_BYTES, number) for number in range(projects)]
    heapq.heapify(rooms)
    placed, promised = [], [0] * projects
    for limit in limits:
        room, number = rooms[0]
        heapq.heapreplace(rooms, (room + limit, number))
        placed.append(number)
        promised[number] += limit
    return placed, promised


class Slow(Placement):
    """The product's own placement, on projects that stand in memory."""

    def __init__(self, projects: int) -> None:
        self._all = {f"p{number:04d}": 0 for number in range(projects)}

    def projects(self) -> list[Project]:
        """As the table would show them."""
        return [
            Project(
                id=project,
                capacity=STORAGE_BYTES,
                available=STORAGE_BYTES,
                promised=promised,
                tenants=0,
                draining=False,
                overcommit=None,
                created_at=0,
                health=Health(),
            )
            for project, promised in self._all.items()
        ]

    def book(self, limit: int) -> int:
        """Place a tenant, and promise it its storage; the number of its project."""
        project = self.place(limit)
        self._all[project] += limit
        return int(project[1:])
