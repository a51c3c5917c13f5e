"""`python -m bench.simulation`: carry the counted units to 100,000 tenants on 1,000 projects."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.cost_report import call_cpu
from bench.pictures import chart
from bench.recorder import Cost
from bench.report import README, RESULTS, fill, table
from bench.simulation.contention import Starts, fleet, one_project
from bench.simulation.parameters import Parameters
from bench.simulation.population import Population
from bench.simulation.rounds import Day, Manner, day
from bench.simulation.walls import Wall, walls

FOUND: Final = Path(__file__).with_name("found.json")
PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"

MANNERS: Final = (
    Manner("all at once, shards in order"),
    Manner("all at once, shards in turn", rotating=True),
    Manner("over 50 minutes, in turn", spread=True, rotating=True),
    Manner("the same, 1,769 MB", spread=True, rotating=True, memory=1_769),
)
TENANTS: Final = (1_000, 10_000, 30_000, 100_000)
PROJECT_RATES: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)
FLEET_RATES: Final = (12.0, 50.0, 100.0, 200.0, 300.0)
_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Found:
    """All that was found."""

    parameters: Parameters
    placement: Mapping[str, float]
    project: list[Starts]
    fleet: list[Starts]
    days: list[Day]
    walls: list[Wall]


def simulate(parameters: Parameters, life: Cost) -> Found:
    """Everything; `life` is what an upload's whole life costs."""
    population = Population.of(parameters)
    loads = population.loads
    promised = population.promised
    project = [one_project(parameters, rate, _SECONDS) for rate in PROJECT_RATES]
    return Found(
        parameters,
        {
            "promised, most ÷ mean": max(promised) / (sum(promised) / len(promised)),
            "uploads, most ÷ mean": max(loads) * len(loads),
            "share of the busiest tenant": population.busiest,
            "tenants": float(parameters.tenants),
            "projects": float(parameters.projects),
        },
        project,
        [fleet(population, parameters, rate, _SECONDS) for rate in FLEET_RATES],
        [
            day(parameters, tenants, manner, per_day=parameters.uploads_a_day)
            for manner in MANNERS
            for tenants in TENANTS
        ],
        walls(parameters, life, loads, population.busiest, project),
    )


def tables(found: Found) -> dict[str, str]:
    """The tables by the names of their markers in the README."""
    return {
        "simulation project": _starts(found.project, "starts/s on one project"),
        "simulation fleet": _starts(found.fleet, "starts/s of all tenants"),
        "simulation janitor": table(
            [
                "closing of hours",
                "tenants",
                "files late, p99",
                "at most",
                "hours late, p99",
                "at most",
                "left after a day",
                "at work",
            ],
            [
                [
                    one.manner,
                    f"{one.tenants:,}",
                    _time(one.file_p99),
                    _time(one.file_most),
                    _time(one.hour_p99),
                    _time(one.hour_most),
                    f"{one.left:,}",
                    f"{one.busy:.0%}",
                ]
                for one in found.days
            ],
        ),
        "simulation placement": table(
            [
                "tenants",
                "projects",
                "promised bytes, most ÷ mean",
                "uploads, most ÷ mean",
                "busiest tenant's uploads",
            ],
            [
                [
                    f"{found.placement['tenants']:,.0f}",
                    f"{found.placement['projects']:,.0f}",
                    f"{found.placement['promised, most ÷ mean']:.3f}",
                    f"{found.placement['uploads, most ÷ mean']:.1f}",
                    f"{found.placement['share of the busiest tenant']:.1%}",
                ]
            ],
        ),
        "simulation walls": table(
            ["what gives way", "it bears", "starts/s of all tenants", "then"],
            [
                [one.what, one.bears, "" if one.starts is None else f"{one.starts:,.0f}", one.then]
                for one in found.walls
            ],
        ),
    }


def pictures(found: Found) -> dict[str, str]:
    """SVGs by file name."""
    most = max(TENANTS)
    return {
        "starts.svg": chart(
            "Starts on one project's item: those that meet another transaction",
            "starts a second on one project",
            "%",
            {
                "tried again": [(one.rate, one.conflicts * 100) for one in found.project],
                "told 503": [(one.rate, one.refused * 100) for one in found.project],
            },
        ),
        "latency.svg": chart(
            "How long a start's transaction takes",
            "starts a second on one project",
            "ms",
            {
                "p50": [(one.rate, one.p50) for one in found.project],
                "p99": [(one.rate, one.p99) for one in found.project],
            },
            log_up=True,
        ),
        "partitions.svg": chart(
            "WRU a second of the busiest items, by the load of all tenants",
            "starts a second of all tenants",
            "WRU/s",
            {
                "busiest project": [(one.rate, one.hottest_project) for one in found.fleet],
                "busiest tenant": [(one.rate, one.hottest_tenant) for one in found.fleet],
                "a shard of the index": [(one.rate, one.rate * 6 / 16) for one in found.fleet],
            },
            log_across=True,
            log_up=True,
            wall=("1,000 WCU", found.parameters.write_wall),
        ),
        "janitor.svg": chart(
            f"How late the janitor is, {most:,} tenants",
            "hour of the day",
            "minutes",
            {
                one.manner: [
                    (minute / 60, max(one.lags[minute : minute + 10]) / 60)
                    for minute in range(0, len(one.lags), 10)
                ]
                for one in found.days
                if one.tenants == most
            },
            log_up=True,
        ),
        "placement.svg": chart(
            f"Projects by load, {found.parameters.tenants:,} tenants placed one after the other",
            "projects, busiest first",
            "× mean",
            _placement(found.parameters),
            log_across=True,
            log_up=True,
        ),
    }


def _placement(parameters: Parameters) -> dict[str, list[tuple[float, float]]]:
    population = Population.of(parameters)
    lines = {}
    for name, values in (("uploads", population.loads), ("promised", population.promised)):
        mean = sum(values) / len(values)
        ordered = sorted(values, reverse=True)
        shown = sorted(
            {round(10 ** (step / 10)) for step in range(31)} & set(range(len(values) + 1))
        )
        lines[name] = [(float(rank), ordered[rank - 1] / mean) for rank in shown]
    return lines


def _starts(found: list[Starts], head: str) -> str:
    return table(
        [
            head,
            "tried again",
            "told 503",
            "p50 ms",
            "p99 ms",
            "busiest project's item, WRU/s",
            "busiest tenant's, WRU/s",
        ],
        [
            [
                f"{one.rate:g}",
                f"{one.conflicts:.1%}",
                f"{one.refused:.1%}",
                f"{one.p50:.0f}",
                f"{one.p99:.0f}",
                f"{one.hottest_project:.0f}",
                f"{one.hottest_tenant:.0f}",
            ]
            for one in found
        ],
    )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def measured_parameters(results: Mapping[str, Any]) -> Parameters:
    """The parameters, with the CPU of a call as it was measured last (bench/results.json)."""
    return replace(Parameters(), call_cpu=call_cpu(results) / 1000)


def main() -> int:
    """Parse the command line and do what it says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="put tables and pictures where they are kept"
    )
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text())
    life = Cost(**results["calls"]["an upload's whole life"])
    found = simulate(measured_parameters(results), life)
    for name, text in tables(found).items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        README.write_text(fill(README.read_text(), tables(found)))
        kept = replace(found, days=[replace(one, lags=()) for one in found.days])
        FOUND.write_text(json.dumps(asdict(kept), indent=2, ensure_ascii=False) + "\n")
        PICTURES.mkdir(exist_ok=True)
        for name, picture in pictures(found).items():
            (PICTURES / name).write_text(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
