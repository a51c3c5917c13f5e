"""A wire to the engine that loses and refuses what a test says, below all retries."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filegate.adapters.aws_service import AwsService, AwsUnavailable, Reply, Wire

Send = Callable[[], Reply]
"""Lets a request through to the engine."""
Fault = Callable[[Send], Reply]


class NotYet(Exception):
    """DynamoDB itself refused: there was no effect whose answer could be lost."""

    def __init__(self, answer: Reply) -> None:
        super().__init__()
        self.answer = answer


def _take_effect(send: Send) -> None:
    answer = send()
    if answer.status != 200:
        raise NotYet(answer)


def lost_before(_send: Send) -> Reply:
    """The call never reaches DynamoDB."""
    raise AwsUnavailable("ConnectTimeoutError", unsent=True)


def lost_after(send: Send) -> Reply:
    """The call takes effect, and its answer is lost."""
    _take_effect(send)
    raise AwsUnavailable("ReadTimeoutError")


def broken_after(send: Send) -> Reply:
    """The call takes effect, and DynamoDB says that it failed within."""
    _take_effect(send)
    return refused("InternalServerError", 500)(send)


def refused(code: str, status: int = 400, reasons: Sequence[str] = ()) -> Fault:
    """DynamoDB refuses the call, a transaction for these reasons."""
    body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}
    if reasons:
        body["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return lambda _send: Reply(status, json.dumps(body).encode())


def conflicted(writes: int = 1) -> Fault:
    """Another transaction holds the last of the items."""
    reasons = ["None"] * (writes - 1) + ["TransactionConflict"]
    return refused("TransactionCanceledException", reasons=reasons)


@dataclass
class FaultyWire:
    """Faults for the next writes, in turn, and round again if `for_ever`."""

    faults: deque[Fault] = field(default_factory=deque)
    for_ever: bool = False
    writes: int = 0
    """How many were sent."""
    _inner: Wire = field(init=False)

    def attach(self, service: AwsService) -> None:
        """Put this between a service and its engine."""
        self._inner, service.wire = service.wire, self

    def detach(self, service: AwsService) -> None:
        """Leave a service alone with its engine."""
        service.wire = self._inner

    def set(self, *faults: Fault, for_ever: bool = False) -> None:
        """What becomes of the writes from now on."""
        self.faults, self.for_ever = deque(faults), for_ever
        self.writes = 0

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request once, if no fault is due."""

        def send() -> Reply:
            return self._inner.post(headers, body)

        operation = headers["x-amz-target"].partition(".")[2]
        if operation in {"GetItem", "BatchGetItem", "Query"}:
            return send()
        self.writes += 1
        if not self.faults:
            return send()
        fault = self.faults.popleft()
        if self.for_ever:
            self.faults.append(fault)
        try:
            return fault(send)
        except NotYet as refusal:
            self.faults.appendleft(fault)
            return refusal.answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class PatientClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds, as in `time`."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += max(seconds, 0.001)
