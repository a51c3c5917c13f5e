"""Tenant registry: making tenants, changing what they may, suspending and deleting them.

Every change is one transaction with its audit entry. A deleted tenant's record stays, without
anything in it that counts: its id and its tag are not given away again, so what is sealed or named
for it never becomes another's, and an upload that upstream shows late still finds its ledger.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

from filegate import audit, storage_alerts
from filegate.adapters.table import (
    ConditionsFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    Update,
    Value,
    Write,
)
from filegate.admin_errors import (
    AlreadyExists,
    tenant_exists,
    tenant_going,
    tenant_id_used,
    tenant_not_found,
)
from filegate.audit import By, tenant_subject
from filegate.errors import StatusError
from filegate.instants import Instant
from filegate.limits import Limits
from filegate.names import new_tag
from filegate.placement import Placement
from filegate.tenants import Tenant, is_tenant_id, tenant_from_item, tenant_key

LISTING: Final = "TENANTS"
"""The partition that lists all tenants: one item for each, its sort key the tenant's id."""
_TRIES: Final = 20
"""Races lost before a change gives up: each was won by another change of the same tenant."""
_RECORD: Final = 0
_NEW: Final = "attribute_not_exists(pk)"
_STAYS: Final = "(#status = :active OR #status = :suspended)"
_STAYING: Final[Mapping[str, Value]] = {":active": "ACTIVE", ":suspended": "SUSPENDED"}


class TenantState(StrEnum):
    """Whether a tenant's keys are taken."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    """Its keys are refused; its files stay until they expire."""
    DELETING = "DELETING"
    DELETED = "DELETED"


@dataclass(frozen=True)
class TenantRecord:
    """A tenant as its operator sees it; sizes in bytes, moments in epoch milliseconds."""

    id: str
    tag: str
    state: TenantState
    project: str
    limits: Limits
    available: int
    """What is left of its storage; below zero where its limit was lowered under what it has."""
    open_sessions: int
    created_at: Instant
    updated_at: Instant
    final_usage: Mapping[str, Any] | None
    """What a deleted tenant used in all its time."""
    item: Item

    @property
    def stored(self) -> int:
        """Bytes its files and its open uploads hold."""
        return self.limits.storage - self.available

    @property
    def tenant(self) -> Tenant:
        """The tenant as requests know it."""
        return tenant_from_item(self.id, self.item)

    @classmethod
    def from_item(cls, item: Item) -> "TenantRecord":
        """Read a tenant's record."""
        created_at = int(item["createdAt"] or 0)
        final = item.get("finalUsage")
        return cls(
            id=str(item["pk"]).removeprefix("TENANT#"),
            tag=str(item["tag"]),
            state=TenantState(str(item["status"])),
            project=str(item["project"]),
            limits=Limits.from_item(item),
            available=int(item["available"] or 0),
            open_sessions=int(item.get("openSessions") or 0),
            created_at=created_at,
            updated_at=int(item.get("updatedAt") or created_at),
            final_usage=None if final is None else json.loads(str(final)),
            item=item,
        )


_TOLD_AS: Final = {
    "limit": "storageBytes",
    "maxFileBytes": "fileBytes",
    "lifetimeSeconds": "fileLifetimeSeconds",
    "maxOpenSessions": "openSessions",
}

Companions: TypeAlias = Callable[[TenantRecord], Sequence[Write]]
"""What else is written in the transaction that makes a tenant, such as an answer to keep."""


def alone(_record: object) -> Sequence[Write]:
    """Nothing else."""
    return []


