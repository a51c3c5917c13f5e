"""A world for crashes: one tenant, a table and a simulator of its own, and what is true of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from engines import ROOT
from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Item, Table
from filegate.holdings import Kind
from filegate.limits import Limits
from filegate.registry import Registry
from filegate.tenants import tenant_from_item, tenant_key
from filegate_local import aws
from in_process import Loop, Simulator
from local_stack import assert_conserved, read_items

UPSTREAM_KEY: Final = "AIzaSyCrashTest0123456789abcdefghijklmn"
STORAGE: Final = 100_000
PROJECT: Final = "p1"
LEAKED: Final = "leaked"
"""What the name of a file ends with that came past the gateway."""
ADMIN_KEY: Final = "admin-key-of-the-crash-table"
SECRETS: Final[Mapping[str, str]] = {
    "session-keys": json.dumps({"primary": "k1", "k1": "c" * 48}),
    "admin-key": ADMIN_KEY,
    f"projects/{PROJECT}": UPSTREAM_KEY,
    "projects/p2": UPSTREAM_KEY,
}


@dataclass(frozen=True)
class Desk:
    """What worlds share: the engine, and the loop that simulators run in."""

    client: AwsService
    loop: Loop
    properties: Mapping[str, Any]

    @classmethod
    def lay(cls, client: AwsService, loop: Loop) -> "Desk":
        """Put it up."""
        return cls(client, loop, aws.table_properties(ROOT / "template.yaml"))


class World:
    """A tenant, and what is true of it in the ledger and upstream."""

    def __init__(self, desk: Desk) -> None:
        self.client = desk.client
        self.table_name = f"crash-{uuid4().hex}"
        self.client.call("CreateTable", {"TableName": self.table_name, **desk.properties})
        self.table = Table(self.client, self.table_name)
        self.simulator = Simulator(desk.loop, UPSTREAM_KEY)
        # A minute into an hour, always: when hours are closed is no matter of when this runs.
        self.simulator.advance(3_660 - self.now / 1_000 % 3_600)
        self.events: list[str] = []
        """What the event bus has taken."""
        self.names: dict[str, str] = {}
        """What was made so far, for those who ask for it by name."""
        registry = Registry(self.table)
        registry.create_project(PROJECT, self.now, 64 * 1024 * 1024)
        registry.create_tenant("acme", PROJECT, self.now, Limits(STORAGE, STORAGE))
        self.key = registry.issue_key("acme", "crash", self.now)
        item = self.table.get(tenant_key("acme"))
        assert item is not None
        self.tag = tenant_from_item("acme", item).tag

    def close(self) -> None:
        """Forget it."""
        self.client.call("DeleteTable", {"TableName": self.table_name})

    @property
    def now(self) -> int:
        """The moment, epoch milliseconds: upstream's and ours are one."""
        return self.simulator.now()

    def items(self) -> list[Item]:
        """Every item of the table."""
        return read_items(self.client, self.table_name)

    def pending(self) -> list[str]:
        """What is written down of work that is not at its end, in words."""
        found = {words for item in self.items() if (words := _pending(item, self.now))}
        return sorted(found)

    # -- truth

    def assert_true(self) -> None:
        """Ledger, upstream and usage agree; every byte is accounted for and none is stuck."""
        items = self.items()
        assert_conserved(items)
        own = [item for item in items if item["pk"] == tenant_key("acme").pk]
        left = [words for item in own if (words := _left_over(item))]
        assert left == []
        assert not [item for item in items if str(item["pk"]).startswith("OUTBOX#")]
        self._assert_files(own)
        self._assert_held(own)

    def _assert_files(self, own: list[Item]) -> None:
        [project] = list(self.simulator.upstream.projects)
        project.sweep()
        held = {
            _id(item): int(item["bytes"] or 0)
            for item in own
            if str(item["sk"]).startswith("FILE#") and _id(item).startswith(self.tag)
        }
        there = {
            file.file_id: file.size
            for file in project.newest_first()
            if file.file_id.startswith(self.tag)
        }
        assert held == there
        events = self.simulator.upstream.events.entries()
        stored = [
            int(str(event["sizeBytes"]))
            for event in events
            if event["event"] == "stored"
            and str(event["name"]).startswith(f"files/{self.tag}")
            and not str(event["name"]).endswith(LEAKED)
        ]
        usage = _usage(own)
        assert (usage.get("uploads", 0), usage.get("bytesIn", 0)) == (len(stored), sum(stored))
        # What came past the gateway is counted as it goes, though it never was as it came.
        leaked = [event for event in events if str(event["name"]).endswith(LEAKED)]
        more = usage.get("releases", 0) - (len(stored) - len(held))
        assert 0 <= more <= bool(leaked)
        assert usage.get("heldBytes", 0) == sum(held.values())

    def _assert_held(self, own: list[Item]) -> None:
        """Caches, batches and stores: what has a record is what upstream has."""
        upstream = self.simulator.upstream
        [project] = list(upstream.projects)
        there = {
            Kind.CACHE: {one.cache_id for one in upstream.caches.of(project).all()},
            Kind.BATCH: {one.batch_id for one in upstream.batches.of(project).all()},
            Kind.STORE: {one.store_id for one in upstream.stores.of(project).all()},
        }
        usage, now = _usage(own), self.now
        for kind, ids in there.items():
            held = {
                _id(item)
                for item in own
                if str(item["sk"]).startswith(f"{kind}#")
                and ("endsAt" not in item or int(item["endsAt"] or 0) > now)
            }
            assert held == ids, f"{kind}: recorded {held}, upstream has {ids}"
        assert usage.get("storesCreated", 0) >= len(there[Kind.STORE])


def _id(item: Item) -> str:
    return str(item["sk"]).partition("#")[2]


def _usage(own: list[Item]) -> dict[str, int]:
    usage: dict[str, int] = {}
    for item in own:
        if str(item["sk"]).startswith("USAGE#"):
            for name, amount in item.items():
                if isinstance(amount, int):
                    usage[name] = usage.get(name, 0) + amount
    return usage


def _left_over(item: Item) -> str | None:
    """What must not be there once the janitor has been by."""
    sk = str(item["sk"])
    if sk.startswith(("INTENT#", "DOCUMENT#")):
        return sk
    if sk.startswith("FILE#") and item["state"] == "RESERVED":
        return sk
    if sk.startswith(tuple(f"{kind}#" for kind in Kind)) and "dueAt" in item:
        return sk
    return None


def _pending(item: Item, now: int) -> str | None:
    """What work that is not at its end an item stands for."""
    kind, due_at = _kind(item), int(item.get("dueAt") or 0)
    waits = {
        "OUTBOX": "the outbox",
        "INTENT": "the intent",
        "UPLOAD": "the upload's appointment",
    }
    if kind in waits:
        return waits[kind]
    if kind == "FILE" and due_at < int(item.get("expiresAt") or 0):
        return "the delete's appointment"
    if kind in set(Kind) and due_at:
        return "the delete's appointment"
    if 0 < due_at <= now:
        return "the file's appointment" if kind == "FILE" else "the hour's appointment"
    return None


def _kind(item: Item) -> str:
    if str(item["pk"]).startswith("OUTBOX#"):
        return "OUTBOX"
    kind = str(item["sk"]).partition("#")[0]
    is_upload = kind == "DOCUMENT" or (kind == "FILE" and item["state"] == "RESERVED")
    return "UPLOAD" if is_upload else kind
