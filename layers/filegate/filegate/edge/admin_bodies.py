"""Admin bodies: what the operator may ask for, validated at the border.

What is not known is refused: it may be meant as a limit.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from filegate.admin_errors import TENANT_ID_INVALID
from filegate.instants import HOUR, SECOND, Instant, parse_rfc3339
from filegate.limits import MAX_FILE_BYTES, Limits, UploadMode
from filegate.projects import is_project_id
from filegate.tenants import ALL_SCOPES, is_tenant_id
from filegate.token_requests import read_origin
from filegate.wire import ByteCount, Text, WireModel

LONGEST_LIFETIME: Final = 48 * HOUR
"""How long upstream keeps a file, milliseconds (seeds): a limit can only be shorter."""
LONGEST_OVERLAP: Final = 30 * 24 * HOUR
"""The most that two keys may be good side by side while one replaces the other."""
USUAL_OVERLAP: Final = HOUR
LARGEST_STORAGE: Final = 2**50
MOST: Final = 1_000_000
_MOST_LISTED: Final = 100

_DURATION: Final = re.compile(r"(\d{1,9})s")
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DURATION_SCHEMA: Final = {"type": "string", "pattern": r"^\d{1,9}s$", "examples": ["3600s"]}


def _seconds(value: object) -> object:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be whole seconds, as in '3600s'")
    return int(match[1])


def _moment(value: object) -> object:
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 time, as in 2027-01-01T00:00:00Z") from None


def _tenant_id(text: str) -> str:
    if not is_tenant_id(text):
        raise ValueError(TENANT_ID_INVALID)
    return text


def _project_id(text: str) -> str:
    if not is_project_id(text):
        raise ValueError(TENANT_ID_INVALID)
    return text


def _scope(text: str) -> str:
    if text not in ALL_SCOPES:
        raise ValueError(f"must be one of {', '.join(ALL_SCOPES)}")
    return text


def _model(text: str) -> str:
    name = text.removeprefix("models/")
    if not _MODEL.fullmatch(name):
        raise ValueError("must be a model's id, as in gemini-2.5-flash")
    return name


Seconds = Annotated[int, BeforeValidator(_seconds), WithJsonSchema(_DURATION_SCHEMA)]
Moment = Annotated[
    Instant,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Count = Annotated[int, Field(ge=1, le=MOST, strict=True)]
Label = Annotated[Text, Field(min_length=1, max_length=100)]
TenantId = Annotated[Text, AfterValidator(_tenant_id)]
ProjectId = Annotated[Text, AfterValidator(_project_id)]


class AdminBody(WireModel):
    """Base of all bodies."""

    model_config = ConfigDict(extra="forbid")


class NoBody(AdminBody):
    """Nothing, or `{}`."""


class LimitsBody(AdminBody):
    """Limits of a tenant. One that is not named stays; null sets it back to its default."""

    storage_bytes: Annotated[ByteCount, Field(le=LARGEST_STORAGE)] | None = None
    file_bytes: Annotated[ByteCount, Field(ge=1, le=MAX_FILE_BYTES)] | None = None
    file_lifetime: Annotated[Seconds, Field(ge=60, le=LONGEST_LIFETIME // SECOND)] | None = None
    open_sessions: Count | None = None
    requests_per_minute: Count | None = None
    upload_mode: UploadMode | None = None
    allowed_origins: (
        Annotated[
            tuple[Annotated[Text, AfterValidator(read_origin)], ...],
            Field(max_length=_MOST_LISTED),
        ]
        | None
    ) = None
    models: (
        Annotated[
            tuple[Annotated[Text, AfterValidator(_model)], ...], Field(max_length=_MOST_LISTED)
        ]
        | None
    ) = None

    def changes(self) -> dict[str, Any]:
        """The limits that are named, by the names that Limits has for them."""
        defaults = Limits()
        return {
            own: getattr(defaults, own) if (value := getattr(self, name)) is None else value
            for name, own in _OWN_NAMES.items()
            if name in self.model_fields_set
        }


_OWN_NAMES: Final = {
    "storage_bytes": "storage",
    "file_bytes": "file",
    "file_lifetime": "lifetime",
    "open_sessions": "open_sessions",
    "requests_per_minute": "requests_per_minute",
    "upload_mode": "upload_mode",
    "allowed_origins": "allowed_origins",
    "models": "models",
}


class NewTenantBody(AdminBody):
    """A tenant to be made. Without a project it goes where most storage is not promised yet."""

    id: TenantId
    limits: LimitsBody = LimitsBody()
    project: ProjectId | None = None


class TenantPatchBody(AdminBody):
    """What is to change of a tenant."""

    limits: LimitsBody = LimitsBody()


class NewKeyBody(AdminBody):
    """A key to be issued: for ever, or until `expireTime`, or for `ttl`."""

    label: Label
    scopes: Annotated[
        tuple[
            Annotated[
                Text,
                AfterValidator(_scope),
                WithJsonSchema({"type": "string", "enum": list(ALL_SCOPES)}),
            ],
            ...,
        ],
        Field(min_length=1, max_length=len(ALL_SCOPES)),
    ] = ALL_SCOPES
    expire_time: Moment | None = None
    ttl: Annotated[Seconds, Field(ge=1)] | None = None


class RotationBody(AdminBody):
    """How long the old key is still good beside the new one."""

    overlap: Annotated[
        Seconds,
        Field(
            ge=0,
            le=LONGEST_OVERLAP // SECOND,
            json_schema_extra={"default": f"{USUAL_OVERLAP // SECOND}s"},
        ),
    ] = USUAL_OVERLAP // SECOND


class ProjectLimitsBody(AdminBody):
    """What a project has, and how much of it may be promised to tenants."""

    capacity_bytes: Annotated[ByteCount, Field(le=LARGEST_STORAGE)] | None = None
    overcommit_percent: Annotated[int, Field(ge=1, le=MOST, strict=True)] | None = None


class NewProjectBody(ProjectLimitsBody):
    """A project to be added. Its key is for its operator to put into the secret named for it."""

    id: ProjectId


class ProjectPatchBody(ProjectLimitsBody):
    """What is to change of a project; null is the default, which for a ceiling is none."""
