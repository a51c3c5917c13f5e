"""Invoices: what tenants are to be charged, from the simulator's own log of what happened.

Computed as plainly as can be: each file, each second it was there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from filegate.usage_reports import Row
from local_stack import LocalStack


@dataclass(frozen=True)
class Line:
    """What one tenant is charged for in a span of time."""

    uploads: int
    bytes_in: int
    byte_seconds: int


@dataclass(frozen=True)
class Life:
    """A file's life in the log: whole seconds since the epoch, None while it goes on."""

    size: int
    since: int
    until: int | None


def lives(stack: LocalStack, names: Iterable[str]) -> list[Life]:
    """The lives of some uploads, by their names, as the log has them."""
    wanted = set(names)
    ended: list[Life] = []
    there: dict[str, Mapping[str, Any]] = {}
    for event in stack.simulator("GET", "/log")["events"]:
        name, what = str(event["name"]), event["event"]
        if name not in wanted:
            continue
        if what == "stored":
            there[name] = event
        elif what in {"deleted", "expired"}:
            began = there.pop(name)
            ended.append(Life(began["sizeBytes"], int(began["at"]), int(event["at"])))
    return ended + [Life(one["sizeBytes"], int(one["at"]), None) for one in there.values()]


def invoice_of_log(files: Iterable[Life], start: int, end: int) -> Line:
    """What is due for a span of whole seconds since the epoch."""
    known = list(files)
    came = [file for file in known if start <= file.since < end]
    return Line(
        uploads=len(came),
        bytes_in=sum(file.size for file in came),
        byte_seconds=sum(
            file.size * max(0, min(end, file.until or end) - max(start, file.since))
            for file in known
        ),
    )


def invoice_of_rows(rows: Iterable[Row]) -> Line:
    """The same from rows of a report."""
    known = list(rows)

    def total(name: str) -> int:
        return sum(row.amounts.get(name, 0) for row in known)

    return Line(total("uploads"), total("bytesIn"), total("byteSeconds"))
