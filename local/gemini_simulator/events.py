"""What really happened to files, for checking someone else's books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemini_simulator.clock import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable


class EventLog:
    """An append-only list of `stored`, `deleted`, `expired` and `refused`.

    What happens to documents of stores is called `document_stored`, `document_deleted` and
    `document_refused`, to files that were generated or registered `generated_stored`,
    `registered_stored` and so on: the books on uploaded files know nothing of it.
    """

    def __init__(self, events: Iterable[dict[str, object]] = ()) -> None:
        self._events = list(events)

    def add(
        self,
        at: int,
        event: str,
        project: int,
        name: str | None,
        size: int,
        reason: str | None = None,
    ) -> None:
        """Note an event of `size` bytes at `at` (nanoseconds since the epoch)."""
        entry: dict[str, object] = {
            "at": epoch_seconds(at),
            "event": event,
            "project": project,
            "name": name,
            "sizeBytes": size,
        }
        if reason is not None:
            entry["reason"] = reason
        self._events.append(entry)

    def entries(self) -> list[dict[str, object]]:
        """All events in the order in which they were noted."""
        return list(self._events)
