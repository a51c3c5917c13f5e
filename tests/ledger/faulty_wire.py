"""A wire to the engine that loses and refuses what a test says, below all retries."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# What a hook before sending answers is taken for the answer, which the stubs do not know.
Hook = Callable[..., None]
Fault = Callable[[AWSPreparedRequest], AWSResponse]

_SESSION = URLLib3Session()


class NotYet(Exception):
    """DynamoDB itself refused: there was no effect whose answer could be lost."""

    def __init__(self, answer: AWSResponse) -> None:
        super().__init__()
        self.answer = answer


def _take_effect(request: AWSPreparedRequest) -> None:
    answer = _SESSION.send(request)
    if answer.status_code != 200:
        raise NotYet(answer)


def lost_before(request: AWSPreparedRequest) -> AWSResponse:
    """The call never reaches DynamoDB."""
    raise ConnectTimeoutError(endpoint_url=request.url)


def lost_after(request: AWSPreparedRequest) -> AWSResponse:
    """The call takes effect, and its answer is lost."""
    _take_effect(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def broken_after(request: AWSPreparedRequest) -> AWSResponse:
    """The call takes effect, and DynamoDB says that it failed within."""
    _take_effect(request)
    return refused("InternalServerError", 500)(request)


def refused(code: str, status: int = 400, reasons: Sequence[str] = ()) -> Fault:
    """DynamoDB refuses the call, a transaction for these reasons."""
    body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}
    if reasons:
        body["CancellationReasons"] = [{"Code": reason} for reason in reasons]

    def refuse(request: AWSPreparedRequest) -> AWSResponse:
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(body).encode()))

    return refuse


def conflicted(writes: int = 1) -> Fault:
    """Another transaction holds the last of the items."""
    reasons = ["None"] * (writes - 1) + ["TransactionConflict"]
    return refused("TransactionCanceledException", reasons=reasons)


@dataclass(frozen=True)
class _Raw:
    content: bytes

    def stream(self, **_: object) -> Iterator[bytes]:
        """What botocore reads of a body."""
        yield self.content


@dataclass
class FaultyWire:
    """Faults for the next writes, in turn, and round again if `for_ever`."""

    faults: deque[Fault] = field(default_factory=deque)
    for_ever: bool = False
    writes: int = 0
    """How many were sent."""

    def attach(self, client: "DynamoDBClient") -> None:
        """Put this between a client and its engine."""
        client.meta.events.register("before-send.dynamodb.*", cast("Hook", self._send))

    def detach(self, client: "DynamoDBClient") -> None:
        """Leave a client alone with its engine."""
        client.meta.events.unregister("before-send.dynamodb.*", cast("Hook", self._send))

    def set(self, *faults: Fault, for_ever: bool = False) -> None:
        """What becomes of the writes from now on."""
        self.faults, self.for_ever = deque(faults), for_ever
        self.writes = 0

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
        if operation in {"GetItem", "BatchGetItem", "Query"}:
            return None
        self.writes += 1
        if not self.faults:
            return None
        fault = self.faults.popleft()
        if self.for_ever:
            self.faults.append(fault)
        try:
            return fault(request)
        except NotYet as refusal:
            self.faults.appendleft(fault)
            return refusal.answer


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
