"""Inventory: a tenant's resources of one kind, each known by a record and asked about upstream.

What caches and batches have in common. A record says who owns a resource and how upstream last
showed it; a resource that upstream no longer has loses its record.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import Write
from filegate.adapters.upstream import Upstream
from filegate.errors import StatusError
from filegate.holdings import Holding, Holdings, Kind, not_found
from filegate.instants import Instant
from filegate.snapshots import write_snapshot
from filegate.tenants import Tenant

LARGEST_SNAPSHOT: Final = 64 * 1024
"""Bytes of a snapshot; an item of the table takes 400 KB, and a list reads many of them."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LEAST_READ: Final = 100
"""Records read at once when a page has to go past resources that have ended."""


class Inventory:
    """What tenants hold of one kind. Raises what the table and upstream raise."""

    def __init__(self, upstream: Upstream, holdings: Holdings, kind: Kind) -> None:
        self._upstream = upstream
        self._holdings = holdings
        self._kind = kind

    def find(self, tenant: Tenant, resource_id: str, now: Instant) -> Holding:
        """A tenant's living resource: one read.

        Raises StatusError, the same for what is missing, ended and another tenant's. An id in a
        form that upstream never gives is nobody's and costs no read.
        """
        known = _ID.fullmatch(resource_id) is not None
        holding = self._holdings.find(tenant.id, self._kind, resource_id) if known else None
        if holding is None or not holding.alive(now):
            raise StatusError(not_found(self._kind, resource_id))
        return holding

    def page(
        self, tenant: Tenant, page_size: int, after: str | None, now: Instant
    ) -> tuple[Sequence[Holding], str | None]:
        """Up to a page of living resources in the order of ids, and the id to go on after.

        One query, more only to get past what has ended.
        """
        shown: list[Holding] = []
        limit = page_size + 1
        while True:
            held, after = self._holdings.page(tenant.id, self._kind, after, limit)
            for holding in held:
                if not holding.alive(now):
                    continue
                if len(shown) == page_size:
                    return shown, shown[-1].id
                shown.append(holding)
            if after is None:
                return shown, None
            limit = max(limit, _LEAST_READ)

    def record(
        self,
        tenant: Tenant,
        resource: Mapping[str, Any],
        now: Instant,
        ends_at: Instant | None = None,
    ) -> None:
        """Own a resource that upstream has just made, and count it.

        Raises UpstreamUnavailable if it has no name of this kind.
        """
        kind, _, resource_id = str(resource.get("name")).partition("/")
        if kind != self._kind or not _ID.fullmatch(resource_id):
            raise UpstreamUnavailable("upstream's answer does not name what it made")
        holding = Holding(
            tenant=tenant.id,
            kind=self._kind,
            id=resource_id,
            project=tenant.project,
            created_at=now,
            snapshot=_snapshot(resource),
            ends_at=ends_at,
        )
        self._holdings.add(holding, now)

    def call(
        self,
        holding: Holding,
        method: str,
        version: str,
        action: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Mapping[str, Any]:
        """Ask upstream about a resource; `action` is what follows its name, e.g. `:cancel`.

        Raises StatusError, and forgets the resource, if upstream does not have it.
        """
        path = f"/{version}/{holding.name}{action}"
        try:
            return self._upstream.call(holding.project, method, path, query=query, body=body)
        except UpstreamRefused as refusal:
            if not refusal.missing:
                raise
        self._holdings.drop(holding)
        raise StatusError(not_found(self._kind, holding.id))

    def refresh(
        self,
        holding: Holding,
        resource: Mapping[str, Any],
        ends_at: Instant | None = None,
        counted: Sequence[Write] = (),
    ) -> bool:
        """Keep what upstream said of a resource since its record was read, and count with it.

        False if the record was changed or dropped meanwhile: then it stays so, as nobody knows
        which word of upstream's is the later one. Writes nothing where nothing is new.
        """
        snapshot = _snapshot(resource)
        if (snapshot, ends_at) == (holding.snapshot, holding.ends_at):
            return True
        return self._holdings.refresh(holding, snapshot, ends_at, counted).snapshot == snapshot

    def delete(self, tenant: Tenant, version: str, resource_id: str, now: Instant) -> None:
        """Delete a resource upstream, then forget it; one that upstream no longer has, too.

        If this stops halfway, the next look finds it missing upstream. Raises StatusError.
        """
        holding = self.find(tenant, resource_id, now)
        try:
            self._upstream.call(holding.project, "DELETE", f"/{version}/{holding.name}")
        except UpstreamRefused as refusal:
            if not refusal.missing:
                raise
        self._holdings.drop(holding)


def shown(holding: Holding) -> Mapping[str, Any]:
    """The resource as its record has it."""
    resource: dict[str, Any] = json.loads(holding.snapshot)
    return resource


def _snapshot(resource: Mapping[str, Any]) -> str:
    """The resource's text; of one that is too large only its name, which upstream can be asked."""
    text = write_snapshot(resource)
    if len(text.encode()) <= LARGEST_SNAPSHOT:
        return text
    return write_snapshot({"name": resource.get("name")})
