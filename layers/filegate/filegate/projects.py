"""Projects: what the table holds of an upstream project, each with a key and a storage of its own.

A project's key is the secret `{prefix}{project id}`; nothing of it is in the table.
"""

import re
from dataclasses import dataclass
from typing import Final

from filegate.adapters.table import Item, Key
from filegate.instants import Instant

LISTING: Final = "PROJECTS"
"""The partition that lists all projects: one item for each, its sort key the project's id."""

_PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Health:
    """What upstream last said to a project's key; moments in epoch milliseconds, None for never."""

    last_ok_at: Instant | None = None
    last_refused_at: Instant | None = None
    last_refusal: str | None = None
    """HTTP code, status and sentence of the last refusal, free of secrets."""

    @property
    def ok(self) -> bool | None:
        """Whether upstream took the key the last time it was asked; None if it never was."""
        if self.last_ok_at is None and self.last_refused_at is None:
            return None
        return (self.last_ok_at or 0) >= (self.last_refused_at or 0)


@dataclass(frozen=True)
class Project:
    """An upstream project; sizes in bytes."""

    id: str
    capacity: int
    available: int
    promised: int
    """The storage limits of its tenants, added up."""
    tenants: int
    draining: bool
    """Whether it takes no new tenants; those it has go on as before."""
    overcommit: int | None
    """How much may be promised, in percent of the capacity; None for no ceiling."""
    created_at: Instant
    health: Health
    phantom_bytes: int = 0
    """What upstream files hold that no record knows; deducted from what is available."""

    @property
    def ceiling(self) -> int | None:
        """The most bytes that may be promised; None if there is no ceiling."""
        return None if self.overcommit is None else self.capacity * self.overcommit // 100

    @property
    def room(self) -> int:
        """Bytes not promised yet, below zero where more is: what projects are compared by."""
        return self.capacity * (100 if self.overcommit is None else self.overcommit) // 100 - (
            self.promised
        )

    def fits(self, limit: int) -> bool:
        """Whether one more tenant with this limit in bytes may be promised its storage."""
        return self.ceiling is None or self.promised + limit <= self.ceiling

    @classmethod
    def from_item(cls, item: Item) -> "Project":
        """Read a project's record."""

        def number(name: str) -> int | None:
            value = item.get(name)
            return None if value is None else int(value)

        refusal = item.get("lastRefusal")
        return cls(
            id=str(item["pk"]).removeprefix("PROJECT#"),
            capacity=number("capacity") or 0,
            available=number("available") or 0,
            promised=number("promised") or 0,
            tenants=number("tenants") or 0,
            draining=bool(item.get("draining")),
            overcommit=number("overcommit"),
            created_at=number("createdAt") or 0,
            health=Health(
                number("lastOkAt"),
                number("lastRefusedAt"),
                None if refusal is None else str(refusal),
            ),
            phantom_bytes=number("phantomBytes") or 0,
        )


def project_key(project_id: str) -> Key:
    """Where an upstream project's record stands."""
    return Key(f"PROJECT#{project_id}", "PROJECT")


def is_project_id(text: str) -> bool:
    """Whether `text` can be a project's id: 1 to 31 characters of a-z, 0-9 and dashes."""
    return _PROJECT_ID.fullmatch(text) is not None
