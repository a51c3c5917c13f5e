"""Responses: what leaves a function; headers by allow-list, errors in Google's shape."""

import json
from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import TableBusy, TableUnavailable
from filegate.adapters.upstream import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
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
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "x-goog-upload-url, x-goog-upload-control-url, "
    "x-goog-upload-status, x-goog-upload-chunk-granularity, x-goog-upload-size-received",
}


def answer_json(value: Mapping[str, Any]) -> "Response[str]":
    """200 with a JSON object."""
    return answer_text(json.dumps(value))


def answer_text(text: str) -> "Response[str]":
    """200 with a text that is JSON already."""
    return Response(200, JSON, text, dict(_CORS))


def answer_open_upload(url: str, granularity: int) -> "Response[str]":
    """200 to a resumable start: no body, the URL for its chunks in both headers (wire 3.3)."""
    return Response(
        200,
        "text/plain; charset=utf-8",
        "",
        {
            **_CORS,
            "X-Goog-Upload-URL": url,
            "X-Goog-Upload-Control-URL": url,
            "X-Goog-Upload-Status": "active",
            "X-Goog-Upload-Chunk-Granularity": str(granularity),
        },
    )


def answer_error(status: Status, *, upload: bool) -> "Response[str]":
    """A refusal. `upload` adds the header that keeps SDKs from sending the bytes again."""
    headers = dict(_CORS)
    if upload and status.code < 500:
        headers["X-Goog-Upload-Status"] = "final"
    if status.retry_after is not None:
        headers["Retry-After"] = str(status.retry_after)
    return Response(status.code, JSON, json.dumps(status.body()), headers)


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
            return Status(error.code, error.status, error.message, retry_after=error.retry_after)
        return UPSTREAM_UNAVAILABLE
    return _STATUS_OF.get(type(error), INTERNAL)
