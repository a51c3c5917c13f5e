"""A running `filegate local`, with what a test needs to arrange and to look behind it."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from google import genai

from canaries import assert_kept_secret
from filegate.adapters.aws_service import DYNAMODB, AwsService
from filegate.adapters.table import Item, Table
from filegate.instants import parse_rfc3339
from filegate.limits import GIB, MAX_FILE_BYTES, STORAGE_BYTES, Limits
from filegate.names import random_characters
from filegate.registry import Registry
from filegate_local.aws import LocalAws
from filegate_local.children import free_port

READY_SECONDS = 60.0
CATCH_UP_SECONDS = 240.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that only ever speak plain HTTP: reading the CA store would take 30 ms for each."""


@dataclass
class StackTenant:
    """A tenant made for a test, and its key."""

    id: str
    key: str
    base_url: str

    @cached_property
    def sdk(self) -> genai.Client:
        """A stock SDK client for this tenant: only base URL and key are its own."""
        return genai.Client(api_key=self.key, http_options={"base_url": self.base_url})

    def http(self) -> httpx.Client:
        """A plain HTTP client that sends this tenant's key."""
        headers = {"x-goog-api-key": self.key}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60, verify=NO_TLS)


class LocalStack:
    """What a running stack offers: its API, its simulator, its clock, its table."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self.ready = ready
        self._made: list[str] = []
        self._indexes = {"default": 0}
        self.base_url = str(ready["base_url"])
        self.upstream_url = str(ready["upstream_url"])
        self.logs = Path(str(ready["logs"]))
        self._control = httpx.Client(base_url=str(ready["control_url"]), timeout=60)
        self._simulator = httpx.Client(base_url=self.upstream_url + "/_simulator", timeout=60)
        aws = LocalAws(str(ready["aws_endpoint"]))
        self.aws_environment = aws.environment
        self.dynamodb = aws.service(DYNAMODB)
        self.secrets = aws.secrets_manager()
        self.table = Table(self.dynamodb, str(ready["table"]))
        self.registry = Registry(self.table)
        self.upstream_keys = [self.upstream_key()]
        """The hidden keys of all projects made here, as they were at first."""

    def close(self) -> None:
        """Close the connections of this object; the stack itself is stopped by who runs it."""
        for client in (self._control, self._simulator, self.dynamodb, self.secrets):
            client.close()

    def seeded(self, number: int = 0) -> StackTenant:
        """One of the two tenants that every local stack has."""
        tenant = self.ready["tenants"][number]
        return StackTenant(tenant["id"], tenant["key"], self.base_url)

    def tenant(
        self,
        storage: int = STORAGE_BYTES,
        file: int = MAX_FILE_BYTES,
        project: str = "default",
        **limits: Any,  # noqa: ANN401
    ) -> StackTenant:
        """A new tenant with limits of its own: bytes, and whatever else `Limits` names."""
        tenant_id = f"t{random_characters(12)}"
        now = time.time_ns() // 1_000_000
        self.registry.create_tenant(tenant_id, project, now, Limits(storage, file, **limits))
        self._made.append(tenant_id)
        key = self.registry.issue_key(tenant_id, "test", now)
        return StackTenant(tenant_id, key, self.base_url)

    def project(self, capacity: int = 20 * GIB) -> str:
        """A new upstream project, in the simulator too, with a key and a capacity of its own.

        The capacity is in bytes.
        """
        project_id = f"p{random_characters(12)}"
        key = f"AIza{random_characters(35)}"
        self._indexes[project_id] = self.simulator("POST", "/projects", {"key": key})["index"]
        self.upstream_keys.append(key)
        self.secrets.create_secret(Name=f"local/projects/{project_id}", SecretString=key)
        self.registry.create_project(project_id, time.time_ns() // 1_000_000, capacity)
        return project_id

    def simulated(self, project: str = "default") -> int:
        """The place of a project among the simulator's, as its log and control plane name it."""
        return self._indexes[project]

    def upstream_key(self, project: str = "default") -> str:
        """The hidden key of a project."""
        secret = self.secrets.get_secret_value(SecretId=f"local/projects/{project}")
        return str(secret["SecretString"])

    def http(self) -> httpx.Client:
        """A plain HTTP client without a key."""
        return httpx.Client(base_url=self.base_url, timeout=60, verify=NO_TLS)

    # -- time

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock and the gateway's, whose schedule begins as it moves."""
        for clock in (self._simulator, self._control):
            clock.post("/clock", json={"advanceSeconds": seconds}).raise_for_status()

    def now(self) -> int:
        """The gateway's moment in epoch milliseconds."""
        state = self._control.get("/clock").raise_for_status().json()
        return parse_rfc3339(str(state["now"]))

    def invoke(self, function: str) -> Mapping[str, Any]:
        """What a function makes of its scheduled event, now: its `result` or its `error`."""
        answer: Mapping[str, Any] = self._control.post(f"/invoke/{function}").json()
        return answer

    def run_janitor(self) -> Mapping[str, Any]:
        """A round of the janitor, now; and another while one had no time for all that was due."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while True:
            answer = self.invoke("JanitorFunction")
            assert "result" in answer, answer
            result: Mapping[str, Any] = answer["result"]
            if result["complete"]:
                return result
            assert time.monotonic() < deadline, result

    def catch_up(self) -> None:
        """Rounds of the janitor until nothing is due; hours of usage are closed one by one.

        What the round did is no answer: a scheduled one may be at the same work.
        """
        deadline = time.monotonic() + CATCH_UP_SECONDS
        now = self.now()
        while any(int(item.get("dueAt") or now + 1) <= now for item in self.items()):
            assert time.monotonic() < deadline
            self.run_janitor()

    def run_reconciler(self) -> list[Mapping[str, Any]]:
        """One run of the reconciler, now; answers its reports, one for each project."""
        answer = self.invoke("ReconcilerFunction")
        assert "result" in answer, answer
        reports: list[Mapping[str, Any]] = answer["result"]["reports"]
        return reports

    @contextlib.contextmanager
    def unscheduled(self) -> Iterator[None]:
        """Let no schedule begin, and none go on, so that only tenants cause what is seen."""
        # The answer waits for what is under way: a round may be closing two days of hours.
        self._control.post(
            "/schedule", json={"held": True}, timeout=CATCH_UP_SECONDS
        ).raise_for_status()
        try:
            yield
        finally:
            self._control.post("/schedule", json={"held": False}).raise_for_status()

    def environments(self) -> Mapping[str, list[int]]:
        """Process ids of the functions' environments."""
        found: Mapping[str, list[int]] = self._control.get("/environments").json()
        return found

    # -- the simulator

    def simulator(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Call the simulator's control plane; answers its JSON."""
        answer = self._simulator.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def upstream_files(self) -> dict[str, Mapping[str, Any]]:
        """What upstream really has, by file name: `sizeBytes`, `sha256` and so on."""
        return {
            file["name"]: file
            for project in self.simulator("GET", "/projects")["projects"]
            for file in project["files"]
        }

    def upstream_documents(self) -> dict[str, Mapping[str, Any]]:
        """What upstream really has in its stores, by document name."""
        return {
            document["name"]: document
            for project in self.simulator("GET", "/projects")["projects"]
            for store in project["stores"]
            for document in store["documents"]
        }

    @contextlib.contextmanager
    def fault(self, fault: Mapping[str, Any], times: int = 1, **match: str) -> Iterator[None]:
        """Let upstream fail this way for requests that match."""
        self.simulator("POST", "/faults", {"match": match, "fault": fault, "times": times})
        try:
            yield
        finally:
            self.simulator("DELETE", "/faults")

    @contextlib.contextmanager
    def reflecting(self) -> Iterator[None]:
        """Let upstream echo the key it was sent wherever it can."""
        self.simulator("POST", "/reflect", {"enabled": True})
        try:
            yield
        finally:
            self.simulator("POST", "/reflect", {"enabled": False})

    # -- the ledger

    def items(self) -> list[Item]:
        """Every item of the table, from one consistent scan."""
        return read_items(self.dynamodb, str(self.ready["table"]))

    def available(self, tenant: StackTenant) -> int:
        """Bytes a tenant has left, as the ledger counts them."""
        [item] = [item for item in self.tenant_items(tenant.id) if item["sk"] == "TENANT"]
        return int(item["available"] or 0)

    def records(self, tenant: StackTenant) -> list[Item]:
        """A tenant's file records."""
        return [
            item for item in self.tenant_items(tenant.id) if str(item["sk"]).startswith("FILE#")
        ]

    def documents_on_their_way(self, tenant: StackTenant) -> list[Item]:
        """A tenant's records of uploads into stores."""
        return [
            item for item in self.tenant_items(tenant.id) if str(item["sk"]).startswith("DOCUMENT#")
        ]

    def tenant_items(self, tenant_id: str) -> list[Item]:
        """A tenant's own record, its file records and its usage, from consistent queries."""
        arguments: dict[str, Any] = {
            "TableName": self.ready["table"],
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"TENANT#{tenant_id}"}},
        }
        found: list[Item] = []
        while True:
            page = self.dynamodb.call("Query", arguments)
            found.extend(_plain_item(raw) for raw in page["Items"])
            if "LastEvaluatedKey" not in page:
                return found
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def assert_new_tenants_conserved(self) -> None:
        """Conservation for the tenants made since the last call, however full the table is."""
        while self._made:
            assert_conserved(self.tenant_items(self._made.pop()))

    def assert_conserved(self) -> None:
        """`limit = available + Σ bytes` for every tenant and project (design section 2)."""
        assert_conserved(self.items())


