"""Audit queries: which entries of the audit log are asked for."""

import re
from dataclasses import dataclass
from typing import Final

from filegate.audit import GATEWAY, LONGEST
from filegate.errors import StatusError, invalid_argument
from filegate.instants import HOUR, Instant, parse_rfc3339

_USUAL: Final = 30 * 24 * HOUR
_SUBJECT: Final = re.compile(r"gateway|(?:tenants|projects)/[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class AuditQuery:
    """Entries about a subject from `start` on and before `end`."""

    subject: str
    start: Instant
    end: Instant

    @classmethod
    def read(
        cls, subject: str | None, start: str | None, end: str | None, now: Instant
    ) -> "AuditQuery":
        """Read the parameters; everything of the last 30 days where they are unset.

        Raises StatusError.
        """
        about = subject or GATEWAY
        if not _SUBJECT.fullmatch(about):
            message = f"subject is {about[:64]!r}; it is tenants/<id>, projects/<id> or gateway."
            raise StatusError(invalid_argument(message, "subject"))
        until = now + 1 if end is None else _moment("to", end)
        since = until - _USUAL if start is None else _moment("from", start)
        if since >= until:
            raise StatusError(invalid_argument("to must be later than from.", "to"))
        if until - since > LONGEST:
            message = f"A query spans {LONGEST // (24 * HOUR)} days at most."
            raise StatusError(invalid_argument(message, "from"))
        return cls(about, max(since, 0), until)


def _moment(name: str, text: str) -> Instant:
    try:
        # A date alone is its first moment.
        moment = parse_rfc3339(text if len(text) > 10 else f"{text}T00:00:00Z")
    except (ValueError, OverflowError):
        moment = -1
    if moment < 0:
        example = "2026-11-01T00:00:00Z"
        message = f"{name} is {text[:40]!r}; it must be a date, or a time such as {example}."
        raise StatusError(invalid_argument(message, name))
    return moment
