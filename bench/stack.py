"""Stack: one running `filegate local`, which everything is measured against."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import psutil

from filegate.adapters.aws_service import DYNAMODB, AwsService
from filegate_local.aws import LocalAws
from filegate_local.children import free_port

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OPERATOR: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Environment variables of the stack's operator, who may do everything (filegate_local.aws)."""
_READY_SECONDS: Final = 60.0


class StackFailed(Exception):
    """`filegate local` did not come up, or ended by itself; the message is its own."""


class LocalStack:
    """Addresses and keys of a running stack, and a look at its processes."""

    def __init__(self, ready: Mapping[str, Any], data: Path, pid: int) -> None:
        self.data: Final = data
        self.base_url: Final = str(ready["base_url"])
        self.upstream_url: Final = str(ready["upstream_url"])
        self.aws_endpoint: Final = str(ready["aws_endpoint"])
        self.dynamodb_endpoint = self.aws_endpoint
        """Where `dynamodb` leads: another engine's address, if one is to be measured on."""
        self.tenant_keys: Final = [str(tenant["key"]) for tenant in ready["tenants"]]
        self.tenant_ids: Final = [str(tenant["id"]) for tenant in ready["tenants"]]
        self.upstream_key: Final = (data / "upstream.key").read_text()
        self._control = httpx.Client(base_url=str(ready["control_url"]), timeout=60)
        self._simulator = httpx.Client(base_url=f"{self.upstream_url}/_simulator", timeout=60)
        self._admin_key = str(ready["admin_key"])
        self._pid = pid

    def close(self) -> None:
        """Close the connections of this object."""
        self._control.close()
        self._simulator.close()

    def gateway_client(self, tenant: int) -> httpx.Client:
        """A keep-alive client that calls the gateway as one of its two tenants."""
        return _client(self.base_url, self.tenant_keys[tenant])

    def upstream_client(self) -> httpx.Client:
        """A keep-alive client that calls the simulator itself, with the hidden key."""
        return _client(self.upstream_url, self.upstream_key)

    def limit_storage(self, tenant: int, count: int | None) -> None:
        """Set how many bytes of files a tenant may hold; None sets no limit."""
        httpx.patch(
            f"{self.base_url}/admin/v1/tenants/{self.tenant_ids[tenant]}",
            headers={"x-filegate-admin-key": self._admin_key},
            json={"limits": {"storageBytes": count}},
            timeout=60,
        ).raise_for_status()

    def upload_bytes_seen(self) -> int:
        """Bytes of upload requests that reached the simulator since they were last forgotten."""
        found = self._simulator.get("/requests").raise_for_status().json()["requests"]
        return sum(int(one["bodyBytes"]) for one in found if one["path"].startswith("/upload/"))

    def dynamodb(self) -> "DynamoDBClient":
        """A DynamoDB client of boto3."""
        return LocalAws(self.dynamodb_endpoint).dynamodb()

    def service(self) -> AwsService:
        """DynamoDB as the product speaks to it; nobody who listens to functions hears it."""
        return LocalAws(self.dynamodb_endpoint).service(DYNAMODB)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke a function of the stack with an event, without the gateway in between."""
        answer: Mapping[str, Any] = (
            self._control.post(f"/invoke/{function}", json=event).raise_for_status().json()
        )
        return answer

    def function_processes(self, function: str) -> list[psutil.Process]:
        """The processes that run a function."""
        pids = self._control.get("/environments").raise_for_status().json()[function]
        return [psutil.Process(pid) for pid in pids]

    def edge_process(self) -> psutil.Process:
        """The process that stands in for API Gateway."""
        for process in psutil.Process(self._pid).children():
            if "apigateway_standin" in process.cmdline():
                return process
        raise StackFailed("the stand-in for API Gateway is not running")

    def stop_hashing(self) -> None:
        """Let the simulator count chunks without hashing them, so that it is not what is timed."""
        self._simulator.post("/requests", json={"hashChunks": False}).raise_for_status()

    @contextlib.contextmanager
    def streaming(self, **settings: float) -> Iterator[None]:
        """Let the simulator stream in another way: `events`, `delaySeconds`, `bytesPerEvent`."""
        usual = self._simulator.get("/streaming").raise_for_status().json()
        self._simulator.post("/streaming", json=settings).raise_for_status()
        try:
            yield
        finally:
            self._simulator.post("/streaming", json=usual).raise_for_status()

    @contextlib.contextmanager
    def distant_upstream(self, seconds: float) -> Iterator[None]:
        """Let the simulator wait before it reads a chunk, as if it were so far away."""
        if not seconds:
            yield
            return
        fault = {"kind": "latency", "seconds": seconds}
        rule = {"match": {"command": "upload"}, "fault": fault, "times": None}
        self._simulator.post("/faults", json=rule).raise_for_status()
        try:
            yield
        finally:
            self._simulator.delete("/faults").raise_for_status()

    def forget_requests(self) -> None:
        """Let the simulator forget the requests it has seen."""
        self._simulator.delete("/requests").raise_for_status()

    def requests_seen(self) -> int:
        """How many requests reached the simulator since they were last forgotten."""
        return len(self._simulator.get("/requests").raise_for_status().json()["requests"])


@contextlib.contextmanager
def run_stack() -> Iterator[LocalStack]:
    """Run `filegate local` in a directory of its own until the block ends. Raises StackFailed."""
    with tempfile.TemporaryDirectory(prefix="filegate-bench-") as made:
        data = Path(made)
        ready_file, log_file = data / "ready.json", data / "filegate-local.log"
        command = [
            *(sys.executable, "-m", "filegate_local", "local"),
            *("--port", str(free_port())),
            *("--data-dir", str(data), "--ready-file", str(ready_file)),
        ]
        # Never the real Gemini API: it would be billed for nothing.
        environment = {name: text for name, text in os.environ.items() if name != "GEMINI_API_KEY"}
        with log_file.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _wait(process, ready_file, log_file)
            stack = LocalStack(json.loads(ready_file.read_text()), data, process.pid)
            with contextlib.closing(stack):
                yield stack
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], ready_file: Path, log_file: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackFailed(f"filegate local did not start:\n{log_file.read_text()}")
        time.sleep(0.05)


def _client(base_url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers={"x-goog-api-key": key}, timeout=60)
