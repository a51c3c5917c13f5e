"""Errors: every way a request can fail, as google.rpc `Status` values an SDK shows as a sentence.

Each named value or function below is one failure of the contract: what was wrong, which limit,
what to do, when it frees up. Wording that upstream has (wire section 8) is upstream's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from filegate.instants import SECOND, Instant, format_rfc3339

_TYPE = "type.googleapis.com/google.rpc."


STATUS_NAMES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc code names by HTTP status, for answers that name none (google.rpc.Code)."""


@dataclass(frozen=True)
class Status:
    """A google.rpc `Status`: HTTP code, sentence, canonical status name, typed details."""

    code: int
    status: str
    message: str
    details: Sequence[Mapping[str, Any]] = ()
    retry_after: int | None = None
    """Seconds until the same request may succeed; None where waiting does not help."""

    def body(self) -> dict[str, Any]:
        """The JSON envelope of every Google API error (wire section 8)."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
        }
        details = [dict(detail) for detail in self.details]
        if self.retry_after is not None:
            details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{self.retry_after}s"})
        if details:
            error["details"] = details
        return {"error": error}


class StatusError(Exception):
    """A refusal on its way to the caller."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status: Final = status


def invalid_argument(message: str, field: str | None = None) -> Status:
    """400: the request itself is wrong; `field` names the offending part as the seeds spell it."""
    details = (
        (
            {
                "@type": _TYPE + "BadRequest",
                "fieldViolations": [{"field": field, "description": message}],
            },
        )
        if field
        else ()
    )
    return Status(400, "INVALID_ARGUMENT", message, details)


KEY_MISSING: Final = Status(
    403,
    "PERMISSION_DENIED",
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API.",
)

KEY_INVALID: Final = Status(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    (
        {
            "@type": _TYPE + "ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        },
    ),
)

TENANT_SUSPENDED: Final = Status(
    403,
    "PERMISSION_DENIED",
    "This tenant is suspended. Ask the operator of this gateway to resume it.",
)


def scope_missing(scope: str) -> Status:
    """403: the key is good, but not for this."""
    return Status(
        403,
        "PERMISSION_DENIED",
        f"This API key has no `{scope}` scope. Use a key that has it, or ask the operator of this "
        "gateway to issue one.",
    )


ROUTE_UNKNOWN: Final = Status(
    404,
    "NOT_FOUND",
    "This path and HTTP method are not part of this API. Filegate serves the Gemini File API "
    "under /v1, /v1beta and /v1alpha; check the base URL, the path and the method.",
)

FILE_NAME_INVALID: Final = invalid_argument(
    "* CreateFileRequest.file.name: File name may only contain lowercase alphanumeric characters "
    "or dashes (-) and cannot begin or end with a dash.",
    "file.name",
)

PAGE_TOKEN_INVALID: Final = invalid_argument(
    "The page token is not valid. Pass the nextPageToken of the page before, or none for the "
    "first page.",
    "pageToken",
)


def file_not_found(file_id: str) -> Status:
    """403: upstream's one sentence for missing, expired and foreign files alike.

    `file_id` is what the caller sent, so that the answer says nothing the caller did not know.
    """
    return Status(
        403,
        "PERMISSION_DENIED",
        f"You do not have permission to access the File {file_id} or it may not exist.",
    )


def file_exists(file_id: str) -> Status:
    """409: the chosen name is taken, as upstream words it."""
    return Status(409, "ALREADY_EXISTS", f"{file_id} already exists.")


def file_too_large(size: int, limit: int) -> Status:
    """400: more bytes than one file may have; both in bytes."""
    return invalid_argument(
        f"The file is too large: {size:,} bytes, and one file may have {limit:,} bytes at most. "
        "Split it, or ask the operator of this gateway for a higher limit.",
        "file.sizeBytes",
    )


def request_too_large(size: int, limit: int) -> Status:
    """413: too many bytes for one request; the resumable protocol takes them in chunks."""
    return Status(
        413,
        "INVALID_ARGUMENT",
        f"The request has {size:,} bytes of content, and a single-request upload takes {limit:,} "
        "at most. Use the resumable protocol (X-Goog-Upload-Protocol: resumable), as the Google "
        "Gen AI SDKs do.",
    )


@dataclass(frozen=True)
class Shortage:
    """Why bytes could not be reserved: all sizes in bytes."""

    asked: int
    available: int
    limit: int
    free_at: Instant | None
    """When enough of the tenant's own files will have expired; None if never by waiting."""


def tenant_quota_exceeded(shortage: Shortage, now: Instant) -> Status:
    """429: the tenant's own storage is too full, with its numbers and the moment it frees up."""
    message = (
        f"File storage quota exceeded: this upload needs {shortage.asked:,} bytes and "
        f"{max(0, shortage.available):,} of {shortage.limit:,} bytes are left."
    )
    retry_after = None
    if shortage.asked > shortage.limit:
        message += " It can never fit: ask the operator of this gateway for a higher limit."
    elif shortage.free_at is None:
        message += " Delete files to free space."
    else:
        retry_after = max(1, -(-(shortage.free_at - now) // SECOND))
        message += (
            f" Enough will be free at {format_rfc3339(shortage.free_at)}, in {retry_after:,} "
            "seconds, as earlier files expire. Delete files to free space sooner."
        )
    violation = {
        "subject": "tenant",
        "description": message,
        "quotaMetric": "filegate/file_storage_bytes",
        "quotaId": "FileStorageBytesPerTenant",
        "quotaValue": str(shortage.limit),
    }
    return Status(
        429,
        "RESOURCE_EXHAUSTED",
        message,
        ({"@type": _TYPE + "QuotaFailure", "violations": [violation]},),
        retry_after,
    )


PROJECT_QUOTA_EXCEEDED: Final = Status(
    429,
    "RESOURCE_EXHAUSTED",
    "The storage behind this gateway is full for the moment; your own quota is not the limit. "
    "Try again in a minute, or delete files you no longer need.",
    (
        {
            "@type": _TYPE + "QuotaFailure",
            "violations": [
                {
                    "subject": "project",
                    "description": "The upstream project has too few bytes left.",
                    "quotaMetric": "filegate/file_storage_bytes",
                    "quotaId": "FileStorageBytesPerProject",
                }
            ],
        },
    ),
    retry_after=60,
)

UPSTREAM_UNAVAILABLE: Final = Status(
    503,
    "UNAVAILABLE",
    "The Gemini API could not be reached or did not answer in time. Send this request again.",
    retry_after=2,
)

UPSTREAM_KEY_REFUSED: Final = Status(
    503,
    "UNAVAILABLE",
    "The Gemini API refuses this gateway's own credentials. The operator of this gateway has to "
    "look at its upstream key; your key and your request are fine.",
    retry_after=60,
)

LEDGER_BUSY: Final = Status(
    503,
    "UNAVAILABLE",
    "Too many uploads start at once on the storage behind this gateway. Send this request again.",
    retry_after=1,
)

LEDGER_UNAVAILABLE: Final = Status(
    503,
    "UNAVAILABLE",
    "Filegate could not reach its ledger. Send this request again.",
    retry_after=2,
)

SECRETS_UNAVAILABLE: Final = Status(
    503,
    "UNAVAILABLE",
    "Filegate could not read its own secrets. The operator of this gateway has to look at them; "
    "your key and your request are fine.",
    retry_after=30,
)

INTERNAL: Final = Status(
    500,
    "INTERNAL",
    "Filegate could not finish this request. Nothing was lost; send it again.",
    retry_after=2,
)
