"""Statuses: which refusal stands for an exception, and the headers it has."""

from collections.abc import Mapping
from typing import Final

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import TableBusy, TableUnavailable
from filegate.appointments import CannotKeep
from filegate.errors import (
    INTERNAL,
    LEDGER_BUSY,
    LEDGER_UNAVAILABLE,
    SECRETS_UNAVAILABLE,
    UPSTREAM_KEY_REFUSED,
    UPSTREAM_UNAVAILABLE,
    Status,
    StatusError,
)
from filegate.ledger import TenantChanged
from filegate.seals import KeyRingInvalid

JSON: Final = "application/json; charset=UTF-8"

_STATUS_OF: Final[Mapping[type[Exception], Status]] = {
    KeyRingInvalid: SECRETS_UNAVAILABLE,
    SecretUnavailable: SECRETS_UNAVAILABLE,
    TableBusy: LEDGER_BUSY,
    TableUnavailable: LEDGER_UNAVAILABLE,
    TenantChanged: LEDGER_BUSY,
    UpstreamKeyRefused: UPSTREAM_KEY_REFUSED,
    UpstreamUnavailable: UPSTREAM_UNAVAILABLE,
}


def status_of(error: Exception) -> Status:
    """The refusal that stands for an exception; `INTERNAL` for one nobody foresaw."""
    if isinstance(error, StatusError):
        return error.status
    if isinstance(error, CannotKeep) and isinstance(error.__cause__, Exception):
        known = status_of(error.__cause__)
        return UPSTREAM_UNAVAILABLE if known is INTERNAL else known
    if isinstance(error, UpstreamRefused):
        if 400 <= error.code < 600:
            return Status(error.code, error.status, error.message, error.details, error.retry_after)
        return UPSTREAM_UNAVAILABLE
    statuses = (status for kind, status in _STATUS_OF.items() if isinstance(error, kind))
    return next(statuses, INTERNAL)


def refusal_headers(status: Status, *, upload: bool) -> dict[str, str]:
    """Headers of a refusal. `upload` adds the one that keeps SDKs from sending the bytes again."""
    headers: dict[str, str] = {}
    if upload and status.code < 500:
        headers["X-Goog-Upload-Status"] = "final"
    if status.retry_after is not None:
        headers["Retry-After"] = str(status.retry_after)
    return headers
