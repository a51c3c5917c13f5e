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
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from google import genai

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

from filegate.adapters.table import Item, Table
from filegate.instants import parse_rfc3339
from filegate.names import random_characters
from filegate.registry import GIB, MAX_FILE_BYTES, STORAGE_BYTES, Limits, Registry
from filegate_local.aws import LocalAws
from filegate_local.children import free_port

READY_SECONDS = 60.0
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
        self.base_url = str(ready["base_url"])
        self.upstream_url = str(ready["upstream_url"])
        self.logs = Path(str(ready["logs"]))
        self._control = httpx.Client(base_url=str(ready["control_url"]), timeout=60)
        self._simulator = httpx.Client(base_url=self.upstream_url + "/_simulator", timeout=60)
        aws = LocalAws(str(ready["aws_endpoint"]))
        self.aws_environment = aws.environment
        self.dynamodb = aws.dynamodb()
        self.secrets = aws.secrets_manager()
        self.table = Table(self.dynamodb, str(ready["table"]))
        self.registry = Registry(self.table)

    def close(self) -> None:
        """Close the connections of this object; the stack itself is stopped by who runs it."""
        for client in (self._control, self._simulator, self.dynamodb, self.secrets):
            client.close()

    def seeded(self, number: int = 0) -> StackTenant:
        """One of the two tenants that every local stack has."""
        tenant = self.ready["tenants"][number]
        return StackTenant(tenant["id"], tenant["key"], self.base_url)

    def tenant(
        self, storage: int = STORAGE_BYTES, file: int = MAX_FILE_BYTES, project: str = "default"
    ) -> StackTenant:
        """A new tenant with limits of its own, in bytes."""
        tenant_id = f"t{random_characters(12)}"
        now = time.time_ns() // 1_000_000
        self.registry.create_tenant(tenant_id, project, now, Limits(storage, file))
        self._made.append(tenant_id)
        key = self.registry.issue_key(tenant_id, "test", now)
        return StackTenant(tenant_id, key, self.base_url)

    def project(self, capacity: int = 20 * GIB) -> str:
        """A new upstream project with the simulator's key and a capacity of its own, in bytes."""
        project_id = f"p{random_characters(12)}"
        key = self.secrets.get_secret_value(SecretId="local/projects/default")["SecretString"]
        self.secrets.create_secret(Name=f"local/projects/{project_id}", SecretString=key)
        self.registry.create_project(project_id, time.time_ns() // 1_000_000, capacity)
        return project_id

    def upstream_key(self) -> str:
        """The hidden key."""
        return str(self.secrets.get_secret_value(SecretId="local/projects/default")["SecretString"])

    def http(self) -> httpx.Client:
        """A plain HTTP client without a key."""
        return httpx.Client(base_url=self.base_url, timeout=60, verify=NO_TLS)

    # -- time

    def advance(self, seconds: float) -> None:
        """Move the gateway's clock and the simulator's."""
        for clock in (self._control, self._simulator):
            clock.post("/clock", json={"advanceSeconds": seconds}).raise_for_status()

    def now(self) -> int:
        """The gateway's moment in epoch milliseconds."""
        state = self._control.get("/clock").raise_for_status().json()
        return parse_rfc3339(str(state["now"]))

    def run_janitor(self) -> Mapping[str, Any]:
        """One round of the janitor, now."""
        answer = self._control.post("/invoke/JanitorFunction").raise_for_status().json()
        assert "result" in answer, answer
        result: Mapping[str, Any] = answer["result"]
        return result

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
            page = self.dynamodb.query(**arguments)
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


def read_items(client: "DynamoDBClient", table: str) -> list[Item]:
    """Every item of a table, strongly consistent."""
    found: list[Item] = []
    arguments: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        page = client.scan(**arguments)
        found.extend(_plain_item(raw) for raw in page["Items"])
        if "LastEvaluatedKey" not in page:
            return found
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def assert_conserved(items: list[Item]) -> None:
    """Check conservation and no oversubscription over a whole table."""
    held: dict[str, int] = {}
    for item in items:
        if str(item["sk"]).startswith("FILE#"):
            size = int(item["bytes"] or 0)
            assert size >= 0
            for owner in (str(item["pk"]), f"PROJECT#{item['project']}"):
                held[owner] = held.get(owner, 0) + size
    for item in items:
        if item["sk"] in {"TENANT", "PROJECT"}:
            total = int(item["limit" if item["sk"] == "TENANT" else "capacity"] or 0)
            available = int(item["available"] or 0)
            assert available >= 0, f"{item['pk']} is oversubscribed by {-available} bytes"
            assert total == available + held.get(str(item["pk"]), 0), f"{item['pk']} lost bytes"


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
    """Run `filegate local` with its data under `directory` until the block ends."""
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
        assert process.poll() is None, output.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
