"""Admin wiring: the parts of the function that serves the gateway's operator."""

from functools import cached_property

from filegate.admin_credential import AdminCredential
from filegate.edge.reconciliation_wiring import ReconciliationWiring
from filegate.edge.tenant_wiring import TenantWiring
from filegate.holdings import Kind
from filegate.idempotency import Idempotency
from filegate.inventory import Inventory
from filegate.key_registry import KeyRegistry
from filegate.ledger_report import LedgerReport
from filegate.project_registry import ProjectRegistry
from filegate.settings import SettingMissing
from filegate.tenant_deletion import TenantDeletion
from filegate.tenant_registry import TenantRegistry
from filegate.usage_reports import UsageReports


class AdminWiring(ReconciliationWiring, TenantWiring):
    """What changes tenants, keys and projects, and what reports on them."""

    @cached_property
    def admin_credential(self) -> AdminCredential:
        """Who may use the admin API. Raises SettingMissing."""
        if not self.settings.admin_secret:
            raise SettingMissing("the environment variable ADMIN_SECRET is not set")
        return AdminCredential(self.secrets, self.settings.admin_secret)

    @cached_property
    def tenant_registry(self) -> TenantRegistry:
        """What makes and changes tenants."""
        return TenantRegistry(self.table)

    @cached_property
    def key_registry(self) -> KeyRegistry:
        """What issues and revokes keys."""
        return KeyRegistry(self.table)

    @cached_property
    def project_registry(self) -> ProjectRegistry:
        """What adds and changes projects."""
        return ProjectRegistry(self.table)

    @cached_property
    def tenant_deletion(self) -> TenantDeletion:
        """What deletes tenants with all they have."""
        return TenantDeletion(
            self.tenant_registry,
            self.key_registry,
            self.ledger,
            self._keeper,
            self.files,
            self.holdings,
            {kind: Inventory(self.upstream, self.holdings, self.intents, kind) for kind in Kind},
            self.usage_reports,
        )

    @cached_property
    def idempotency(self) -> Idempotency:
        """What knows of creations that are sent again."""
        return Idempotency(self.table)

    @cached_property
    def ledger_report(self) -> LedgerReport:
        """What adds the ledger up."""
        return LedgerReport(self.table, self.ledger)

    @cached_property
    def usage_reports(self) -> UsageReports:
        """What says what tenants used."""
        return UsageReports(self.table)
