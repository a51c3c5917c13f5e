"""Scale: what operations and the janitor ask for with few records, and with very many.

`python -m bench.scale` fills the table by bulk load (bulk.py) and counts again, with the same
counters and the same handlers as calls.py. Nothing is timed but the load.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench.bulk import SIZE, Loader, Stock
from bench.caller import TABLE_NAME, Caller
from bench.counter import Counter
from bench.engine import has_dynamodb_local, run_dynamodb_local
from bench.events import Event, scheduled
from bench.functions import FILES, JANITOR, Functions
from bench.recorder import Cost, Recorder
from bench.report import README, fill, table
from bench.stack import LocalStack, run_stack
from filegate.adapters.table import Item, Table
from filegate.instants import HOUR, MINUTE, SECOND, Instant
from filegate.ledger import Ledger
from filegate.limits import STORAGE_BYTES, Limits
from filegate.names import random_characters
from filegate.project_registry import ProjectRegistry
from filegate.records import DUE_SHARDS, shard_name
from filegate.registry import BOOTSTRAP, Registry
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import Tenant
from filegate_local import aws
from filegate_local.stack import template_path

RESULTS: Final = Path(__file__).with_name("scale.json")
_FEW: Final = 10
"""Files that there are at first."""
_MINISTACK: Final = 100_000
"""Records that MiniStack bears: it reads a whole shard of the index for each query of it."""


@dataclass(frozen=True)
class Extent:
    """Tenants with so many files each; and how many files expire in one minute, one after the
    other."""

    tenants: int
    files: int
    due: tuple[int, ...]

    @property
    def records(self) -> int:
        """All that is loaded."""
        return self.tenants * self.files


FULL: Final = Extent(1_000, 1_000, (0, 100, 1_000, 10_000))
PART: Final = Extent(100, 1_000, (0, 100, 1_000))
SMALL: Final = Extent(10, 100, (0, 10, 50))


@dataclass(frozen=True)
class Operation:
    """What one operation costs with few files, and with many."""

    name: str
    few: Cost
    many: Cost


@dataclass(frozen=True)
class Sweep:
    """What the janitor did about `due` files that expired in one minute, of `existing` in all.

    `each` is what one of them cost beyond the rounds themselves.
    """

    due: int
    existing: int
    rounds: int
    cost: Cost
    each: Mapping[str, float]


@dataclass(frozen=True)
class Shards:
    """How records spread over the shards of the index of what is due."""

    records: int
    least: int
    most: int
    ratio: float
    """The fullest shard by the mean."""
    chi_square: float
    """Of an even spread, with 15 degrees of freedom: above 37.7 in one of a thousand."""

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "Shards":
        """Counts by the names of shards; a shard that is not named has none."""
        found = [counts.get(shard_name(number), 0) for number in range(DUE_SHARDS)]
        total = sum(found)
        mean = total / DUE_SHARDS
        return cls(
            total,
            min(found),
            max(found),
            max(found) / mean,
            sum((count - mean) ** 2 / mean for count in found),
        )


@dataclass(frozen=True)
class Scale:
    """All that was found; `engine` and `records` say by what and how many."""

    engine: str
    records: int
    tenants: int
    load_seconds: float
    operations: list[Operation]
    sweeps: list[Sweep]
    shards: Shards


def measure_scale(stack: LocalStack, extent: Extent, engine: str = "MiniStack") -> Scale:
    """Count with few records, fill the table, and count again."""
    functions = Functions(stack, TABLE_NAME)
    caller = Caller(stack, functions)
    recorder = Recorder(stack, aws.table_properties(template_path()))
    recorder.attach()
    functions.load()
    return _Scale(stack, functions, caller, Counter(functions, recorder)).measure(extent, engine)


_Named: TypeAlias = tuple[str, Callable[[], Event]]


class _Scale:
    def __init__(
        self, stack: LocalStack, functions: Functions, caller: Caller, counter: Counter
    ) -> None:
        dynamodb = stack.service()
        self._functions = functions
        self._caller = caller
        self._counter = counter
        self._table = Table(dynamodb, TABLE_NAME)
        self._registry = Registry(self._table)
        self._loader = Loader(dynamodb, TABLE_NAME)
        self._shards = Tally[str]()
        self._existing = 0

    def measure(self, extent: Extent, engine: str) -> Scale:
        """Everything, in order; what is loaded stays."""
        room = STORAGE_BYTES + 2 * SIZE * (extent.records + 2 * sum(extent.due))
        ProjectRegistry(self._table).change(aws.PROJECT, {"capacity": room}, _now(), BOOTSTRAP)
        self._warm()
        few = self._operations()
        sweeps = list(self._sweeps(extent.due[:-1]))
        began = time.monotonic()
        self._fill(extent)
        seconds = time.monotonic() - began
        many = self._operations()
        sweeps.extend(self._sweeps(extent.due))
        operations = [Operation(name, few[name], many[name]) for name in few]
        return Scale(
            engine,
            extent.records,
            extent.tenants,
            round(seconds, 1),
            operations,
            sweeps,
            Shards.of(self._shards),
        )

    def _warm(self) -> None:
        """Let every function make its clients and read its secrets, as in its first invocation."""
        file = self._caller.finish(self._caller.open())
        if self._caller.sweep(ahead=10)["kept"] != 1:
            raise RuntimeError("the first upload was not settled")
        # Upstream works on it for a while, and the janitor would look at it again and again.
        self._functions.call(FILES, self._caller.delete(file))

    # -- operations

    def _operations(self) -> dict[str, Cost]:
        """The caller's own files are found among all others; of what it asks for there is always
        a page full."""
        caller = self._caller
        caller.renew_key()
        kept = [caller.store() for _ in range(_FEW)]
        self._functions.call(FILES, caller.get(kept[0]))
        operations: list[_Named] = [
            ("list of 10", lambda: caller.list(_FEW)),
            ("get", lambda: caller.get(kept[0])),
            ("start", caller.start),
            ("delete", lambda: caller.delete(kept.pop())),
        ]
        return {name: self._counter.cost(FILES, make()) for name, make in operations}

    # -- the janitor

    def _sweeps(self, waves: tuple[int, ...]) -> Iterator[Sweep]:
        for due in waves:
            _say(f"{due:,} files that expire in one minute, of {self._existing:,}")
            # A minute for itself: nothing else is due in it, once all that is due before is done.
            moment = _now() // SECOND * SECOND + 10 * MINUTE  # An event's time has whole seconds.
            self._load(self._tenant(due), due, moment)
            self._sweep_unseen(moment - MINUTE)
            yield self._sweep(due, moment)

    def _sweep(self, due: int, moment: Instant) -> Sweep:
        total, kept, rounds = Cost(), 0, 0
        idle = self._counter.cost(JANITOR, scheduled((moment - MINUTE) / SECOND))
        while True:
            cost, done = self._counter.count(JANITOR, scheduled(moment / SECOND))
            total, kept, rounds = total + cost, kept + done["kept"], rounds + 1
            planned = not (done["failed"] or done["hours"]) and kept <= due
            if not planned or (done["complete"] and kept < due):
                raise RuntimeError(f"the janitor did other things than planned: {done}")
            if done["complete"]:
                break
        self._existing -= due
        spent, empty = asdict(total), asdict(idle)
        each = {name: (spent[name] - rounds * empty[name]) / (due or 1) for name in spent}
        return Sweep(due, self._existing + due, rounds, total, each)

    def _sweep_unseen(self, moment: Instant) -> None:
        while True:
            done = self._functions.call(JANITOR, scheduled(moment / SECOND))
            if done["complete"] and not (done["kept"] or done["hours"]):
                return

    # -- filling

    def _fill(self, extent: Extent) -> None:
        _say(f"loading {extent.records:,} records")
        for number in range(extent.tenants):
            # Until long after all that is swept here.
            self._load(self._tenant(extent.files), extent.files, _now() + 40 * HOUR)
            if number % 50 == 49:
                _say(f"{self._existing:,} records")

    def _load(self, tenant: Tenant, files: int, expires_at: Instant) -> None:
        if not files:
            return
        stock = self._stock()
        made = stock.files(tenant, files, expires_at - 48 * HOUR, expires_at)
        self._loader.load(self._seen(made))
        self._loader.take(tenant, files)
        self._existing += files

    def _seen(self, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            self._shards[str(item["dueShard"])] += 1
            yield item

    def _stock(self) -> Stock:
        if not hasattr(self, "_made"):
            file = self._caller.store()
            record = Ledger(self._table).find(self._caller.tenant, file)
            if record is None or record.snapshot is None:
                raise RuntimeError("the first file was not stored")
            self._made = Stock.like(record.snapshot)
        return self._made

    def _tenant(self, files: int) -> Tenant:
        tenant = f"b{random_characters(12)}"
        limits = Limits(storage=max(STORAGE_BYTES, 2 * SIZE * files))
        self._registry.create_tenant(tenant, aws.PROJECT, _now(), limits)
        return TenantRegistry(self._table).find(tenant).tenant


def tables(scale: Scale) -> dict[str, str]:
    """The tables by the names of their markers in the README."""
    many = f"{scale.records:,} records"
    return {
        "scale run": f"{scale.records:,} records of {scale.tenants:,} tenants, on {scale.engine}",
        "scale operations": table(
            ["operation", "calls, 10 files", f"calls, {many}", "RRU, WRU", f"RRU, WRU, {many}"],
            [
                [
                    one.name,
                    _calls(one.few),
                    _calls(one.many),
                    f"{one.few.rru:g}, {one.few.wru:g}",
                    f"{one.many.rru:g}, {one.many.wru:g}",
                ]
                for one in scale.operations
            ],
        ),
        "scale janitor": table(
            [
                "due in a minute",
                "of",
                "rounds",
                "reads",
                "transactions",
                "RRU",
                "WRU",
                "RRU each",
                "WRU each",
                "upstream each",
            ],
            [
                [
                    f"{one.due:,}",
                    f"{one.existing:,}",
                    str(one.rounds),
                    f"{one.cost.reads:,}",
                    f"{one.cost.transactions:,}",
                    f"{one.cost.rru:,g}",
                    f"{one.cost.wru:,g}",
                    f"{one.each['rru']:.2f}" if one.due else "",
                    f"{one.each['wru']:.2f}" if one.due else "",
                    f"{one.each['upstream']:.2f}" if one.due else "",
                ]
                for one in scale.sweeps
            ],
        ),
        "scale shards": table(
            ["records", "shards", "fewest", "most", "most ÷ mean", "χ², 15 degrees"],
            [
                [
                    f"{scale.shards.records:,}",
                    str(DUE_SHARDS),
                    f"{scale.shards.least:,}",
                    f"{scale.shards.most:,}",
                    f"{scale.shards.ratio:.4f}",
                    f"{scale.shards.chi_square:.1f}",
                ]
            ],
        ),
    }


def _calls(cost: Cost) -> str:
    return f"{cost.reads} + {cost.writes} + {cost.transactions}"


def main() -> int:
    """Parse the command line and do what it says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument(
        "--part", action="store_true", help=f"{PART.records:,} records instead of {FULL.records:,}"
    )
    parser.add_argument(
        "--small", action="store_true", help="a thousand, as JSON: what a test looks at"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the tables into bench/README.md and scale.json"
    )
    options = parser.parse_args()
    if options.small:
        with run_stack() as stack:
            print(json.dumps(asdict(measure_scale(stack, SMALL))))
        return 0
    extent = PART if options.part else FULL
    with contextlib.ExitStack() as running:
        engine = "MiniStack"
        stack = running.enter_context(run_stack())
        if has_dynamodb_local():
            engine = "DynamoDB Local"
            stack.dynamodb_endpoint = running.enter_context(
                run_dynamodb_local(stack.data, "-Xmx1g", "-XX:+UseSerialGC")
            )
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = stack.dynamodb_endpoint
        elif extent.records > _MINISTACK:
            print(
                f"{extent.records:,} records need DynamoDB Local, and that Java 17 and Maven: left "
                f"out; {PART.records:,} on MiniStack instead",
                file=sys.stderr,
            )
            extent = PART
        scale = measure_scale(stack, extent, engine)
    found = tables(scale)
    for name, text in found.items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        README.write_text(fill(README.read_text(), found))
        RESULTS.write_text(json.dumps(asdict(scale), indent=2) + "\n")
    return 0


def _now() -> Instant:
    return time.time_ns() // 1_000_000


def _say(text: str) -> None:
    print(f"scale: {text} …", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
