"""Files: get, list and delete what a tenant owns.

A name that is missing, expired or another tenant's gets one answer, after the same work: one read.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from filegate.adapters.upstream import Upstream
from filegate.appointments import DELETING_LOOK, Keeper, believable
from filegate.errors import StatusError, file_not_found
from filegate.instants import Instant
from filegate.ledger import Ledger, RecordChanged
from filegate.names import candidate_ids
from filegate.records import FileRecord
from filegate.tenants import Tenant

_LEAST_READ: Final = 100
"""Records read at once when a page has to go past uploads that are still open."""


_SETTLED_AT_ONCE: Final = 16


@dataclass(frozen=True)
class FilePage:
    """Up to a page of stored files, newest first, and the id to go on after; None at the end."""

    records: list[FileRecord]
    continue_after: str | None


class Files:
    """What a tenant may do with its files. Raises what ledger and upstream raise."""

    def __init__(self, ledger: Ledger, upstream: Upstream, keeper: Keeper) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._keeper = keeper

    def get(
        self, tenant: Tenant, file_id: str, now: Instant, *, from_upstream: bool = False
    ) -> FileRecord:
        """A stored file: one read, and upstream's word only where it can have changed.

        `from_upstream` asks for it in any case (`Cache-Control: no-cache`). Raises StatusError.
        """
        record = self._find(tenant, file_id)
        if record is not None and not tenant.may_read(record):
            raise StatusError(file_not_found(file_id))
        if (record is not None and record.closing) or (
            record is not None and record.alive(now) and (record.processing or from_upstream)
        ):
            record = self._keeper.keep(record, now)
        if record is None or not record.alive(now):
            raise StatusError(file_not_found(file_id))
        return record

    def list_page(
        self, tenant: Tenant, page_size: int, after: str | None, now: Instant
    ) -> FilePage:
        """A page of stored files: one query, more only to get past uploads still open.

        Uploads that have just ended are settled first, so a list shows what was uploaded before.
        """
        shown: list[FileRecord] = []
        limit = page_size + 1
        while True:
            records, after = self._ledger.page(tenant.id, after, limit)
            for current in self._settled(records, now):
                if current is None or not current.alive(now):
                    continue
                if len(shown) == page_size:
                    return FilePage(shown, shown[-1].file_id)
                shown.append(current)
            if after is None:
                return FilePage(shown, None)
            limit = max(limit, _LEAST_READ)

    def _settled(self, records: Sequence[FileRecord], now: Instant) -> Sequence[FileRecord | None]:
        """The records as they stand once uploads that have just ended are settled, all at once."""
        closing = [record for record in records if record.closing]
        if not closing:
            return records
        with ThreadPoolExecutor(min(len(closing), _SETTLED_AT_ONCE)) as pool:
            kept = pool.map(lambda record: self._keeper.keep(record, now), closing)
            return [next(kept) if record.closing else record for record in records]

    def delete(self, tenant: Tenant, file_id: str, now: Instant) -> None:
        """Delete a stored file upstream and give its bytes back. Raises StatusError.

        The appointment comes first: if this stops halfway, the next look sees whether upstream
        still has the file and finishes the delete, or forgets it.
        """
        record = self._find(tenant, file_id)
        if record is not None and not tenant.may_delete(record):
            raise StatusError(file_not_found(file_id))
        if record is not None and record.closing:
            record = self._keeper.keep(record, now)
        if record is None or not record.alive(now):
            raise StatusError(file_not_found(file_id))
        deleted_at: Instant | None = None
        try:
            record = self._ledger.appoint(record, now + DELETING_LOOK)
            deleted_at = believable(self._upstream.delete_file(record.project, record.file_id), now)
            self._ledger.release(record, now, deleted_at)
        except RecordChanged as change:
            self._finish_delete(change.current, record, now, deleted_at)

    def _finish_delete(
        self,
        current: FileRecord | None,
        wanted: FileRecord,
        now: Instant,
        deleted_at: Instant | None,
    ) -> None:
        """Somebody else moved the record meanwhile: go on from how it stands, or be done."""
        if current is None or current.reservation != wanted.reservation:
            return
        again = believable(self._upstream.delete_file(current.project, current.file_id), now)
        try:
            self._ledger.release(current, now, again if deleted_at is None else deleted_at)
        except RecordChanged:
            return

    def _find(self, tenant: Tenant, file_id: str) -> FileRecord | None:
        found = self._ledger.find_many(tenant.id, candidate_ids(tenant.tag, file_id))
        return next((record for record in found if record is not None), None)
