"""A world for crashes: the domain on a real table and a real simulator, in one process."""

import contextlib
import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from atomic_table import AtomicTable
from crash_points import CrashingTable, CrashingTransport, CrashPoints
from filegate.adapters.upstream import Upstream
from filegate.appointments import Keeper
from filegate.document_uploads import DocumentUploads
from filegate.files import Files
from filegate.holdings import Holdings
from filegate.intents import Intents
from filegate.janitor import Janitor, Round
from filegate.ledger import Ledger
from filegate.limits import Limits
from filegate.loose_ends import LooseEnds
from filegate.outbox import Outbox
from filegate.records import FileRecord
from filegate.registry import Registry
from filegate.reservations import Reservations
from filegate.seals import KeyRing, Sealer
from filegate.sessions import PURPOSE, Session
from filegate.stores import Stores
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import Tenant, tenant_from_item, tenant_key
from filegate.uploads import Uploads
from filegate.usage_hours import UsageHours
from filegate_local.children import Children
from local_stack import assert_conserved

KEY = "AIzaSyCrashTest0123456789abcdefghijklmn"
STORAGE = 100_000
RING = KeyRing("k1", {"k1": "c" * 48})


@dataclass(frozen=True)
class Simulator:
    """The simulator, from behind."""

    http: httpx.Client

    def now(self) -> int:
        """The simulator's moment, epoch milliseconds."""
        return int(self.http.get("/_simulator/clock").json()["epochSeconds"] * 1000)

    def advance(self, seconds: float) -> None:
        """Move its clock."""
        self.http.post("/_simulator/clock", json={"advanceSeconds": seconds}).raise_for_status()

    def files(self, tag: str) -> dict[str, int]:
        """Sizes of the files it has whose id begins with a tag."""
        [project] = self.http.get("/_simulator/projects").json()["projects"]
        return {
            file["name"].removeprefix("files/"): file["sizeBytes"]
            for file in project["files"]
            if file["name"].startswith(f"files/{tag}")
        }

    def ever_stored(self, tag: str) -> list[int]:
        """Sizes of all files it ever stored whose id begins with a tag."""
        return [
            event["sizeBytes"]
            for event in self.http.get("/_simulator/log").json()["events"]
            if event["event"] == "stored" and event["name"].startswith(f"files/{tag}")
        ]

    def stores(self, display_name: str) -> set[str]:
        """Ids of the stores it has under a display name."""
        [project] = self.http.get("/_simulator/projects").json()["projects"]
        return {
            store["name"].removeprefix("fileSearchStores/")
            for store in project["stores"]
            if store["displayName"] == display_name
        }

    def documents_ever(self, stores: Collection[str]) -> list[int]:
        """Sizes of all documents it ever stored in some stores."""
        return [
            event["sizeBytes"]
            for event in self.http.get("/_simulator/log").json()["events"]
            if event["event"] == "document_stored" and event["name"].split("/")[1] in stores
        ]


@contextlib.contextmanager
def run_simulator(directory: Path) -> Iterator[Simulator]:
    """Run a simulator until the block ends."""
    ready = directory / "ready"
    with Children(directory) as children:
        child = children.start(
            "simulator",
            [
                *(sys.executable, "-m", "gemini_simulator", "--port", "0"),
                *("--key", KEY, "--ready-file", str(ready)),
            ],
        )
        children.wait_until(ready.exists, child, 30)
        with httpx.Client(base_url=json.loads(ready.read_text())["url"], timeout=30) as http:
            yield Simulator(http)


class Process:
    """One process of the gateway: the parts of the domain, with every way out a crash point."""

    def __init__(self, world: "World", points: CrashPoints | None = None) -> None:
        self.points = points or CrashPoints()
        table = CrashingTable(world.client, "filegate-local")
        table.points = self.points
        self.ledger = Ledger(table)
        self._http = httpx.Client(
            base_url=world.simulator.http.base_url,
            transport=CrashingTransport(self.points, httpx.HTTPTransport()),
            timeout=30,
        )
        upstream = Upstream(self._http, lambda _: iter([KEY]))
        self.sealer = Sealer(PURPOSE, lambda: RING, lambda: RING)
        keeper = Keeper(self.ledger, upstream, lambda sealed: Session.open(sealed, self.sealer))
        reservations = Reservations(self.ledger, keeper)
        self.uploads = Uploads(self.ledger, upstream, keeper, reservations, self.sealer)
        holdings, intents = Holdings(table), Intents(table)
        self.stores = Stores(upstream, holdings, intents)
        self.document_uploads = DocumentUploads(
            self.ledger, upstream, reservations, self.stores, self.sealer
        )
        self.files = Files(self.ledger, upstream, keeper)
        self.janitor = Janitor(
            self.ledger,
            keeper,
            LooseEnds(upstream, holdings, intents, TenantRegistry(table)),
            UsageHours(table, tell=True),
            Outbox(table, None),
        )

    def close(self) -> None:
        """End this process."""
        self._http.close()


