"""Idempotency: a creation that is sent again makes nothing anew and gets the same answer.

What was answered is kept in the transaction that makes the thing, under the caller's
`Idempotency-Key`; so of any number of duplicates, however they race, one makes it. An answer that
held a secret is kept without it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from filegate.adapters.table import ConditionsFailed, Item, Key, Put, Table
from filegate.admin_errors import (
    IDEMPOTENCY_KEY_INVALID,
    IDEMPOTENCY_KEY_REUSED,
    AlreadyExists,
)
from filegate.errors import StatusError
from filegate.instants import HOUR, SECOND, Instant

KEPT: Final = 24 * HOUR
"""How long an answer is given again, milliseconds."""

_KEY: Final = re.compile(r"[\x20-\x7e]{1,128}")


@dataclass(frozen=True)
class Attempt:
    """One of maybe several requests for the same creation."""

    digest: str
    """Hexadecimal SHA-256 of what is created where, and the caller's key for it."""
    request: str
    """Hexadecimal SHA-256 of what was asked for."""

    @classmethod
    def read(cls, key: str | None, scope: str, body: str) -> "Attempt | None":
        """The attempt that a header's value means, None without one; `scope` is method and path.

        `body` is what is asked for, in a spelling that is always the same. Raises StatusError.
        """
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            raise StatusError(IDEMPOTENCY_KEY_INVALID)
        return cls(_sha256(f"{scope}\n{key}"), _sha256(body))

    @property
    def key(self) -> Key:
        """Where its answer is kept."""
        return Key(f"IDEMPOTENCY#{self.digest}", "IDEMPOTENCY")

    def record(self, answer: Mapping[str, Any], now: Instant) -> Put:
        """The write that keeps the answer, for the transaction that makes what it tells of."""
        return Put(
            {
                "pk": self.key.pk,
                "sk": self.key.sk,
                "request": self.request,
                "answer": json.dumps(answer, separators=(",", ":")),
                "garbageAt": (now + KEPT) // SECOND,
            },
            # TTL collects late (AWS: within days), so an old one may be in the way.
            "attribute_not_exists(pk) OR #garbageAt <= :now",
            {":now": now // SECOND},
        )

    def answer_in(self, item: Item) -> Mapping[str, Any]:
        """The answer that was kept. Raises StatusError if it was to another request."""
        if item["request"] != self.request:
            raise StatusError(IDEMPOTENCY_KEY_REUSED)
        answer: Mapping[str, Any] = json.loads(str(item["answer"]))
        return answer


@dataclass(frozen=True)
class Made:
    """The answer to a creation, and whether it was given before."""

    answer: Mapping[str, Any]
    again: bool


class Idempotency:
    """Knows what was answered. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def once(
        self, attempt: Attempt | None, now: Instant, make: Callable[[], Mapping[str, Any]]
    ) -> Made:
        """Make something unless it was made before; `make` writes `attempt.record` with it.

        One read more than without. Raises what `make` raises, and StatusError.
        """
        if attempt is None:
            return Made(make(), again=False)
        known = self._find(attempt, now)
        if known is not None:
            return Made(attempt.answer_in(known), again=True)
        try:
            return Made(make(), again=False)
        except (ConditionsFailed, AlreadyExists):
            # A duplicate was faster, unless something else is in the way.
            known = self._find(attempt, now)
            if known is None:
                raise
            return Made(attempt.answer_in(known), again=True)

    def _find(self, attempt: Attempt, now: Instant) -> Item | None:
        item = self._table.get(attempt.key)
        return None if item is None or int(item["garbageAt"] or 0) <= now // SECOND else item


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
