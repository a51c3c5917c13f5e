"""The soak: minutes of work leave nothing behind: no memory, no connection, no reservation."""

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import psutil
import pytest

from local_stack import LocalStack
from pool_members import AT_ONCE, STORAGE, Member

TENANTS: Final = 8
ROUNDS: Final = 10
ROUND_SECONDS: Final = 60
WARM_UP: Final = 3
"""Rounds until every environment has seen every operation."""
PAST_SESSIONS: Final = 2_000
"""Seconds after which what was left open has ended by itself; ten rounds stay within 48 hours."""
MEMORY_GROWTH: Final = 24_000_000
"""Bytes that all processes of the gateway together may grow by after the warm-up."""
HANDLES_GROWTH: Final = 8
"""Open files and connections by which they may."""
MORE_PROCESSES: Final = 1
"""How many may come after the warm-up: two of the schedule's runs meet once in a while."""


@dataclass(frozen=True)
class Held:
    """What each of the gateway's processes holds: bytes of memory, open files and connections."""

    memory: Mapping[int, int]
    handles: Mapping[int, int]

    def __str__(self) -> str:
        """All together."""
        return (
            f"{len(self.memory)} processes, {sum(self.memory.values()):,} bytes, "
            f"{sum(self.handles.values())} handles"
        )

    def since(self, earlier: "Held") -> tuple[int, int, int]:
        """By how much what was there then has grown, in bytes and handles; and processes that came.

        What a process that has just begun brings with it is no leak, and would hide one.
        """
        same = self.memory.keys() & earlier.memory.keys()
        return (
            sum(self.memory[pid] - earlier.memory[pid] for pid in same),
            sum(self.handles[pid] - earlier.handles[pid] for pid in same),
            len(self.memory.keys() - same),
        )

    @classmethod
    def by(cls, stack: LocalStack) -> "Held":
        """Look at them; between two rounds, so that no request is under way."""
        functions = {pid for pids in stack.environments().values() for pid in pids}
        parents = {psutil.Process(pid).ppid() for pid in functions}
        processes = [psutil.Process(pid) for pid in functions | parents]
        return cls(
            memory={process.pid: process.memory_info().rss for process in processes},
            handles={process.pid: process.num_fds() for process in processes},
        )


def work(members: list[Member]) -> None:
    """Let all of them work for a round."""
    end = time.monotonic() + ROUND_SECONDS
    with ThreadPoolExecutor(TENANTS) as pool:
        for running in [
            pool.submit(member.run, lambda _: time.monotonic() < end) for member in members
        ]:
            running.result()


@pytest.mark.prove
@pytest.mark.timeout(1_800)
def test_minutes_of_work_leave_nothing_behind(stack: LocalStack) -> None:
    project = stack.project(capacity=TENANTS * STORAGE)
    turn = threading.Semaphore(AT_ONCE)
    members = [
        Member(
            stack.tenant(storage=STORAGE, project=project),
            "files/somebody-elses",
            turn,
            random.Random(number),  # noqa: S311 - to be the same again
        )
        for number in range(TENANTS)
    ]
    seen: list[Held] = []
    for number in range(ROUNDS):
        work(members)
        stack.assert_conserved()
        stack.advance(PAST_SESSIONS)
        stack.catch_up()
        for member in members:
            member.open.clear()
            assert all(record["state"] == "STORED" for record in stack.records(member.tenant))
            assert stack.available(member.tenant) == STORAGE - sum(member.files.values())
        stack.assert_conserved()
        seen.append(Held.by(stack))
        done = sum(member.done.total() for member in members)
        print(f"round {number + 1}: {done} operations, {seen[-1]}")  # noqa: T201 - for who waits
    memory, handles, came = seen[-1].since(seen[WARM_UP - 1])
    assert memory < MEMORY_GROWTH, seen
    assert handles <= HANDLES_GROWTH, seen
    assert came <= MORE_PROCESSES, seen
