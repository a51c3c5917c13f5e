"""Every refusal as a named value: the API's JSON errors and the upload server's plain texts."""

from __future__ import annotations

_SERVICE = "generativelanguage.googleapis.com"
_TYPE = "type.googleapis.com/google.rpc."
_QUOTA_HELP = "https://ai.google.dev/gemini-api/docs/rate-limits"


class ApiError(Exception):
    """A refusal of the API itself, answered as Google-shaped JSON (section 8)."""

    def __init__(
        self,
        code: int,
        message: str,
        status: str | None = None,
        details: list[dict[str, object]] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details or []

    def body(self) -> dict[str, object]:
        """The JSON envelope; fields without a value are left out."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.status is not None:
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}


class UploadError(Exception):
    """A refusal of the upload server, answered as plain text (section 4, rule 4).

    `upload_status` becomes `X-Goog-Upload-Status`; without it stock clients send the chunk again.
    """

    def __init__(self, code: int, text: str, upload_status: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.upload_status = upload_status


def invalid_key() -> ApiError:
    """400 for a key that belongs to no project."""
    message = "API key not valid. Please pass a valid API key."
    return ApiError(
        400,
        message,
        "INVALID_ARGUMENT",
        [
            {
                "@type": _TYPE + "ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": _SERVICE},
            },
            {"@type": _TYPE + "LocalizedMessage", "locale": "en-US", "message": message},
        ],
    )


def missing_key() -> ApiError:
    """403 for a request without any key."""
    return ApiError(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
        "PERMISSION_DENIED",
    )


def no_such_file(file_id: str) -> ApiError:
    """The same 403 for a missing, an expired and another project's file."""
    return ApiError(
        403,
        f"You do not have permission to access the File {file_id} or it may not exist.",
        "PERMISSION_DENIED",
    )


def no_such_resource(kind: str, resource_id: str) -> ApiError:
    """The same 403 for what is missing and what is another project's.

    Assumed by analogy with the File's: no report shows the sentence for other resources.
    """
    return ApiError(
        403,
        f"You do not have permission to access the {kind} {resource_id} or it may not exist.",
        "PERMISSION_DENIED",
    )


def file_not_active(file_id: str) -> ApiError:
    """400 for the use of a file that is not ready or has failed (section 8)."""
    return failed_precondition(
        f"The File {file_id} is not in an ACTIVE state and usage is not allowed."
    )


def not_empty(kind: str) -> ApiError:
    """400 for a delete without `force` of what holds something (python-genai issue 1774)."""
    return failed_precondition(f"Cannot delete non-empty {kind}.")


def failed_precondition(message: str) -> ApiError:
    """400 for a request that would be right at another time."""
    return ApiError(400, message, "FAILED_PRECONDITION")


def not_downloadable() -> ApiError:
    """400 for the bytes of an uploaded file; upstream's own words are not known (section 6.5)."""
    return ApiError(400, "Only generated files can be downloaded.", "INVALID_ARGUMENT")


def name_taken(file_id: str) -> ApiError:
    """409 for a chosen name in use; reports show no `status` field."""
    return ApiError(409, f"{file_id} already exists.")


def bad_name() -> ApiError:
    """400 for a chosen name outside the rule."""
    return ApiError(
        400,
        "* CreateFileRequest.file.name: File name may only contain lowercase alphanumeric "
        "characters or dashes (-) and cannot begin or end with a dash.",
        "INVALID_ARGUMENT",
    )


def long_display_name() -> ApiError:
    """400 for a display name over 512 characters; the sentence is a guess in upstream's style."""
    return ApiError(
        400,
        "* CreateFileRequest.file.display_name: File display name must be no more than "
        "512 characters in length, including spaces.",
        "INVALID_ARGUMENT",
    )


def storage_full(limit: int) -> ApiError:
    """429 when a project's files would exceed `limit` bytes."""
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        f"information on this error, head to: {_QUOTA_HELP}. \n* Quota exceeded for metric: "
        f"{_SERVICE}/file_storage_bytes, limit: {limit}",
        "RESOURCE_EXHAUSTED",
        [
            {
                "@type": _TYPE + "QuotaFailure",
                "violations": [
                    {
                        "quotaMetric": f"{_SERVICE}/file_storage_bytes",
                        "quotaId": "FileStorageBytesPerProject",
                        "quotaValue": str(limit),
                    }
                ],
            },
            {
                "@type": _TYPE + "Help",
                "links": [
                    {"description": "Learn more about Gemini API quotas", "url": _QUOTA_HELP}
                ],
            },
        ],
    )


def too_large_text(limit: int) -> str:
    """The sentence for content over `limit` bytes, in the style of upstream's inline limit."""
    return f"Request payload size exceeds the limit: {limit} bytes."


def too_large(limit: int) -> ApiError:
    """400 for a file over `limit` bytes."""
    return ApiError(400, too_large_text(limit), "INVALID_ARGUMENT")


def bad_value(field: str, kind: str, value: str) -> ApiError:
    """400 for a field or parameter of the wrong type, in the words of Google's JSON front end."""
    message = f"Invalid value at '{field}' ({kind}), \"{value}\""
    return ApiError(
        400,
        message,
        "INVALID_ARGUMENT",
        [
            {
                "@type": _TYPE + "BadRequest",
                "fieldViolations": [{"field": field, "description": message}],
            }
        ],
    )


def bad_payload(reason: str) -> ApiError:
    """400 for metadata that is not even the loose JSON upstream reads."""
    return ApiError(400, f"Invalid JSON payload received. {reason}", "INVALID_ARGUMENT")


def bad_argument(message: str) -> ApiError:
    """400 with a sentence of its own."""
    return ApiError(400, message, "INVALID_ARGUMENT")


def not_found() -> ApiError:
    """404 for a route that does not exist."""
    return ApiError(404, "Requested entity was not found.", "NOT_FOUND")


def terminated(upload_status: str) -> UploadError:
    """400 for a session that is finished or cancelled (section 4, rule 3)."""
    return UploadError(400, "Upload has already been terminated.", upload_status)


def no_such_model(model_id: str, version: str, method: str) -> ApiError:
    """404 for a model that does not exist or has no such method."""
    return ApiError(
        404,
        f"models/{model_id} is not found for API version {version}, or is not supported for "
        f"{method}. Call ListModels to see the list of available models and their supported "
        "methods.",
        "NOT_FOUND",
    )


def no_such_cache() -> ApiError:
    """The same 403 for a missing, an expired and another project's cache."""
    return ApiError(403, "CachedContent not found (or permission denied)", "PERMISSION_DENIED")


def unauthenticated() -> ApiError:
    """401 for a registration without the caller's own token (section 6.6)."""
    return ApiError(
        401,
        "Request is missing required authentication credential. Expected OAuth 2 access token, "
        "login cookie or other valid authentication credential.",
        "UNAUTHENTICATED",
    )


def permission_denied() -> ApiError:
    """403 for a token that may not read what it registers."""
    return ApiError(403, "The caller does not have permission", "PERMISSION_DENIED")


def overloaded() -> ApiError:
    """503 of a model with too much to do, also in the middle of a stream."""
    return ApiError(503, "The model is overloaded. Please try again later.", "UNAVAILABLE")
