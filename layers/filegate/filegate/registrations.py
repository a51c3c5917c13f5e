"""Registrations: Cloud Storage objects made usable as files, with the caller's own Google token.

The token goes through untouched and is kept nowhere. Without one nothing is asked of upstream: the
hidden project's own access to Cloud Storage is nobody's to use (wire 6.6).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from filegate.adapters.upstream import Upstream
from filegate.adoptions import REGISTERED, Adoptions
from filegate.errors import (
    GOOGLE_TOKEN_MISSING,
    GOOGLE_TOKEN_UNREADABLE,
    QUOTA_PROJECT_INVALID,
    StatusError,
    invalid_argument,
)
from filegate.instants import Instant
from filegate.references import read_document
from filegate.tenants import Tenant
from filegate.wire import Text, WireModel

_MOST: Final = 100
_LONGEST: Final = 2_048
_BEARER: Final = "bearer "
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""An access token (RFC 6750, 2.1). What is none could not even be sent."""
_QUOTA_PROJECT: Final = re.compile(r"[A-Za-z0-9.:-]{1,100}")


def _gcs_uri(value: str) -> str:
    bucket, slash, name = value.removeprefix("gs://").partition("/")
    if not (value.startswith("gs://") and bucket and slash and name):
        raise ValueError("must be a Cloud Storage URI, gs://bucket/object")
    return value


class Registration(WireModel):
    """The body of `files:register`."""

    model_config = ConfigDict(extra="forbid")

    uris: Annotated[
        list[Annotated[Text, Field(max_length=_LONGEST), AfterValidator(_gcs_uri)]],
        Field(min_length=1, max_length=_MOST),
    ]


class Registrations:
    """Registers objects for a tenant. Raises what ledger and upstream raise."""

    def __init__(self, upstream: Upstream, adoptions: Adoptions) -> None:
        self._upstream = upstream
        self._adoptions = adoptions

    def register(
        self,
        tenant: Tenant,
        version: str,
        body: bytes,
        authorization: str | None,
        quota_project: str | None,
        now: Instant,
    ) -> Sequence[Mapping[str, Any]]:
        """Register up to 100 `gs://` URIs, all or none; answers upstream's Files, now owned.

        Raises StatusError: no Google token or project, or a body that is not
        `{"uris": ["gs://…"]}`.
        """
        token = _read_token(authorization)
        if quota_project and not _QUOTA_PROJECT.fullmatch(quota_project):
            raise StatusError(QUOTA_PROJECT_INVALID)
        try:
            request = Registration.model_validate(read_document(body))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise StatusError(
                invalid_argument(f'Invalid value at "{field}": {first["msg"]}.', field)
            ) from None
        files = self._upstream.register_files(
            tenant.project, version, request.uris, f"Bearer {token}", quota_project
        )
        self._adoptions.adopt(tenant, files, now, REGISTERED)
        return files


def _read_token(authorization: str | None) -> str:
    """The access token in an Authorization header. Raises StatusError, without a word of it."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        raise StatusError(GOOGLE_TOKEN_MISSING)
    token = authorization[len(_BEARER) :].strip(" ")
    if not _TOKEN.fullmatch(token):
        raise StatusError(GOOGLE_TOKEN_UNREADABLE)
    return token
