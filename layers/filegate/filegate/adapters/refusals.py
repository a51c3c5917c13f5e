"""Refusals: what upstream says instead of an answer, read once and free of secrets.

Whose fault a refusal is decides who hears of it. One about the gateway's own key or project never
reaches a tenant: its text can name the project, and there is nothing a tenant could do.
"""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from filegate.errors import STATUS_NAMES
from filegate.redaction import REDACTOR

_LONGEST_MESSAGE: Final = 8 * 1024
_LONGEST_KEY_REFUSAL: Final = 400
_WAIT: Final = re.compile(r"[0-9]{1,9}")
_ABOUT_THE_KEY: Final = re.compile(
    r"\bAPI key\b|\bconsumer\b|unregistered callers|has not been used in project", re.IGNORECASE
)
_PASSED_DETAILS: Final = frozenset(
    {"BadRequest", "Help", "LocalizedMessage", "QuotaFailure", "RetryInfo"}
)
"""Typed details a tenant can act on (google.rpc). The others name projects and consumers."""


class UpstreamUnavailable(Exception):
    """No answer: not reached, cut off or too slow. Whether a request took effect is unknown.

    `retry_after`: seconds that upstream asks to wait, where it said so much.
    """

    def __init__(self, reason: str = "", retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after: Final = retry_after


class UpstreamKeyRefused(Exception):
    """Upstream refuses the project's key, also after reading it anew.

    `text` is what upstream said, for the operator alone: it can name the project.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text: Final = text


class UpstreamRefused(Exception):
    """Upstream answered with an error; its text is free of secrets and may be passed on."""

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        retry_after: int | None,
        *,
        in_words: bool = True,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`in_words`: whether it was a google.rpc Status, and not some page or text."""
        super().__init__(f"{code} {status}")
        self.in_words: Final = in_words
        self.code: Final = code
        self.status: Final = status
        self.message: Final = message
        self.retry_after: Final = retry_after
        self.details: Final = details

    @property
    def missing(self) -> bool:
        """Whether it means "no such thing" (wire section 8: upstream says 403 for most).

        In the API's own words only: bytes are given back on it, and a 404 page can come from
        anything that stands between.
        """
        if self.code == HTTPStatus.NOT_FOUND:
            return self.in_words and self.status == "NOT_FOUND"
        return self.code == HTTPStatus.FORBIDDEN and (
            "it may not exist" in self.message or self.message.startswith("CachedContent not found")
        )


def may_have_happened(failure: Exception) -> bool:
    """Whether a request may have taken effect although it failed."""
    if isinstance(failure, UpstreamRefused):
        return failure.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(failure, UpstreamUnavailable)


class Subject(Enum):
    """What a request is about, and so what a 401 or 403 to it can mean."""

    OWN_NAMES = "own names"
    """Names the gateway itself chose or knows: a 403 that is not "missing" is about its key."""
    CONTENT = "content"
    """What a tenant wrote: a 403 can be about a video it may not see, or about the key."""
    CALLERS_TOKEN = "callers token"  # noqa: S105 - no secret
    """A request with the caller's own Google token: 401 and 403 are about that token."""
    SESSION = "session"
    """An upload session authorizes itself (wire 3.3): no key goes along."""


def read_wait(retry_after: str | None) -> int | None:
    """Whole seconds in a `Retry-After` header; None if it has none."""
    return int(retry_after) if retry_after and _WAIT.fullmatch(retry_after) else None


def read_refusal(
    code: int, retry_after: str | None, text: str, subject: Subject
) -> UpstreamRefused | UpstreamKeyRefused:
    """The refusal in an answer that is no success; `retry_after` as in its header."""
    error = _error_of(text)
    message, status = text, STATUS_NAMES.get(code, "UNKNOWN")
    if error is not None:
        message, status = str(error.get("message") or ""), str(error.get("status") or status)
    details = _details(error or {})
    # Redacted when parsed, as JSON can spell a key in escapes, and before it is cut.
    message, status = REDACTOR.redact(message)[:_LONGEST_MESSAGE], REDACTOR.redact(status)
    wait = read_wait(retry_after)
    refusal = UpstreamRefused(
        code,
        status,
        message,
        wait,
        in_words=error is not None,
        details=[detail for detail in details if _kind(detail) in _PASSED_DETAILS],
    )
    if _is_about_the_key(refusal, details, subject):
        return UpstreamKeyRefused(f"{code} {status}: {message}"[:_LONGEST_KEY_REFUSAL])
    return refusal


def _is_about_the_key(
    refusal: UpstreamRefused, details: Sequence[Mapping[str, Any]], subject: Subject
) -> bool:
    """Whether a refusal is about the gateway's own key or project (a bad key is 400, wire 8)."""
    if subject is Subject.SESSION:
        return False
    reasons = [str(detail.get("reason")) for detail in details if _kind(detail) == "ErrorInfo"]
    if refusal.code == HTTPStatus.BAD_REQUEST:
        return refusal.message.startswith("API key ") or any(
            reason.startswith("API_KEY_") for reason in reasons
        )
    if refusal.code not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or refusal.missing:
        return False
    if subject is Subject.OWN_NAMES:
        return True
    if subject is Subject.CALLERS_TOKEN:
        return any(reason.startswith("API_KEY_") for reason in reasons)
    infrastructure = any(
        _kind(detail) == "ErrorInfo" and detail.get("domain") == "googleapis.com"
        for detail in details
    )
    return (
        refusal.code == HTTPStatus.UNAUTHORIZED
        or infrastructure
        or _ABOUT_THE_KEY.search(refusal.message) is not None
    )


def _kind(detail: Mapping[str, Any]) -> str:
    return str(detail.get("@type", "")).rpartition(".")[2]


def _details(error: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = error.get("details")
    if not isinstance(found, list):
        return ()
    redacted = json.loads(REDACTOR.redact(json.dumps(found)))
    return [detail for detail in redacted if isinstance(detail, dict)]


def _error_of(text: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else None
