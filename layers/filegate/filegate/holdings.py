"""Holdings: what a tenant owns upstream under a name that upstream chose.

Cached contents, batches and File Search stores. Upstream knows projects and no tenants, so who owns
one is a record here, and a name without a record of the caller's own is as good as missing: foreign
and missing get one answer, after one read.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from filegate import usage
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
from filegate.errors import BATCH_NOT_FOUND, CACHE_NOT_FOUND, Status, store_not_found
from filegate.instants import HOUR, SECOND, Instant
from filegate.records import due_shard
from filegate.tenants import tenant_key

_KEPT_AFTER_END: Final = 24 * HOUR


class Kind(StrEnum):
    """What can be held; the value is the first part of its name (seeds, wire 7 and 9)."""

    CACHE = "cachedContents"
    BATCH = "batches"
    STORE = "fileSearchStores"


_COUNTED_AS: Final = {
    Kind.CACHE: "cachesCreated",
    Kind.BATCH: "batchesCreated",
    Kind.STORE: "storesCreated",
}


def not_found(kind: Kind, resource_id: str) -> Status:
    """Upstream's answer for a name that is missing, foreign or gone; the id as the caller sent."""
    if kind is Kind.STORE:
        return store_not_found(resource_id)
    return CACHE_NOT_FOUND if kind is Kind.CACHE else BATCH_NOT_FOUND


class HoldingGone(Exception):
    """The record was dropped since it was read."""


