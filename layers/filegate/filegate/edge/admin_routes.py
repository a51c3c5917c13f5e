"""Admin routes: every method of the admin API, for the function that serves it and its OpenAPI."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from filegate.edge.admin_bodies import (
    AdminBody,
    NewKeyBody,
    NewProjectBody,
    NewTenantBody,
    NoBody,
    ProjectPatchBody,
    RotationBody,
    TenantPatchBody,
)
from filegate.edge.admin_resources import (
    AuditResource,
    DeletionResource,
    IssuedKeyResource,
    KeyResource,
    KeysResource,
    LedgerResource,
    ProjectResource,
    ProjectsResource,
    ReconciliationResource,
    TenantResource,
    TenantsResource,
    UsageResource,
)


@dataclass(frozen=True)
class Parameter:
    """A query parameter; all are optional."""

    name: str
    says: str


@dataclass(frozen=True)
class Route:
    """One method."""

    operation: str
    method: str
    path: str
    """With `{parameters}`; a colon begins what is done to the resource before it."""
    summary: str
    answer: type[BaseModel]
    body: type[AdminBody] | None = None
    query: tuple[Parameter, ...] = ()
    creates: bool = False
    """Whether it takes an Idempotency-Key."""
    by_tenant: bool = False
    """Whether it is a tenant's own, with a tenant key."""
    tables: tuple[str, ...] = ()
    """Media types of tables that it answers instead, if `format` asks for one."""


_PAGES: Final = (
    Parameter("pageSize", "Resources a page: 1 to 100, 10 if unset."),
    Parameter("pageToken", "The nextPageToken of the page before."),
)
_SPAN: Final = (
    Parameter("from", "Where the span begins: a date or an RFC 3339 time."),
    Parameter("to", "Where it ends, itself not included."),
)
_TABLES: Final = ("text/csv", "application/jsonl")
_TENANT: Final = "/admin/v1/tenants/{tenant}"
_KEY: Final = _TENANT + "/keys/{key}"
_PROJECT: Final = "/admin/v1/projects/{project}"

_ALL: Final = (
    Route(
        "tenants.create",
        "POST",
        "/admin/v1/tenants",
        "Make a tenant.",
        TenantResource,
        NewTenantBody,
        creates=True,
    ),
    Route(
        "tenants.list",
        "GET",
        "/admin/v1/tenants",
        "Tenants by id, without deleted ones.",
        TenantsResource,
        query=_PAGES,
    ),
    Route("tenants.get", "GET", _TENANT, "A tenant; a deleted one, too.", TenantResource),
    Route("tenants.patch", "PATCH", _TENANT, "Change limits.", TenantResource, TenantPatchBody),
    Route(
        "tenants.delete",
        "DELETE",
        _TENANT,
        "Delete a tenant with all it has upstream, in steps: repeat until done.",
        DeletionResource,
    ),
    Route(
        "tenants.suspend",
        "POST",
        _TENANT + ":suspend",
        "Refuse its keys, within a minute everywhere; its files stay until they expire.",
        TenantResource,
        NoBody,
    ),
    Route(
        "tenants.resume",
        "POST",
        _TENANT + ":resume",
        "Take its keys again.",
        TenantResource,
        NoBody,
    ),
    Route(
        "keys.issue",
        "POST",
        _TENANT + "/keys",
        "Issue a key. Its text is in this answer and nowhere else.",
        IssuedKeyResource,
        NewKeyBody,
        creates=True,
    ),
    Route(
        "keys.list",
        "GET",
        _TENANT + "/keys",
        "Keys by id, dead ones too.",
        KeysResource,
        None,
        _PAGES,
    ),
    Route(
        "keys.revoke",
        "POST",
        _KEY + ":revoke",
        "Refuse a key, within a minute everywhere.",
        KeyResource,
        NoBody,
    ),
    Route(
        "keys.rotate",
        "POST",
        _KEY + ":rotate",
        "Issue a key in place of one, which stays good for the overlap (an hour if unset).",
        IssuedKeyResource,
        RotationBody,
        creates=True,
    ),
    Route(
        "projects.create",
        "POST",
        "/admin/v1/projects",
        "Add an upstream project; put its API key into the secret that the answer names.",
        ProjectResource,
        NewProjectBody,
        creates=True,
    ),
    Route(
        "projects.list",
        "GET",
        "/admin/v1/projects",
        "Projects by id.",
        ProjectsResource,
        query=_PAGES,
    ),
    Route("projects.get", "GET", _PROJECT, "A project.", ProjectResource),
    Route(
        "projects.patch",
        "PATCH",
        _PROJECT,
        "Change capacity or how much may be promised.",
        ProjectResource,
        ProjectPatchBody,
    ),
    Route(
        "projects.drain",
        "POST",
        _PROJECT + ":drain",
        "Place no more tenants there.",
        ProjectResource,
        NoBody,
    ),
    Route(
        "projects.undrain",
        "POST",
        _PROJECT + ":undrain",
        "Place tenants there again.",
        ProjectResource,
        NoBody,
    ),
    Route(
        "projects.reconcile",
        "POST",
        _PROJECT + ":reconcile",
        "Compare it with upstream now; if not complete, repeat.",
        ReconciliationResource,
        NoBody,
    ),
    Route(
        "projects.reconciliation",
        "GET",
        _PROJECT + "/reconciliation",
        "What the last comparison found.",
        ReconciliationResource,
    ),
    Route(
        "usage.report",
        "GET",
        "/admin/v1/usage",
        "What tenants used.",
        UsageResource,
        query=(
            Parameter("tenant", "One tenant; all, page by page, if unset."),
            *_SPAN,
            Parameter("by", "A row for each hour, day or (the default) tenant."),
            Parameter("format", "json (the default), csv or jsonl."),
            _PAGES[1],
        ),
        tables=_TABLES,
    ),
    Route(
        "ledger.report",
        "GET",
        "/admin/v1/ledger",
        "Proof that no byte was lost, by tenant, and by project on the last page.",
        LedgerResource,
        query=_PAGES,
    ),
    Route(
        "audit.list",
        "GET",
        "/admin/v1/audit",
        "Who changed what, newest first; the last 30 days if unset.",
        AuditResource,
        query=(
            Parameter("subject", "tenants/{id} or projects/{id}; everything if unset."),
            *_SPAN,
            *_PAGES,
        ),
    ),
    Route(
        "usage.own",
        "GET",
        "/{version}/usage",
        "What the caller itself used.",
        UsageResource,
        query=(
            *_SPAN,
            Parameter("by", "A row for each hour (the default) or day."),
            Parameter("format", "json (the default), csv or jsonl."),
        ),
        by_tenant=True,
        tables=_TABLES,
    ),
)

ROUTES: Final = {route.operation: route for route in _ALL}
"""Every method by the name of its operation."""
