"""Project health: when upstream last took a project's key, and when and why it last refused it.

Upstream's answers are noted as they come, at no cost, and kept on the project's record when the
request is over: once a minute at most, and at once when a refused key is taken again. Reservations
share that record, so a write that collides with one is given up: the next request brings another.
"""

import threading
from dataclasses import dataclass
from typing import Final

from filegate.adapters.table import (
    ConditionsFailed,
    Table,
    TableBusy,
    TableUnavailable,
    Update,
)
from filegate.instants import MINUTE, Instant
from filegate.projects import project_key


@dataclass(frozen=True)
class _Said:
    """Whether upstream took a project's key: one kind of thing that it says."""

    project: str
    taken: bool


class ProjectHealth:
    """Notes what upstream says to keys, and keeps it. Safe for many threads."""

    def __init__(self, table: Table) -> None:
        self._table: Final = table.impatient()
        self._lock = threading.Lock()
        self._noted: dict[_Said, str] = {}
        self._kept_at: dict[_Said, Instant] = {}

    def note(self, project: str, refusal: str | None) -> None:
        """Upstream took the project's key, or refused it with this text, free of secrets."""
        with self._lock:
            self._noted[_Said(project, refusal is None)] = refusal or ""

    def keep(self, now: Instant) -> None:
        """Write what was noted and is a minute old, or new; mostly nothing, and then no call.

        One conditional write for each project and kind, so that many instances write hardly more
        often than one. Raises nothing of the table's: no request fails because of this.
        """
        with self._lock:
            noted, self._noted = self._noted, {}
            due = {said: text for said, text in noted.items() if self._is_due(said, now)}
            self._kept_at |= dict.fromkeys(due, now)
            for said in due:
                if not said.taken:
                    # That it is taken again is news.
                    self._kept_at.pop(_Said(said.project, taken=True), None)
        # Refusals first: where a request met both, the key it ended with was taken.
        for said in sorted(due, key=lambda one: one.taken):
            self._write(said, due[said], now)

    def _is_due(self, said: _Said, now: Instant) -> bool:
        kept_at = self._kept_at.get(said)
        return kept_at is None or now - kept_at >= MINUTE

    def _write(self, said: _Said, text: str, now: Instant) -> None:
        try:
            self._table.update(_taken(said, now) if said.taken else _refused(said, text, now))
        except ConditionsFailed:
            return  # Another instance has just written the same.
        except (TableBusy, TableUnavailable):
            self._kept_at.pop(said, None)


def _taken(said: _Said, now: Instant) -> Update:
    return Update(
        project_key(said.project),
        "SET #lastOkAt = :now",
        "attribute_exists(pk) AND (attribute_not_exists(#lastOkAt) OR #lastOkAt <= :before"
        " OR #lastOkAt < #lastRefusedAt)",
        {":now": now, ":before": now - MINUTE},
    )


def _refused(said: _Said, text: str, now: Instant) -> Update:
    return Update(
        project_key(said.project),
        "SET #lastRefusedAt = :now, #lastRefusal = :refusal",
        "attribute_exists(pk) AND (attribute_not_exists(#lastRefusedAt)"
        " OR #lastRefusedAt <= :before OR #lastRefusedAt <= #lastOkAt)",
        {":now": now, ":before": now - MINUTE, ":refusal": text},
    )