class TenantRegistry:
    """Keeps tenants. Raises StatusError, TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._placement = Placement(table)

    def create(
        self,
        tenant_id: str,
        limits: Limits,
        now: Instant,
        by: By,
        *,
        project: str | None = None,
        companions: Companions = alone,
    ) -> TenantRecord:
        """A new tenant under a tag no other has, on a project that has room or the one named.

        Raises AlreadyExists, ValueError for what is no tenant id, and ConditionsFailed if what
        goes along cannot be written.
        """
        require_tenant_id(tenant_id)
        tag = new_tag()

        def writes(chosen: str) -> Sequence[Write]:
            item = _new_item(tenant_id, tag, chosen, limits, now)
            return [
                Put(item, _NEW),
                Put({"pk": f"TAG#{tag}", "sk": "TAG", "tenant": tenant_id}, _NEW),
                Put({"pk": LISTING, "sk": tenant_id}),
                *audit.entry(
                    tenant_subject(tenant_id),
                    by,
                    "tenants.create",
                    {"project": chosen, "limits": _told(limits.fields())},
                    now,
                ),
                *companions(TenantRecord.from_item(item)),
            ]

        try:
            chosen = self._placement.create(limits.storage, writes, project)
        except ConditionsFailed as failure:
            if _RECORD not in failure.items:
                raise
            there = failure.items[_RECORD]
            gone = there is not None and there["status"] == TenantState.DELETED
            status = tenant_id_used(tenant_id) if gone else tenant_exists(tenant_id)
            raise AlreadyExists(status) from None
        return TenantRecord.from_item(_new_item(tenant_id, tag, chosen, limits, now))

    def find(self, tenant_id: str) -> TenantRecord:
        """A tenant by its id, a deleted one too: one read."""
        item = self._table.get(tenant_key(tenant_id)) if is_tenant_id(tenant_id) else None
        if item is None:
            raise StatusError(tenant_not_found(tenant_id))
        return TenantRecord.from_item(item)

    def page(self, size: int, after: str | None) -> tuple[list[TenantRecord], str | None]:
        """Up to `size` tenants by id, without deleted ones, and the id to go on after."""
        ids, following = self.ids(size, after)
        items = self._table.get_each([tenant_key(tenant_id) for tenant_id in ids])
        return [TenantRecord.from_item(item) for item in items if item is not None], following

    def ids(self, size: int, after: str | None) -> tuple[list[str], str | None]:
        """Up to `size` ids of tenants, and the one to go on after: one query."""
        start = None if after is None else Key(LISTING, after)
        page = self._table.query(LISTING, after=start, limit=size + 1)
        ids = [str(item["sk"]) for item in page.items]
        return ids[:size], ids[size - 1] if len(ids) > size else None

    def change_limits(
        self, tenant_id: str, changes: Mapping[str, Any], now: Instant, by: By
    ) -> TenantRecord:
        """Change limits, named as Limits names them; what is not named stays.

        What the storage limit grows or shrinks by is added to what is left, in the same write. It
        may be lowered under what is stored: that deletes nothing, and stops new uploads.
        """
        for _ in range(_TRIES):
            record = self._staying(tenant_id, "changed")
            after = replace(record.limits, **changes)
            if after == record.limits:
                return record
            try:
                self._table.transact(
                    [
                        _limits_update(record, after, now),
                        *_rebooking(record, after),
                        *audit.entry(
                            tenant_subject(tenant_id),
                            by,
                            "tenants.changeLimits",
                            {
                                "before": _told(_differing(record.limits, after)),
                                "after": _told(_differing(after, record.limits)),
                            },
                            now,
                        ),
                    ]
                )
            except ConditionsFailed:
                continue  # Another change was faster: go on from what it left.
            return self.find(tenant_id)
        raise TableBusy

    def suspend(self, tenant_id: str, now: Instant, by: By) -> TenantRecord:
        """Refuse a tenant's keys from now on, and within a minute on every warm instance."""
        return self._switch(tenant_id, TenantState.SUSPENDED, "suspended", now, by)

    def resume(self, tenant_id: str, now: Instant, by: By) -> TenantRecord:
        """Take a suspended tenant's keys again."""
        return self._switch(tenant_id, TenantState.ACTIVE, "resumed", now, by)

    def begin_deletion(self, tenant_id: str, now: Instant, by: By) -> TenantRecord:
        """Refuse a tenant for good: nothing new can begin from here on. Safe to repeat."""
        for _ in range(_TRIES):
            record = self.find(tenant_id)
            if record.state in {TenantState.DELETING, TenantState.DELETED}:
                return record
            if self._set_state(record, TenantState.DELETING, "tenants.delete", now, by):
                return self.find(tenant_id)
        raise TableBusy

    def finish_deletion(
        self, record: TenantRecord, final_usage: Mapping[str, Any], now: Instant, by: By
    ) -> bool:
        """Take a tenant that holds nothing any more off its project and the list of tenants.

        `final_usage` is what it used in all. False if it still holds bytes or open uploads, or
        changed since it was read.
        """
        limit = record.limits.storage
        try:
            self._table.transact(
                [
                    Update(
                        tenant_key(record.id),
                        "SET #status = :deleted, #updatedAt = :now, #finalUsage = :usage",
                        "#status = :deleting AND #limit = :limit AND #available = :limit"
                        " AND (#openSessions = :none OR attribute_not_exists(#openSessions))",
                        {
                            ":deleted": str(TenantState.DELETED),
                            ":deleting": str(TenantState.DELETING),
                            ":limit": limit,
                            ":none": 0,
                            ":now": now,
                            ":usage": json.dumps(final_usage, separators=(",", ":")),
                        },
                    ),
                    Delete(Key(LISTING, record.id)),
                    Placement.unbooking(record.project, limit),
                    *audit.entry(tenant_subject(record.id), by, "tenants.deleted", {}, now),
                ]
            )
        except ConditionsFailed:
            return False
        return True

    def _switch(
        self, tenant_id: str, state: TenantState, deed: str, now: Instant, by: By
    ) -> TenantRecord:
        action = "tenants.suspend" if state is TenantState.SUSPENDED else "tenants.resume"
        for _ in range(_TRIES):
            record = self._staying(tenant_id, deed)
            if record.state is state:
                return record
            if self._set_state(record, state, action, now, by):
                return self.find(tenant_id)
        raise TableBusy

    def _set_state(
        self, record: TenantRecord, state: TenantState, action: str, now: Instant, by: By
    ) -> bool:
        try:
            self._table.transact(
                [
                    Update(
                        tenant_key(record.id),
                        "SET #status = :state, #updatedAt = :now",
                        "#status = :before",
                        {":state": str(state), ":before": str(record.state), ":now": now},
                    ),
                    *audit.entry(tenant_subject(record.id), by, action, {}, now),
                ]
            )
        except ConditionsFailed:
            return False
        return True

    def _staying(self, tenant_id: str, deed: str) -> TenantRecord:
        record = self.find(tenant_id)
        if record.state in {TenantState.DELETING, TenantState.DELETED}:
            raise StatusError(tenant_going(tenant_id, deed))
        return record


