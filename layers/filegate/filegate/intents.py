"""Intents: what is about to be made upstream, noted before upstream hears of it.

Upstream names caches, batches and stores itself, so who owns one can be recorded only after it is
there. An intent is there before: it goes in the transaction that records the resource. One that is
left over tells the janitor where to look for what nobody could record (loose_ends.py).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from filegate.adapters.table import ConditionsFailed, Delete, Item, Key, Table, Update
from filegate.holdings import Kind
from filegate.instants import MINUTE, Instant
from filegate.records import due_shard
from filegate.tenants import tenant_key

PREFIX: Final = "INTENT#"
OVER_AFTER: Final = 30 * MINUTE
"""From an intent until nobody can be at it any more, milliseconds: twice as long as a function may
run, so whatever was made meanwhile by anyone is recorded by then or never."""
_EXISTS: Final = "attribute_exists(pk)"


@dataclass(frozen=True)
class Intent:
    """One resource that a tenant asked for; moments in epoch milliseconds."""

    tenant: str
    kind: Kind
    id: str
    """Unique for ever; no part of the resource's own name."""
    project: str
    created_at: Instant
    due_at: Instant
    looks: int
    named: str
    """Hash of the display name it is to have: of one size, and no text of the tenant's."""

    @property
    def key(self) -> Key:
        """Where the intent stands."""
        return Key(tenant_key(self.tenant).pk, f"{PREFIX}{self.kind}#{self.id}")

    @property
    def done(self) -> Delete:
        """The write that ends it, for the transaction that records what was made."""
        return Delete(self.key, _EXISTS)

    @classmethod
    def from_item(cls, item: Item) -> "Intent":
        """Read an intent back from its table item."""
        kind, _, intent_id = str(item["sk"]).removeprefix(PREFIX).partition("#")
        return cls(
            tenant=str(item["pk"]).removeprefix("TENANT#"),
            kind=Kind(kind),
            id=intent_id,
            project=str(item["project"]),
            created_at=int(item["createdAt"] or 0),
            due_at=int(item["dueAt"] or 0),
            looks=int(item["looks"] or 0),
            named=str(item["named"]),
        )


class Intents:
    """Notes and ends intents. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, key: Key) -> Intent | None:
        """The intent at a key of the table: one read."""
        item = self._table.get(key)
        return None if item is None else Intent.from_item(item)

    def note(
        self, tenant: str, kind: Kind, project: str, display_name: object, now: Instant
    ) -> Intent:
        """Note that a resource is about to be made: one write."""
        intent = Intent(
            tenant=tenant,
            kind=kind,
            id=uuid4().hex,
            project=project,
            created_at=now,
            due_at=now + OVER_AFTER,
            looks=0,
            named=hash_of(display_name),
        )
        # An update and not a put: one item alone needs no transaction, which costs twice as much.
        self._table.update(
            Update(
                intent.key,
                "SET #project = :project, #createdAt = :created, #dueAt = :due,"
                " #dueShard = :shard, #looks = :looks, #named = :named",
                "attribute_not_exists(pk)",
                {
                    ":project": project,
                    ":created": now,
                    ":due": intent.due_at,
                    ":shard": due_shard(intent.id),
                    ":looks": 0,
                    ":named": intent.named,
                },
            )
        )
        return intent

    def end(self, intent: Intent) -> None:
        """Forget an intent that nothing came of; one that is gone already is no error."""
        self._table.transact([Delete(intent.key)])

    def put_off(self, intent: Intent, due_at: Instant) -> None:
        """Look again later; one that is gone meanwhile stays so."""
        try:
            self._table.update(
                Update(
                    intent.key,
                    "SET #dueAt = :due, #looks = #looks + :one",
                    _EXISTS,
                    {":due": due_at, ":one": 1},
                )
            )
        except ConditionsFailed:
            return


def display_name_of(document: Mapping[str, Any]) -> object:
    """The display name in a message, in either spelling."""
    return document.get("displayName", document.get("display_name"))


def hash_of(display_name: object) -> str:
    """The hash of a display name; none and an empty one are the same to upstream."""
    text = display_name if isinstance(display_name, str) else ""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