@dataclass(frozen=True)
class Holding:
    """One owned resource; moments in epoch milliseconds."""

    tenant: str
    kind: Kind
    id: str
    project: str
    created_at: Instant
    snapshot: str
    """The resource as upstream last showed it, as JSON text."""
    ends_at: Instant | None = None
    """When upstream drops it by itself (a cache's expireTime); None if it stays until deleted."""
    due_at: Instant | None = None
    """When to look whether a delete that has begun came to its end; None if none has begun."""
    looks: int = 0
    """Times such a look was in vain."""

    @property
    def key(self) -> Key:
        """Where the record stands."""
        return holding_key(self.tenant, self.kind, self.id)

    @property
    def name(self) -> str:
        """The resource name, e.g. `cachedContents/{id}`."""
        return f"{self.kind}/{self.id}"

    def alive(self, now: Instant) -> bool:
        """Whether upstream still has it, as far as its end is known."""
        return self.ends_at is None or now < self.ends_at

    def item(self) -> Item:
        """The record as a table item; what is None is left out."""
        fields: dict[str, Value] = {
            "pk": self.key.pk,
            "sk": self.key.sk,
            "project": self.project,
            "createdAt": self.created_at,
            "endsAt": self.ends_at,
            "garbageAt": _garbage_at(self.ends_at),
            "snapshot": self.snapshot,
            "dueAt": self.due_at,
            "dueShard": None if self.due_at is None else due_shard(self.name),
            "looks": self.looks or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "Holding":
        """Read a record back from its table item."""
        kind, _, resource_id = str(item["sk"]).partition("#")
        ends_at, due_at = item.get("endsAt"), item.get("dueAt")
        return cls(
            tenant=str(item["pk"]).removeprefix("TENANT#"),
            kind=Kind(kind),
            id=resource_id,
            project=str(item["project"]),
            created_at=int(item["createdAt"] or 0),
            snapshot=str(item["snapshot"]),
            ends_at=None if ends_at is None else int(ends_at),
            due_at=None if due_at is None else int(due_at),
            looks=int(item.get("looks") or 0),
        )


def holding_key(tenant: str, kind: Kind, resource_id: str) -> Key:
    """Where the record of a tenant's resource stands."""
    return Key(tenant_key(tenant).pk, f"{kind}#{resource_id}")


class Holdings:
    """Who owns what. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, tenant: str, kind: Kind, resource_id: str) -> Holding | None:
        """A tenant's resource of this id: one read."""
        return self.find_at(holding_key(tenant, kind, resource_id))

    def find_at(self, key: Key) -> Holding | None:
        """The record at a key of the table: one read."""
        item = self._table.get(key)
        return None if item is None else Holding.from_item(item)

    def is_held(self, tenants: Sequence[str], kind: Kind, resource_id: str) -> bool:
        """Whether any of some tenants owns a resource: a read for every hundred."""
        keys = [holding_key(tenant, kind, resource_id) for tenant in tenants]
        return any(item is not None for item in self._table.get_each(keys))

    def find_many(self, tenant: str, named: Sequence[tuple[Kind, str]]) -> list[Holding | None]:
        """A tenant's resources by kind and id, in that order: a read for every hundred."""
        keys = [holding_key(tenant, kind, resource_id) for kind, resource_id in named]
        return [
            None if item is None else Holding.from_item(item) for item in self._table.get_each(keys)
        ]

    def page(
        self, tenant: str, kind: Kind, after_id: str | None, limit: int
    ) -> tuple[Sequence[Holding], str | None]:
        """Up to `limit` resources after an id, and the id to go on after: one query."""
        after = None if after_id is None else holding_key(tenant, kind, after_id)
        page = self._table.query(tenant_key(tenant).pk, f"{kind}#", after=after, limit=limit)
        last = None if page.last is None else page.last.sk.removeprefix(f"{kind}#")
        return [Holding.from_item(item) for item in page.items], last

    def add(self, holding: Holding, now: Instant, noted: Delete) -> None:
        """Record a resource that upstream has just made, and count it: one transaction.

        `noted` ends the intent to make it. Raises HoldingGone if that is over already: then the
        resource is taken for one that nobody could record, and is deleted or will be.
        """
        counted = usage.count(holding.tenant, now, **{_COUNTED_AS[holding.kind]: 1})
        try:
            self._table.transact([Put(holding.item()), counted, noted])
        except ConditionsFailed:
            raise HoldingGone from None

    def refresh(
        self,
        holding: Holding,
        snapshot: str,
        ends_at: Instant | None,
        counted: Sequence[Write] = (),
    ) -> Holding:
        """Keep what upstream now says of a resource; `counted` is counted with it or not at all.

        Answers `holding` as it came if the record was dropped or refreshed since it was read: what
        was asked before that may be older than what the record has now.
        """
        refreshed = replace(holding, snapshot=snapshot, ends_at=ends_at)
        expression = "SET #snapshot = :snapshot"
        values: dict[str, Value] = {":snapshot": snapshot, ":before": holding.snapshot}
        if ends_at is not None:
            expression += ", #endsAt = :ends, #garbageAt = :garbage"
            values |= {":ends": ends_at, ":garbage": _garbage_at(ends_at)}
        try:
            update = Update(holding.key, expression, "#snapshot = :before", values)
            if counted:
                self._table.transact([update, *counted])
            else:
                self._table.update(update)
        except ConditionsFailed:
            return holding
        return refreshed

    def appoint(self, holding: Holding, due_at: Instant) -> Holding:
        """Have it looked at, as it is about to be deleted: one write. Raises HoldingGone."""
        try:
            self._table.update(
                Update(
                    holding.key,
                    "SET #dueAt = :due, #dueShard = :shard, #looks = :none",
                    "attribute_exists(pk)",
                    {":due": due_at, ":shard": due_shard(holding.name), ":none": 0},
                )
            )
        except ConditionsFailed:
            raise HoldingGone from None
        return replace(holding, due_at=due_at, looks=0)

    def put_off(self, holding: Holding, due_at: Instant) -> None:
        """Look again later; whoever appointed or dropped it meanwhile is right."""
        self._move(
            holding, "SET #dueAt = :later, #looks = #looks + :one", {":later": due_at, ":one": 1}
        )

    def dismiss(self, holding: Holding) -> None:
        """Have it looked at no more: its delete never came to pass."""
        self._move(holding, "REMOVE #dueAt, #dueShard, #looks", {})

    def _move(self, holding: Holding, expression: str, values: Item) -> None:
        update = Update(
            holding.key,
            expression,
            "attribute_exists(pk) AND #dueAt = :due",
            {":due": holding.due_at, **values},
        )
        with suppress(ConditionsFailed):
            self._table.update(update)

    def drop(self, holding: Holding) -> None:
        """Forget a resource that upstream no longer has; one that is gone already is no error."""
        self._table.transact([Delete(holding.key)])


def _garbage_at(ends_at: Instant | None) -> int | None:
    return None if ends_at is None else (ends_at + _KEPT_AFTER_END) // SECOND
