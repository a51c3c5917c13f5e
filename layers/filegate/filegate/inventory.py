"""Inventory: a tenant's resources of one kind, each known by a record and asked about upstream.

What caches, batches and stores have in common. A record says who owns a resource and how upstream
last showed it; a resource that upstream no longer has loses its record.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from filegate.adapters.refusals import (
    Subject,
    UpstreamRefused,
    UpstreamUnavailable,
    may_have_happened,
)
from filegate.adapters.table import TableBusy, TableUnavailable, Write
from filegate.adapters.upstream import Upstream
from filegate.appointments import DELETING_LOOK
from filegate.errors import StatusError
from filegate.holdings import Holding, HoldingGone, Holdings, Kind, not_found
from filegate.instants import Instant
from filegate.intents import Intent, Intents
from filegate.snapshots import write_snapshot
from filegate.tenants import Tenant

LARGEST_SNAPSHOT: Final = 64 * 1024
"""Bytes of a snapshot; an item of the table takes 400 KB, and a list reads many of them."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LEAST_READ: Final = 100
"""Records read at once when a page has to go past resources that have ended."""


def _as_it_is(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource


def _never(_resource: Mapping[str, Any]) -> None:
    return None


class Inventory:
    """What tenants hold of one kind. Raises what the table and upstream raise."""

    def __init__(
        self, upstream: Upstream, holdings: Holdings, intents: Intents, kind: Kind
    ) -> None:
        self._upstream = upstream
        self._holdings = holdings
        self._intents = intents
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

    def create(
        self,
        tenant: Tenant,
        path: str,
        body: bytes,
        display_name: object,
        now: Instant,
        *,
        recorded: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_it_is,
        ends_at: Callable[[Mapping[str, Any]], Instant | None] = _never,
    ) -> Mapping[str, Any]:
        """Have upstream make a resource, own it and count it; answers it as upstream does.

        The intent comes first: if this stops anywhere, or upstream does not say how it went, the
        janitor deletes what came of it (loose_ends.py). `recorded` is what is kept of the resource.
        Raises UpstreamUnavailable if it has no name of this kind.
        """
        intent = self._intents.note(tenant.id, self._kind, tenant.project, display_name, now)
        try:
            resource = self._upstream.call(
                tenant.project, "POST", path, body=body, subject=Subject.CONTENT
            )
        except Exception as failure:
            if not may_have_happened(failure):
                with suppress(TableBusy, TableUnavailable):  # Then the janitor finds nothing.
                    self._intents.end(intent)
            raise
        self._record(tenant, intent, recorded(resource), now, ends_at(resource))
        return resource

    def _record(
        self,
        tenant: Tenant,
        intent: Intent,
        resource: Mapping[str, Any],
        now: Instant,
        ends_at: Instant | None,
    ) -> None:
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
        try:
            self._holdings.add(holding, now, intent.done)
        except HoldingGone:
            raise UpstreamUnavailable("what upstream made came too late to be recorded") from None

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

    def delete(
        self,
        tenant: Tenant,
        version: str,
        resource_id: str,
        now: Instant,
        *,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Delete a resource upstream, then forget it; one that upstream no longer has, too.

        The appointment comes first: if this stops halfway, the janitor sees whether upstream still
        has it, and finishes the delete or forgets it. Raises StatusError.
        """
        holding = self.find(tenant, resource_id, now)
        try:
            holding = self._holdings.appoint(holding, now + DELETING_LOOK)
        except HoldingGone:
            raise StatusError(not_found(self._kind, resource_id)) from None
        path = f"/{version}/{holding.name}"
        try:
            self._upstream.call(holding.project, "DELETE", path, query=query)
        except Exception as failure:
            missing = isinstance(failure, UpstreamRefused) and failure.missing
            if not missing:
                if not may_have_happened(failure):
                    with suppress(TableBusy, TableUnavailable):  # Then the janitor dismisses it.
                        self._holdings.dismiss(holding)
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
