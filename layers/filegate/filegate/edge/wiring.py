"""Wiring: the one place where the parts of a function are put together.

Each part is made when it is first asked for and kept for the life of the process, so that a cold
start pays only for what its path uses. Nothing here knows upstream: the authorizer has no use for
it.
"""

import os
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, Self

from filegate import pages, sessions, tokens
from filegate.adapters import secret_store, table
from filegate.seals import KeyRing, Sealer
from filegate.settings import Settings

if TYPE_CHECKING:
    from filegate.ledger import Ledger


class Wiring:
    """The parts of Filegate that every function may need, for its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings

    @classmethod
    def from_environment(cls) -> Self:
        """The parts for the function this process runs. Raises SettingMissing."""
        return cls(Settings.read(os.environ))

    @cached_property
    def ledger(self) -> "Ledger":
        """Where bytes are counted."""
        from filegate.ledger import Ledger  # noqa: PLC0415 - most chunks end before they need it

        return Ledger(self.table)

    @cached_property
    def sessions(self) -> Sealer:
        """What seals upload sessions."""
        return Sealer(sessions.PURPOSE, self._key_ring, self._fresh_key_ring)

    @cached_property
    def tokens(self) -> Sealer:
        """What seals browser tokens."""
        return Sealer(tokens.PURPOSE, self._key_ring, self._fresh_key_ring)

    @cached_property
    def pages(self) -> Sealer:
        """What seals page tokens."""
        return Sealer(pages.PURPOSE, self._key_ring, self._fresh_key_ring)

    @cached_property
    def table(self) -> table.Table:
        """The one table."""
        return table.Table(table.create_client(), self.settings.table_name)

    @cached_property
    def secrets(self) -> secret_store.SecretStore:
        """The upstream keys and the key ring."""
        return secret_store.SecretStore(secret_store.create_client())

    def _key_ring(self) -> KeyRing:
        return _parse_key_ring(self.secrets.read(self.settings.session_keys_secret))

    def _fresh_key_ring(self) -> KeyRing:
        return _parse_key_ring(self.secrets.reread(self.settings.session_keys_secret))


@lru_cache(maxsize=2)
def _parse_key_ring(text: str) -> KeyRing:
    """The ring is asked for with every chunk and changes once in months."""
    return KeyRing.parse(text)
