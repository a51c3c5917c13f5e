"""Upstream wiring: the parts of the functions that speak to the Gemini API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final, TypeVar

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from filegate import grants
from filegate.adapters.event_bus import EventBus
from filegate.adapters.event_bus import create_client as create_event_client
from filegate.adapters.project_keys import ProjectKeys
from filegate.adapters.upstream import Upstream, create_client
from filegate.adoptions import Adoptions
from filegate.appointments import Keeper
from filegate.audit import (
    ACCESS_REFUSED,
    KEY_USED_AFTER_REVOCATION,
    Audit,
    By,
    tenant_subject,
)
from filegate.batch_inputs import BatchInputs
from filegate.document_uploads import DocumentUploads
from filegate.documents import Documents
from filegate.edge.logs import LOGGER
from filegate.edge.statuses import status_of
from filegate.edge.wiring import Wiring
from filegate.errors import StatusError
from filegate.files import Files
from filegate.grants import Grants
from filegate.holdings import Holdings
from filegate.instants import Instant
from filegate.intents import Intents
from filegate.janitor import Janitor
from filegate.ledger import TenantChanged
from filegate.loose_ends import LooseEnds
from filegate.outbox import Outbox
from filegate.ownership import Ownership
from filegate.project_health import ProjectHealth
from filegate.rates import Rates
from filegate.registrations import Registrations
from filegate.reservations import Reservations
from filegate.seals import Sealer
from filegate.sessions import Session
from filegate.stores import Stores
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import Caller, Credential, KeyRevoked, Tenant, Tenants
from filegate.uploads import Uploads
from filegate.usage_hours import UsageHours

Answer = TypeVar("Answer")
metrics: Final = Metrics()
"""The same as the function's own, which flushes it."""


class UpstreamWiring(Wiring):
    """All parts of Filegate."""

    @cached_property
    def tenants(self) -> Tenants:
        """Who calls."""
        return Tenants(self.table, self.tokens)

    @cached_property
    def rates(self) -> Rates:
        """How often they call."""
        return Rates(self.table)

    @cached_property
    def uploads(self) -> Uploads:
        """What starts uploads."""
        return Uploads(self.ledger, self.upstream, self._keeper, self._reservations, self.sessions)

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
    def files(self) -> Files:
        """What gets, lists and deletes."""
        return Files(self.ledger, self.upstream, self._keeper)

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
    def holdings(self) -> Holdings:
        """Who owns which caches, batches and stores."""
        return Holdings(self.table)

    @cached_property
    def intents(self) -> Intents:
        """What is about to be made upstream."""
        return Intents(self.table)

    @cached_property
    def registrations(self) -> Registrations:
        """What registers Cloud Storage objects."""
        return Registrations(self.upstream, self.adoptions)

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
    def audit(self) -> Audit:
        """What notes who did what."""
        return Audit(self.table)

    def as_tenant(
        self,
        credential: Credential,
        scope: str,
        now: Instant,
        action: Callable[[Tenant], Answer],
        operation: str,
    ) -> Answer:
        """Do something as the tenant behind a key or a browser token; counted as `operation`.

        What is remembered of a tenant may be a minute old; where the ledger shows that, the tenant
        is read anew and the action done once more. Raises StatusError.
        """
        caller = self.admit(credential, now)
        with self.counting(caller.tenant.id, operation, now):
            tenant = caller.require(scope)
            try:
                return action(tenant)
            except TenantChanged:
                self.tenants.forget(tenant.id)
                return action(self.tenants.authenticate(credential, now).require(scope))
            finally:
                self.project_health.keep(now)

    def admit(self, credential: Credential, now: Instant) -> Caller:
        """The caller behind a key or a browser token, with one request less to make this minute.

        Every request of a tenant comes by here once. Raises StatusError.
        """
        try:
            caller = self.tenants.authenticate(credential, now)
        except KeyRevoked as used:
            by = By(f"keys/{used.key_id}", credential.address)
            subject = tenant_subject(used.tenant)
            self.audit.note_once_a_minute(subject, by, KEY_USED_AFTER_REVOCATION, {}, now)
            raise
        try:
            self.rates.take(caller.tenant, now)
        except StatusError as refusal:
            self.request_counts.refused(caller.tenant.id, refusal.status.code, now)
            self.request_counts.write_due()
            raise
        return caller

    @contextmanager
    def counting(self, tenant_id: str, operation: str, now: Instant) -> Iterator[None]:
        """Count what is done inside as a request of a tenant, and how it was refused if it was."""
        self.request_counts.asked(tenant_id, operation, now)
        try:
            yield
        except Exception as error:
            self.refused(tenant_id, error, now)
            raise
        finally:
            self.request_counts.write_due()

    def refused(self, tenant_id: str, error: Exception, now: Instant) -> None:
        """Count a tenant's request that failed, and note it if it was for what is not its own.

        What is missing is noted as what is another's: they must take the same work.
        """
        status = status_of(error)
        self.request_counts.refused(tenant_id, status.code, now)
        if status.hides:
            metrics.add_metric("AccessRefused", MetricUnit.Count, 1)
            LOGGER.info("access refused", extra={"tenant": tenant_id, "why": status.message})
            self.audit.note_once_a_minute(
                tenant_subject(tenant_id),
                By(f"tenants/{tenant_id}"),
                ACCESS_REFUSED,
                {"message": status.message},
                now,
            )

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
    def _event_bus(self) -> EventBus | None:
        name = self.settings.event_bus
        return EventBus(create_event_client(), name) if name else None

    @cached_property
    def _reservations(self) -> Reservations:
        return Reservations(self.ledger, self._keeper)

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(
            self.ledger,
            self.upstream,
            lambda sealed: Session.open(sealed, self.sessions),
        )