def read_items(dynamodb: AwsService, table: str) -> list[Item]:
    """Every item of a table, strongly consistent."""
    found: list[Item] = []
    arguments: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        page = dynamodb.call("Scan", arguments)
        found.extend(_plain_item(raw) for raw in page["Items"])
        if "LastEvaluatedKey" not in page:
            return found
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def assert_conserved(items: list[Item]) -> None:
    """Check conservation and no oversubscription over a whole table.

    A project's capacity is also what phantoms take of it (reconciliation). A tenant's open sessions
    are its reservations.
    """
    held: dict[str, int] = {}
    open_sessions: dict[str, int] = {}
    for item in items:
        if str(item["sk"]).startswith(("FILE#", "DOCUMENT#")):
            if item["state"] == "RESERVED":
                open_sessions[str(item["pk"])] = open_sessions.get(str(item["pk"]), 0) + 1
            size = int(item["bytes"] or 0)
            assert size >= 0
            for owner in (str(item["pk"]), f"PROJECT#{item['project']}"):
                held[owner] = held.get(owner, 0) + size
    for item in items:
        if item["sk"] in {"TENANT", "PROJECT"}:
            total = int(item["limit" if item["sk"] == "TENANT" else "capacity"] or 0)
            available = int(item["available"] or 0)
            assert available >= 0, f"{item['pk']} is oversubscribed by {-available} bytes"
            held_here = held.get(str(item["pk"]), 0)
            phantoms = int(item.get("phantomBytes") or 0)
            assert phantoms >= 0
            assert total == available + held_here + phantoms, f"{item['pk']} lost bytes"
        if item["sk"] == "TENANT" and "openSessions" in item:
            assert item["openSessions"] == open_sessions.get(str(item["pk"]), 0), item["pk"]


def _plain_item(raw: Mapping[str, Any]) -> Item:
    return {name: _plain(value) for name, value in raw.items()}


def _plain(value: Mapping[str, Any]) -> str | int | bool | None:
    [(kind, inner)] = value.items()
    if kind == "N":
        return int(inner)
    if kind == "NULL":
        return None
    plain: str | bool = inner
    return plain


@contextlib.contextmanager
def run_stack(directory: Path, *options: str) -> Iterator[LocalStack]:
    """Run `filegate local` with its data under `directory` until the block ends.

    When it ends every byte must still be accounted for, and no secret stand in what it leaves.
    """
    ready_file = directory / f"ready-{uuid4().hex}.json"
    command = [
        *(sys.executable, "-m", "filegate_local"),
        *("local", "--port", str(free_port())),
        *("--data-dir", str(directory), "--ready-file", str(ready_file)),
        *options,
    ]
    environment = {name: value for name, value in os.environ.items() if name != "GEMINI_API_KEY"}
    output = directory / "filegate-local.log"
    with output.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not ready_file.exists():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        with contextlib.closing(LocalStack(json.loads(ready_file.read_text()))) as stack:
            yield stack
            stack.assert_conserved()
            assert_kept_secret(stack)
        assert process.poll() is None, output.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
