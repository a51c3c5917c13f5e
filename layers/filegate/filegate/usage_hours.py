"""Usage hours: what the records of an hour say, and how an hour is closed and told of.

Byte-seconds of an hour are what came and went in it (usage.py), and 3,600 for every byte that was
there when it began: `carried`. An hour is closed within the hour that follows, each tenant's at a
minute of its own, and each once the one before is: then what is left at its end is carried into
the next, which begins to exist by that, so that no stored byte goes without a record. Whatever
changes a closed hour later makes it due again, and the difference is carried on the same way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, Self

from filegate.adapters.table import ConditionsFailed, Item, Key, Table, Update, Write
from filegate.instants import HOUR, SECOND, Instant, format_rfc3339, hour_of
from filegate.outbox import put_event
from filegate.tenants import tenant_key
from filegate.usage import (
    OPERATION,
    PREFIX,
    REFUSAL,
    REQUESTS_PREFIX,
    addition,
    usage_key,
)

HOUR_CLOSED: Final = "dev.filegate.usage.hour.v1"
"""Type of the event that tells of a closed hour."""
STORAGE_AMOUNTS: Final = (
    "uploads",
    "bytesIn",
    "byteSeconds",
    "releases",
    "documents",
    "documentBytes",
    "imports",
    "registered",
    "generated",
    "cachesCreated",
    "batchesCreated",
    "storesCreated",
)
"""What is counted of a tenant's files and all else that it keeps; bytes, byte-seconds, counts."""
MODEL_AMOUNTS: Final = (
    "requests",
    "promptTokens",
    "cachedTokens",
    "candidatesTokens",
    "thoughtsTokens",
    "toolsTokens",
    "totalTokens",
)
"""What is counted of a model that a tenant called."""
_HOUR_SECONDS: Final = HOUR // SECOND
_FEW: Final = 20
"""Records read at once where one or two are wanted."""
_LATE: Final = 72 * HOUR
"""How late the ledger may come to know of something, and a report is right at once all the same: a
file lives for 48 hours. Later still, it is right once the janitor has closed the hours anew."""
_OWN: Final = frozenset(
    {"pk", "sk", "garbageAt", "dueAt", "dueShard", "changes", "carried", "heldBytes"}
)
"""Attributes of a record that are no usage."""


@dataclass(frozen=True)
class UsageRecord:
    """A record of one hour: of the tenant's files, of a model, or of its requests."""

    tenant: str
    start: Instant
    kind: str
    """`storage`, `model` or `requests`."""
    model: str | None
    amounts: Mapping[str, int]
    """What was used, by name; operations and statuses with what OPERATION and REFUSAL say."""
    held: int
    """Bytes that came in this hour, less those that went."""
    carried: int | None
    """Bytes that were there when the hour began; None until the hour before is closed."""
    due_at: Instant | None
    """When it is to be closed; None once it is."""
    changes: int

    @classmethod
    def read(cls, item: Item) -> Self:
        """Read a record's item."""
        key = Key(str(item["pk"]), str(item["sk"]))
        kind, _, place = key.sk.partition("#")
        hour, _, model = place.partition("#")
        carried, due_at = item.get("carried"), item.get("dueAt")
        return cls(
            tenant=key.pk.partition("#")[2],
            start=_start_of(hour),
            kind="requests" if kind == "REQUESTS" else "model" if model else "storage",
            model=model or None,
            amounts={
                name: int(value or 0) for name, value in sorted(item.items()) if name not in _OWN
            },
            held=int(item.get("heldBytes") or 0),
            carried=None if carried is None else int(carried),
            due_at=None if due_at is None else int(due_at),
            changes=int(item.get("changes") or 0),
        )

    @property
    def key(self) -> Key:
        """Where the record stands."""
        hour = hour_of(self.start)
        if self.kind == "requests":
            return Key(tenant_key(self.tenant).pk, f"{REQUESTS_PREFIX}{hour}")
        return usage_key(self.tenant, hour, self.model)

    @property
    def end(self) -> Instant:
        """When its hour is over."""
        return self.start + HOUR

    def byte_seconds(self, level: int) -> int:
        """Byte-seconds of the hour, if `level` bytes were there when it began."""
        counted = self.amounts.get("byteSeconds", 0)
        return counted + (level - (self.carried or 0)) * _HOUR_SECONDS


def written(record: UsageRecord) -> dict[str, Any]:
    """What a record says, as an event says it: plain names, requests by what they asked for."""
    if record.kind != "requests":
        names = STORAGE_AMOUNTS if record.model is None else MODEL_AMOUNTS
        return {**dict.fromkeys(names, 0), **record.amounts}
    return {
        "requests": without_prefix(record.amounts, OPERATION),
        "refusals": without_prefix(record.amounts, REFUSAL),
    }


def without_prefix(amounts: Mapping[str, int], prefix: str) -> dict[str, int]:
    """The amounts whose names begin with a prefix, by what follows it."""
    return {
        name.removeprefix(prefix): amount
        for name, amount in amounts.items()
        if name.startswith(prefix)
    }


def is_usage_key(key: Key) -> bool:
    """Whether a record of usage stands there."""
    return key.sk.startswith((PREFIX, REQUESTS_PREFIX))


