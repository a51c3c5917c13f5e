"""Registry: projects, tenants and keys made without the admin API: the first ones, and tests'."""

from collections.abc import Iterable
from typing import Final

from filegate.adapters.table import Table
from filegate.admin_errors import AlreadyExists
from filegate.audit import By
from filegate.instants import Instant
from filegate.key_registry import KeyRegistry
from filegate.limits import STORAGE_BYTES, Limits
from filegate.project_registry import ProjectRegistry
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import ALL_SCOPES

__all__ = ["AlreadyExists", "Registry"]

BOOTSTRAP: Final = By("bootstrap")


class Registry:
    """Creates what the ledger counts on. Raises StatusError, TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._tenants = TenantRegistry(table)
        self._keys = KeyRegistry(table)
        self._projects = ProjectRegistry(table)

    def create_project(self, project_id: str, now: Instant, capacity: int = STORAGE_BYTES) -> None:
        """Register an upstream project of `capacity` bytes. Raises AlreadyExists."""
        self._projects.create(project_id, now, BOOTSTRAP, capacity=capacity)

    def create_tenant(
        self, tenant_id: str, project_id: str | None, now: Instant, limits: Limits | None = None
    ) -> None:
        """Register a tenant on a project, None for one that has room.

        Raises AlreadyExists, ValueError for what is no tenant id.
        """
        self._tenants.create(tenant_id, limits or Limits(), now, BOOTSTRAP, project=project_id)

    def issue_key(
        self,
        tenant_id: str,
        label: str,
        now: Instant,
        scopes: Iterable[str] = ALL_SCOPES,
        expires_at: Instant | None = None,
    ) -> str:
        """A new key for a tenant; this is the only time its text exists.

        Raises ValueError for what is no tenant id.
        """
        new = self._keys.issue(
            tenant_id, label, now, BOOTSTRAP, scopes=tuple(scopes), expires_at=expires_at
        )
        return new.text
