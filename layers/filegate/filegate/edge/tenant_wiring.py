"""Tenant wiring: who calls, how often, and what is noted of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final, TypeVar

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from filegate.audit import (
    ACCESS_REFUSED,
    KEY_USED_AFTER_REVOCATION,
    Audit,
    By,
    tenant_subject,
)
from filegate.edge.logs import LOGGER
from filegate.edge.statuses import status_of
from filegate.edge.upstream_wiring import UpstreamWiring
from filegate.errors import StatusError
from filegate.files import Files
from filegate.instants import Instant
from filegate.ledger import TenantChanged
from filegate.rates import Rates
from filegate.request_counts import RequestCounts
from filegate.tenants import Caller, Credential, KeyRevoked, Tenant, Tenants

Answer = TypeVar("Answer")
metrics: Final = Metrics()
"""The same as the function's own, which flushes it."""


class TenantWiring(UpstreamWiring):
    """What the functions need whose callers are tenants."""

    @cached_property
    def tenants(self) -> Tenants:
        """Who calls."""
        return Tenants(self.table, self.tokens)

    @cached_property
    def rates(self) -> Rates:
        """How often they call."""
        return Rates(self.table)

    @cached_property
    def request_counts(self) -> RequestCounts:
        """What counts requests and refusals."""
        return RequestCounts(self.table.impatient(), self.settings.requests_counted_every)

    @cached_property
    def audit(self) -> Audit:
        """What notes who did what."""
        return Audit(self.table)

    @cached_property
    def files(self) -> Files:
        """What gets, lists and deletes."""
        return Files(self.ledger, self.upstream, self._keeper)

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
