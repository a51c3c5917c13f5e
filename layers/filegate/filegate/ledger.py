"""Ledger: where bytes are counted. Each transition is one transaction; nothing else moves bytes.

At every instant, for each tenant `limit = available + Σ bytes of its file records`, and for each
project `capacity = available + Σ bytes of the file records placed on it`. DynamoDB's conditions
have no arithmetic, so what is kept is what is left: `available` (aws-facts 4).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from filegate.adapters.table import (
    ConditionsFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    Update,
    Write,
)
from filegate.instants import HOUR, SECOND, Instant, hour_of
from filegate.records import SORT_PREFIX, FileRecord, State, file_key
from filegate.registry import project_key
from filegate.tenants import tenant_key

_FILE: Final = 0
_TENANT: Final = 1
_PROJECT: Final = 2

USAGE_KEPT: Final = 400 * 24 * HOUR
"""How long a usage record is kept before TTL may collect it."""

_SAME: Final = "#reservation = :reservation AND #state = :state AND #bytes = :bytes"


class NameTaken(Exception):
    """The tenant has a file or an open upload of this name."""


class TenantShort(Exception):
    """The tenant has too few bytes left; carries what it has, and its limit."""

    def __init__(self, available: int, limit: int) -> None:
        super().__init__("tenant quota exceeded")
        self.available: Final = available
        self.limit: Final = limit


class ProjectShort(Exception):
    """The upstream project has too few bytes left."""


class TenantChanged(Exception):
    """The tenant was suspended, moved or given a smaller file limit since it was last read."""


class DoesNotFit(Exception):
    """The stored file is larger than was reserved, and the difference is not to be had."""


class RecordChanged(Exception):
    """The record is not as it was read; `current` is how it stands now, None if it is gone."""

    def __init__(self, current: FileRecord | None) -> None:
        super().__init__("record changed")
        self.current: Final = current


@dataclass(frozen=True)
class Stored:
    """What upstream says of a file that is there: bytes, its span of life, state, JSON text."""

    bytes: int
    created_at: Instant
    expires_at: Instant
    processing: bool
    snapshot: str


class Ledger:
    """Moves records and the bytes they hold; guarded by the record's state, so exactly once.

    Besides what each method names, all raise TableUnavailable and TableBusy.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    # -- reading

    def find(self, tenant: str, file_id: str) -> FileRecord | None:
        """The record of a tenant's file: one read."""
        return self.find_at(file_key(tenant, file_id))

    def find_at(self, key: Key) -> FileRecord | None:
        """The record at a key of the table: one read."""
        item = self._table.get(key)
        return None if item is None else FileRecord.from_item(item)

    def records(self, tenant: str) -> Iterator[FileRecord]:
        """Every record of a tenant, open uploads included, newest first: a query a page."""
        after: Key | None = None
        while True:
            page = self._table.query(
                tenant_key(tenant).pk, SORT_PREFIX, after=after, newest_first=True
            )
            yield from (FileRecord.from_item(item) for item in page.items)
            after = page.last
            if after is None:
                return

    def due(self, shard: str, until: Instant) -> Iterator[Key]:
        """Where records stand whose appointment is due, as hints: read each before acting on it."""
        return self._table.due(shard, until)

    def page(
        self, tenant: str, after_id: str | None, limit: int
    ) -> tuple[list[FileRecord], str | None]:
        """Up to `limit` records after an id, newest first, and the id to go on after: one query."""
        after = None if after_id is None else file_key(tenant, after_id)
        page = self._table.query(
            tenant_key(tenant).pk, SORT_PREFIX, after=after, limit=limit, newest_first=True
        )
        last = None if page.last is None else page.last.sk.removeprefix(SORT_PREFIX)
        return [FileRecord.from_item(item) for item in page.items], last

    # -- transitions

    def reserve(self, record: FileRecord) -> None:
        """Take a new record's bytes from its tenant and its project: one transaction.

        Raises NameTaken, TenantShort, ProjectShort, or TenantChanged if the tenant is no longer
        as the caller knew it.
        """
        try:
            self._table.transact(
                [
                    Put(record.item(), "attribute_not_exists(pk)"),
                    Update(
                        tenant_key(record.tenant),
                        "SET #available = #available - :bytes",
                        "#available >= :bytes AND #maxFileBytes >= :bytes"
                        " AND #status = :active AND #project = :project",
                        {
                            ":bytes": record.bytes,
                            ":active": "ACTIVE",
                            ":project": record.project,
                        },
                    ),
                    Update(
                        project_key(record.project),
                        "SET #available = #available - :bytes",
                        "#available >= :bytes",
                        {":bytes": record.bytes},
                    ),
                ]
            )
        except ConditionsFailed as failure:
            raise _refusal(failure, record) from None

    def settle(
        self, record: FileRecord, stored: Stored, now: Instant, due_at: Instant, looks: int
    ) -> FileRecord:
        """Turn a reservation into a stored file of its actual size: one transaction.

        The difference to what was declared goes back, or is taken if the file is larger and that
        much is left. Counts the upload and its bytes in the usage record, exactly once.

        Raises RecordChanged, or DoesNotFit if the file is larger than the tenant may have or
        than what is left (then nothing has changed).
        """
        settled = replace(
            record,
            state=State.STORED,
            bytes=stored.bytes,
            due_at=due_at,
            closing_since=None,
            session=None,
            looks=looks,
            stored_at=stored.created_at,
            expires_at=stored.expires_at,
            processing=stored.processing,
            snapshot=stored.snapshot,
        )
        spare = record.bytes - stored.bytes
        moves = _give_back(record, spare) if spare >= 0 else _take_more(record, stored.bytes)
        try:
            self._table.transact(
                [
                    Put(settled.item(), _SAME, _as_it_was(record)),
                    *moves,
                    _count(record.tenant, now, uploads=1, bytesIn=stored.bytes),
                ]
            )
        except ConditionsFailed as failure:
            if _FILE in failure.items:
                raise _changed(failure) from None
            raise DoesNotFit from None
        return settled

    def release(self, record: FileRecord, now: Instant) -> None:
        """Give a stored file's bytes back and drop its record: one transaction.

        Counts the byte-seconds it was stored for: until now, or until it expired if that was
        before. Raises RecordChanged.
        """
        stored_since = record.stored_at if record.stored_at is not None else record.created_at
        stored_until = now if record.expires_at is None else min(now, record.expires_at)
        seconds = max(0, stored_until - stored_since) // SECOND
        self._drop(
            record, _count(record.tenant, now, releases=1, byteSeconds=record.bytes * seconds)
        )

    def abandon(self, record: FileRecord) -> None:
        """Give a reservation's bytes back and drop its record: one transaction.

        Raises RecordChanged.
        """
        self._drop(record)

    def _drop(self, record: FileRecord, *usage: Write) -> None:
        try:
            self._table.transact(
                [
                    Delete(record.key, _SAME, _as_it_was(record)),
                    *_give_back(record, record.bytes),
                    *usage,
                ]
            )
        except ConditionsFailed as failure:
            raise _changed(failure) from None

    # -- appointments and snapshots: one conditional write each; no byte moves

    def mark_closing(
        self, key: Key, reservation: str, session: str, now: Instant, due_at: Instant
    ) -> None:
        """Note that a chunk which ends the upload is on its way, and look at it soon.

        Raises RecordChanged if the upload is no longer open.
        """
        self._change(
            Update(
                key,
                "SET #closingSince = :now, #session = :session, #dueAt = :due, #looks = :none",
                "#reservation = :reservation AND #state = :state",
                {
                    ":now": now,
                    ":session": session,
                    ":due": due_at,
                    ":none": 0,
                    ":reservation": reservation,
                    ":state": str(State.RESERVED),
                },
            )
        )

    def appoint(self, record: FileRecord, due_at: Instant, looks: int = 0) -> FileRecord:
        """Move a record's next appointment. Raises RecordChanged."""
        self._change(
            Update(
                record.key,
                "SET #dueAt = :due, #looks = :looks",
                _SAME,
                {":due": due_at, ":looks": looks, **_as_it_was(record)},
            )
        )
        return replace(record, due_at=due_at, looks=looks)

    def refresh(
        self, record: FileRecord, stored: Stored, due_at: Instant, looks: int
    ) -> FileRecord:
        """Keep what upstream now says of a stored file. Raises RecordChanged."""
        self._change(
            Update(
                record.key,
                "SET #snapshot = :snapshot, #processing = :processing, #expiresAt = :expires,"
                " #dueAt = :due, #looks = :looks",
                _SAME,
                {
                    ":snapshot": stored.snapshot,
                    ":processing": stored.processing,
                    ":expires": stored.expires_at,
                    ":due": due_at,
                    ":looks": looks,
                    **_as_it_was(record),
                },
            )
        )
        return replace(
            record,
            snapshot=stored.snapshot,
            processing=stored.processing,
            expires_at=stored.expires_at,
            due_at=due_at,
            looks=looks,
        )

    def _change(self, update: Update) -> None:
        try:
            self._table.update(update)
        except ConditionsFailed as failure:
            raise _changed(failure) from None


