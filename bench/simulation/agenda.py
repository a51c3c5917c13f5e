"""Agenda: what is to happen, in order of time."""

import heapq
from collections.abc import Callable
from typing import Final


class Agenda:
    """Calls actions at their moments; of equal moments, the one that was put down first."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self.now: float = 0.0

    def at(self, moment: float, action: Callable[[float], None]) -> None:
        """Put an action down; it is called with its moment."""
        heapq.heappush(self._entries, (moment, self._count, action))
        self._count += 1

    def run(self) -> None:
        """Do everything, what is put down on the way as well."""
        while self._entries:
            self.now, _, action = heapq.heappop(self._entries)
            action(self.now)


class Bucket:
    """A second's worth of units, refilled all the time: what a partition bears."""

    def __init__(self, rate: float) -> None:
        self._rate: Final = rate
        self._left = rate
        self._seen = 0.0
        self.taken = 0.0

    def take(self, units: float, now: float) -> bool:
        """Whether there was enough; then it is gone."""
        self._left = min(self._rate, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < units:
            return False
        self._left -= units
        self.taken += units
        return True
