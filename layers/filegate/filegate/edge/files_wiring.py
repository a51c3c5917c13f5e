"""Files wiring: the parts of the function that takes uploads."""

from functools import cached_property

from filegate.edge.content_wiring import ContentWiring
from filegate.registrations import Registrations
from filegate.reservations import Reservations
from filegate.uploads import Uploads


class FilesWiring(ContentWiring):
    """What starts uploads, and what registers."""

    @cached_property
    def uploads(self) -> Uploads:
        """What starts uploads."""
        return Uploads(self.ledger, self.upstream, self._keeper, self._reservations, self.sessions)

    @cached_property
    def registrations(self) -> Registrations:
        """What registers Cloud Storage objects."""
        return Registrations(self.upstream, self.adoptions)

    @cached_property
    def _reservations(self) -> Reservations:
        return Reservations(self.ledger, self._keeper)
