"""Upstream wiring: the parts of the functions that speak to the Gemini API."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from filegate.adapters import upstream
from filegate.adapters.secret_store import SecretUnavailable
from filegate.appointments import Keeper
from filegate.edge.wiring import Wiring
from filegate.files import Files
from filegate.instants import Instant
from filegate.janitor import Janitor
from filegate.ledger import TenantChanged
from filegate.redaction import REDACTOR
from filegate.sessions import Session
from filegate.tenants import Tenant, Tenants
from filegate.uploads import Uploads

Answer = TypeVar("Answer")


class UpstreamWiring(Wiring):
    """All parts of Filegate."""

    @cached_property
    def tenants(self) -> Tenants:
        """Who calls."""
        return Tenants(self.table)

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
        return _learn(self.secrets.read(self.settings.project_secret_prefix + project))

    def _fresh_project_key(self, project: str) -> str:
        return _learn(self.secrets.reread(self.settings.project_secret_prefix + project))


def _learn(secret: str) -> str:
    key = secret.strip()
    if not (key.isascii() and key.isprintable() and key):
        raise SecretUnavailable("an upstream key is printable ASCII")
    REDACTOR.learn(key)
    return key


def _write_snapshot(resource: Mapping[str, Any]) -> str:
    return REDACTOR.redact(json.dumps(resource, separators=(",", ":")))