def _as_it_was(record: FileRecord) -> Item:
    return {
        ":reservation": record.reservation,
        ":state": str(record.state),
        ":bytes": record.bytes,
    }


def _give_back(record: FileRecord, spare: int) -> list[Update]:
    return [
        Update(
            key, "SET #available = #available + :spare", "attribute_exists(pk)", {":spare": spare}
        )
        for key in (tenant_key(record.tenant), project_key(record.project))
    ]


def _take_more(record: FileRecord, actual: int) -> list[Update]:
    take = "SET #available = #available - :more"
    more = actual - record.bytes
    return [
        Update(
            tenant_key(record.tenant),
            take,
            "#available >= :more AND #maxFileBytes >= :actual",
            {":more": more, ":actual": actual},
        ),
        Update(project_key(record.project), take, "#available >= :more", {":more": more}),
    ]


def _count(tenant: str, now: Instant, **amounts: int) -> Update:
    """An update that adds to the tenant's usage record of this hour."""
    additions = ", ".join(f"#{field} :{field}" for field in amounts)
    return Update(
        Key(tenant_key(tenant).pk, f"USAGE#{hour_of(now)}"),
        f"SET #garbageAt = :garbage ADD {additions}",
        values={
            ":garbage": (now + USAGE_KEPT) // SECOND,
            **{f":{field}": amount for field, amount in amounts.items()},
        },
    )


def _changed(failure: ConditionsFailed) -> RecordChanged:
    item = failure.items[_FILE]
    return RecordChanged(None if item is None else FileRecord.from_item(item))


def _refusal(failure: ConditionsFailed, record: FileRecord) -> Exception:
    """Why bytes could not be taken, told from the items as they stand."""
    if _FILE in failure.items:
        return NameTaken()
    tenant = failure.items.get(_TENANT)
    if _TENANT in failure.items:
        if tenant is None or tenant["status"] != "ACTIVE" or tenant["project"] != record.project:
            return TenantChanged()
        available, limit = int(tenant["available"] or 0), int(tenant["limit"] or 0)
        if available >= record.bytes and int(tenant["maxFileBytes"] or 0) < record.bytes:
            return TenantChanged()
        return TenantShort(available, limit)
    return ProjectShort()
