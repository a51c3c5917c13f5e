"""Report: the figures as tables, for a terminal and for the README, and as JSON."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.calls import Costs
from bench.coldstart import ColdStart
from bench.cpu import HandlerCpu
from bench.latency import Latency
from bench.memory import Memory
from bench.pictures import bars
from bench.streaming import FirstEvent, Gaps, StreamRate
from bench.throughput import Throughput

README: Final = Path(__file__).with_name("README.md")
RESULTS: Final = Path(__file__).with_name("results.json")
PICTURES: Final = README.parents[1] / "docs" / "pictures"
_COLD_GOALS: Final = {
    "SessionsFunction": 1.0,
    "JanitorFunction": 1.3,
    "FilesFunction": 1.35,
    "GenerateFunction": 1.5,
}
"""Imports of a fresh process, in those of boto3 with one client."""
_CPU_GOALS: Final = {
    "get": 1.0 / 1.3,
    "list of 10": 1.5 / 1.3,
    "start": 2.5 / 1.3,
    "plain chunk (authorizer)": 0.15 / 1.3,
}
"""Milliseconds of a machine on which one get_item of boto3 takes 1.3, in get_items."""


@dataclass
class Figures:
    """All figures of one run."""

    calls: Costs = field(default_factory=dict)
    cpu: list[HandlerCpu] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    authorizer_cpu: float = 0.0
    """CPU ms of the sessions authorizer's process per plain chunk."""
    throughput: list[Throughput] = field(default_factory=list)
    first_event: list[FirstEvent] = field(default_factory=list)
    gaps: list[Gaps] = field(default_factory=list)
    stream_rate: list[StreamRate] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    cold_start: list[ColdStart] = field(default_factory=list)

    def to_json(self) -> str:
        """Everything, with the machine it was measured on."""
        return json.dumps({"machine": machine(), **asdict(self)}, indent=2) + "\n"


def machine() -> dict[str, Any]:
    """What the figures depend on, as far as it may be told."""
    return {"cores": os.cpu_count(), "python": platform.python_version()}


def tables(figures: Figures) -> dict[str, str]:
    """The tables by the names of their markers in the README."""
    return {
        "machine": "{cores} cores, Python {python}".format(**machine()),
        "calls": calls_table(figures.calls),
        "cpu": table(
            ["handler, in process", "× one get_item", "CPU ms"],
            [[one.operation, f"{one.ratio:.2f}", f"{one.cpu:.2f}"] for one in figures.cpu],
        ),
        "latency": table(
            [
                "operation",
                "gateway ÷ straight",
                "added ms, p50",
                "straight p50 / p99",
                "gateway p50 / p99",
                "function's CPU ms",
            ],
            [
                *(_latency_row(one) for one in figures.latency),
                ["plain chunk (authorizer only)", "", "", "", "", f"{figures.authorizer_cpu:.2f}"],
            ],
        ),
        "throughput": table(
            [
                "upload",
                "gateway ÷ straight",
                "of each round",
                "straight MB/s",
                "gateway MB/s",
                "stand-in's CPU s per GB",
            ],
            [_throughput_row(one) for one in figures.throughput],
        ),
        **_streaming_tables(figures),
        "memory": table(
            ["process", "RSS MiB before", "RSS MiB after", "most", "MemorySize"],
            [
                [
                    one.part,
                    f"{one.before:.0f}",
                    f"{one.after:.0f}",
                    "" if one.most is None else f"{one.most:.0f}",
                    str(one.limit or ""),
                ]
                for one in figures.memory
            ],
        ),
        "cold start": table(
            ["fresh process", "× boto3, wall", "× boto3, CPU", "wall ms, best", "CPU ms, best"],
            [
                [
                    one.case,
                    f"{one.wall_ratio:.2f}",
                    f"{one.cpu_ratio:.2f}",
                    f"{one.wall:.0f}",
                    f"{one.cpu:.0f}",
                ]
                for one in figures.cold_start
            ],
        ),
    }