class World:
    """A tenant of its own, and what is true of it in the ledger and upstream."""

    def __init__(self, table: AtomicTable, simulator: Simulator) -> None:
        self.table = table
        self.simulator = simulator
        self.client = table.client
        self.project = table.project(10 * STORAGE)
        now = time.time_ns()
        tenant_id = f"t{now}"
        Registry(table.table).create_tenant(tenant_id, self.project, 0, Limits(STORAGE, STORAGE))
        item = table.table.get(tenant_key(tenant_id))
        assert item is not None
        self.tenant: Tenant = tenant_from_item(tenant_id, item)
        self.store = ""
        """The id of the tenant's store, once it has one."""

    def send_chunk(self, session: Session, command: str, content: bytes) -> None:
        """What API Gateway does with a chunk the authorizer let through."""
        store = f"fileSearchStores/{session.store}:uploadToFileSearchStore"
        self.simulator.http.post(
            f"/upload/v1beta/{'files' if session.store is None else store}",
            params={"upload_id": session.upload_id, "upload_protocol": "resumable"},
            headers={"x-goog-upload-command": command, "x-goog-upload-offset": "0"},
            content=content,
        )

    def recover(self) -> None:
        """A fresh process, the janitor, and time: nobody else helps."""
        process = Process(self)
        for seconds in (60, 3_600, 3_600):
            self.simulator.advance(seconds)
            done: Round = process.janitor.make_round(self.simulator.now(), lambda: True)
            assert done.complete
        process.close()

    def records(self) -> dict[str, FileRecord]:
        """The tenant's records by file id."""
        return {
            record.file_id: record for record in Ledger(self.table.table).records(self.tenant.id)
        }

    def assert_true(self) -> None:
        """Ledger, upstream and usage agree; every byte is accounted for and none is stuck."""
        records = self.records()
        held = {file_id: record.bytes for file_id, record in records.items()}
        assert held == self.simulator.files(self.tenant.tag)
        own, usage = self._items()
        assert own["available"] == STORAGE - sum(held.values())
        assert self.table.project_available(self.project) == 10 * STORAGE - sum(held.values())
        stored = self.simulator.ever_stored(self.tenant.tag)
        assert (usage.get("uploads", 0), usage.get("bytesIn", 0)) == (len(stored), sum(stored))
        assert usage.get("releases", 0) == len(stored) - len(held)
        documents = self.simulator.documents_ever({self.store})
        counted = (usage.get("documents", 0), usage.get("documentBytes", 0))
        assert counted == (len(documents), sum(documents))
        self._assert_stores(usage)

    def _assert_stores(self, usage: Mapping[str, int]) -> None:
        """The tenant's stores are those that upstream has; nobody had to look at them for that."""
        items = self.table.table.query(tenant_key(self.tenant.id).pk, "fileSearchStores#").items
        held = {str(item["sk"]).removeprefix("fileSearchStores#") for item in items}
        assert held == self.simulator.stores(self.tenant.id)
        assert len(held) <= usage.get("storesCreated", 0) <= 1

    def _items(self) -> tuple[Mapping[str, Any], dict[str, int]]:
        pk = tenant_key(self.tenant.id).pk
        own = self.table.table.get(tenant_key(self.tenant.id))
        assert own is not None
        usage: dict[str, int] = {}
        for item in self.table.table.query(pk, "USAGE#").items:
            for name, amount in item.items():
                if isinstance(amount, int):
                    usage[name] = usage.get(name, 0) + amount
        holding = [
            item
            for prefix in ("FILE#", "DOCUMENT#")
            for item in self.table.table.query(pk, prefix).items
        ]
        assert_conserved([own, *holding])
        return own, usage
