"""Errors: every way a request can fail, as google.rpc `Status` values an SDK shows as a sentence.

Each named value or function below is one failure of the contract: what was wrong, which limit,
what to do, when it frees up. Wording that upstream has (wire section 8) is upstream's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from filegate.instants import SECOND, Instant, format_rfc3339

_TYPE = "type.googleapis.com/google.rpc."
_MOST_LISTED: Final = 20


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
    hides: bool = False
    """Whether it leaves open if what was named is missing or another tenant's."""

    def body(self) -> dict[str, Any]:
        """The JSON envelope of every Google API error (wire section 8)."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
        }
        details = [dict(detail) for detail in self.details]
        retry_info = _TYPE + "RetryInfo"
        if self.retry_after is not None and all(one.get("@type") != retry_info for one in details):
            details.append({"@type": retry_info, "retryDelay": f"{self.retry_after}s"})
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


def given_twice(kind: str, name: str) -> Status:
    """400: two values where one decides; `kind` is "header" or "query parameter"."""
    return invalid_argument(
        f"The {kind} {name[:40]!r} is given twice. Send it once, so that only one value can count.",
        name[:40],
    )


def body_encoded(encoding: str) -> Status:
    """400: a body that would have to be decoded first."""
    return invalid_argument(
        f"The body is sent with Content-Encoding {encoding[:40]!r}, and bodies are taken as they "
        "are. Send it as it is, without that header.",
        "Content-Encoding",
    )


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

GOOGLE_TOKEN_MISSING: Final = Status(
    401,
    "UNAUTHENTICATED",
    "Registering Cloud Storage objects needs your own Google credentials: send an OAuth access "
    "token that may read them in the header Authorization: Bearer, as the Google Gen AI SDKs do.",
)

GOOGLE_TOKEN_UNREADABLE: Final = Status(
    401,
    "UNAUTHENTICATED",
    "The header Authorization holds no OAuth access token: after Bearer it has letters, digits and "
    "-._~+/ only. Send the token as Google issued it.",
)

QUOTA_PROJECT_INVALID: Final = invalid_argument(
    "The header x-goog-user-project names no Google Cloud project: its id or number has up to 100 "
    "letters, digits, dashes, dots and colons.",
    "x-goog-user-project",
)


def _not_allowed(reason: str, message: str, **metadata: str) -> Status:
    """403: a decision of this gateway's own, which a program tells by its reason."""
    info = {"@type": _TYPE + "ErrorInfo", "reason": reason, "domain": "filegate"}
    return Status(
        403,
        "PERMISSION_DENIED",
        message,
        ({**info, "metadata": metadata} if metadata else info,),
    )


TENANT_SUSPENDED: Final = _not_allowed(
    "TENANT_SUSPENDED", "This tenant is suspended. Ask the operator of this gateway to resume it."
)


def scope_missing(scope: str) -> Status:
    """403: the key is good, but not for this."""
    return _not_allowed(
        "SCOPE_MISSING",
        f"This API key has no `{scope}` scope. Use a key that has it, or ask the operator of this "
        "gateway to issue one.",
        scope=scope,
    )


def token_expired(expired_at: Instant) -> Status:
    """400: a browser token that was good, worded as upstream words an expired key."""
    return Status(
        400,
        "INVALID_ARGUMENT",
        f"API key expired. Please renew the API key. This browser token expired at "
        f"{format_rfc3339(expired_at)}; get a new one from the backend that makes them.",
        KEY_INVALID.details,
    )


def origin_refused(origin: str | None) -> Status:
    """403: a page of this origin may not use this key or token; None if no origin was sent."""
    what = f"A page of {origin[:200]!r}" if origin else "A request without an Origin header"
    return _not_allowed(
        "ORIGIN_NOT_ALLOWED",
        f"{what} may not use this API key. Call from the page it was made for, or have the origin "
        "allowed: by the backend that makes browser tokens, or by the operator of this gateway.",
    )


def token_cannot(deed: str) -> Status:
    """403: what a browser token never may, whatever its scopes."""
    return _not_allowed(
        "BROWSER_TOKEN_CANNOT",
        f"A browser token cannot {deed}. Let your backend do it, with the tenant's own API key.",
    )


def token_type_refused(mime_type: str | None, allowed: Sequence[str]) -> Status:
    """403: a browser token that is for files of other MIME types."""
    what = repr(mime_type[:100]) if mime_type else "unknown"
    return _not_allowed(
        "MIME_TYPE_NOT_ALLOWED",
        f"The file's MIME type is {what}, and this browser token is for {', '.join(allowed)} only.",
    )


TOKEN_SIZE_UNKNOWN: Final = invalid_argument(
    "An upload with a browser token announces the size of its file: send "
    "X-Goog-Upload-Header-Content-Length, as the Google Gen AI SDKs do for a Blob.",
    "X-Goog-Upload-Header-Content-Length",
)