def _streaming_tables(figures: Figures) -> dict[str, str]:
    return {
        "first event": table(
            [
                "time to first event",
                "gateway ÷ straight",
                "added ms, p50",
                "straight p50 / p90",
                "gateway p50 / p90",
                "function's CPU ms",
            ],
            [
                [
                    f"{one.rounds} streams each way",
                    f"{one.ratio:.1f}",
                    f"{one.added_p50:.1f}",
                    f"{one.straight_p50:.1f} / {one.straight_p90:.1f}",
                    f"{one.gateway_p50:.1f} / {one.gateway_p90:.1f}",
                    f"{one.cpu:.2f}",
                ]
                for one in figures.first_event
            ],
        ),
        "event gaps": table(
            ["one event each 50 ms", "gaps", "least ms", "p50 ms", "most ms"],
            [
                [one.way, str(one.count), f"{one.least:.1f}", f"{one.p50:.1f}", f"{one.most:.1f}"]
                for one in figures.gaps
            ],
        ),
        "stream rate": table(
            [
                "stream",
                "gateway ÷ straight",
                "of each round",
                "straight MB/s",
                "gateway MB/s",
                "function's CPU s per GB",
                "stand-in's CPU s per GB",
            ],
            [
                [
                    f"{one.size / 1e6:.1f} MB",
                    f"{one.ratio:.2f}",
                    ", ".join(f"{ratio:.2f}" for ratio in one.ratios),
                    f"{one.straight:.0f}",
                    f"{one.gateway:.0f}",
                    f"{one.function_cpu:.1f}",
                    f"{one.edge_cpu:.1f}",
                ]
                for one in figures.stream_rate
            ],
        ),
    }


def calls_table(costs: Costs) -> str:
    """Calls, units and dollars of each operation."""
    return table(
        ["operation", "reads", "writes", "transactions", "RRU", "WRU", "$ per million", "upstream"],
        [
            [
                name,
                str(cost.reads),
                str(cost.writes),
                str(cost.transactions),
                f"{cost.rru:g}",
                f"{cost.wru:g}",
                f"{cost.dollars:.3f}",
                str(cost.upstream),
            ]
            for name, cost in costs.items()
        ],
    )


def fill(text: str, found: Mapping[str, str]) -> str:
    """The text with what stands between each pair of markers replaced by its table.

    Raises ValueError if a pair is missing: a table would silently go stale.
    """
    for name, table in found.items():
        begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        filled = f"{begin}\n{table}\n{end}"
        text, count = pattern.subn(lambda _match, filled=filled: filled, text)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"{count} pairs of markers for the table {name!r}")
    return text


def write(figures: Figures) -> None:
    """Put the tables into the README, the figures into the results file, and the pictures."""
    README.write_text(fill(README.read_text(), tables(figures)))
    RESULTS.write_text(figures.to_json())
    for name, picture in pictures(figures).items():
        (PICTURES / f"{name}.svg").write_text(picture)


def pictures(figures: Figures) -> dict[str, str]:
    """Cold starts and CPU as bars beside boto3, with what they may be at most, by file name."""
    imports = {
        one.case.removesuffix(": import app"): one.cpu_ratio
        for one in figures.cold_start
        if one.case.endswith(": import app")
    }
    return {
        "cold-start": bars(
            "CPU of a fresh process that imports a function",
            "import boto3, one client",
            imports,
            _COLD_GOALS,
        ),
        "cpu": bars(
            "CPU of one request in its function",
            "one get_item of boto3",
            {one.operation: one.ratio for one in figures.cpu[1:]},
            _CPU_GOALS,
        ),
    }


def _latency_row(one: Latency) -> list[str]:
    return [
        one.operation,
        f"{one.gateway_p50 / one.straight_p50:.1f}",
        f"{one.added_p50:.1f}",
        f"{one.straight_p50:.1f} / {one.straight_p99:.1f}",
        f"{one.gateway_p50:.1f} / {one.gateway_p99:.1f}",
        f"{one.cpu:.2f}",
    ]


def _throughput_row(one: Throughput) -> list[str]:
    return [
        f"{one.size / 2**20:.0f} MiB"
        + (f", {one.files} at once" if one.files > 1 else "")
        + (f", upstream {one.distance * 1000:.0f} ms away" if one.distance else ""),
        f"{one.ratio:.2f}",
        ", ".join(f"{ratio:.2f}" for ratio in one.ratios),
        f"{one.straight:.0f}",
        f"{one.gateway:.0f}",
        f"{one.edge_cpu:.1f}",
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that reads as well in a terminal; numbers are aligned to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        return f"| {' | '.join(padded)} |"

    first, *rest = widths
    rule = f"|{'-' * (first + 2)}|{'|'.join('-' * (width + 1) + ':' for width in rest)}|"
    return "\n".join([line(head), rule, *map(line, rows)])
