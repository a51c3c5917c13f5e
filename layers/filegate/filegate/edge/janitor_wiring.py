"""Janitor wiring: the parts of the function that keeps appointments."""

from functools import cached_property

from filegate.adapters.event_bus import EventBus, create_client
from filegate.edge.upstream_wiring import UpstreamWiring
from filegate.janitor import Janitor
from filegate.loose_ends import LooseEnds
from filegate.outbox import Outbox
from filegate.tenant_registry import TenantRegistry
from filegate.usage_hours import UsageHours


class JanitorWiring(UpstreamWiring):
    """What makes a round."""

    @cached_property
    def janitor(self) -> Janitor:
        """What keeps appointments."""
        return Janitor(
            self.ledger,
            self._keeper,
            LooseEnds(self.upstream, self.holdings, self.intents, TenantRegistry(self.table)),
            UsageHours(self.table, tell=self._event_bus is not None),
            Outbox(self.table, self._event_bus),
        )

    @cached_property
    def _event_bus(self) -> EventBus | None:
        name = self.settings.event_bus
        return EventBus(create_client(), name) if name else None
