"""Admin resources: what the operator gets to see, as JSON in camelCase.

Bytes are numbers, moments RFC 3339, spans of time seconds as in `3600s`; what is not there is left
out.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from filegate.audit import Entry
from filegate.instants import Instant, format_rfc3339
from filegate.key_registry import KeyRecord, NewKey
from filegate.ledger_report import Balance
from filegate.limits import Limits, UploadMode
from filegate.projects import Project
from filegate.reconciliation import Report
from filegate.tenant_deletion import Progress
from filegate.tenant_registry import TenantRecord, TenantState
from filegate.usage_hours import MODEL_AMOUNTS, STORAGE_AMOUNTS

SHOWN_ONCE: Final = (
    "The key's text was in the answer to the first request with this Idempotency-Key, and is kept "
    "nowhere. If that answer was lost, revoke this key and issue another."
)

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Resource(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    def json_value(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class LimitsResource(Resource):
    """What a tenant may use."""

    storage_bytes: int
    file_bytes: int
    file_lifetime: str | None = None
    open_sessions: int | None = None
    requests_per_minute: int | None = None
    upload_mode: UploadMode
    allowed_origins: tuple[str, ...]
    """Empty for any."""
    models: tuple[str, ...]
    """Empty for all."""

    @classmethod
    def of(cls, limits: Limits) -> "LimitsResource":
        """Show limits."""
        return cls(
            storage_bytes=limits.storage,
            file_bytes=limits.file,
            file_lifetime=None if limits.lifetime is None else f"{limits.lifetime}s",
            open_sessions=limits.open_sessions,
            requests_per_minute=limits.requests_per_minute,
            upload_mode=limits.upload_mode,
            allowed_origins=limits.allowed_origins,
            models=limits.models,
        )


class TenantUsageResource(Resource):
    """What a tenant uses just now; bytes of open uploads included."""

    stored_bytes: int
    available_bytes: int
    """Below zero where the limit was lowered under what is stored."""
    open_sessions: int


class TenantResource(Resource):
    """A tenant."""

    id: str
    tag: str
    """What the ids of its files begin with."""
    state: TenantState
    project: str
    limits: LimitsResource
    usage: TenantUsageResource
    create_time: Time
    update_time: Time

    @classmethod
    def of(cls, record: TenantRecord) -> "TenantResource":
        """Show a tenant."""
        return cls(
            id=record.id,
            tag=record.tag,
            state=record.state,
            project=record.project,
            limits=LimitsResource.of(record.limits),
            usage=TenantUsageResource(
                stored_bytes=record.stored,
                available_bytes=record.available,
                open_sessions=record.open_sessions,
            ),
            create_time=format_rfc3339(record.created_at),
            update_time=format_rfc3339(record.updated_at),
        )


class TenantsResource(Resource):
    """A page of tenants."""

    tenants: list[TenantResource]
    next_page_token: str | None = None


class KeyResource(Resource):
    """A tenant key."""

    id: str
    label: str
    state: Literal["ACTIVE", "REVOKED", "EXPIRED"]
    scopes: tuple[str, ...]
    create_time: Time
    expire_time: Time | None = None
    revoke_time: Time | None = None

    @classmethod
    def of(cls, record: KeyRecord, now: Instant) -> "KeyResource":
        """Show a key."""
        return cls(**_key_fields(record, now))


class KeysResource(Resource):
    """A page of keys."""

    keys: list[KeyResource]
    next_page_token: str | None = None


class IssuedKeyResource(KeyResource):
    """A key just issued, with its text; or what that was, if it was issued before."""

    key: str | None = None
    """The text that the tenant sends. Only in the first answer."""
    notice: str | None = None
    """Why there is no `key`, where there is none."""
    replaces: KeyResource | None = None
    """The key it was made for, with when that ends."""

    @classmethod
    def issued(cls, new: NewKey, now: Instant, old: KeyRecord | None = None) -> "IssuedKeyResource":
        """Show a new key, this once."""
        return cls(
            **_key_fields(new.record, now),
            key=new.text,
            replaces=None if old is None else KeyResource.of(old, now),
        )

    def without_text(self) -> "IssuedKeyResource":
        """What may be kept, to be answered again."""
        return self.model_copy(update={"key": None, "notice": SHOWN_ONCE})


class DeletionResource(Resource):
    """How far the deletion of a tenant has come; repeat it until it is done."""

    done: bool
    files_left: int
    """Files and open uploads."""
    resources_left: int
    """Cached contents, batches and File Search stores."""
    usage: dict[str, Any] | None = None
    """What the tenant used in all, once it is gone."""

    @classmethod
    def of(cls, progress: Progress) -> "DeletionResource":
        """Show how far a deletion has come."""
        return cls(
            done=progress.done,
            files_left=progress.files_left,
            resources_left=progress.resources_left,
            usage=None if progress.final_usage is None else dict(progress.final_usage),
        )


class HealthResource(Resource):
    """What upstream last said to a project's key."""

    ok: bool | None = None
    """Absent if upstream was never asked."""
    last_ok_time: Time | None = None
    last_refused_time: Time | None = None
    last_refusal: str | None = None


