"""Report: the peers' figures as tables, for a terminal and for bench/README.md, and as JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from bench.peers.gets import CONNECTIONS, Gets
from bench.peers.uploads import CHUNKS, Uploads
from bench.report import README, fill, machine, table
from bench.throughput import CHUNK

RESULTS: Final = Path(__file__).with_name("results.json")
FUNCTIONS: Final = "Filegate: its functions"
EDGE: Final = "Filegate: API Gateway's stand-in"


@dataclass
class Figures:
    """All figures of one run, by the name of a peer."""

    gets: dict[str, dict[int, Gets]] = field(default_factory=dict)
    """By number of connections."""
    uploads: dict[str, Uploads] = field(default_factory=dict)
    capabilities: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Why this machine could not have a peer."""

    def to_json(self) -> str:
        """Everything, with the machine it was measured on."""
        return json.dumps({"machine": machine(), **asdict(self)}, indent=2) + "\n"


def tables(figures: Figures) -> dict[str, str]:
    """The tables by the names of their markers in the README."""
    return {
        "peers gets": _gets(figures),
        "peers uploads": _uploads(figures),
        "peers capabilities": _capabilities(figures),
    }


def write(figures: Figures) -> None:
    """Put the tables into bench/README.md and the figures beside this module."""
    README.write_text(fill(README.read_text(), tables(figures)))
    RESULTS.write_text(figures.to_json())


def _gets(figures: Figures) -> str:
    head = ["files.get"]
    for count in CONNECTIONS:
        head += [f"c={count}: req/s", "p50 / p99 ms", "CPU ms"]
    many = CONNECTIONS[-1]
    ours = figures.gets.get("Filegate", {}).get(many)
    yardstick = ours.cpu.get(FUNCTIONS, 0.0) if ours else 0.0
    rows = []
    for peer, found in figures.gets.items():
        for number, part in enumerate(found[many].cpu or {peer: 0.0}):
            row = [part]
            for count in CONNECTIONS:
                row += _get_cells(found[count], part, first=number == 0)
            cpu = found[many].cpu.get(part, 0.0)
            row.append(f"{cpu / yardstick:.2f}" if yardstick and cpu else "")
            row.append(_number(found[many].memory.get(part), ".0f"))
            rows.append(row)
    rows += [[f"{peer}: left out, it {why}", *[""] * 8] for peer, why in figures.left_out.items()]
    return table([*head, "CPU ÷ Filegate's functions", "RSS MiB"], rows)


def _get_cells(one: Gets, part: str, *, first: bool) -> list[str]:
    errors = f", {one.errors} errors" if one.errors else ""
    rate = f"{one.rate:.0f}{errors}" if first else ""
    times = f"{one.p50:.1f} / {one.p99:.1f}" if first else ""
    return [rate, times, _number(one.cpu.get(part), ".2f")]


def _uploads(figures: Figures) -> str:
    rows = []
    for peer, one in figures.uploads.items():
        if one.failure:
            rows.append([f"{peer}: impossible, {one.failure}", "", "", ""])
            continue
        for number, part in enumerate(one.cpu or {peer: 0.0}):
            rate = f"{one.rate:.0f}" if number == 0 else ""
            cpu, most = one.cpu.get(part), one.most.get(part)
            rows.append([part, rate, _number(cpu, ".2f"), _number(most, ".0f")])
    rows += [[f"{peer}: left out, it {why}", "", "", ""] for peer, why in figures.left_out.items()]
    size = f"{CHUNKS * CHUNK >> 20} MiB in 8 MiB chunks"
    return table([size, "MB/s", "CPU s", "most MiB"], rows)


def _capabilities(figures: Figures) -> str:
    found = figures.capabilities
    names = next(iter(found.values()), {})
    rows = [[name, *(column[name] for column in found.values())] for name in names]
    return table(["tried with google-genai", *found], rows)


def _number(value: float | None, form: str) -> str:
    return format(value, form) if value else ""
