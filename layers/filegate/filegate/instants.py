"""Instants: moments as integer epoch milliseconds, the one unit of time inside Filegate.

Nothing here reads a clock: the moment a request or a schedule fired comes in with its event.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Instant: TypeAlias = int
"""Epoch milliseconds, UTC."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_rfc3339(text: str) -> Instant:
    """Read an RFC 3339 timestamp with 0 to 9 fractional digits (seeds: `Timestamp format`).

    Digits below a millisecond are dropped. Raises ValueError on anything else, and on a
    timestamp without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"timestamp without an offset: {text!r}")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def format_rfc3339(instant: Instant) -> str:
    """Write an instant as the upstream does: UTC, whole seconds or milliseconds, `Z`."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    precision = "milliseconds" if instant % SECOND else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def hour_of(instant: Instant) -> str:
    """Name the UTC hour an instant falls into, e.g. `2026-11-23T09`: the key of usage records."""
    return (_EPOCH + timedelta(milliseconds=instant)).strftime("%Y-%m-%dT%H")
