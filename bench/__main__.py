"""`python -m bench`: measure Filegate on this machine."""

import argparse
import sys
from dataclasses import dataclass

from bench.budget import read_budget, savings, violations
from bench.caller import TABLE_NAME, Caller
from bench.calls import Costs, count_calls
from bench.coldstart import measure_cold_start
from bench.cpu import measure_cpu
from bench.functions import Functions
from bench.latency import measure_authorizer, measure_latency
from bench.memory import compare_memory, read_memory
from bench.recorder import Recorder
from bench.report import Figures, calls_table, tables, write
from bench.stack import LocalStack, run_stack
from bench.streaming import measure_first_event, measure_gaps, measure_stream_rate, open_ways
from bench.throughput import Load, measure_throughput
from filegate_local import aws
from filegate_local.stack import template_path


@dataclass(frozen=True)
class Extent:
    """How often each thing is measured."""

    cpu_rounds: int
    latency_rounds: int
    authorizer_rounds: int
    uploads: tuple[Load, ...]
    streams: int
    paced_streams: int
    large_streams: int
    starts: int


_NEAR = 0.02
"""Seconds to an upstream in the same part of the world."""

FULL = Extent(
    150, 300, 1000, (Load(1, 128, 5), Load(16, 8, 5), Load(1, 128, 3, _NEAR)), 300, 5, 11, 7
)
QUICK = Extent(15, 30, 200, (Load(1, 16, 2), Load(16, 2, 2), Load(1, 16, 1, _NEAR)), 30, 1, 2, 1)


def main() -> int:
    """Parse the command line and do what it says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute")
    parser.add_argument(
        "--write", action="store_true", help="put the tables into bench/README.md and results.json"
    )
    parser.add_argument(
        "--check", action="store_true", help="only count calls; exit 1 if over bench/budget.json"
    )
    options = parser.parse_args()
    with run_stack() as stack:
        if options.check:
            return _check(_calls(stack, *_prepare(stack)))
        figures = _measure(stack, QUICK if options.quick else FULL)
    for name, table in tables(figures).items():
        print(f"\n{name}\n\n{table}")
    if options.write:
        write(figures)
    return 0


def _prepare(stack: LocalStack) -> tuple[Functions, Caller, Recorder]:
    functions = Functions(stack, TABLE_NAME)
    caller = Caller(stack, functions)
    recorder = Recorder(stack, aws.table_properties(template_path()))
    recorder.attach()
    functions.load()
    return functions, caller, recorder


def _calls(stack: LocalStack, functions: Functions, caller: Caller, recorder: Recorder) -> Costs:
    _say("calls and units per operation")
    stack.stop_hashing()
    return count_calls(functions, caller, recorder)


def _check(costs: Costs) -> int:
    budget = read_budget()
    print(calls_table(costs))
    for saving in savings(costs, budget):
        print(f"below budget: {saving}")
    over = violations(costs, budget)
    for violation in over:
        print(f"OVER BUDGET: {violation}")
    return 1 if over else 0


def _measure(stack: LocalStack, extent: Extent) -> Figures:
    functions, caller, recorder = _prepare(stack)
    figures = Figures(calls=_calls(stack, functions, caller, recorder))
    _say("CPU of the handlers")
    figures.cpu = measure_cpu(functions, caller, Caller(stack, functions), extent.cpu_rounds)
    _say("latency")
    figures.latency = measure_latency(stack, extent.latency_rounds)
    figures.authorizer_cpu = measure_authorizer(stack, caller, extent.authorizer_rounds)
    _say("first event, and gaps between events")
    with open_ways(stack) as ways:
        figures.first_event = [measure_first_event(stack, ways, extent.streams)]
        figures.gaps = measure_gaps(stack, ways, extent.paced_streams)
        before = read_memory(stack)
        _say("large streams")
        figures.stream_rate = [measure_stream_rate(stack, ways, extent.large_streams)]
    _say("upload")
    figures.throughput = [measure_throughput(stack, load) for load in extent.uploads]
    figures.memory = compare_memory(functions, before, read_memory(stack))
    _say("cold start")
    figures.cold_start = measure_cold_start(functions, caller, extent.starts)
    return figures


def _say(text: str) -> None:
    print(f"measuring: {text} …", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
