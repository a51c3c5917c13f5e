"""Stores wiring: the parts of the function for File Search stores."""

from functools import cached_property

from filegate.document_uploads import DocumentUploads
from filegate.documents import Documents
from filegate.edge.tenant_wiring import TenantWiring
from filegate.reservations import Reservations
from filegate.stores import Stores


class StoresWiring(TenantWiring):
    """Stores, their documents, and uploads into them."""

    @cached_property
    def stores(self) -> Stores:
        """What makes, gets, lists and deletes stores."""
        return Stores(self.upstream, self.holdings, self.intents)

    @cached_property
    def documents(self) -> Documents:
        """What is in stores."""
        return Documents(self.ledger, self.upstream, self.stores, self.files)

    @cached_property
    def document_uploads(self) -> DocumentUploads:
        """What starts uploads into stores."""
        return DocumentUploads(
            self.ledger, self.upstream, self._reservations, self.stores, self.sessions
        )

    @cached_property
    def _reservations(self) -> Reservations:
        return Reservations(self.ledger, self._keeper)
