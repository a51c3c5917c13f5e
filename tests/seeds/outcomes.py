"""What came of a sample: what it printed, and what upstream saw meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .endpoints import Endpoint, Json


@dataclass
class Outcome:
    """What came of one sample."""

    output: str = ""
    error: str = ""
    """How it ended, if badly."""
    model_calls: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)

    def names(self, event: str) -> list[str]:
        """Return the names of files `stored`, `deleted`, `registered_stored` and so on."""
        return [each["name"] for each in self.events if each["event"] == event]


@contextmanager
def observed(endpoint: Endpoint) -> Iterator[Outcome]:
    """Watch upstream while a sample runs; who runs it fills in the rest of the outcome."""
    endpoint.forget_model_calls()
    before = len(endpoint.events())
    outcome = Outcome()
    yield outcome
    outcome.model_calls = endpoint.model_calls()
    outcome.events = endpoint.events()[before:]
