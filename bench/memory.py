"""Memory: what the gateway's processes hold, before and after the uploads and the streams."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from bench.functions import ALL, Functions
from bench.processes import most_resident, resident
from bench.stack import LocalStack

EDGE: Final = "API Gateway's stand-in"


@dataclass(frozen=True)
class Held:
    """Resident MiB of one part: now, and the most so far (None where the system does not tell)."""

    now: float
    most: float | None


Snapshot: TypeAlias = dict[str, Held]
"""By the name of a part; the largest process where a function has several."""


@dataclass(frozen=True)
class Memory:
    """Resident MiB of one part; `limit` is the function's MemorySize in MB, None for the edge."""

    part: str
    before: float
    after: float
    most: float | None
    """The most since the part's process began."""
    limit: int | None


def read_memory(stack: LocalStack) -> Snapshot:
    """What each part holds now; a function that has not run yet has no part in it."""
    found = {EDGE: [stack.edge_process()]}
    found.update({name: stack.function_processes(name) for name in ALL})
    snapshot = {}
    for part, processes in found.items():
        if processes:
            largest = max(processes, key=resident)
            snapshot[part] = Held(resident(largest), most_resident(largest))
    return snapshot


def compare_memory(functions: Functions, before: Snapshot, after: Snapshot) -> list[Memory]:
    """The two snapshots side by side."""
    return [
        Memory(part, before[part].now, held.now, held.most, _limit(functions, part))
        for part, held in after.items()
        if part in before
    ]


def _limit(functions: Functions, part: str) -> int | None:
    return None if part == EDGE else functions.declared(part).memory
