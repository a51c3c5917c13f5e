"""Audit: who changed what. Entries are written and never changed.

An entry stands with its subject, `tenants/{id}` or `projects/{id}`, and once more with the gateway
as a whole, in a partition for each month. That of an admin change is written in the transaction
that makes the change. What a caller could cause with every request is noted once a minute.
"""

import hashlib
import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from filegate.adapters.table import (
    ConditionsFailed,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    TableUnavailable,
)
from filegate.instants import HOUR, MINUTE, SECOND, Instant

GATEWAY: Final = "gateway"
"""The subject that every entry stands with."""
LONGEST: Final = 400 * 24 * HOUR
"""The widest span of a query, milliseconds."""

KEY_USED_AFTER_REVOCATION: Final = "keys.usedAfterRevocation"
ACCESS_REFUSED: Final = "access.refused"
_REMEMBERED: Final = 4_096
_order: Final = itertools.count()


@dataclass(frozen=True)
class By:
    """Who does something: `admin`, `bootstrap` or `key/{id}`, and the address it came from."""

    actor: str
    address: str | None = None


@dataclass(frozen=True)
class Entry:
    """One thing that was done, or tried."""

    at: Instant
    subject: str
    actor: str
    action: str
    address: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def entry(
    subject: str, by: By, action: str, details: Mapping[str, Any], now: Instant
) -> Sequence[Put]:
    """The writes that note something, for the transaction of what they tell of.

    `details` are JSON values without secrets.
    """
    # What one request notes of the same moment stays in its order.
    place = f"{now:013d}#{next(_order):08x}{uuid4().hex[:8]}"
    return _writes(_item(subject, by, action, details, now), place, now)


def tenant_subject(tenant_id: str) -> str:
    """The subject that a tenant is."""
    return f"tenants/{tenant_id}"


def project_subject(project_id: str) -> str:
    """The subject that a project is."""
    return f"projects/{project_id}"


class Audit:
    """Notes and shows. Raises TableUnavailable and TableBusy unless it says otherwise."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._noted: dict[str, Instant] = {}

    def note(
        self, subject: str, by: By, action: str, details: Mapping[str, Any], now: Instant
    ) -> None:
        """Note something that changes nothing else: one write."""
        self._table.transact(entry(subject, by, action, details, now))

    def note_once_a_minute(
        self, subject: str, by: By, action: str, details: Mapping[str, Any], now: Instant
    ) -> bool:
        """Note the first of its kind in a minute, over all instances; False if it was not.

        For what comes with a caller's request: mostly no write, and no failure of one.
        """
        minute = now - now % MINUTE
        kind = hashlib.sha256(f"{subject}\n{by.actor}\n{action}".encode()).hexdigest()[:12]
        with self._lock:
            if self._noted.get(kind) == minute:
                return False
            if len(self._noted) >= _REMEMBERED:
                self._noted.clear()
            self._noted[kind] = minute
        item = _item(subject, by, action, details, now)
        try:
            self._table.impatient().transact(
                _writes(item, f"{minute:013d}#{kind}", minute, "attribute_not_exists(pk)")
            )
        except (ConditionsFailed, TableBusy, TableUnavailable):
            return False
        return True

    def page(
        self, subject: str, start: Instant, end: Instant, size: int, position: str | None
    ) -> tuple[list[Entry], str | None]:
        """Up to `size` entries from `start` on and before `end`, newest first, and where to go on.

        A query for each month, and one for each MB of entries.
        """
        found: list[Entry] = []
        month, _, place = (position or "").partition("/")
        before = place or f"{end:013d}"
        last = ""
        for name in _months(start, month or _month(end - 1)):
            pk = _partition(subject, name)
            after: Key | None = Key(pk, before)
            while after is not None:
                page = self._table.query(
                    pk, after=after, limit=size + 1 - len(found), newest_first=True
                )
                for item in page.items:
                    if str(item["sk"]) < f"{start:013d}":
                        return found, None
                    if len(found) == size:
                        return found, last
                    found.append(_read(item))
                    last = f"{name}/{item['sk']}"
                after = page.last
        return found, None


def _item(
    subject: str, by: By, action: str, details: Mapping[str, Any], now: Instant
) -> dict[str, str | int | bool | None]:
    return {
        "at": now,
        "subject": subject,
        "actor": by.actor,
        "action": action,
        "details": json.dumps(details, separators=(",", ":")),
        **({} if by.address is None else {"address": by.address}),
    }


def _writes(item: Item, sk: str, now: Instant, condition: str | None = None) -> Sequence[Put]:
    subjects = dict.fromkeys((str(item["subject"]), GATEWAY))
    return [
        Put({"pk": _partition(one, _month(now)), "sk": sk, **item}, condition) for one in subjects
    ]


def _partition(subject: str, month: str) -> str:
    return f"AUDIT#{subject}#{month}"


def _month(instant: Instant) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m")


def _months(start: Instant, newest: str) -> Sequence[str]:
    """From a month back to the one of `start`."""
    oldest = _month(start)
    months: list[str] = []
    year, number = int(newest[:4]), int(newest[5:])
    while (name := f"{year:04d}-{number:02d}") >= oldest:
        months.append(name)
        year, number = (year, number - 1) if number > 1 else (year - 1, 12)
    return months


def _read(item: Item) -> Entry:
    address = item.get("address")
    return Entry(
        at=int(item["at"] or 0),
        subject=str(item["subject"]),
        actor=str(item["actor"]),
        action=str(item["action"]),
        address=None if address is None else str(address),
        details=json.loads(str(item["details"])),
    )
