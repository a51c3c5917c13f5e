"""The SDK drivers as subprocesses: one per SDK, address and key, each command with a deadline."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = dict[str, Any]
File = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PYTHON_DRIVER = ROOT / "tests" / "sdk" / "python" / "driver.py"
JS_DRIVER = ROOT / "tests" / "sdk" / "js" / "driver.mjs"
JS_SDK = JS_DRIVER.parent / "node_modules" / "@google" / "genai"
GENAI_2 = ROOT / ".sdk" / "google-genai-2"
GO_DRIVER = ROOT / ".sdk" / "go-driver"

DEADLINE = 120.0  # seconds; for one command, 20 MB on a busy machine included
HOW_TO_INSTALL = "run tests/sdk/install.py"


@dataclass(frozen=True)
class Sdk:
    """A stock SDK: how its driver starts and what this SDK can do."""

    name: str
    version: str  # the beginning of the version that must answer
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""  # why it cannot run here; empty when it can
    sources: tuple[str, ...] = ("path", "object")
    untyped_object: str = ""  # what it says of an open file without a MIME type; empty: it sends it
    empty_file: str = ""  # how an upload of 0 bytes fails inside the SDK; empty: it works


def python3() -> Sdk:
    """Return the Python SDK 3.x of the project's own environment."""
    return Sdk(
        name="python3",
        version="3.",
        command=(sys.executable, str(PYTHON_DRIVER)),
        untyped_object="Unknown mime type",
    )


def python3_async() -> Sdk:
    """Return the same Python SDK with its asyncio client, which sends chunks with aiohttp."""
    return Sdk(
        name="python3-async",
        version="3.",
        command=(sys.executable, str(PYTHON_DRIVER), "--async"),
        untyped_object="Unknown mime type",
    )


def python2() -> Sdk:
    """Return the Python SDK 2.x, laid over the project's environment."""
    return Sdk(
        name="python2",
        version="2.34.0",
        command=(sys.executable, str(PYTHON_DRIVER)),
        environment={"PYTHONPATH": str(GENAI_2)},
        missing="" if GENAI_2.exists() else f"google-genai 2 is not installed: {HOW_TO_INSTALL}",
        untyped_object="Unknown mime type",
    )


def js() -> Sdk:
    """Return the JavaScript SDK under Node."""
    missing = ""
    if shutil.which("node") is None:
        missing = "Node is not installed"
    elif not JS_SDK.exists():
        missing = f"@google/genai is not installed: {HOW_TO_INSTALL}"
    return Sdk(
        name="js",
        version="2.32.0",
        command=("node", str(JS_DRIVER)),
        missing=missing,
        untyped_object="Can not determine mimeType",
        empty_file="Unexpected end of JSON input",
    )


def go() -> Sdk:
    """Return the Go SDK, compiled into a driver."""
    return Sdk(
        name="go",
        version="v1.",
        command=(str(GO_DRIVER),),
        missing="" if GO_DRIVER.exists() else f"the Go driver is not built: {HOW_TO_INSTALL}",
        sources=("path", "object", "reader"),
    )


SDKS = {sdk.name: sdk for sdk in (python3(), python3_async(), python2(), js(), go())}


class DriverError(Exception):
    """A driver died or missed its deadline."""


class Driver:
    """A running driver: `driver.call("get", name="files/abc")["file"]["state"]`."""

    def __init__(self, sdk: Sdk, base_url: str, key: str) -> None:
        self.sdk = sdk
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - see close
        self._process = subprocess.Popen(
            sdk.command,
            env=_environment(sdk, base_url, key),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the driver still takes commands."""
        return self._process.poll() is None

    def call(self, op: str, **arguments: object) -> Answer:
        """Send one command and return its answer; raise `DriverError` when none comes in time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=DEADLINE)
        except queue.Empty:
            self._process.kill()
            raise DriverError(self._account(f"{op} took longer than {DEADLINE:.0f} s")) from None
        except BrokenPipeError:
            line = ""
        if not line:
            raise DriverError(self._account(f"the driver ended during {op}"))
        answer: Answer = json.loads(line)
        return answer

    def done(self, op: str, **arguments: object) -> Answer:
        """Send one command that has to succeed and return its answer."""
        answer = self.call(op, **arguments)
        assert answer["ok"], f"{self.sdk.name}: {op} {arguments} failed: {answer}"
        return answer

    def refused(self, op: str, **arguments: object) -> Answer:
        """Send one command that has to fail and return its answer."""
        answer = self.call(op, **arguments)
        assert not answer["ok"], f"{self.sdk.name}: {op} {arguments} succeeded: {answer}"
        return answer

    def close(self) -> None:
        """End the driver: its input ends first, force comes after 10 s."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it may be gone already
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _account(self, what: str) -> str:
        self._errors.seek(0)
        return f"{self.sdk.name}: {what}\n{self._errors.read()[-4000:]}"


class Drivers:
    """The running drivers, started when first asked for and again after one died."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str, str], Driver] = {}

    def get(self, sdk: Sdk, base_url: str, key: str) -> Driver:
        """Return the driver of one SDK for an address and a key."""
        identity = (sdk.name, base_url, key)
        driver = self._running.get(identity)
        if driver is not None and not driver.alive:
            driver.close()
            driver = None
        if driver is None:
            driver = self._running[identity] = Driver(sdk, base_url, key)
        return driver

    def close(self) -> None:
        """End every driver."""
        for driver in self._running.values():
            driver.close()


def _environment(sdk: Sdk, base_url: str, key: str) -> dict[str, str]:
    kept = without_sdk_settings(os.environ)
    return {
        **{name: value for name, value in kept.items() if not name.startswith("PYTHON")},
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "NODE_NO_WARNINGS": "1",
        "SDK_BASE_URL": base_url,
        "SDK_API_KEY": key,
        **sdk.environment,
    }


def without_sdk_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the keys and addresses that SDKs and servers would pick up."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("GOOGLE_", "GEMINI_"))
    }
