"""The simulator's clock: real time plus an offset that tests move."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate

NANOSECONDS = 1_000_000_000


class Clock:
    """Real time plus a movable offset; it counts in nanoseconds since the epoch."""

    def __init__(self, offset: int = 0) -> None:
        self._offset = offset

    @property
    def offset(self) -> int:
        """Nanoseconds away from real time."""
        return self._offset

    def now(self) -> int:
        """Nanoseconds since the epoch, as this simulator sees time."""
        return time.time_ns() + self._offset

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`; a negative number moves back."""
        self._offset += round(seconds * NANOSECONDS)

    def set_offset(self, seconds: float) -> None:
        """Stand `seconds` away from real time."""
        self._offset = round(seconds * NANOSECONDS)


def timestamp(moment: int, digits: int = 6) -> str:
    """RFC 3339 in UTC for nanoseconds since the epoch, with `digits` (1 to 9) fractional digits."""
    seconds, fraction = divmod(moment, NANOSECONDS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{fraction:09d}"[: len(whole) + 1 + digits] + "Z"


def epoch_seconds(moment: int) -> float:
    """Seconds since the epoch for nanoseconds since the epoch."""
    return moment / NANOSECONDS


def http_date(moment: int) -> str:
    """The `Date` of an answer (RFC 9110, 6.6.1) for nanoseconds since the epoch."""
    return formatdate(moment // NANOSECONDS, usegmt=True)