def require_tenant_id(text: str) -> None:
    """Raise ValueError for what is no tenant id."""
    if not is_tenant_id(text):
        raise ValueError(f"{text!r} is no tenant id: 1 to 31 characters of a-z, 0-9 and dashes")


def staying(tenant_id: str, now: Instant) -> Update:
    """The write that holds while a tenant is not being deleted, for what is made for it."""
    return Update(
        tenant_key(tenant_id), "SET #keysChangedAt = :now", _STAYS, {":now": now, **_STAYING}
    )


def _new_item(tenant_id: str, tag: str, project: str, limits: Limits, now: Instant) -> Item:
    key = tenant_key(tenant_id)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "tag": tag,
        "status": str(TenantState.ACTIVE),
        "project": project,
        **limits.fields(),
        "available": limits.storage,
        "openSessions": 0,
        **storage_alerts.watch(limits.storage, limits.storage),
        "createdAt": now,
    }


def _differing(limits: Limits, other: Limits) -> dict[str, Value]:
    fields, others = limits.fields(), other.fields()
    return {name: value for name, value in fields.items() if others.get(name) != value}


def _told(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Limits as the admin API names them, for people to read."""
    return {_TOLD_AS.get(name, name): value for name, value in fields.items()}


def _limits_update(record: TenantRecord, after: Limits, now: Instant) -> Update:
    """Only what differs is written, so that two changes of different limits both stay."""
    changed = _differing(after, record.limits)
    removed = [name for name in record.limits.fields() if name not in after.fields()]
    settings = ["#updatedAt = :now", *(f"#{name} = :{name}" for name in changed)]
    values: dict[str, Value] = {
        ":now": now,
        **_STAYING,
        **{f":{name}": value for name, value in changed.items()},
    }
    condition = _STAYS
    if after.storage != record.limits.storage:
        settings.append("#available = #available + :more")
        condition += " AND #limit = :before"
        values |= {":more": after.storage - record.limits.storage, ":before": record.limits.storage}
    expression = f"SET {', '.join(settings)}"
    if removed:
        expression += f" REMOVE {', '.join(f'#{name}' for name in removed)}"
    return Update(tenant_key(record.id), expression, condition, values)


def _rebooking(record: TenantRecord, after: Limits) -> Sequence[Write]:
    if after.storage == record.limits.storage:
        return []
    return [Placement.rebooking(record.project, record.limits.storage, after.storage)]
