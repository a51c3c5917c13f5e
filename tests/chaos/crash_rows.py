"""Rows of the crash table: a process that ends at each of its calls, and what heals that."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from crash_gateway import Gateway
from crash_operations import OPERATIONS, janitor
from crash_points import CrashPoints
from crash_world import Desk, World

NOTHING: Final = "nothing is left to do"
_HEALS: Final = (60, 31 * 60, 3_600, 3_600)
"""Seconds to each round after a crash: an upload's looks, an intent's, its deadline, an hour's."""


@dataclass(frozen=True)
class Row:
    """One call of an operation; what heals an end before and after it, None if not tried."""

    call: str
    before: str | None = None
    after: str | None = None


class CrashTable:
    """Runs operations into their crash points."""

    def __init__(self, desk: Desk, functions: Mapping[str, ModuleType]) -> None:
        self._desk = desk
        self._functions = functions

    def rows(self, name: str, wanted: Callable[[int], bool]) -> list[Row]:
        """A row for each call of an operation; those with a `wanted` number have been tried.

        End `0` is before the first call, end `n` after the call before. A process that ends after
        a call has done the same as one that ends before the next, so that is tried once.
        """
        points = CrashPoints()
        self._try(name, points)
        ends = [
            self._healed(name, max(number - 1, 0), after=number > 0) if wanted(number) else None
            for number in range(len(points.calls) + 1)
        ]
        return [Row(call, ends[n], ends[n + 1]) for n, call in enumerate(points.calls)]

    def _healed(self, name: str, number: int, *, after: bool) -> str:
        points = CrashPoints(number, after)
        healed = self._try(name, points)
        assert points.ended, f"{name} did not come to call {number}"
        return healed

    def _try(self, name: str, points: CrashPoints) -> str:
        """Run an operation in a process that may end at a point; what is left to do then.

        After that a fresh process and the janitor have put everything right.
        """
        operation = OPERATIONS[name]
        world = World(self._desk)
        try:
            before = Gateway(self._functions, world)
            for step in operation.before:
                step(world, before)
            try:
                operation.act(world, Gateway(self._functions, world, points))
            except BaseException:
                if not points.ended:
                    raise
            left = world.pending()
            again = operation.again and points.ended
            if again:
                operation.act(world, Gateway(self._functions, world))
            self._recover(world)
        finally:
            world.close()
        healed = ["the same request again"] if again and not left else left
        return ", ".join(healed) or NOTHING

    def _recover(self, world: World) -> None:
        """A fresh process, the janitor, and time: nobody else helps."""
        gateway = Gateway(self._functions, world)
        for seconds in _HEALS:
            world.simulator.advance(seconds)
            janitor(world, gateway)
        world.assert_true()
        # Whoever compares all anew finds nothing lost, and nothing that had to be deleted.
        for report in gateway.round("reconciler")["reports"]:
            assert (report["lost"]["count"], report["deleted"]["count"]) == (0, 0), report


# -- the document


DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "crashes.md"
_HEAD: Final = """\
# Where a process can end

Written by `make prove` (`FILEGATE_WRITE_DOCS=1`), compared by each run of the tests.

Every call that leaves a function is a point where its process can end: before the call takes
effect, or after that and before anybody learns of it. Below is each call of each operation, as the
operation itself makes them in a fresh process, and what is left to do when the process ends there.
Then a fresh process and the janitor go on, time passes, and ledger, upstream and usage are
compared: they agree, no byte is stuck and none is lost. `API Gateway sends` is the one call that no
function makes.

Appointments and intents are kept by the janitor; the outbox is published by it. *The same request
again* is what an operator's client sends, and it makes nothing twice.
"""


def written(table: Mapping[str, list[Row]]) -> str:
    """The document of a whole table."""
    return "\n".join([_HEAD, *(_section(name, rows) for name, rows in table.items())])


def _section(name: str, rows: list[Row]) -> str:
    lines = [f"## {name[0].upper()}{name[1:]}", ""]
    note = OPERATIONS[name].note
    if note:
        lines += [note, ""]
    lines += ["| call | ends before it | ends after it |", "| --- | --- | --- |"]
    lines += [f"| `{row.call}` | {row.before} | {row.after} |" for row in rows]
    return "\n".join([*lines, ""])


def read_document() -> dict[str, list[Row]]:
    """The rows that the document has, by operation."""
    known = {f"{name[0].upper()}{name[1:]}": name for name in OPERATIONS}
    table: dict[str, list[Row]] = {}
    for title, line in _lines(DOCUMENT.read_text()):
        if line.startswith("| ") and not line.startswith(("| call |", "| --- |")):
            call, before, after = line.strip("| ").split(" | ")
            table.setdefault(known.get(title, title), []).append(
                Row(call.strip("`"), before, after)
            )
    return table


def _lines(text: str) -> Iterator[tuple[str, str]]:
    title = ""
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        yield title, line
