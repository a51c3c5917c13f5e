"""Cold start: what a fresh interpreter spends before it can answer, beside boto3 alone."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.caller import Caller
from bench.functions import ALL, FILES, SESSIONS, Event, Functions

YARDSTICK: Final = 'boto3.client("dynamodb")'
_BARE: Final = "bare interpreter"
_AS_DEPLOYED: Final = "import sys; sys.modules.update(click=None, rich=None)\n"
"""httpx imports its command line where click and rich are at hand: on a desk, not in the layer."""
_FIRST: Final = """
import json, sys
from app import handler
from apigateway_standin.environment import Context
answer = handler(json.load(sys.stdin), Context("cold", 10000))
sys.exit(answer.get("statusCode", 200) != 200)
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
    event: Event | None = None


def measure_cold_start(functions: Functions, caller: Caller, rounds: int) -> list[ColdStart]:
    """Each case `rounds` times, in turn; the first turn only fills the file cache."""
    cases = _cases(functions, caller)
    best: dict[str, tuple[float, float]] = {}
    for number in range(rounds + 1):
        for name, case in cases.items():
            wall, cpu = _run(case)
            if number:
                least_wall, least_cpu = best.get(name, (wall, cpu))
                best[name] = min(wall, least_wall), min(cpu, least_cpu)
    unit_wall, unit_cpu = best[YARDSTICK]
    return [
        ColdStart(name, wall, cpu, wall / unit_wall, cpu / unit_cpu)
        for name, (wall, cpu) in best.items()
    ]


def _cases(functions: Functions, caller: Caller) -> dict[str, _Case]:
    files, sessions = functions.environment(FILES), functions.environment(SESSIONS)
    get, chunk = caller.get(caller.store()), caller.plain_chunk(caller.open())
    return {
        _BARE: _Case("pass", files),
        YARDSTICK: _Case("import boto3; boto3.client('dynamodb')", files),
        **{f"{name}: import app": _Case("import app", functions.environment(name)) for name in ALL},
        f"{FILES}: import and first get": _Case(_FIRST, files, get),
        f"{SESSIONS}: import and first chunk": _Case(_FIRST, sessions, chunk),
    }


def _run(case: _Case) -> tuple[float, float]:
    """Wall and CPU ms of one fresh process."""
    given = None if case.event is None else json.dumps(case.event).encode()
    before = _children_cpu()
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _AS_DEPLOYED + case.code],
        env=dict(case.environment),
        input=given,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall = time.perf_counter() - begin
    return wall * 1000, (_children_cpu() - before) * 1000


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
