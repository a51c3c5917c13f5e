"""Project registry: adding upstream projects, changing and draining them.

Each is one transaction with its audit entry. A project's key is the secret `{prefix}{project id}`;
its operator puts it there, and nothing of it comes by here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from filegate import audit
from filegate.adapters.table import (
    ConditionsFailed,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    Update,
    Value,
    Write,
)
from filegate.admin_errors import AlreadyExists, project_exists, project_not_found
from filegate.audit import By, project_subject
from filegate.errors import StatusError
from filegate.instants import Instant
from filegate.limits import STORAGE_BYTES
from filegate.projects import LISTING, Project, is_project_id, project_key
from filegate.tenant_registry import alone

_TRIES: Final = 20
"""Races lost before a change gives up: each was won by another change of the same project."""

_RECORD: Final = 0
_TOLD_AS: Final = {"capacity": "capacityBytes", "overcommit": "overcommitPercent"}

Companions: TypeAlias = Callable[[Project], Sequence[Write]]
"""What else is written in the transaction that makes a project, such as an answer to keep."""


class ProjectRegistry:
    """Keeps projects. Raises StatusError, TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(
        self,
        project_id: str,
        now: Instant,
        by: By,
        *,
        capacity: int = STORAGE_BYTES,
        overcommit: int | None = None,
        companions: Companions = alone,
    ) -> Project:
        """A new project of `capacity` bytes, of which `overcommit` percent may be promised.

        Raises AlreadyExists, ValueError for what is no project id, and ConditionsFailed if what
        goes along cannot be written.
        """
        if not is_project_id(project_id):
            raise ValueError(
                f"{project_id!r} is no project id: 1 to 31 characters of a-z, 0-9 and dashes"
            )
        item = _new_item(project_id, capacity, overcommit, now)
        own = [
            Put(item, "attribute_not_exists(pk)"),
            Put({"pk": LISTING, "sk": project_id}),
            *audit.entry(
                project_subject(project_id),
                by,
                "projects.create",
                {"capacityBytes": capacity, "overcommitPercent": overcommit},
                now,
            ),
        ]
        project = Project.from_item(item)
        try:
            self._table.transact([*own, *companions(project)])
        except ConditionsFailed as failure:
            if _RECORD not in failure.items:
                raise
            raise AlreadyExists(project_exists(project_id)) from None
        return project

    def find(self, project_id: str) -> Project:
        """A project by its id: one read."""
        item = self._table.get(project_key(project_id)) if is_project_id(project_id) else None
        if item is None:
            raise StatusError(project_not_found(project_id))
        return Project.from_item(item)

    def page(self, size: int, after: str | None) -> tuple[list[Project], str | None]:
        """Up to `size` projects by id, and the id to go on after."""
        start = None if after is None else Key(LISTING, after)
        page = self._table.query(LISTING, after=start, limit=size + 1)
        ids = [str(item["sk"]) for item in page.items]
        items = self._table.get_each([project_key(project_id) for project_id in ids[:size]])
        following = ids[size - 1] if len(ids) > size else None
        return [Project.from_item(item) for item in items if item is not None], following

    def change(
        self, project_id: str, changes: Mapping[str, int | None], now: Instant, by: By
    ) -> Project:
        """Change `capacity` (bytes) or `overcommit` (percent, None for no ceiling).

        What the capacity grows or shrinks by is added to what is left, in the same write.
        """
        for _ in range(_TRIES):
            project = self.find(project_id)
            before = {"capacity": project.capacity, "overcommit": project.overcommit}
            after = {name: value for name, value in changes.items() if before[name] != value}
            if not after:
                return project
            noted = {
                "before": {_TOLD_AS[name]: before[name] for name in after},
                "after": {_TOLD_AS[name]: value for name, value in after.items()},
            }
            if self._write(_changing(project, after), by, "projects.change", noted, now):
                return self.find(project_id)
        raise TableBusy

    def drain(self, project_id: str, now: Instant, by: By) -> Project:
        """Place no more tenants on a project; those it has go on. Safe to repeat."""
        return self._drain(project_id, now, by, draining=True)

    def undrain(self, project_id: str, now: Instant, by: By) -> Project:
        """Place tenants on a project again. Safe to repeat."""
        return self._drain(project_id, now, by, draining=False)

    def _drain(self, project_id: str, now: Instant, by: By, *, draining: bool) -> Project:
        action = "projects.drain" if draining else "projects.undrain"
        for _ in range(_TRIES):
            project = self.find(project_id)
            if project.draining == draining:
                return project
            unset = "" if project.draining else " OR attribute_not_exists(#draining)"
            update = Update(
                project_key(project_id),
                "SET #draining = :after",
                f"#draining = :before{unset}",
                {":after": draining, ":before": project.draining},
            )
            if self._write(update, by, action, {}, now):
                return self.find(project_id)
        raise TableBusy

    def _write(
        self, update: Update, by: By, action: str, details: Mapping[str, Any], now: Instant
    ) -> bool:
        subject = project_subject(update.key.pk.removeprefix("PROJECT#"))
        try:
            self._table.transact([update, *audit.entry(subject, by, action, details, now)])
        except ConditionsFailed:
            return False
        return True


def _new_item(project_id: str, capacity: int, overcommit: int | None, now: Instant) -> Item:
    key = project_key(project_id)
    ceiling: dict[str, Value] = {} if overcommit is None else {"overcommit": overcommit}
    return {
        "pk": key.pk,
        "sk": key.sk,
        "capacity": capacity,
        "available": capacity,
        "promised": 0,
        "tenants": 0,
        "draining": False,
        **ceiling,
        "createdAt": now,
    }


def _changing(project: Project, after: Mapping[str, int | None]) -> Update:
    settings: list[str] = []
    removed: list[str] = []
    conditions = ["attribute_exists(pk)"]
    values: dict[str, Value] = {}
    capacity = after.get("capacity")
    if capacity is not None:
        settings.append("#capacity = :capacity, #available = #available + :more")
        conditions.append("#capacity = :before")
        values |= {
            ":capacity": capacity,
            ":more": capacity - project.capacity,
            ":before": project.capacity,
        }
    if "overcommit" in after:
        if after["overcommit"] is None:
            removed.append("#overcommit")
        else:
            settings.append("#overcommit = :overcommit")
            values[":overcommit"] = after["overcommit"]
    parts = [f"SET {', '.join(settings)}"] if settings else []
    parts += [f"REMOVE {', '.join(removed)}"] if removed else []
    return Update(project_key(project.id), " ".join(parts), " AND ".join(conditions), values)
