"""Wiring: the one place where the parts of a function are put together.

Each part is made when it is first asked for and kept for the life of the process, so that a cold
start pays only for what its path uses.
"""

import json
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

from filegate import pages, sessions
from filegate.adapters import secret_store, table, upstream
from filegate.appointments import Keeper
from filegate.files import Files
from filegate.instants import Instant
from filegate.janitor import Janitor
from filegate.ledger import Ledger, TenantChanged
from filegate.redaction import REDACTOR
from filegate.seals import KeyRing, Sealer
from filegate.sessions import Session
from filegate.settings import Settings
from filegate.tenants import Tenant, Tenants
from filegate.uploads import Uploads

Answer = TypeVar("Answer")


class Wiring:
    """The parts of Filegate, for a function with these settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings

    @classmethod
    def from_environment(cls) -> "Wiring":
        """The parts for the function this process runs. Raises SettingMissing."""
        return cls(Settings.read(os.environ))

    @cached_property
    def ledger(self) -> Ledger:
        """Where bytes are counted."""
        return Ledger(self._table)

    @cached_property
    def tenants(self) -> Tenants:
        """Who calls."""
        return Tenants(self._table)

    @cached_property
    def sessions(self) -> Sealer:
        """What seals upload sessions."""
        return Sealer(sessions.PURPOSE, self._key_ring, self._fresh_key_ring)

    @cached_property
    def pages(self) -> Sealer:
        """What seals page tokens."""
        return Sealer(pages.PURPOSE, self._key_ring, self._fresh_key_ring)

    @cached_property
    def uploads(self) -> Uploads:
        """What starts uploads."""
        return Uploads(self.ledger, self._upstream, self._keeper, self.sessions)

    @cached_property
    def files(self) -> Files:
        """What gets, lists and deletes."""
        return Files(self.ledger, self._upstream, self._keeper)

    @cached_property
    def janitor(self) -> Janitor:
        """What keeps appointments."""
        return Janitor(self.ledger, self._keeper)

    def as_tenant(
        self, key: str | None, scope: str, now: Instant, action: Callable[[Tenant], Answer]
    ) -> Answer:
        """Do something as the tenant behind a key.

        What is remembered of a tenant may be a minute old; where the ledger shows that, the tenant
        is read anew and the action done once more. Raises StatusError.
        """
        tenant = self.tenants.authenticate(key, now).require(scope)
        try:
            return action(tenant)
        except TenantChanged:
            self.tenants.forget(tenant.id)
            return action(self.tenants.authenticate(key, now).require(scope))

    @cached_property
    def _table(self) -> table.Table:
        return table.Table(table.create_client(), self.settings.table_name)

    @cached_property
    def _secrets(self) -> secret_store.SecretStore:
        return secret_store.SecretStore(secret_store.create_client())

    @cached_property
    def _upstream(self) -> upstream.Upstream:
        client = upstream.create_client(self.settings.upstream_url)
        return upstream.Upstream(client, self._project_key, self._fresh_project_key)

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(
            self.ledger,
            self._upstream,
            lambda sealed: Session.open(sealed, self.sessions),
            _write_snapshot,
        )

    def _project_key(self, project: str) -> str:
        return _learn(self._secrets.read(self.settings.project_secret_prefix + project))

    def _fresh_project_key(self, project: str) -> str:
        return _learn(self._secrets.reread(self.settings.project_secret_prefix + project))

    def _key_ring(self) -> KeyRing:
        return KeyRing.parse(self._secrets.read(self.settings.session_keys_secret))

    def _fresh_key_ring(self) -> KeyRing:
        return KeyRing.parse(self._secrets.reread(self.settings.session_keys_secret))


def _learn(secret: str) -> str:
    key = secret.strip()
    REDACTOR.learn(key)
    return key


def _write_snapshot(resource: Mapping[str, Any]) -> str:
    return REDACTOR.redact(json.dumps(resource, ensure_ascii=False, separators=(",", ":")))
