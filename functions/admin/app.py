"""Admin: tenants, keys, projects, usage, ledger, audit. Parses, calls, answers."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.adapters.project_keys import ProjectKeyUnusable
from filegate.adapters.refusals import UpstreamKeyRefused
from filegate.adapters.table import Write
from filegate.admin_errors import (
    ADMIN_ROUTE_UNKNOWN,
    never_reconciled,
    project_key_refused,
    project_key_unusable,
)
from filegate.edge.admin_bodies import (
    NewKeyBody,
    NewProjectBody,
    NewTenantBody,
    NoBody,
    ProjectPatchBody,
    RotationBody,
    TenantPatchBody,
)
from filegate.edge.admin_calls import AdminCall
from filegate.edge.admin_resources import (
    AuditEntryResource,
    AuditResource,
    DeletionResource,
    IssuedKeyResource,
    KeyResource,
    KeysResource,
    LedgerResource,
    ProjectResource,
    ProjectsResource,
    ReconciliationResource,
    Resource,
    TenantResource,
    TenantsResource,
)
from filegate.edge.admin_routes import ROUTES
from filegate.edge.admin_wiring import AdminWiring
from filegate.edge.audit_queries import AuditQuery
from filegate.edge.cors import for_pages
from filegate.edge.logs import LOGGER
from filegate.edge.requests import read_request
from filegate.edge.responses import answer_json
from filegate.edge.rest_function import RestFunction
from filegate.edge.usage_answers import answer_own_usage, answer_usage
from filegate.errors import StatusError, invalid_argument
from filegate.instants import SECOND
from filegate.key_registry import KeyRecord, NewKey
from filegate.ledger_report import Sums
from filegate.limits import STORAGE_BYTES, Limits
from filegate.projects import Project
from filegate.tenant_registry import TenantRecord

function = RestFunction(unknown=ADMIN_ROUTE_UNKNOWN, of_metrics="Admin")
app, metrics = function.app, function.metrics
wiring = AdminWiring.from_environment()

_TIME_TO_STOP = 8_000
"""Milliseconds before the deadline at which no new step is begun; one can meet a slow upstream."""
_OWN_USAGE = "usage.own"

Handler = Callable[..., Resource | Response[str]]


def serves(operation: str) -> Callable[[Handler], Handler]:
    """Serve a route by a function: its call, then what the path names, in that order."""
    route = ROUTES[operation]

    def register(handler: Handler) -> Handler:
        def serve(**parameters: str) -> Response[str]:
            event = app.current_event.raw_event
            request = read_request(event)
            # Before anything of the request is looked at.
            wiring.admin_credential.require(request.headers.get("x-filegate-admin-key"))
            call = AdminCall(wiring, route, request)
            answer = handler(call, *(unquote(value) for value in parameters.values()))
            LOGGER.info(operation, extra={"path": parameters})
            return answer if isinstance(answer, Response) else answer_json(answer.json_value())

        pattern = route.path.replace("{", "<").replace("}", ">")
        app.route(pattern, route.method)(serve)
        return handler

    return register


# -- tenants


@serves("tenants.create")
def create_tenant(call: AdminCall) -> Response[str]:
    """A new tenant, where there is room for it or where it is asked for."""
    body = call.read(NewTenantBody, "/admin/v1/tenants")

    def kept(record: TenantRecord) -> Sequence[Write]:
        return call.kept(TenantResource.of(record))

    def make() -> Resource:
        limits = Limits(**body.limits.changes())
        record = wiring.tenant_registry.create(
            body.id, limits, call.now, call.by, project=body.project, companions=kept
        )
        return TenantResource.of(record)

    return call.once(make)


@serves("tenants.list")
def list_tenants(call: AdminCall) -> Resource:
    """Tenants, page by page."""
    records, following = wiring.tenant_registry.page(call.page_size, call.position())
    return TenantsResource(
        tenants=[TenantResource.of(record) for record in records],
        next_page_token=call.page_token(following),
    )


@serves("tenants.get")
def get_tenant(_call: AdminCall, tenant: str) -> Resource:
    """One tenant."""
    return TenantResource.of(wiring.tenant_registry.find(tenant))


@serves("tenants.patch")
def patch_tenant(call: AdminCall, tenant: str) -> Resource:
    """Other limits."""
    changes = call.read(TenantPatchBody, tenant).limits.changes()
    record = wiring.tenant_registry.change_limits(tenant, changes, call.now, call.by)
    return TenantResource.of(record)


@serves("tenants.delete")
def delete_tenant(call: AdminCall, tenant: str) -> Resource:
    """As much of a deletion as there is time for."""
    try:
        progress = wiring.tenant_deletion.run(tenant, call.now, call.by, _time_is_left)
    finally:
        wiring.project_health.keep(call.now)
    return DeletionResource.of(progress)


@serves("tenants.suspend")
def suspend_tenant(call: AdminCall, tenant: str) -> Resource:
    """Its keys are refused."""
    call.read(NoBody, tenant)
    return TenantResource.of(wiring.tenant_registry.suspend(tenant, call.now, call.by))


@serves("tenants.resume")
def resume_tenant(call: AdminCall, tenant: str) -> Resource:
    """Its keys are taken again."""
    call.read(NoBody, tenant)
    return TenantResource.of(wiring.tenant_registry.resume(tenant, call.now, call.by))


# -- keys


@serves("keys.issue")
def issue_key(call: AdminCall, tenant: str) -> Response[str]:
    """A new key, shown this once."""
    body = call.read(NewKeyBody, f"/admin/v1/tenants/{tenant}/keys")
    if body.ttl is not None and body.expire_time is not None:
        message = "A key ends at expireTime or after ttl: name one of them, not both."
        raise StatusError(invalid_argument(message, "ttl"))
    expires_at = body.expire_time
    if body.ttl is not None:
        expires_at = call.now + body.ttl * SECOND
    if expires_at is not None and expires_at <= call.now:
        raise StatusError(invalid_argument("expireTime must be in the future.", "expireTime"))

    def kept(new: NewKey) -> Sequence[Write]:
        return call.kept(IssuedKeyResource.issued(new, call.now).without_text())

    def make() -> Resource:
        wiring.tenant_registry.find(tenant)
        new = wiring.key_registry.issue(
            tenant,
            body.label,
            call.now,
            call.by,
            scopes=tuple(dict.fromkeys(body.scopes)),
            expires_at=expires_at,
            companions=kept,
        )
        return IssuedKeyResource.issued(new, call.now)

    return call.once(make)


@serves("keys.list")
def list_keys(call: AdminCall, tenant: str) -> Resource:
    """Keys, page by page."""
    wiring.tenant_registry.find(tenant)
    position = call.position(tenant)
    records, following = wiring.key_registry.page(tenant, call.page_size, position)
    return KeysResource(
        keys=[KeyResource.of(record, call.now) for record in records],
        next_page_token=call.page_token(following, tenant),
    )


@serves("keys.revoke")
def revoke_key(call: AdminCall, tenant: str, key: str) -> Resource:
    """The key is refused."""
    call.read(NoBody, key)
    return KeyResource.of(wiring.key_registry.revoke(tenant, key, call.now, call.by), call.now)


@serves("keys.rotate")
def rotate_key(call: AdminCall, tenant: str, key: str) -> Response[str]:
    """A new key in place of an old one, which ends a little later."""
    body = call.read(RotationBody, f"/admin/v1/tenants/{tenant}/keys/{key}:rotate")

    def kept(new: NewKey, old: KeyRecord) -> Sequence[Write]:
        return call.kept(IssuedKeyResource.issued(new, call.now, old).without_text())

    def make() -> Resource:
        wiring.tenant_registry.find(tenant)
        new, old = wiring.key_registry.rotate(
            tenant, key, body.overlap * SECOND, call.now, call.by, companions=kept
        )
        return IssuedKeyResource.issued(new, call.now, old)

    return call.once(make)


# -- projects


@serves("projects.create")
def create_project(call: AdminCall) -> Response[str]:
    """A new upstream project."""
    body = call.read(NewProjectBody, "/admin/v1/projects")

    def kept(project: Project) -> Sequence[Write]:
        return call.kept(_shown(project))

    def make() -> Resource:
        capacity = STORAGE_BYTES if body.capacity_bytes is None else body.capacity_bytes
        project = wiring.project_registry.create(
            body.id,
            call.now,
            call.by,
            capacity=capacity,
            overcommit=body.overcommit_percent,
            companions=kept,
        )
        return _shown(project)

    return call.once(make)


@serves("projects.list")
def list_projects(call: AdminCall) -> Resource:
    """Projects, page by page."""
    projects, following = wiring.project_registry.page(call.page_size, call.position())
    return ProjectsResource(
        projects=[_shown(project) for project in projects],
        next_page_token=call.page_token(following),
    )


@serves("projects.get")
def get_project(_call: AdminCall, project: str) -> Resource:
    """One project."""
    return _shown(wiring.project_registry.find(project))


@serves("projects.patch")
def patch_project(call: AdminCall, project: str) -> Resource:
    """Another capacity, or another share of it to promise."""
    body = call.read(ProjectPatchBody, project)
    changes: dict[str, int | None] = {}
    if "capacity_bytes" in body.model_fields_set:
        capacity = body.capacity_bytes
        changes["capacity"] = STORAGE_BYTES if capacity is None else capacity
    if "overcommit_percent" in body.model_fields_set:
        changes["overcommit"] = body.overcommit_percent
    return _shown(wiring.project_registry.change(project, changes, call.now, call.by))


@serves("projects.drain")
def drain_project(call: AdminCall, project: str) -> Resource:
    """No more tenants are placed there."""
    call.read(NoBody, project)
    return _shown(wiring.project_registry.drain(project, call.now, call.by))


@serves("projects.undrain")
def undrain_project(call: AdminCall, project: str) -> Resource:
    """Tenants are placed there again."""
    call.read(NoBody, project)
    return _shown(wiring.project_registry.undrain(project, call.now, call.by))


@serves("projects.reconcile")
def reconcile_project(call: AdminCall, project: str) -> Resource:
    """As much of a comparison with upstream as there is time for."""
    call.read(NoBody, project)
    wiring.project_registry.find(project)
    try:
        report = wiring.reconciliation.run(project, call.now, _time_is_left)
    except ProjectKeyUnusable as unusable:
        refusal = project_key_unusable(unusable.project, unusable.secret)
        raise StatusError(refusal) from unusable
    except UpstreamKeyRefused as refused:
        refusal = project_key_refused(project, wiring.settings.project_secret_prefix + project)
        raise StatusError(refusal) from refused
    finally:
        wiring.project_health.keep(call.now)
    return ReconciliationResource.of(report)


@serves("projects.reconciliation")
def get_reconciliation(_call: AdminCall, project: str) -> Resource:
    """What the last comparison found."""
    wiring.project_registry.find(project)
    report = wiring.reconciliation.latest(project)
    if report is None:
        raise StatusError(never_reconciled(project))
    return ReconciliationResource.of(report)


# -- reports


@serves("usage.report")
def report_usage(call: AdminCall) -> Response[str]:
    """What tenants used, as JSON, CSV or JSON lines."""

    def tenants() -> Iterator[str]:
        after = call.position()
        while True:
            ids, after = wiring.tenant_registry.ids(100, after)
            yield from ids
            if after is None:
                return

    def seal(last: str) -> str:
        return call.page_token(last) or ""

    return answer_usage(wiring.usage_reports, call.request.query, call.now, tenants, seal)


@app.get("/<version>/usage")
def report_own_usage(version: str) -> Response[str]:
    """`usage.own`: what the caller used, with a tenant key."""
    request = function.request(version, wiring.settings.public_base_url)
    now = request.received_at
    caller = wiring.admit(request.credential, now)
    with wiring.counting(caller.tenant.id, _OWN_USAGE, now):
        return answer_own_usage(wiring.usage_reports, caller, request.query, now)


@serves("ledger.report")
def report_ledger(call: AdminCall) -> Resource:
    """Proof that no byte was lost."""
    position = call.position()
    sums = Sums(None, {}) if position is None else Sums(**json.loads(position))
    page = wiring.ledger_report.page(call.page_size, sums)
    following = page.following
    if following is not None:
        position = json.dumps({"after": following.after, "recorded": dict(following.recorded)})
    token = None if following is None else call.page_token(position)
    return LedgerResource.of(page.tenants, page.projects, token)


@serves("audit.list")
def list_audit(call: AdminCall) -> Resource:
    """Who changed what, newest first."""
    query = AuditQuery.read(call.query("subject"), call.query("from"), call.query("to"), call.now)
    position = call.position(query.subject)
    entries, following = wiring.audit.page(
        query.subject, query.start, query.end, call.page_size, position
    )
    return AuditResource(
        entries=[AuditEntryResource.of(entry) for entry in entries],
        next_page_token=call.page_token(following, query.subject),
    )


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (API Gateway REST proxy integration)."""
    # Some clients encode the colon of an action.
    path = event["path"].replace("%3A", ":").replace("%3a", ":")
    answer = function.answer({**event, "path": path}, context)
    # The operator's pages are nobody's: only what tenants may call is for browsers.
    return dict(answer) if path.startswith("/admin/") else for_pages(answer, event)


def _shown(project: Project) -> ProjectResource:
    return ProjectResource.of(project, wiring.settings.project_secret_prefix)


def _time_is_left() -> bool:
    return bool(app.lambda_context.get_remaining_time_in_millis() > _TIME_TO_STOP)
