"""Ledger report: proof that no byte was lost, for every tenant and every project.

For a tenant `limit = available + Σ bytes of its records`, for a project `capacity = available + Σ
bytes of the records placed on it + phantomBytes` (ledger.py). The report adds the records up and
shows what the sides differ by, which must be zero. It takes a page of tenants at a time, and the
sums of the projects go along from page to page, so they come with the last one.

The table is read while uploads go on. A tenant that moves meanwhile is read again; a project's row
can differ by what moved between the first page and the last: then ask again when it is quieter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from filegate.adapters.table import Table
from filegate.ledger import Ledger
from filegate.placement import Placement
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import tenant_key

_TRIES: Final = 5


@dataclass(frozen=True)
class Balance:
    """One side against the other; all in bytes."""

    id: str
    total: int
    """A tenant's limit, a project's capacity."""
    available: int
    recorded: int
    """What records hold."""
    phantoms: int = 0
    """What upstream files hold that no record knows."""

    @property
    def difference(self) -> int:
        """Zero, unless bytes were lost."""
        return self.total - self.available - self.recorded - self.phantoms


@dataclass(frozen=True)
class Sums:
    """Where a report stands: the tenant to go on after, and bytes recorded by project so far."""

    after: str | None
    recorded: Mapping[str, int]


@dataclass(frozen=True)
class ReportPage:
    """A page of the report; `projects` is None but on the last one."""

    tenants: list[Balance]
    projects: list[Balance] | None
    following: Sums | None


class LedgerReport:
    """Adds up what the table has. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table, ledger: Ledger) -> None:
        self._table = table
        self._ledger = ledger
        self._tenants = TenantRegistry(table)
        self._placement = Placement(table)

    def page(self, size: int, sums: Sums) -> ReportPage:
        """Up to `size` tenants, and the projects if these were the last."""
        recorded = dict(sums.recorded)
        ids, following = self._tenants.ids(size, sums.after)
        tenants = [balance for one in ids if (balance := self._tenant(one, recorded)) is not None]
        if following is not None:
            return ReportPage(tenants, None, Sums(following, recorded))
        return ReportPage(tenants, self._projects(recorded), None)

    def _tenant(self, tenant_id: str, recorded: dict[str, int]) -> Balance | None:
        """A tenant's balance, read anew while it moves; adds its records to their projects."""
        where = tenant_key(tenant_id)
        before = self._table.get(where)
        for _ in range(_TRIES):
            if before is None:
                return None
            held: dict[str, int] = {}
            for record in self._ledger.records(tenant_id):
                held[record.project] = held.get(record.project, 0) + record.bytes
            after = self._table.get(where)
            moved, before = before != after, after
            if not moved:
                break
        if before is None:
            return None
        for project, size in held.items():
            recorded[project] = recorded.get(project, 0) + size
        return Balance(
            tenant_id, _number(before, "limit"), _number(before, "available"), sum(held.values())
        )

    def _projects(self, recorded: Mapping[str, int]) -> list[Balance]:
        return [
            Balance(
                project.id,
                project.capacity,
                project.available,
                recorded.get(project.id, 0),
                project.phantom_bytes,
            )
            for project in self._placement.projects()
        ]


def _number(item: Mapping[str, Any], name: str) -> int:
    return int(item.get(name) or 0)
