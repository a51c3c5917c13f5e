"""Placement: which upstream project a new tenant gets. It stays there, as its files do.

What counts is what was promised, not what is stored just now: a tenant stays for good, and files
come and go within two days. So each project keeps the sum of its tenants' storage limits beside
their number, and a booking moves both in the transaction that makes the tenant. How much may be
promised is the project's `overcommit`, in percent of its capacity. It is unset unless the operator
sets it, and then nothing is refused: tenants rarely fill their limits all at once, that they may
not exceed what is really there is the ledger's doing, and a gateway of one project and several
tenants of 20 GiB each has to work as it comes.
"""

from collections.abc import Callable, Sequence
from typing import Final

from filegate.adapters.table import ConditionsFailed, Table, Update, Value, Write
from filegate.errors import (
    Status,
    StatusError,
    no_project_with_room,
    project_draining,
    project_promised,
    project_unknown,
)
from filegate.projects import LISTING, Project, project_key

_TRIES: Final = 20
"""Races lost before a creation gives up: each was won by another tenant's creation."""


class Placement:
    """Finds room for tenants and books it. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def place(self, limit_bytes: int) -> str:
        """The id of the project a new tenant with this storage limit goes to; books nothing.

        Of the projects that are not draining and have room for the limit, the one with most bytes
        not promised yet; of equals, the one with most bytes free, then the first by id. Raises
        StatusError if there is none.
        """
        projects = self.projects()
        fitting = [one for one in projects if not one.draining and one.fits(limit_bytes)]
        if not fitting:
            raise StatusError(_full(limit_bytes, projects))
        return min(fitting, key=lambda one: (-one.room, -one.available, one.id)).id

    def booking(self, project_id: str, limit_bytes: int) -> Update:
        """The write that promises a tenant its storage, for the transaction that makes it.

        One read, as a condition cannot add: it holds if nobody promised too much, drained or
        changed the project meanwhile. Raises StatusError if it does not hold now.
        """
        project = self._find(project_id)
        if project is None:
            raise StatusError(project_unknown(project_id))
        refusal = _refusal(project, limit_bytes)
        if refusal is not None:
            raise StatusError(refusal)
        condition = "attribute_exists(pk) AND (attribute_not_exists(#draining) OR #draining = :no)"
        values: dict[str, Value] = {":limit": limit_bytes, ":one": 1, ":no": False}
        if project.ceiling is not None:
            condition += (
                " AND #capacity = :capacity AND #overcommit = :overcommit"
                " AND (attribute_not_exists(#promised) OR #promised <= :most)"
            )
            values |= {
                ":capacity": project.capacity,
                ":overcommit": project.overcommit,
                ":most": project.ceiling - limit_bytes,
            }
        else:
            condition += " AND (attribute_not_exists(#overcommit) OR #overcommit = :unset)"
            values[":unset"] = None
        expression = "ADD #promised :limit, #tenants :one"
        return Update(project_key(project_id), expression, condition, values)

    @staticmethod
    def unbooking(project_id: str, limit_bytes: int) -> Update:
        """The write that takes a promise back, for the transaction that drops the tenant.

        `limit_bytes` is the limit the tenant has then: guard the tenant's item by it.
        """
        return Update(
            project_key(project_id),
            "ADD #promised :back, #tenants :less",
            "attribute_exists(pk)",
            {":back": -limit_bytes, ":less": -1},
        )

    @staticmethod
    def rebooking(project_id: str, before: int, after: int) -> Update:
        """The write that follows a tenant's storage limit, for the transaction that changes it.

        No ceiling holds it up: the tenant is where its files are, and the operator wants it so.
        """
        return Update(
            project_key(project_id),
            "ADD #promised :more",
            "attribute_exists(pk)",
            {":more": after - before},
        )

    def create(
        self,
        limit_bytes: int,
        writes: Callable[[str], Sequence[Write]],
        project_id: str | None = None,
    ) -> str:
        """Make a tenant where there is room: `writes` for that project and the booking, as one.

        Places anew when another creation was faster and took the room. Where there is no ceiling,
        creations at the same moment may choose the same project; those that follow even it out.
        `project_id` asks for one project.

        Answers the project's id. Raises StatusError if there is no room, and ConditionsFailed with
        the positions of `writes` if one of those did not hold.
        """
        for _ in range(_TRIES):
            chosen = self.place(limit_bytes) if project_id is None else project_id
            try:
                booking = self.booking(chosen, limit_bytes)
            except StatusError:
                # Between finding and reading it, its room went; unless it was asked for.
                if project_id is not None:
                    raise
                continue
            own = writes(chosen)
            try:
                self._table.transact([*own, booking])
            except ConditionsFailed as failure:
                if set(failure.items) != {len(own)}:
                    raise
            else:
                return chosen
        raise StatusError(_full(limit_bytes, self.projects()))

    def _find(self, project_id: str) -> Project | None:
        item = self._table.get(project_key(project_id))
        return None if item is None else Project.from_item(item)

    def projects(self) -> list[Project]:
        """All projects by id: a query a page of names, and a read for every hundred."""
        ids = [str(item["sk"]) for page in self._table.pages(LISTING) for item in page.items]
        found = self._table.get_each([project_key(project_id) for project_id in ids])
        return [Project.from_item(item) for item in found if item is not None]


def _refusal(project: Project, limit: int) -> Status | None:
    """Why a project may not take a tenant with this limit in bytes; None if it may."""
    if project.draining:
        return project_draining(project.id)
    if project.ceiling is None or project.fits(limit):
        return None
    return project_promised(project.id, limit, project.promised, project.ceiling)


def _full(limit: int, projects: Sequence[Project]) -> Status:
    draining = sum(project.draining for project in projects)
    return no_project_with_room(limit, len(projects), draining)
