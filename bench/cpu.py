"""CPU: what a handler itself computes, event in, answer out, beside one bare boto3 call.

The engine and the simulator run in other processes, so their time is not in it, however slow they
are; it is the process CPU of this process, in nanoseconds, and the yardstick is in the same loop.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3

from bench.caller import TABLE_NAME, Caller
from bench.functions import FILES, SESSIONS, Functions
from bench.samples import p50

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from bench.events import Event

YARDSTICK: Final = "one boto3 get_item"
_WARM_UP: Final = 5


@dataclass(frozen=True)
class HandlerCpu:
    """CPU ms of one call of a handler, median; `ratio` to one bare get_item of the same loop."""

    operation: str
    cpu: float
    ratio: float


def measure_cpu(
    functions: Functions, caller: Caller, reader: Caller, rounds: int
) -> list[HandlerCpu]:
    """Each operation `rounds` times, in turn.

    `reader` is another tenant: its lists do not meet the uploads that are opened here.
    """
    client = boto3.client("dynamodb")
    for _ in range(10):
        kept = reader.store()
    upload = caller.open()
    operations: dict[str, tuple[str, Callable[[], Event]]] = {
        "get": (FILES, lambda: reader.get(kept)),
        "list of 10": (FILES, lambda: reader.list(10)),
        "start": (FILES, caller.start),
        "delete": (FILES, lambda: caller.delete(caller.store())),
        "plain chunk (authorizer)": (SESSIONS, lambda: caller.plain_chunk(upload)),
        "last chunk (authorizer)": (SESSIONS, lambda: caller.last_chunk(caller.open())),
    }
    spent: dict[str, list[float]] = {YARDSTICK: [], **{name: [] for name in operations}}
    for number in range(rounds + _WARM_UP):
        found = {YARDSTICK: _get_item(client)}
        for name, (function, make) in operations.items():
            event = make()
            found[name], _ = functions.timed_call(function, event)
        if number >= _WARM_UP:
            for name, cpu in found.items():
                spent[name].append(cpu)
    unit = p50(spent[YARDSTICK])
    return [HandlerCpu(name, p50(times), p50(times) / unit) for name, times in spent.items()]


def _get_item(client: "DynamoDBClient") -> float:
    before = time.process_time_ns()
    client.get_item(
        TableName=TABLE_NAME,
        Key={"pk": {"S": "PROJECT#default"}, "sk": {"S": "PROJECT"}},
        ConsistentRead=True,
    )
    return (time.process_time_ns() - before) / 1e6
