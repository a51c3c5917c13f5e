"""Request counts: how often a tenant asked for what, and how often it was refused.

Nobody is charged by them, and a write for every read would double what a read costs. So they are
held in memory and written once in a few seconds for each tenant: the first at once, what follows
within those seconds with the first after them. An instance that ends takes along what it holds, at
most the requests of its last few seconds of work. What is charged for is not counted here, but in
the transactions where it moves (usage.py).
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from filegate.adapters.table import Table, TableBusy, TableUnavailable
from filegate.instants import Instant
from filegate.usage import OPERATION, REFUSAL, count_requests, hour_start

_TENANTS: Final = 4_096
"""Tenants whose last write is remembered."""


class RequestCounts:
    """Counts requests; safe for threads. Never fails: what cannot be written is held on to."""

    def __init__(
        self, table: Table, every: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`every`: seconds between two writes for a tenant."""
        self._table = table
        self._every = every
        self._monotonic = monotonic
        self._held: dict[tuple[str, Instant], dict[str, int]] = {}
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def asked(self, tenant: str, operation: str, now: Instant) -> None:
        """Count a request for an operation, e.g. `files.get`, whatever becomes of it."""
        self._hold(tenant, now, OPERATION + operation)

    def refused(self, tenant: str, code: int, now: Instant) -> None:
        """Count an answer of 400 or more to a tenant's request."""
        self._hold(tenant, now, f"{REFUSAL}{code}")

    def write_due(self) -> None:
        """Write what is held of the tenants that were not written for a while: a write for each."""
        for (tenant, hour), amounts in self._take_due().items():
            try:
                self._table.update(count_requests(tenant, hour, amounts))
            except (TableBusy, TableUnavailable):
                for name, amount in amounts.items():
                    self._hold(tenant, hour, name, amount)

    def _hold(self, tenant: str, now: Instant, name: str, amount: int = 1) -> None:
        with self._lock:
            held = self._held.setdefault((tenant, hour_start(now)), {})
            held[name] = held.get(name, 0) + amount

    def _take_due(self) -> dict[tuple[str, Instant], dict[str, int]]:
        with self._lock:
            moment = self._monotonic()
            due = {
                place: self._held[place]
                for place in self._held
                if moment - self._written.get(place[0], moment - self._every) >= self._every
            }
            if len(self._written) > _TENANTS:
                self._written.clear()
            for place in due:
                del self._held[place]
                self._written[place[0]] = moment
            return due
