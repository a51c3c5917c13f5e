"""Cost report: dollars as tables, from the figures of the last run. `python -m bench.cost_report`.

It runs nothing: where a price or an assumption changes, the tables follow within a second.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from apigateway_standin.stack import read_functions
from apigateway_standin.template import Template
from bench import prices
from bench.costs import (
    BYTES,
    REQUESTS,
    WAITS,
    Bill,
    Declared,
    Dollars,
    Measured,
    bill,
)
from bench.functions import FILES, GENERATE, JANITOR, SESSIONS
from bench.recorder import Cost
from bench.report import README, RESULTS, fill, table
from filegate_local.stack import template_path

_METRIC: Final = re.compile(r"metrics\.add_metric\(\"(\w+)\"")


def bill_of(results: Mapping[str, Any], template: Path | None = None) -> Bill:
    """The bill of the figures in results.json. Raises KeyError where one is missing."""
    place = template or template_path()
    functions = read_functions(Template.load(place))
    cpu = {one["operation"]: float(one["cpu"]) for one in results["latency"]}
    in_process = {one["operation"]: float(one["cpu"]) for one in results["cpu"]}
    cpu["plain chunk"] = float(results["authorizer_cpu"])
    # Its process was measured with plain chunks alone; what it has beyond the handler is the same.
    beyond = cpu["plain chunk"] - in_process["plain chunk (authorizer)"]
    cpu["last chunk"] = in_process["last chunk (authorizer)"] + beyond
    measured = Measured(
        calls={name: Cost(**found) for name, found in results["calls"].items()},
        cpu=cpu,
        memory={name: functions[name].memory for name in (FILES, GENERATE, SESSIONS, JANITOR)},
    )
    return bill(measured, declared(place), call_cpu(results))


def call_cpu(results: Mapping[str, Any]) -> float:
    """CPU ms of one call to DynamoDB: no more than a bare one of boto3, nor than a whole get."""
    return min(float(one["cpu"]) for one in results["cpu"] if "get" in one["operation"])


def declared(template: Path) -> Declared:
    """What the template makes, and what the janitor's code writes in each round."""
    types = re.findall(r"^    Type: (AWS::\S+)$", template.read_text(), re.MULTILINE)
    janitor = template.parent / "functions" / "janitor" / "app.py"
    return Declared(
        secrets=types.count("AWS::SecretsManager::Secret"),
        alarms=types.count("AWS::CloudWatch::Alarm"),
        janitor_metrics=len(set(_METRIC.findall(janitor.read_text()))),
        janitor_memory=read_functions(Template.load(template))[JANITOR].memory,
    )


def tables(found: Bill) -> dict[str, str]:
    """The tables by the names of their markers in the README."""
    return {
        "costs assumed": (
            f"Prices of {prices.AS_OF}. Assumed: {WAITS.read:g} ms for a read or a write, "
            f"{WAITS.transaction:g} ms for a transaction, {WAITS.upstream:g} ms for the File API, "
            f"{WAITS.model / 1000:g} s for a model call; {BYTES.logged:,} bytes of logs a run, "
            f"{BYTES.answered:,} bytes an answer."
        ),
        "costs operations": table(
            ["a million of", "DynamoDB", "Lambda", "API Gateway", "data out", "logs", "$"],
            [[name, *_row(one.times(1e6))] for name, one in found.operations.items()],
        ),
        "costs uploads": table(
            [
                "1,000 uploads of",
                "DynamoDB",
                "Lambda",
                "API Gateway",
                "data out",
                "logs",
                "$",
                "an HTTP API's requests",
            ],
            [
                [name, *_row(one, places=4), f"{http:.4f}"]
                for name, (one, http) in found.uploads.items()
            ],
        ),
        "costs idle": table(
            ["a month of nothing", "$", "$ within AWS's free tier"],
            [
                *(
                    [name, f"{full:.2f}", f"{free:.2f}"]
                    for name, (full, free) in found.idle.items()
                ),
                [
                    "in all",
                    f"{sum(full for full, _ in found.idle.values()):.2f}",
                    f"{sum(free for _, free in found.idle.values()):.2f}",
                ],
                ["each tenant that stores something all month", f"{found.tenant:.4f}", ""],
                ["each upstream project beyond the first", f"{prices.SECRET.dollars:.2f}", ""],
            ],
        ),
        "costs alternatives": table(
            [
                "$ a month",
                *("idle" if not count else f"{count / 1e6:g} million gets" for count in REQUESTS),
                "costs as much as Filegate at",
            ],
            [
                [
                    name,
                    *("beyond it" if one is None else f"{one:,.0f}" for one in months),
                    f"{found.even[name] / 1e6:.0f} million" if name in found.even else "",
                ]
                for name, months in found.months.items()
            ],
        ),
        "prices": table(
            ["price", "$", "for a", "AWS's page"],
            [[one.what, f"{one.dollars:.10g}", one.per, one.source] for one in prices.ALL],
        ),
    }


def _row(one: Dollars, places: int = 3) -> list[str]:
    parts = (one.database, one.functions, one.gateway, one.traffic, one.logs, one.total)
    return [f"{part:,.{places}f}" for part in parts]


def main() -> int:
    """Parse the command line and do what it says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost_report", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    options = parser.parse_args()
    found = tables(bill_of(json.loads(RESULTS.read_text())))
    for name, text in found.items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        README.write_text(fill(README.read_text(), found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
