"""A table on an engine whose transactions are really atomic, and what the ledger's tests need."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from engines import ROOT
from filegate.adapters.aws_service import DYNAMODB, AwsService
from filegate.adapters.table import Item, Table, Update
from filegate.ledger import Ledger, Stored
from filegate.limits import Limits
from filegate.names import random_characters
from filegate.outbox import SHARDS
from filegate.projects import project_key
from filegate.records import FileRecord, State
from filegate.registry import Registry
from filegate.storage_alerts import STORAGE_FILLED
from filegate.tenants import tenant_key
from filegate_local import aws
from local_stack import assert_conserved, read_items

NOW = 1_800_000_000_000
HOUR = 3_600_000


@dataclass(frozen=True)
class AtomicTable:
    """A table on a running engine."""

    endpoint: str
    client: AwsService
    table: Table

    def items(self) -> list[Item]:
        """Every item of the table."""
        return read_items(self.client, aws.TABLE_NAME)

    def patient(self) -> Table:
        """The table for many at once: goes on as long as a slow machine needs."""
        return Table(self.client, aws.TABLE_NAME, patience=60)

    def assert_conserved(self) -> None:
        """`limit = available + Σ bytes`, for every tenant and project."""
        assert_conserved(self.items())

    def project(self, capacity: int) -> str:
        """A new project of `capacity` bytes."""
        project = f"p{random_characters(12)}"
        Registry(self.table).create_project(project, NOW, capacity)
        return project

    def tenant(
        self,
        project: str,
        storage: int,
        file: int | None = None,
        **more: Any,  # noqa: ANN401
    ) -> str:
        """A new tenant of `storage` bytes, with files of `file` bytes at most, and more limits."""
        tenant = f"t{random_characters(12)}"
        limits = Limits(storage, storage if file is None else file, **more)
        Registry(self.table).create_tenant(tenant, project, NOW, limits)
        return tenant

    def set(self, tenant: str, **attributes: int | str | None) -> None:
        """Change attributes of a tenant's item, as an operator would; None removes one."""
        kept = {name: value for name, value in attributes.items() if value is not None}
        settings = ", ".join(f"#{name} = :{name}" for name in kept)
        removed = ", ".join(f"#{name}" for name in attributes if name not in kept)
        expression = (f"SET {settings} " if settings else "") + (
            f"REMOVE {removed}" if removed else ""
        )
        values = {f":{name}": value for name, value in kept.items()}
        self.table.update(Update(tenant_key(tenant), expression, None, values))

    def set_storage(self, tenant: str, storage: int) -> None:
        """Change a tenant's limit in bytes; what is left changes by the same."""
        now = self.table.get(tenant_key(tenant))
        assert now is not None
        more = storage - int(now["limit"] or 0)
        self.set(tenant, limit=storage, available=int(now["available"] or 0) + more)

    def number(self, tenant: str, name: str) -> int | None:
        """A number on a tenant's item; None where it has none."""
        item = self.table.get(tenant_key(tenant))
        assert item is not None
        value = item.get(name)
        return None if value is None else int(value)

    def alerts(self, tenant: str) -> list[tuple[int, int, int]]:
        """The storage alerts of a tenant that are to be told: percent, bytes stored, its limit."""
        found = []
        for shard in SHARDS:
            for item in self.table.query(shard).items:
                event = json.loads(str(item["event"]))
                if event["type"] == STORAGE_FILLED and event["data"]["tenant"] == tenant:
                    data = event["data"]
                    found.append((data["percent"], data["storedBytes"], data["storageBytes"]))
        return sorted(found)

    def tenant_available(self, tenant: str) -> int:
        """Bytes a tenant has left."""
        return self._available(self.table.get(tenant_key(tenant)))

    def project_available(self, project: str) -> int:
        """Bytes a project has left."""
        return self._available(self.table.get(project_key(project)))

    @staticmethod
    def _available(item: Item | None) -> int:
        assert item is not None
        return int(item["available"] or 0)


@contextlib.contextmanager
def table_on(engine: aws.LocalAws) -> Iterator[AtomicTable]:
    """The template's table on a running engine."""
    aws.create_table(engine, ROOT / "template.yaml")
    with contextlib.closing(engine.service(DYNAMODB)) as client:
        yield AtomicTable(engine.endpoint, client, Table(client, aws.TABLE_NAME))


def reservation(tenant: str, project: str, size: int, **fields: Any) -> FileRecord:  # noqa: ANN401
    """A record that reserves `size` bytes."""
    values: dict[str, Any] = {
        "tenant": tenant,
        "file_id": f"f{random_characters(16)}",
        "reservation": uuid4().hex,
        "project": project,
        "state": State.RESERVED,
        "bytes": size,
        "created_at": NOW,
        "deadline": NOW + HOUR,
        "due_at": NOW + HOUR,
    }
    return FileRecord(**{**values, **fields})


def stored(size: int) -> Stored:
    """What upstream says of a file of `size` bytes."""
    return Stored(size, NOW, NOW + 48 * HOUR, processing=False, snapshot="{}")


def settle(ledger: Ledger, record: FileRecord, size: int) -> FileRecord:
    """Settle a reservation with `size` bytes."""
    return ledger.settle(record, stored(size), NOW + 48 * HOUR, 0)
