"""Upstream wiring: the parts of the functions that speak to the Gemini API."""

from functools import cached_property

from filegate.adapters.project_keys import ProjectKeys
from filegate.adapters.upstream import Upstream, create_client
from filegate.appointments import Keeper
from filegate.edge.wiring import Wiring
from filegate.holdings import Holdings
from filegate.intents import Intents
from filegate.project_health import ProjectHealth
from filegate.sessions import Session


class UpstreamWiring(Wiring):
    """What every function needs that calls upstream, and the keeper of appointments."""

    @cached_property
    def upstream(self) -> Upstream:
        """The Gemini API."""
        client = create_client(self.settings.upstream_url)
        return Upstream(client, self.project_keys.in_turn, self.project_health.note)

    @cached_property
    def project_keys(self) -> ProjectKeys:
        """The hidden keys."""
        return ProjectKeys(self.secrets, self.settings.project_secret_prefix)

    @cached_property
    def project_health(self) -> ProjectHealth:
        """What upstream says to the hidden keys."""
        return ProjectHealth(self.table)

    @cached_property
    def holdings(self) -> Holdings:
        """Who owns which caches, batches and stores."""
        return Holdings(self.table)

    @cached_property
    def intents(self) -> Intents:
        """What is about to be made upstream."""
        return Intents(self.table)

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(
            self.ledger,
            self.upstream,
            lambda sealed: Session.open(sealed, self.sessions),
        )
