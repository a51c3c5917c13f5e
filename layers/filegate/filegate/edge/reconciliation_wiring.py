"""Reconciliation wiring: the parts of the functions that compare the ledger with upstream."""

from functools import cached_property

from filegate.edge.upstream_wiring import UpstreamWiring
from filegate.reconciliation import Reconciliation


class ReconciliationWiring(UpstreamWiring):
    """What compares."""

    @cached_property
    def reconciliation(self) -> Reconciliation:
        """What compares the ledger with upstream."""
        return Reconciliation(self.table, self.ledger, self.upstream, self._keeper)
