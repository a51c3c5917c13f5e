"""The two tenants every local stack starts with, and their keys.

Filegate itself keeps only hashes of keys, so they are written down here, for the desk alone, to be
the same after a restart with the same data directory.
"""

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filegate.adapters.table import Table
from filegate.registry import AlreadyExists, Registry
from filegate_local.aws import PROJECT

TENANTS: Final = ("acme", "globex")


@dataclass(frozen=True)
class LocalTenant:
    """A seeded tenant and a key of its own."""

    id: str
    key: str


def seed_tenants(table: Table, book: Path) -> list[LocalTenant]:
    """The tenants with their keys: made the first time, read from `book` afterwards."""
    if book.exists():
        return [LocalTenant(**entry) for entry in json.loads(book.read_text())]
    registry = Registry(table)
    now = time.time_ns() // 1_000_000
    with contextlib.suppress(AlreadyExists):
        registry.create_project(PROJECT, now)
    tenants = []
    for tenant_id in TENANTS:
        with contextlib.suppress(AlreadyExists):
            registry.create_tenant(tenant_id, PROJECT, now)
        tenants.append(LocalTenant(tenant_id, registry.issue_key(tenant_id, "local", now)))
    book.touch(mode=0o600)
    book.write_text(json.dumps([{"id": tenant.id, "key": tenant.key} for tenant in tenants]))
    return tenants
