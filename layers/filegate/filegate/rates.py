"""Rates: how many requests a tenant makes in a minute of UTC, counted exactly where it is limited.

One conditional write a request, on an item a minute, so that no instance can let one more through;
without a limit nothing is written. A minute that is known to be full costs nothing more.
"""

from typing import Final

from filegate.adapters.table import ConditionsFailed, Key, Table, Update
from filegate.errors import StatusError, requests_exceeded
from filegate.instants import MINUTE, SECOND, Instant
from filegate.tenants import Tenant, tenant_key

_KEPT: Final = 10 * MINUTE
"""From the end of a minute until TTL may collect its count, milliseconds."""
_MOST_KNOWN: Final = 4_096


class Rates:
    """Holds tenants to their requests per minute. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._full: dict[str, tuple[Instant, int]] = {}
        """Tenants' minutes that are over a limit, with that limit."""

    def take(self, tenant: Tenant, now: Instant) -> None:
        """Count a request; one write, none if the tenant has no limit. Raises StatusError."""
        most = tenant.limits.requests_per_minute
        if most is None:
            return
        minute = now - now % MINUTE
        if most > 0 and self._full.get(tenant.id) != (minute, most):
            try:
                self._table.update(_count(tenant.id, minute, most))
            except ConditionsFailed:
                if len(self._full) >= _MOST_KNOWN:
                    self._full.clear()
                self._full[tenant.id] = (minute, most)
            else:
                return
        raise StatusError(requests_exceeded(most, minute + MINUTE, now))


def _count(tenant: str, minute: Instant, most: int) -> Update:
    return Update(
        Key(tenant_key(tenant).pk, f"RATE#{minute // MINUTE}"),
        "SET #garbageAt = :garbage ADD #count :one",
        "attribute_not_exists(#count) OR #count < :most",
        {":garbage": (minute + MINUTE + _KEPT) // SECOND, ":one": 1, ":most": most},
    )
