"""Bulk: fills a table with as many stored files as are wanted, without a transaction for each.

The ledger itself writes the first record of each batch: its reserve and settle run as ever, on a
table that only notes what is put. The others are that record under other names, at other moments; a
test compares them with one that was really uploaded. Tenants and projects are told what they hold,
so that every byte is accounted for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Item, Put, Table, Update, Write, marshal
from filegate.appointments import next_look, stored_from
from filegate.instants import HOUR, Instant, format_rfc3339
from filegate.ledger import Ledger
from filegate.names import new_file_id
from filegate.projects import project_key
from filegate.records import FileRecord, State, due_shard
from filegate.snapshots import write_snapshot
from filegate.tenants import Tenant, tenant_key

SIZE: Final = 10_000
"""Bytes of each file."""
_BATCH: Final = 25
"""Items of a BatchWriteItem (AWS)."""
_AT_ONCE: Final = 4


class Notebook(Table):
    """A table that only notes the record that was put last."""

    def __init__(self) -> None:
        self.item: Item = {}
        self._patience = 0.0

    def transact(self, writes: Sequence[Write]) -> None:
        """Note the record that is put; all conditions hold."""
        for write in writes:
            if isinstance(write, Put) and "reservation" in write.item:
                self.item = write.item


@dataclass(frozen=True)
class Stock:
    """Makes records of stored files, after the File of one that was really uploaded."""

    resource: Mapping[str, Any]

    @classmethod
    def like(cls, snapshot: str) -> "Stock":
        """`snapshot` is the JSON text that a record keeps of its File."""
        return cls(json.loads(snapshot))

    def files(
        self, tenant: Tenant, count: int, created_at: Instant, expires_at: Instant
    ) -> Iterator[Item]:
        """Items of files that a tenant uploaded then and that expire then."""
        first = self.file(tenant, created_at, expires_at)
        first_id = str(first["sk"]).partition("#")[2]
        yield first
        for _ in range(count - 1):
            file_id, reservation = new_file_id(tenant.tag, created_at), uuid4().hex
            yield {
                **first,
                "sk": str(first["sk"]).replace(first_id, file_id),
                "snapshot": str(first["snapshot"]).replace(first_id, file_id),
                "reservation": reservation,
                "dueShard": due_shard(reservation),
            }

    def file(self, tenant: Tenant, created_at: Instant, expires_at: Instant) -> Item:
        """The item of one such file, as the ledger writes it."""
        record = FileRecord(
            tenant=tenant.id,
            file_id=new_file_id(tenant.tag, created_at),
            reservation=uuid4().hex,
            project=tenant.project,
            state=State.RESERVED,
            bytes=SIZE,
            created_at=created_at,
            deadline=created_at + HOUR,
            due_at=created_at + HOUR,
        )
        known_as = str(self.resource["name"]).removeprefix("files/")
        resource = {
            **self.resource,
            "name": record.name,
            "uri": str(self.resource["uri"]).replace(known_as, record.file_id),
            "sizeBytes": str(SIZE),
            "createTime": format_rfc3339(created_at),
            "updateTime": format_rfc3339(created_at),
            "expirationTime": format_rfc3339(expires_at),
        }
        stored = stored_from(resource, created_at, write_snapshot(resource))
        notebook = Notebook()
        ledger = Ledger(notebook)
        ledger.reserve(record)
        ledger.settle(record, stored, *next_look(stored, created_at, 0))
        return notebook.item


class Loader:
    """Writes many items at once; raises AwsRefused if the engine refuses any."""

    def __init__(self, dynamodb: AwsService, table: str) -> None:
        self._dynamodb = dynamodb
        self._name = table
        self._table = Table(dynamodb, table)

    def load(self, items: Iterable[Item]) -> int:
        """Write all items; answers how many."""
        rest = iter(items)
        batches = iter(lambda: list(islice(rest, _BATCH)), [])
        count = 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # A few at a time: a pool takes all that it is given into memory at once.
            while some := list(islice(batches, 64)):
                count += sum(pool.map(self._write, some))
        return count

    def take(self, tenant: Tenant, files: int) -> None:
        """Account for a tenant's files: what they hold is no longer left, to it and its project."""
        for key, more in (
            (tenant_key(tenant.id), ", #alertRoom = #alertRoom - :bytes"),
            (project_key(tenant.project), ""),
        ):
            self._table.update(
                Update(
                    key,
                    f"SET #available = #available - :bytes{more}",
                    "attribute_exists(pk)",
                    {":bytes": SIZE * files},
                )
            )

    def _write(self, items: Sequence[Item]) -> int:
        asked: Any = {self._name: [{"PutRequest": {"Item": marshal(item)}} for item in items]}
        while asked:
            answer = self._dynamodb.call("BatchWriteItem", {"RequestItems": asked})
            asked = answer.get("UnprocessedItems")
        return len(items)
