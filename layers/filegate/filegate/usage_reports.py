"""Usage reports: what a tenant used in a span of time, by hour, by day or in all; an invoice.

A report is right at once, whether or not the janitor has closed the hours: what was there when the
first hour began is read from the records before it, and the hour that is still open is counted to
the second of the report. Only what the ledger does not know yet is missing, as an upload whose end
nobody saw; so a row is `complete` once its hours are closed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from filegate.adapters.table import Table
from filegate.errors import StatusError, invalid_argument
from filegate.instants import HOUR, SECOND, Instant, format_rfc3339, parse_rfc3339
from filegate.model_calls import OPERATIONS
from filegate.usage import GRACE, OPERATION, REFUSAL, hour_start
from filegate.usage_hours import (
    MODEL_AMOUNTS,
    STORAGE_AMOUNTS,
    UsageRecord,
    UsageRecords,
    without_prefix,
)

DAY: Final = 24 * HOUR
_MODEL_OPERATIONS: Final = (*sorted(OPERATIONS), "batched")


class Step(StrEnum):
    """What one row of a report is about."""

    HOUR = "hour"
    DAY = "day"
    TENANT = "tenant"
    """The whole span."""


_LONGEST: Final = {Step.HOUR: 31 * DAY, Step.DAY: 400 * DAY, Step.TENANT: 400 * DAY}


@dataclass(frozen=True)
class Span:
    """What a report is about: whole hours from `start` on and before `end`, in steps."""

    start: Instant
    end: Instant
    step: Step

    @classmethod
    def read(
        cls,
        start: str | None,
        end: str | None,
        by: str | None,
        now: Instant,
        steps: Sequence[Step] = tuple(Step),
    ) -> "Span":
        """Read the parameters `from`, `to` and `by`; today so far, by hour, where they are unset.

        Raises StatusError: no such step, no RFC 3339 time or date, no whole hour, an end before
        its start, or too wide a span.
        """
        step = next((one for one in steps if one == (by or Step.HOUR)), None)
        if step is None:
            may_be = ", ".join(steps)
            raise _wrong("by", f"by is {str(by)[:40]!r}; it can be {may_be}.")
        until = hour_start(now) + HOUR if not end else _whole_hour("to", end)
        since = (until - 1) - (until - 1) % DAY if not start else _whole_hour("from", start)
        if since >= until:
            raise _wrong("to", f"to ({format_rfc3339(until)}) must be later than from.")
        longest = _LONGEST[step]
        if until - since > longest:
            raise _wrong(
                "from",
                f"A report by {step} can span {longest // DAY} days; this would be "
                f"{-(-(until - since) // DAY)}. Ask for less at once, or by day.",
            )
        return cls(since, until, step)

    def piece(self, moment: Instant) -> tuple[Instant, Instant]:
        """The row a moment belongs to."""
        if self.step is Step.TENANT:
            return self.start, self.end
        length = HOUR if self.step is Step.HOUR else DAY
        start = moment - moment % length
        return max(start, self.start), min(start + length, self.end)


@dataclass
class Row:
    """What a tenant used from `start` on and before `end`."""

    tenant: str
    start: Instant
    end: Instant
    complete: bool
    """Whether all its hours are closed; what changes one of them later is rare, but counts."""
    amounts: dict[str, int] = field(default_factory=dict)
    models: dict[str, dict[str, int]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The row as JSON; what nothing was used of is zero, and what is by name is left out."""
        return {
            "tenant": self.tenant,
            "from": format_rfc3339(self.start),
            "to": format_rfc3339(self.end),
            "complete": self.complete,
            **{name: self.amounts.get(name, 0) for name in STORAGE_AMOUNTS},
            "requests": dict(sorted(self.requests.items())),
            "refusals": dict(sorted(self.refusals.items())),
            "models": [
                {"model": model, **{name: amounts.get(name, 0) for name in MODEL_AMOUNTS}}
                for model, amounts in sorted(self.models.items())
            ],
        }

    def take(self, record: UsageRecord) -> None:
        """Add what a record says, but for its byte-seconds."""
        if record.kind == "requests":
            _add(self.requests, without_prefix(record.amounts, OPERATION))
            _add(self.refusals, without_prefix(record.amounts, REFUSAL))
        elif record.model is not None:
            _add(self.models.setdefault(record.model, {}), _only(MODEL_AMOUNTS, record))
            for name, amount in _only(_MODEL_OPERATIONS, record).items():
                _add(self.requests, {f"models.{name}": amount})
        else:
            counted = (name for name in STORAGE_AMOUNTS if name != "byteSeconds")
            _add(self.amounts, _only(counted, record))


class UsageReports:
    """Makes reports from a tenant's records. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._records = UsageRecords(table)

    def rows(self, tenant: str, span: Span, now: Instant) -> list[Row]:
        """A tenant's rows, earliest first; steps in which nothing was used or stored are left out.

        Two queries or a few, one for every MB of records, and one for what there was before.
        """
        rows: dict[Instant, Row] = {}

        def row(moment: Instant) -> Row:
            start, end = span.piece(moment)
            if start not in rows:
                rows[start] = Row(tenant, start, end, complete=end + GRACE <= now)
            return rows[start]

        stored: dict[Instant, UsageRecord] = {}
        for record in self._records.between(tenant, span.start, span.end):
            row(record.start).take(record)
            if record.kind == "storage":
                stored[record.start] = record
        level = self._records.level(tenant, span.start)
        for start, byte_seconds in _by_hour(level, stored, span, now):
            _add(row(start).amounts, {"byteSeconds": byte_seconds})
        return [rows[start] for start in sorted(rows)]


def _by_hour(
    level: int, stored: dict[Instant, UsageRecord], span: Span, now: Instant
) -> Iterator[tuple[Instant, int]]:
    """Byte-seconds of each hour of a span up to now, where there are any."""
    for start in range(span.start, min(span.end, now), HOUR):
        record = stored.get(start)
        if record is None:
            counted = level * (HOUR // SECOND)
        else:
            counted = record.byte_seconds(level)
            level += record.held
        # What is there is counted to the end of its hour, and that is still to come.
        counted -= level * max(0, (start + HOUR) // SECOND - now // SECOND)
        if counted:
            yield start, counted


def _add(amounts: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0) + amount


def _only(names: Iterable[str], record: UsageRecord) -> dict[str, int]:
    return {name: record.amounts[name] for name in names if name in record.amounts}


def _whole_hour(name: str, text: str) -> Instant:
    try:
        # A date alone is its first moment.
        moment = parse_rfc3339(text if len(text) > 10 else f"{text}T00:00:00Z")
    except (ValueError, OverflowError):
        raise _wrong(
            name,
            f"{name} is {text[:40]!r}; it must be a date, or a time such as 2026-11-01T00:00:00Z.",
        ) from None
    if moment % HOUR or moment < 0:
        raise _wrong(
            name, f"{name} is {text[:40]!r}; usage is kept by the UTC hour: name a whole one."
        )
    return moment


def _wrong(field_name: str, message: str) -> StatusError:
    return StatusError(invalid_argument(message, field_name))