class ProjectResource(Resource):
    """An upstream project."""

    id: str
    secret: str
    """Name of the secret that its API key belongs in."""
    capacity_bytes: int
    available_bytes: int
    promised_bytes: int
    """The storage limits of its tenants, added up."""
    overcommit_percent: int | None = None
    """How much may be promised; absent for no ceiling."""
    tenants: int
    draining: bool
    health: HealthResource
    create_time: Time

    @classmethod
    def of(cls, project: Project, secret_prefix: str) -> "ProjectResource":
        """Show a project."""
        health = project.health
        return cls(
            id=project.id,
            secret=f"{secret_prefix}{project.id}",
            capacity_bytes=project.capacity,
            available_bytes=project.available,
            promised_bytes=project.promised,
            overcommit_percent=project.overcommit,
            tenants=project.tenants,
            draining=project.draining,
            health=HealthResource(
                ok=health.ok,
                last_ok_time=_time(health.last_ok_at),
                last_refused_time=_time(health.last_refused_at),
                last_refusal=health.last_refusal,
            ),
            create_time=format_rfc3339(project.created_at),
        )


class ProjectsResource(Resource):
    """A page of projects."""

    projects: list[ProjectResource]
    next_page_token: str | None = None


class FindingsResource(Resource):
    """Files of one kind; up to 20 of their names."""

    count: int
    bytes: int
    names: list[str]


class ReconciliationResource(Resource):
    """What the comparison of a project with upstream found."""

    project: str
    start_time: Time
    finish_time: Time | None = None
    files_seen: int
    phantoms: FindingsResource
    """Files upstream that no record knows."""
    deleted: FindingsResource
    """Of these, leaks of this gateway, which were deleted."""
    lost: FindingsResource
    """Records whose file upstream no longer has."""
    phantom_bytes: int
    """Bytes deducted from the project's capacity."""
    drift_bytes: int
    corrected_bytes: int
    unanswered: int
    complete: bool

    @classmethod
    def of(cls, report: Report) -> "ReconciliationResource":
        """Show a report."""
        return cls.model_validate(report.resource())


class TenantBalanceResource(Resource):
    """A tenant in the ledger."""

    tenant: str
    limit_bytes: int
    available_bytes: int
    recorded_bytes: int
    difference_bytes: int
    """Zero, unless bytes were lost."""


class ProjectBalanceResource(Resource):
    """A project in the ledger."""

    project: str
    capacity_bytes: int
    available_bytes: int
    recorded_bytes: int
    phantom_bytes: int
    difference_bytes: int
    """Zero, unless bytes were lost or moved while they were read."""


class LedgerResource(Resource):
    """A page of the ledger report."""

    tenants: list[TenantBalanceResource]
    projects: list[ProjectBalanceResource] | None = None
    """Only on the last page, as tenants of all pages are added up in it."""
    conserved: bool
    """Whether all that is on this page differs by nothing."""
    next_page_token: str | None = None

    @classmethod
    def of(
        cls, tenants: list[Balance], projects: list[Balance] | None, token: str | None
    ) -> "LedgerResource":
        """Show a page."""
        return cls(
            tenants=[
                TenantBalanceResource(
                    tenant=one.id,
                    limit_bytes=one.total,
                    available_bytes=one.available,
                    recorded_bytes=one.recorded,
                    difference_bytes=one.difference,
                )
                for one in tenants
            ],
            projects=None
            if projects is None
            else [
                ProjectBalanceResource(
                    project=one.id,
                    capacity_bytes=one.total,
                    available_bytes=one.available,
                    recorded_bytes=one.recorded,
                    phantom_bytes=one.phantoms,
                    difference_bytes=one.difference,
                )
                for one in projects
            ],
            conserved=all(one.difference == 0 for one in [*tenants, *(projects or [])]),
            next_page_token=token,
        )


class AuditEntryResource(Resource):
    """One thing that was done, or tried."""

    time: Time
    subject: str
    """`tenants/{id}` or `projects/{id}`."""
    actor: str
    """`admin`, `bootstrap`, or `keys/{id}` of a tenant."""
    action: str
    source_ip: str | None = None
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntryResource":
        """Show an entry."""
        return cls(
            time=format_rfc3339(entry.at),
            subject=entry.subject,
            actor=entry.actor,
            action=entry.action,
            source_ip=entry.address,
            details=dict(entry.details),
        )


class AuditResource(Resource):
    """A page of the audit log, newest first."""

    entries: list[AuditEntryResource]
    next_page_token: str | None = None


ModelUsageResource = create_model(
    "ModelUsageResource",
    __base__=Resource,
    __doc__="What a tenant used of one model.",
    model=str,
    **dict.fromkeys(MODEL_AMOUNTS, int),  # type: ignore[call-overload]
)

UsageRowResource = create_model(
    "UsageRowResource",
    __base__=Resource,
    __doc__="What a tenant used from one moment until before another.",
    tenant=str,
    start=(Time, Field(alias="from")),
    end=(Time, Field(alias="to")),
    complete=bool,
    requests=dict[str, int],
    refusals=dict[str, int],
    models=list[ModelUsageResource],  # type: ignore[valid-type]
    **dict.fromkeys(STORAGE_AMOUNTS, int),  # type: ignore[call-overload]
)

UsageResource = create_model(
    "UsageResource",
    __base__=Resource,
    __doc__="A usage report; as CSV or JSON lines by `format`.",
    usage=list[UsageRowResource],  # type: ignore[valid-type]
    next_page_token=(str | None, None),
)


def _time(moment: Instant | None) -> str | None:
    return None if moment is None else format_rfc3339(moment)


def _key_fields(record: KeyRecord, now: Instant) -> dict[str, Any]:
    state = "REVOKED" if record.revoked else "ACTIVE" if record.alive(now) else "EXPIRED"
    return {
        "id": record.id,
        "label": record.label,
        "state": state,
        "scopes": record.scopes,
        "create_time": format_rfc3339(record.created_at),
        "expire_time": _time(record.expires_at),
        "revoke_time": _time(record.revoked_at),
    }