def _seconds_until(moment: Instant, now: Instant) -> int:
    """Whole seconds to wait for a moment, one at least."""
    return max(1, -(-(moment - now) // SECOND))


def _quota_exceeded(
    message: str,
    metric: str,
    quota_id: str,
    limit: int,
    *,
    subject: str = "tenant",
    retry_after: int | None = None,
) -> Status:
    """429: a limit that is the caller's own, as a QuotaFailure says it."""
    violation = {
        "subject": subject,
        "description": message,
        "quotaMetric": f"filegate/{metric}",
        "quotaId": quota_id,
        "quotaValue": str(limit),
    }
    return Status(
        429,
        "RESOURCE_EXHAUSTED",
        message,
        ({"@type": _TYPE + "QuotaFailure", "violations": [violation]},),
        retry_after,
    )


def token_spent(asked: int, bytes_left: int, budget: int, files_left: int) -> Status:
    """429: what is left of a browser token does not do for an upload; sizes in bytes.

    Waiting does not help, so there is no RetryInfo.
    """
    message = (
        f"Browser token used up: this upload needs {asked:,} bytes, and {bytes_left:,} of "
        f"{budget:,} bytes and {files_left:,} uploads are left. Get a new token from the backend "
        "that makes them."
    )
    return _quota_exceeded(message, "token_bytes", "BytesPerBrowserToken", budget, subject="token")


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
    return _hidden("File", file_id)


CACHE_NOT_FOUND: Final = Status(
    403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", hides=True
)
"""Missing, expired and foreign cached contents alike, as upstream words it."""

BATCH_NOT_FOUND: Final = Status(404, "NOT_FOUND", "Requested entity was not found.", hides=True)
"""Missing and foreign batches alike, as upstream words it."""


def cache_update_invalid(field: str | None) -> Status:
    """400: an update of a cached content that is about more than its end, or about nothing."""
    wrong = "it has neither" if field is None else f"{field[:200]!r} is not one of them as a string"
    return invalid_argument(
        "Only ttl (as in '3600s') or expireTime of a CachedContent can be updated, in the body and "
        f"in updateMask: {wrong}.",
        field and field[:200],
    )


def projects_mixed(places: Mapping[str, str], project: str) -> Status:
    """400: a call can go to one upstream project, and not all that it names is there.

    `places` says on which project each named resource is, `project` where the call would go.
    """
    listed = [f"{name} is on {place}" for name, place in list(places.items())[:_MOST_LISTED]]
    if len(places) > _MOST_LISTED:
        listed.append(f"{len(places) - _MOST_LISTED:,} more")
    message = (
        f"One request can only name what is on one upstream project, and this one goes to "
        f"{project}: {', '.join(listed)}. Upload what is elsewhere once more, or make it anew."
    )
    violations = [
        {"type": "UPSTREAM_PROJECT", "subject": name, "description": f"It is on {place}."}
        for name, place in places.items()
        if place != project
    ]
    details = ({"@type": _TYPE + "PreconditionFailure", "violations": violations[:_MOST_LISTED]},)
    return Status(400, "FAILED_PRECONDITION", message, details)


def store_not_found(store_id: str) -> Status:
    """403: missing and foreign stores alike; `store_id` as the caller sent it."""
    return _hidden("FileSearchStore", store_id)


def document_not_found(document_id: str) -> Status:
    """403: what can be no document's id, as upstream words it; `document_id` as sent."""
    return _hidden("Document", document_id)


def operation_not_found(operation_id: str) -> Status:
    """403: what can be no operation's id, as upstream words it; `operation_id` as sent."""
    return _hidden("Operation", operation_id)


def _hidden(kind: str, resource_id: str) -> Status:
    """403: upstream's one sentence for what is missing, whoever's it is."""
    return Status(
        403,
        "PERMISSION_DENIED",
        f"You do not have permission to access the {kind} {resource_id} or it may not exist.",
        hides=True,
    )


def reference_not_understood(where: str, value: str) -> Status:
    """400: a field that names a file or a store, in a way this gateway cannot check."""
    return invalid_argument(
        f"The value at {where} names no file of yours in a form this gateway can check: "
        f"{value[:200]!r}. Pass a file's `uri` or `name` as files.upload or files.get returned it, "
        "or an http(s) URL of a public file.",
        where,
    )


def gcs_not_registered(where: str) -> Status:
    """400: a Cloud Storage URI where a registered file belongs (wire 6.6)."""
    return invalid_argument(
        f"The value at {where} is a Cloud Storage URI. Register the object first (files:register, "
        "with your own Google credentials) and pass the `uri` of the file you get.",
        where,
    )


def batch_input_unchecked(file_id: str, largest: int) -> Status:
    """400: a file of requests that was not read on its way, or names what is not the caller's."""
    return invalid_argument(
        f"The File {file_id} cannot be run as a batch: a file of requests is checked line by line "
        "for the files it names as it is uploaded, and this one was not, or names something that "
        f"is not yours. Upload it with the MIME type application/jsonl, {largest:,} bytes at most, "
        "one JSON object a line, each fileUri as files.upload returned it; or pass the requests "
        "inline.",
        "batch.inputConfig.fileName",
    )


SESSION_UNKNOWN: Final = Status(
    403,
    "PERMISSION_DENIED",
    "You do not have permission to use this upload session or it may not exist. Start a new "
    "upload.",
    hides=True,
)
"""A session that is forged, another tenant's or unknown, as on the chunk route (template.yaml)."""


def json_unreadable(why: str) -> Status:
    """400: a body the gateway must read to check its references, and cannot."""
    return invalid_argument(
        f"Invalid JSON payload received: {why}. This gateway checks every file reference in a "
        "request, so it forwards only what it can read: one JSON object in UTF-8, not compressed."
    )


def body_too_large(size: int, limit: int) -> Status:
    """413: more bytes than one model call may carry here; files go by the File API."""
    return Status(
        413,
        "INVALID_ARGUMENT",
        f"The request has {size:,} bytes, and {limit:,} are the most that one request may carry "
        "here. Upload large content with the File API (files.upload) and pass the file's `uri`.",
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


def document_too_large(size: int, limit: int) -> Status:
    """400: more bytes than one document of a store may have; both in bytes."""
    return invalid_argument(
        f"The document is too large: {size:,} bytes, and one document of a File Search store may "
        f"have {limit:,} bytes at most. Split it and upload the parts."
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
        retry_after = _seconds_until(shortage.free_at, now)
        message += (
            f" Enough will be free at {format_rfc3339(shortage.free_at)}, in {retry_after:,} "
            "seconds, as earlier files expire. Delete files to free space sooner."
        )
    return _quota_exceeded(
        message,
        "file_storage_bytes",
        "FileStorageBytesPerTenant",
        shortage.limit,
        retry_after=retry_after,
    )


def requests_exceeded(most: int, free_at: Instant, now: Instant) -> Status:
    """429: the tenant has made as many requests in this minute as it may; `free_at` ends it."""
    retry_after = _seconds_until(free_at, now)
    message = (
        f"Request rate exceeded: this tenant may make {most:,} requests a minute. The next minute "
        f"begins at {format_rfc3339(free_at)}, in {retry_after} seconds: send this request again "
        "then, or ask the operator of this gateway for a higher limit."
    )
    return _quota_exceeded(
        message, "requests", "RequestsPerMinutePerTenant", most, retry_after=retry_after
    )


def open_sessions_exceeded(
    open_sessions: int, most: int, free_at: Instant | None, now: Instant
) -> Status:
    """429: as many uploads are open as may be; `free_at` is when the first of them ends by itself.

    None for `free_at` where that is not known.
    """
    message = (
        f"Too many open uploads: {open_sessions:,} are open, and this tenant may have {most:,} at "
        "once. Finish one, or cancel it (X-Goog-Upload-Command: cancel)."
    )
    retry_after = None
    if free_at is not None:
        retry_after = _seconds_until(free_at, now)
        message += (
            f" The first ends by itself at {format_rfc3339(free_at)}, in {retry_after:,} seconds."
        )
    return _quota_exceeded(
        message,
        "open_upload_sessions",
        "OpenUploadSessionsPerTenant",
        most,
        retry_after=retry_after,
    )


def model_refused(model: str, allowed: Sequence[str]) -> Status:
    """403: a model that this tenant may not call."""
    listed = list(allowed[:_MOST_LISTED])
    if len(allowed) > _MOST_LISTED:
        listed.append(f"{len(allowed) - _MOST_LISTED:,} more")
    return _not_allowed(
        "MODEL_NOT_ALLOWED",
        f"This tenant may not use the model {model[:100]!r}. It may use {', '.join(listed)}. Ask "
        "the operator of this gateway to allow another.",
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


def no_project_with_room(limit: int, projects: int, draining: int) -> Status:
    """400: nowhere to place a tenant whose storage limit is `limit` bytes (the operator's)."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"No upstream project has room for a tenant of {limit:,} bytes: there are {projects} "
        f"projects, {draining} of them draining. Add a project, raise a project's "
        "overcommitPercent or capacityBytes, end a drain, or give the tenant a smaller "
        "limits.storageBytes.",
    )


def project_unknown(project_id: str) -> Status:
    """400: there is no upstream project of this id (the operator's)."""
    return invalid_argument(
        f"There is no project {project_id[:64]!r}. Add it first, or leave `project` out to have "
        "the tenant placed by free capacity.",
        "project",
    )


def project_draining(project_id: str) -> Status:
    """400: the project takes no new tenants (the operator's)."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The project {project_id} is draining and takes no new tenants. Choose another, leave "
        "`project` out to have the tenant placed by free capacity, or end the drain.",
    )


def project_promised(project_id: str, limit: int, promised: int, ceiling: int) -> Status:
    """400: too much of the project is promised already; all in bytes (the operator's)."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The project {project_id} has no room for a tenant of {limit:,} bytes: {promised:,} of "
        f"the {ceiling:,} bytes that may be promised are. Raise its overcommitPercent or "
        "capacityBytes, choose another project, or give the tenant a smaller "
        "limits.storageBytes.",
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
