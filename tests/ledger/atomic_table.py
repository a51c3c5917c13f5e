"""A table on an engine whose transactions are really atomic, and what the ledger's tests need."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engines import ROOT
from filegate.adapters.table import Item, Table
from filegate.ledger import Ledger, Stored
from filegate.names import random_characters
from filegate.records import FileRecord, State
from filegate.registry import Limits, Registry, project_key
from filegate.tenants import tenant_key
from filegate_local import aws
from local_stack import assert_conserved, read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = 1_800_000_000_000
HOUR = 3_600_000


@dataclass(frozen=True)
class AtomicTable:
    """A table on a running engine."""

    client: "DynamoDBClient"
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

    def tenant(self, project: str, storage: int, file: int | None = None) -> str:
        """A new tenant of `storage` bytes, with files of `file` bytes at most."""
        tenant = f"t{random_characters(12)}"
        limits = Limits(storage, storage if file is None else file)
        Registry(self.table).create_tenant(tenant, project, NOW, limits)
        return tenant

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
    client = engine.dynamodb()
    try:
        yield AtomicTable(client, Table(client, aws.TABLE_NAME))
    finally:
        client.close()


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
    return ledger.settle(record, stored(size), NOW, NOW + 48 * HOUR, 0)
