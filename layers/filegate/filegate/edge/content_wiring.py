"""Content wiring: the parts that look into what tenants send and own."""

from functools import cached_property

from filegate import grants
from filegate.adoptions import Adoptions
from filegate.batch_inputs import BatchInputs
from filegate.edge.tenant_wiring import TenantWiring
from filegate.grants import Grants
from filegate.ownership import Ownership
from filegate.seals import Sealer


class ContentWiring(TenantWiring):
    """References, batch inputs, files that upstream named, and what leave to download is."""

    @cached_property
    def grants(self) -> Grants:
        """What leaves to download are."""
        sealer = Sealer(grants.PURPOSE, self._key_ring, self._fresh_key_ring)
        return Grants(self.files, sealer, self.tokens)

    @cached_property
    def adoptions(self) -> Adoptions:
        """What records files that upstream named."""
        return Adoptions(self.ledger, self.upstream)

    @cached_property
    def ownership(self) -> Ownership:
        """What checks the references in a body."""
        return Ownership(self.ledger, self.holdings)

    @cached_property
    def batch_inputs(self) -> BatchInputs:
        """What reads files of requests."""
        return BatchInputs(
            self.ownership,
            self.files,
            self.ledger,
            self.upstream,
            self.tenants,
            self.sessions,
            self.tokens,
        )
