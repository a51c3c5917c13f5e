"""Cold start: what a fresh interpreter spends before it can answer, beside boto3 alone."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from bench.caller import Caller
from bench.functions import ALL, FILES, GENERATE, SESSIONS, STORES, Functions
from bench.model_calls import ModelCaller, prompt
from bench.store_calls import StoreCaller
from filegate_local.stack import template_path

LAYER: Final = template_path().parent / "layers" / "filegate" / "requirements.txt"
YARDSTICK: Final = 'boto3.client("dynamodb")'
_BARE: Final = "bare interpreter"
_RUNTIME: Final = frozenset(
    {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
)
"""What Lambda's own runtime brings."""
_SERVE: Final = """
import uvicorn
class Once(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        os._exit(not self.started)
Once(uvicorn.Config("app:app", port=0, log_level="warning", access_log=False)).run()
"""
"""A server, until it listens; the options are those of functions/generate/run.sh."""
_FIRST: Final = """
import json
from app import handler
from apigateway_standin.environment import Context
answer = handler(json.load(sys.stdin), Context("cold", 10000))
assert answer.get("statusCode", 200) == 200
"""
_FIRST_WEB: Final = """
import asyncio, json
import httpx, uvicorn
config = uvicorn.Config("app:app", log_level="warning", access_log=False)
config.load()
async def answer(method, target, headers, body):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(config.loaded_app)) as client:
        url = "http://function" + target
        return await client.request(method, url, headers=headers, content=body.encode())
with asyncio.Runner() as runner:
    assert runner.run(answer(**json.load(sys.stdin))).status_code == 200
    os._exit(0)
"""


@dataclass(frozen=True)
class ColdStart:
    """Best wall and CPU ms of a fresh process, and both as ratios to boto3's client alone."""

    case: str
    wall: float
    cpu: float
    wall_ratio: float
    cpu_ratio: float


@dataclass(frozen=True)
class _Case:
    code: str
    environment: Mapping[str, str]
    given: bytes = b""
    """What it reads from standard input."""


def measure_cold_start(functions: Functions, caller: Caller, rounds: int) -> list[ColdStart]:
    """Each case `rounds` times, in turn; the first turn only fills the file cache."""
    cases, absent = _cases(functions, caller), absent_in_layer()
    best: dict[str, tuple[float, float]] = {}
    for number in range(rounds + 1):
        for name, case in cases.items():
            wall, cpu = _run(case, absent)
            if number:
                least_wall, least_cpu = best.get(name, (wall, cpu))
                best[name] = min(wall, least_wall), min(cpu, least_cpu)
    unit_wall, unit_cpu = best[YARDSTICK]
    return [
        ColdStart(name, wall, cpu, wall / unit_wall, cpu / unit_cpu)
        for name, (wall, cpu) in best.items()
    ]


def _cases(functions: Functions, caller: Caller) -> dict[str, _Case]:
    files, generate = functions.environment(FILES), functions.environment(GENERATE)
    sessions, stores = functions.environment(SESSIONS), functions.environment(STORES)
    get, chunk = caller.get(caller.store()), caller.plain_chunk(caller.open())
    ask = ModelCaller(caller).ask("generateContent", prompt())
    create = StoreCaller(caller).create()
    return {
        _BARE: _Case("pass", files),
        YARDSTICK: _Case("import boto3; boto3.client('dynamodb')", files),
        **{f"{name}: import app": _Case("import app", functions.environment(name)) for name in ALL},
        f"{GENERATE}: server listens": _Case(_SERVE, generate),
        f"{FILES}: import and first get": _Case(_FIRST, files, _json(get)),
        f"{GENERATE}: import and first generateContent": _Case(
            _FIRST_WEB, generate, _json(asdict(functions.adapted(GENERATE, ask)))
        ),
        f"{STORES}: import and first create": _Case(_FIRST, stores, _json(create)),
        f"{SESSIONS}: import and first chunk": _Case(_FIRST, sessions, _json(chunk)),
    }


def absent_in_layer(layer: Path = LAYER) -> list[str]:
    """Modules that this environment has and a deployed function has not.

    Some libraries import more where more is at hand: httpx its command line, uvicorn a faster
    loop and WebSockets.
    """
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", layer.read_text(), re.MULTILINE)
    there = {_normal(name) for name in (*pinned, *_RUNTIME, "filegate")}
    return sorted(
        module
        for module, sources in packages_distributions().items()
        if module.isidentifier() and there.isdisjoint(map(_normal, sources))
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _json(value: object) -> bytes:
    return json.dumps(value, default=bytes.decode).encode()


def _run(case: _Case, absent: list[str]) -> tuple[float, float]:
    """Wall and CPU ms of one fresh process in which some modules cannot be imported.

    It ends at once when it has done its work: tidying up takes long, and is no part of a start.
    """
    hide = f"import os, sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
    before = _children_cpu()
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", f"{hide}{case.code}\nos._exit(0)"],
        env=dict(case.environment),
        input=case.given,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall = time.perf_counter() - begin
    return wall * 1000, (_children_cpu() - before) * 1000


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
