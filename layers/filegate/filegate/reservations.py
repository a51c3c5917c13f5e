"""Reservations: bytes taken from a tenant and its project before the first of them is sent."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import uuid4

from filegate.adapters.table import Update
from filegate.appointments import CannotKeep, Keeper
from filegate.errors import (
    PROJECT_QUOTA_EXCEEDED,
    Shortage,
    Status,
    StatusError,
    open_sessions_exceeded,
    tenant_quota_exceeded,
)
from filegate.instants import SECOND, Instant
from filegate.ledger import (
    Ledger,
    NameTaken,
    ProjectShort,
    SessionsFull,
    TenantShort,
    TokenShort,
)
from filegate.quota import free_at
from filegate.records import FileRecord, State
from filegate.tenants import Tenant

_KEPT_AT_ONCE: Final = 10


class Reservations:
    """Takes bytes; what stands in the way and is over is settled first. Raises as the ledger."""

    def __init__(self, ledger: Ledger, keeper: Keeper) -> None:
        self._ledger = ledger
        self._keeper = keeper

    def take(
        self,
        tenant: Tenant,
        file_id: str,
        size: int,
        lasts: int,
        now: Instant,
        store: str | None = None,
        checked_sha256: str | None = None,
        *,
        direct: bool = False,
    ) -> FileRecord:
        """Reserve `size` bytes for `lasts` milliseconds; for a document if a `store` is named.

        `direct` for an upload that goes straight to upstream. Raises NameTaken, and StatusError
        where tenant, project or token have too few bytes left, or too many uploads are open.
        """
        deadline = now + lasts
        token, lifetime = tenant.token, tenant.limits.lifetime
        record = FileRecord(
            tenant=tenant.id,
            file_id=file_id,
            reservation=uuid4().hex,
            project=tenant.project,
            state=State.RESERVED,
            bytes=size,
            created_at=now,
            deadline=deadline,
            due_at=deadline,
            checked_sha256=checked_sha256,
            store=store,
            token=None if token is None else token.id,
            direct=direct,
            lifetime=None if lifetime is None else lifetime * SECOND,
        )
        try:
            self._take_or_make_room(record, now, None if token is None else token.spend(size))
        except ProjectShort:
            raise StatusError(PROJECT_QUOTA_EXCEEDED) from None
        except TokenShort as short:
            assert token is not None  # noqa: S101 - only what it spends can be short
            raise StatusError(token.too_little_left(size, short.count)) from None
        return record

    def undo(self, tenant: Tenant, record: FileRecord) -> None:
        """Give back all of a reservation that upstream knows nothing of, as if it had never been.

        Raises RecordChanged.
        """
        token = tenant.token
        self._ledger.abandon(record, None if token is None else token.give_back(record.bytes))

    def _take_or_make_room(self, record: FileRecord, now: Instant, spending: Update | None) -> None:
        """Reserve; if that fails, keep the appointments that stand in the way and try once more."""
        try:
            self._ledger.reserve(record, spending)
        except NameTaken:
            holder = self._ledger.find(record.tenant, record.file_id)
            if holder is not None and not self._keep_early([holder], now):
                raise
        except (TenantShort, SessionsFull) as full:
            records = list(self._ledger.records(record.tenant))
            if not self._keep_early(records, now):
                raise StatusError(_shortage(record, full, records, now)) from None
        else:
            return
        try:
            self._ledger.reserve(record, spending)
        except (TenantShort, SessionsFull) as full:
            records = list(self._ledger.records(record.tenant))
            raise StatusError(_shortage(record, full, records, now)) from None

    def _keep_early(self, records: Sequence[FileRecord], now: Instant) -> bool:
        """Keep what is due or has just ended, before the janitor comes by; False if nothing is."""
        ready = sorted(
            (record for record in records if record.due_at <= now or record.closing),
            key=lambda record: record.due_at,
        )
        for record in ready[:_KEPT_AT_ONCE]:
            try:
                self._keeper.keep(record, now)
            except CannotKeep:
                break
        return bool(ready)


def _shortage(
    record: FileRecord,
    full: TenantShort | SessionsFull,
    records: Iterable[FileRecord],
    now: Instant,
) -> Status:
    if isinstance(full, SessionsFull):
        ends = (one.deadline for one in records if one.state is State.RESERVED)
        return open_sessions_exceeded(full.open, full.most, min(ends, default=None), now)
    missing = record.bytes - full.available
    return tenant_quota_exceeded(
        Shortage(
            asked=record.bytes,
            available=full.available,
            limit=full.limit,
            free_at=None if record.bytes > full.limit else free_at(records, missing),
        ),
        now,
    )