class UsageRecords:
    """Reads records of usage. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, key: Key) -> UsageRecord | None:
        """The record at a key: one read."""
        item = self._table.get(key)
        return None if item is None else UsageRecord.read(item)

    def between(self, tenant: str, start: Instant, end: Instant) -> Iterator[UsageRecord]:
        """A tenant's records of the hours that begin from `start` on and before `end`, by hour.

        Requests come after all others. Two queries, more where there are many models.
        """
        limit = max(_FEW, 3 * (end - start) // HOUR)
        for prefix in (PREFIX, REQUESTS_PREFIX):
            # Behind all records of the hour before, as "~" sorts behind "#".
            pk = tenant_key(tenant).pk
            after = Key(pk, f"{prefix}{hour_of(start - HOUR)}~")
            pages = self._table.pages(pk, prefix, after=after, limit=limit)
            records = (UsageRecord.read(item) for page in pages for item in page.items)
            yield from takewhile(lambda record: record.start < end, records)

    def level(self, tenant: str, start: Instant) -> int:
        """Bytes that were there when the hour that begins at `start` began: a query.

        Looks back beyond what was carried in last, as something that ended longer ago may have
        become known since.
        """
        gone_past: list[UsageRecord] = []
        for record in self.before(tenant, start, at_once=_LATE // HOUR):
            gone_past.append(record)
            known = record.carried is not None or record.due_at is None
            if known and record.start <= start - _LATE:
                break
        # What is closed and has nothing carried in began with nothing, as did the first of all.
        level = gone_past[-1].carried or 0 if gone_past else 0
        return level + sum(record.held for record in gone_past)

    def before(self, tenant: str, start: Instant, at_once: int = _FEW) -> Iterator[UsageRecord]:
        """Records of a tenant's files before an hour, newest first."""
        after = usage_key(tenant, hour_of(start))
        for page in self._table.pages(
            after.pk, PREFIX, after=after, limit=at_once, newest_first=True
        ):
            records = (UsageRecord.read(item) for item in page.items)
            yield from (record for record in records if record.kind == "storage")


class UsageHours:
    """Closes hours. Two at once do no harm: each closing is guarded by what the record says.

    Raises TableUnavailable and TableBusy.
    """

    def __init__(self, table: Table, *, tell: bool) -> None:
        """`tell`: whether closed hours are to be published."""
        self._table = table
        self._records = UsageRecords(table)
        self._tell = tell

    def close(self, key: Key, now: Instant, time_is_left: Callable[[], bool]) -> int:
        """Close the record at a key if it is due, and the hours after it that are due by then.

        Answers how many were closed.
        """
        closed = 0
        following: Key | None = key
        while following is not None and time_is_left():
            record = self._records.find(following)
            if record is None or record.due_at is None or record.due_at > now:
                break
            if not self._close_one(record, now):
                break
            closed += 1
            following = (
                usage_key(record.tenant, hour_of(record.end)) if record.kind == "storage" else None
            )
        return closed

    def _close_one(self, record: UsageRecord, now: Instant) -> bool:
        """False if the record, or what it depends on, has changed meanwhile: the next round."""
        writes: list[Write] = []
        if record.kind == "storage":
            if record.carried is None and not self._began_empty(record):
                return False
            level = record.carried or 0
            writes.extend(self._carry(record, level + record.held))
        if self._tell:
            writes.append(_event(record, now))
        closed = Update(
            record.key,
            "REMOVE #dueAt, #dueShard",
            "#changes = :changes AND attribute_exists(#dueAt)",
            {":changes": record.changes},
        )
        try:
            self._table.transact([closed, *writes])
        except ConditionsFailed:
            return False
        return True

    def _began_empty(self, record: UsageRecord) -> bool:
        """Whether nothing was there when an hour began that nothing was carried into.

        Not known while the hour before is open; that one has an appointment of its own.
        """
        before = next(self._records.before(record.tenant, record.start), None)
        return before is None or before.due_at is None

    def _carry(self, record: UsageRecord, left: int) -> Iterable[Write]:
        """The write that carries what is left at an hour's end into the next."""
        following = usage_key(record.tenant, hour_of(record.end))
        current = self._records.find(following)
        carried = None if current is None else current.carried
        if left == (carried or 0):
            return []
        difference = (left - (carried or 0)) * _HOUR_SECONDS
        amounts = {"byteSeconds": difference}
        write = addition(following, record.tenant, record.end, amounts, carried=left)
        if carried is None:
            return [replace(write, condition="attribute_not_exists(#carried)")]
        values = {**write.values, ":before": carried}
        return [replace(write, condition="#carried = :before", values=values)]


def _event(record: UsageRecord, now: Instant) -> Write:
    hour = hour_of(record.start)
    place = record.kind if record.model is None else f"model/{record.model}"
    data: dict[str, Any] = {
        "tenant": record.tenant,
        "from": format_rfc3339(record.start),
        "to": format_rfc3339(record.end),
        "revision": record.changes,
        "kind": record.kind,
        **({} if record.model is None else {"model": record.model}),
        **written(record),
    }
    # The revision is in the id: told twice it is one event, changed later it is another.
    event_id = f"usage/{record.tenant}/{hour}/{place}/{record.changes}"
    return put_event(HOUR_CLOSED, f"tenants/{record.tenant}", data, event_id, now)


def _start_of(hour: str) -> Instant:
    return int(datetime.fromisoformat(f"{hour}:00:00+00:00").timestamp()) * SECOND
