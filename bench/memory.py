"""Memory: what the gateway's processes hold, before and after the uploads."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from bench.functions import ALL, Functions
from bench.stack import LocalStack

Snapshot: TypeAlias = dict[str, float]
"""Resident MiB by the name of a part; the largest where a function has several processes."""

EDGE: Final = "API Gateway's stand-in"


@dataclass(frozen=True)
class Memory:
    """Resident MiB of one part; `limit` is the function's MemorySize in MB, None for the edge."""

    part: str
    before: float
    after: float
    limit: int | None


def read_memory(stack: LocalStack) -> Snapshot:
    """Resident MiB now."""
    found = {EDGE: [stack.edge_process()]}
    found.update({name: stack.function_processes(name) for name in ALL})
    return {
        part: max(process.memory_info().rss for process in processes) / 2**20
        for part, processes in found.items()
        if processes
    }


def compare_memory(functions: Functions, before: Snapshot, after: Snapshot) -> list[Memory]:
    """The two snapshots side by side."""
    return [
        Memory(part, before[part], after[part], _limit(functions, part))
        for part in before
        if part in after
    ]


def _limit(functions: Functions, part: str) -> int | None:
    return None if part == EDGE else functions.declared(part).memory
