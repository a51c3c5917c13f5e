"""Ledger: where bytes are counted. Each transition is one transaction; nothing else moves bytes.

At every instant, for each tenant `limit = available + Σ bytes of its records`, and for each project
`capacity = available + Σ bytes of the records placed on it + phantomBytes`: records of files, and
of documents on their way into a store. `phantomBytes` are those of upstream files that no record
knows (reconciliation.py). DynamoDB's conditions have no arithmetic, so what is kept is what is
left: `available` (aws-facts 4). The same update of a tenant moves `openSessions`, the number of its
records that are `RESERVED`, and how far its next alert is (storage_alerts.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from filegate import storage_alerts, usage
from filegate.adapters.table import (
    ConditionsFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    Update,
    Value,
    Write,
)
from filegate.instants import HOUR, SECOND, Instant
from filegate.projects import project_key
from filegate.records import (
    DOCUMENT_PREFIX,
    SORT_PREFIX,
    FileRecord,
    State,
    due_shard,
    file_key,
)
from filegate.storage_alerts import Crossing
from filegate.tenants import tenant_key

_FILE: Final = 0
_TENANT: Final = 1
_PROJECT: Final = 2
_TOKEN: Final = 3

_SAME: Final = "#reservation = :reservation AND #state = :state AND #bytes = :bytes"


class NameTaken(Exception):
    """The tenant has a file or an open upload of this name."""


class TenantShort(Exception):
    """The tenant has too few bytes left; carries what it has, and its limit."""

    def __init__(self, available: int, limit: int) -> None:
        super().__init__("tenant quota exceeded")
        self.available: Final = available
        self.limit: Final = limit


class SessionsFull(Exception):
    """The tenant has as many open uploads as it may; carries how many these are."""

    def __init__(self, open_sessions: int, most: int) -> None:
        super().__init__("too many open uploads")
        self.open: Final = open_sessions
        self.most: Final = most


class ProjectShort(Exception):
    """The upstream project has too few bytes left."""


class TokenShort(Exception):
    """The browser token has too little left; `count` is its count as it stands."""

    def __init__(self, count: Item | None) -> None:
        super().__init__("token used up")
        self.count: Final = count


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

    def find_many(self, tenant: str, file_ids: Sequence[str]) -> list[FileRecord | None]:
        """The records of a tenant's files, in the order of `file_ids`: a read for every hundred."""
        if len(file_ids) == 1:
            return [self.find(tenant, file_ids[0])]
        keys = [file_key(tenant, file_id) for file_id in file_ids]
        return [
            None if item is None else FileRecord.from_item(item)
            for item in self._table.get_each(keys)
        ]

    def find_at(self, key: Key) -> FileRecord | None:
        """The record at a key of the table: one read."""
        item = self._table.get(key)
        return None if item is None else FileRecord.from_item(item)

    def records(self, tenant: str) -> Iterator[FileRecord]:
        """Every record of a tenant that holds bytes: its files, then documents on their way.

        Open uploads included, newest first; a query a page.
        """
        for prefix in (SORT_PREFIX, DOCUMENT_PREFIX):
            for page in self._table.pages(tenant_key(tenant).pk, prefix, newest_first=True):
                yield from (FileRecord.from_item(item) for item in page.items)

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

    def reserve(self, record: FileRecord, spending: Update | None = None) -> None:
        """Take a new record's bytes from its tenant and its project: one transaction.

        `spending` takes them from a browser token's budget as well. Where they fill the tenant's
        storage up to a threshold, the alert is part of it. Raises NameTaken, TenantShort,
        SessionsFull, ProjectShort, TokenShort, or TenantChanged if the tenant is no longer as the
        caller knew it.
        """
        crossing: Crossing | None = None
        # A taking that crosses a threshold looks again at a tenant that others keep moving.
        for _ in self._table.tries():
            try:
                self._table.transact(
                    [
                        Put(record.item(), "attribute_not_exists(pk)"),
                        _take_for(record, crossing),
                        Update(
                            project_key(record.project),
                            "SET #available = #available - :bytes",
                            "#available >= :bytes",
                            {":bytes": record.bytes},
                        ),
                        *([] if spending is None else [spending]),
                        *_alerts(crossing, record, record.created_at),
                    ]
                )
            except ConditionsFailed as failure:
                refusal = _refusal(failure, record)
                if refusal is not None:
                    raise refusal from None
                crossing = Crossing.of(failure.items[_TENANT], record.bytes)
            else:
                return

    def adopt(
        self, record: FileRecord, now: Instant, counted_as: str, *, exclusive: bool = False
    ) -> bool:
        """Own a file that upstream made under a name of its own; False if it is owned already.

        Such a record holds no bytes, so nothing is taken from tenant or project: one transaction
        with the count `counted_as` in the usage record. `exclusive` claims the name for this tenant
        alone, for as long as the file lives and a day more: what nobody proved to be theirs is
        whose it was first. (Who registers an object has proved it with a token of their own.)
        """
        writes: list[Write] = [
            Put(record.item(), "attribute_not_exists(pk)"),
            usage.count(record.tenant, now, **{counted_as: 1}),
        ]
        if exclusive:
            writes.append(Put(_claim(record, now), "attribute_not_exists(pk)"))
        try:
            self._table.transact(writes)
        except ConditionsFailed:
            return False
        return True

    def settle(self, record: FileRecord, stored: Stored, due_at: Instant, looks: int) -> FileRecord:
        """Turn a reservation into a stored file of its actual size: one transaction.

        The difference to what was declared goes back, or is taken if the file is larger and that
        much is left. Counts the upload and its bytes in the usage record, exactly once.

        Raises RecordChanged, or DoesNotFit if the file is larger than the tenant may have or
        than what is left, or larger than what a browser token paid for (then nothing has changed).
        """
        if record.token is not None and stored.bytes > record.bytes:
            raise DoesNotFit
        settled = replace(
            record,
            state=State.STORED,
            bytes=stored.bytes,
            due_at=due_at,
            closing_since=None,
            session=None,
            direct=False,
            looks=looks,
            stored_at=stored.created_at,
            expires_at=stored.expires_at,
            processing=stored.processing,
            snapshot=stored.snapshot,
        )
        spare = record.bytes - stored.bytes
        crossing: Crossing | None = None
        # A taking that crosses a threshold looks again at a tenant that others keep moving.
        for _ in self._table.tries():
            moves = (
                _give_back(record, spare)
                if spare >= 0
                else _take_more(record, stored.bytes, crossing)
            )
            try:
                self._table.transact(
                    [
                        Put(settled.item(), _SAME, _as_it_was(record)),
                        *moves,
                        usage.count_stored(record.tenant, stored.bytes, settled.stored_since),
                        *_alerts(crossing, record, settled.stored_since),
                    ]
                )
            except ConditionsFailed as failure:
                if _FILE in failure.items:
                    raise _changed(failure) from None
                if not _would_fit(failure, -spare, stored.bytes):
                    raise DoesNotFit from None
                crossing = Crossing.of(failure.items[_TENANT], -spare)
            else:
                return settled
        raise AssertionError("tries end in TableBusy")

    def settle_document(self, record: FileRecord, size: int, now: Instant) -> None:
        """End a document's reservation, as upstream has the document: one transaction.

        All its bytes go back, as upstream counts no store against file storage (wire section 10).
        Counts the document and its `size` in bytes in the usage record, exactly once. Raises
        RecordChanged.
        """
        self._drop(record, usage.count(record.tenant, now, documents=1, documentBytes=size))

    def release(self, record: FileRecord, now: Instant, deleted_at: Instant | None = None) -> None:
        """Give a stored file's bytes back and drop its record: one transaction.

        Ends the byte-seconds it is counted for: at `deleted_at`, when upstream says it deleted it,
        or now; or when it expired if that was before. Raises RecordChanged.
        """
        until = record.stored_until(now if deleted_at is None else deleted_at)
        self._drop(record, usage.count_released(record.tenant, record.bytes, until))

    def abandon(self, record: FileRecord, returning: Update | None = None) -> None:
        """Give a reservation's bytes back and drop its record: one transaction.

        `returning` gives them back to a browser token's budget as well. Raises RecordChanged.
        """
        self._drop(record, *([] if returning is None else [returning]))

    def cut_short(self, record: FileRecord, now: Instant) -> FileRecord:
        """Let an upload's deadline be now, and no chunk end it any more: one write.

        For an upload that nothing has ended yet; its chunks name the reservation, which becomes
        another. Raises RecordChanged, also if a chunk that ends it was let through.
        """
        cut = replace(record, reservation=uuid4().hex, deadline=now, due_at=now)
        self._change(
            Update(
                record.key,
                "SET #reservation = :new, #deadline = :now, #dueAt = :now, #dueShard = :shard",
                f"{_SAME} AND attribute_not_exists(#closingSince)",
                {
                    ":new": cut.reservation,
                    ":now": now,
                    ":shard": due_shard(cut.reservation),
                    **_as_it_was(record),
                },
            )
        )
        return cut

    def count(self, tenant: str, now: Instant, **amounts: int) -> None:
        """Count in the usage record what moves no bytes: one write."""
        self._table.update(usage.count(tenant, now, **amounts))

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

    def keep_session(
        self, record: FileRecord, session: str, due_at: Instant, looks: int
    ) -> FileRecord:
        """Keep the sealed session of an upload that goes straight to upstream.

        Raises RecordChanged.
        """
        self._change(
            Update(
                record.key,
                "SET #session = :session, #dueAt = :due, #looks = :looks",
                _SAME,
                {":session": session, ":due": due_at, ":looks": looks, **_as_it_was(record)},
            )
        )
        return replace(record, session=session, due_at=due_at, looks=looks)

    def note_ended(self, record: FileRecord, now: Instant, due_at: Instant) -> FileRecord:
        """Note that an upload has ended upstream that nobody here saw end. Raises RecordChanged."""
        self._change(
            Update(
                record.key,
                "SET #closingSince = :now, #dueAt = :due, #looks = :none",
                _SAME,
                {":now": now, ":due": due_at, ":none": 0, **_as_it_was(record)},
            )
        )
        return replace(record, closing_since=now, due_at=due_at, looks=0)

    def mark_checked(self, tenant: str, file_id: str, reservation: str, sha256: str) -> None:
        """Note the hash of a content that was read and found to name only the tenant's own.

        Raises RecordChanged if the upload is no longer open.
        """
        self._change(
            Update(
                file_key(tenant, file_id),
                "SET #checkedSha256 = :sha256",
                "#reservation = :reservation AND #state = :state",
                {
                    ":sha256": sha256,
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


def claim_key(project: str, file_id: str) -> Key:
    """Where it stands which tenant owns a file that upstream generated."""
    return Key(f"CLAIM#{project}#{file_id}", "CLAIM")


def _claim(record: FileRecord, now: Instant) -> Item:
    key = claim_key(record.project, record.file_id)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "tenant": record.tenant,
        "garbageAt": ((record.expires_at or now) + 24 * HOUR) // SECOND,
    }


def _as_it_was(record: FileRecord) -> Item:
    return {
        ":reservation": record.reservation,
        ":state": str(record.state),
        ":bytes": record.bytes,
    }


def _take_for(record: FileRecord, crossing: Crossing | None) -> Update:
    """What a reservation takes from its tenant: bytes, and one of its open uploads."""
    return _take(
        record,
        record.bytes,
        crossing,
        "#openSessions = if_not_exists(#openSessions, :none) + :one",
        "#maxFileBytes >= :bytes AND #status = :active AND #project = :project"
        " AND (attribute_not_exists(#maxOpenSessions) OR attribute_not_exists(#openSessions)"
        " OR #openSessions < #maxOpenSessions)",
        {":none": 0, ":one": 1, ":active": "ACTIVE", ":project": record.project},
    )


def _take_more(record: FileRecord, actual: int, crossing: Crossing | None) -> list[Update]:
    more = actual - record.bytes
    ending, values = _ending(record)
    return [
        _take(
            record,
            more,
            crossing,
            ending,
            "#maxFileBytes >= :actual",
            {":actual": actual, **values},
        ),
        Update(
            project_key(record.project),
            "SET #available = #available - :more",
            "#available >= :more",
            {":more": more},
        ),
    ]


def _take(
    record: FileRecord,
    size: int,
    crossing: Crossing | None,
    setting: str,
    condition: str,
    values: Item,
) -> Update:
    """Take bytes from a tenant; `crossing` is what that is, where it is known to be one."""
    alert, noticed, more = storage_alerts.TAKE, storage_alerts.QUIET, dict[str, Value]()
    if crossing is not None:
        alert, noticed, more = crossing.setting, crossing.condition, crossing.values
    settings = ", ".join(filter(None, ["#available = #available - :bytes", setting, alert]))
    return Update(
        tenant_key(record.tenant),
        f"SET {settings}",
        f"#available >= :bytes AND {condition} AND {noticed}",
        {":bytes": size, **values, **more},
    )


def _give_back(record: FileRecord, spare: int) -> list[Update]:
    ending, values = _ending(record)
    back = "#available = #available + :spare"
    settings = ", ".join(filter(None, [back, ending, storage_alerts.GIVE_BACK]))
    return [
        Update(
            tenant_key(record.tenant),
            f"SET {settings}",
            "attribute_exists(pk)",
            {":spare": spare, ":none": 0, **values},
        ),
        Update(
            project_key(record.project),
            f"SET {back}",
            "attribute_exists(pk)",
            {":spare": spare},
        ),
    ]


def _ending(record: FileRecord) -> tuple[str, dict[str, Value]]:
    """The part of an update that counts the end of an upload, with its values; if it is one.

    A tenant from before open uploads were counted has none to give back.
    """
    if record.state is not State.RESERVED:
        return "", {}
    return "#openSessions = if_not_exists(#openSessions, :one) - :one", {":one": 1}


def _alerts(crossing: Crossing | None, record: FileRecord, now: Instant) -> list[Put]:
    if crossing is None:
        return []
    return crossing.events(record.tenant, f"{record.reservation}/{record.state}", now)


def _changed(failure: ConditionsFailed) -> RecordChanged:
    item = failure.items[_FILE]
    return RecordChanged(None if item is None else FileRecord.from_item(item))


def _refusal(failure: ConditionsFailed, record: FileRecord) -> Exception | None:
    """Why bytes could not be taken, told from the items as they stand.

    None if they are to be had, and only an alert has to be thought of.
    """
    if _FILE in failure.items:
        return NameTaken()
    if _TOKEN in failure.items:
        return TokenShort(failure.items[_TOKEN])
    if _TENANT in failure.items:
        refusal = _tenant_refusal(failure.items[_TENANT], record)
        if refusal is not None:
            return refusal
    return ProjectShort() if _PROJECT in failure.items else None


def _tenant_refusal(tenant: Item | None, record: FileRecord) -> Exception | None:
    if tenant is None or tenant["status"] != "ACTIVE" or tenant["project"] != record.project:
        return TenantChanged()
    available, limit = int(tenant["available"] or 0), int(tenant["limit"] or 0)
    if available < record.bytes:
        return TenantShort(available, limit)
    if int(tenant["maxFileBytes"] or 0) < record.bytes:
        return TenantChanged()
    open_sessions, most = tenant.get("openSessions"), tenant.get("maxOpenSessions")
    if open_sessions is not None and most is not None and int(open_sessions) >= int(most):
        return SessionsFull(int(open_sessions), int(most))
    return None


def _would_fit(failure: ConditionsFailed, more: int, actual: int) -> bool:
    """Whether more bytes are to be had, and only an alert has to be thought of."""
    tenant = failure.items.get(_TENANT)
    return (
        _PROJECT not in failure.items
        and tenant is not None
        and int(tenant["available"] or 0) >= more
        and int(tenant["maxFileBytes"] or 0) >= actual
    )
