"""The model calls received: what each referred to and how it ended."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gemini_simulator.payloads import Payload

KEPT_CALLS = 1_000

Outcome = Literal["complete", "cancelled", "failed"]


@dataclass(slots=True)
class ModelCall:
    """One call; `outcome` stays None while it runs."""

    index: int
    method: str
    model: str
    version: str
    query: dict[str, str]
    payload: Payload
    events_sent: int = 0
    outcome: Outcome | None = None

    def to_json(self) -> dict[str, object]:
        """The entry for the control plane."""
        references = self.payload.references
        return {
            "index": self.index,
            "method": self.method,
            "model": self.model,
            "version": self.version,
            "query": self.query,
            "files": references.files,
            "caches": references.caches,
            "stores": references.stores,
            "bodyBytes": len(self.payload.raw),
            "bodySha256": hashlib.sha256(self.payload.raw).hexdigest(),
            "body": self.payload.value,
            "eventsSent": self.events_sent,
            "outcome": self.outcome,
        }


class ModelCalls:
    """The last 1,000 calls, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[ModelCall] = deque(maxlen=KEPT_CALLS)

    def begin(self, call: ModelCall) -> None:
        """Note a call before it is answered."""
        self.entries.append(call)
