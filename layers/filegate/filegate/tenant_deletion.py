"""Tenant deletion: a tenant goes with all it has upstream, in steps that may stop anywhere.

First nothing new can begin: the tenant is refused, its keys are forgotten. Then its files, open
uploads, caches, batches and stores go, each by what deletes one at any other time. Once nothing
holds a byte, what the tenant used in all its time is kept with its record, and that is all there
is. Hours of usage stay, as bills are made of them.

A warm instance may honour a key for another minute (tenants.py). What is made with it then holds no
bytes, as the ledger asks the tenant itself; repeating the deletion takes it away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, TypeAlias

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.appointments import CannotKeep, Keeper
from filegate.audit import By
from filegate.errors import StatusError
from filegate.files import Files
from filegate.holdings import Holding, Holdings, Kind
from filegate.instants import HOUR, MINUTE, Instant
from filegate.inventory import Inventory
from filegate.key_registry import KeyRegistry
from filegate.ledger import Ledger, RecordChanged
from filegate.records import FileRecord, State
from filegate.tenant_registry import TenantRecord, TenantRegistry, TenantState
from filegate.tenants import Tenant
from filegate.usage import hour_start
from filegate.usage_reports import Row, Span, Step, UsageReports

_AT_ONCE: Final = 16
_BATCH: Final = 64
_IN_FLIGHT: Final = MINUTE
"""How long an upload may be one request that is still on its way: longer than any lasts (29 s)."""
_VERSION: Final = "v1beta"

_OBSTACLES: Final = (
    CannotKeep,
    SecretUnavailable,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)

_Thing: TypeAlias = FileRecord | Holding


@dataclass(frozen=True)
class Progress:
    """How far a deletion has come."""

    files_left: int = 0
    """Files and open uploads."""
    resources_left: int = 0
    """Caches, batches and stores."""
    final_usage: Mapping[str, Any] | None = None
    """What the tenant used in all; None until it is gone."""

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.final_usage is not None and not (self.files_left or self.resources_left)


class TenantDeletion:
    """Deletes tenants. Raises StatusError, and what ledger, table and upstream raise."""

    def __init__(
        self,
        tenants: TenantRegistry,
        keys: KeyRegistry,
        ledger: Ledger,
        keeper: Keeper,
        files: Files,
        holdings: Holdings,
        inventories: Mapping[Kind, Inventory],
        reports: UsageReports,
    ) -> None:
        self._tenants = tenants
        self._keys = keys
        self._ledger = ledger
        self._keeper = keeper
        self._files = files
        self._holdings = holdings
        self._reports = reports
        self._inventories = inventories

    def run(
        self, tenant_id: str, now: Instant, by: By, time_is_left: Callable[[], bool]
    ) -> Progress:
        """Begin to delete a tenant, or go on with it, for as long as `time_is_left`.

        What upstream does not let go stays for the next run; raises why if nothing went at all.
        """
        record = self._tenants.begin_deletion(tenant_id, now, by)
        self._keys.delete_all(tenant_id)
        self._sweep(record.tenant, now, time_is_left)
        left = Progress(
            sum(1 for _ in self._ledger.records(tenant_id)),
            sum(1 for _ in self._held(tenant_id)),
            record.final_usage,
        )
        if record.state is TenantState.DELETED or left.files_left or left.resources_left:
            return left
        record = self._tenants.find(tenant_id)
        usage = self._usage(record, now)
        finished = self._tenants.finish_deletion(record, usage, now, by)
        return replace(left, final_usage=usage) if finished else left

    def _sweep(self, tenant: Tenant, now: Instant, time_is_left: Callable[[], bool]) -> None:
        """Let everything go once that can be let go of."""
        gone = 0
        obstacle: Exception | None = None

        def let_go(thing: _Thing) -> Exception | None:
            try:
                if isinstance(thing, FileRecord):
                    self._end(tenant, thing, now)
                else:
                    self._drop(thing)
            except _OBSTACLES as reason:
                return reason
            return None

        things: Iterator[_Thing] = iter([*self._held(tenant.id), *self._ledger.records(tenant.id)])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while time_is_left() and (batch := list(islice(things, _BATCH))):
                for reason in pool.map(let_go, batch):
                    obstacle = obstacle or reason
                    gone += reason is None
        if obstacle is not None and not gone:
            raise obstacle

    def _end(self, tenant: Tenant, record: FileRecord, now: Instant) -> None:
        """Delete a file, or end an upload; what is on its way right now is left for the next run.

        An upload that nothing has ended yet is first taken from whoever sends it, so that no chunk
        can end it any more; then its deadline has come, and keeping that asks upstream.
        """
        with suppress(RecordChanged):
            if record.state is State.RESERVED:
                if now < record.created_at + _IN_FLIGHT:
                    return
                if not record.closing:
                    record = self._ledger.cut_short(record, now)
                kept = self._keeper.keep(replace(record, deadline=min(record.deadline, now)), now)
                if kept is None or kept.state is State.RESERVED:
                    return
                record = kept
            if not record.alive(now):
                self._keeper.keep(record, now)
                return
            with suppress(StatusError):  # Somebody else deleted it meanwhile.
                self._files.delete(tenant, record.file_id, now)

    def _drop(self, holding: Holding) -> None:
        """Delete a cache, a batch or a store with all that is in it; a batch ends before."""
        inventory = self._inventories[holding.kind]
        with suppress(StatusError):  # Upstream no longer has it.
            if holding.kind is Kind.BATCH:
                # One that has ended cannot be cancelled, and upstream says so.
                with suppress(UpstreamRefused):
                    inventory.call(holding, "POST", _VERSION, ":cancel", body=b"{}")
            query = {"force": "true"} if holding.kind is Kind.STORE else None
            inventory.call(holding, "DELETE", _VERSION, query=query)
        self._holdings.drop(holding)

    def _held(self, tenant_id: str) -> Iterator[Holding]:
        for kind in Kind:
            after: str | None = None
            while True:
                page, after = self._holdings.page(tenant_id, kind, after, _BATCH)
                yield from page
                if after is None:
                    break

    def _usage(self, record: TenantRecord, now: Instant) -> Mapping[str, Any]:
        """What a tenant used in all: nothing of it stores a byte any more, so it is final."""
        span = Span(hour_start(record.created_at), hour_start(now) + HOUR, Step.TENANT)
        rows: Iterable[Row] = self._reports.rows(record.id, span, now)
        row = next(iter(rows), None) or Row(record.id, span.start, span.end, complete=True)
        return {**row.json(), "complete": True}
