"""Tenants made without an admin API: a local stack's two, and the first of a deployed one."""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from filegate.adapters.table import Table
from filegate.instants import Instant
from filegate.registry import AlreadyExists, Registry

LOCAL_TENANTS: Final = ("acme", "globex")


@dataclass(frozen=True)
class IssuedKey:
    """A tenant's id and a key for it; the only place where the key's text is."""

    id: str
    key: str


def first_key(table: Table, project: str, tenant: str, label: str, now: Instant) -> IssuedKey:
    """A new key for a tenant; project and tenant are made unless they exist."""
    registry = Registry(table)
    with contextlib.suppress(AlreadyExists):
        registry.create_project(project, now)
    with contextlib.suppress(AlreadyExists):
        registry.create_tenant(tenant, project, now)
    return IssuedKey(tenant, registry.issue_key(tenant, label, now))


def seed_tenants(table: Table, project: str, book: Path, now: Instant) -> list[IssuedKey]:
    """A local stack's tenants: made the first time, read from `book` afterwards.

    Filegate keeps only hashes of keys; they are written down here, for the desk alone, to be the
    same after a restart with the same data directory.
    """
    if book.exists():
        return [IssuedKey(**entry) for entry in json.loads(book.read_text())]
    keys = [first_key(table, project, tenant, "local", now) for tenant in LOCAL_TENANTS]
    book.touch(mode=0o600)
    book.write_text(json.dumps([asdict(key) for key in keys]))
    return keys
