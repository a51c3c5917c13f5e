"""Crash points: every call that leaves the process, and a process that ends at one of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx

from filegate.adapters.table import Table
from in_process import Simulator

Answer = TypeVar("Answer")

_KNOWN: Final = re.compile(
    r"upload|download|v1|v1beta|files|models|cachedContents|batches|fileSearchStores|documents"
    r"|operations|media"
)


class Crash(BaseException):
    """The process ends here. Not an Exception: no handler of the product may see it."""


@dataclass
class CrashPoints:
    """Lets calls through and remembers them; ends the process at call number `at`."""

    at: int | None = None
    after: bool = False
    """Whether the call takes effect before the process ends."""
    at_call: str | None = None
    """What the name of the call begins with, if not its number is known."""
    calls: list[str] = field(default_factory=list)
    ended: bool = False
    """Whether the process is over: nothing leaves it any more, whatever it has left to clean up."""

    def pass_through(self, name: str, call: Callable[[], Answer]) -> Answer:
        """Make a call that leaves the process."""
        if self.ended:
            raise Crash(name)
        number = len(self.calls)
        self.calls.append(name)
        here = number == self.at or (self.at_call is not None and name.startswith(self.at_call))
        if here and not self.after:
            self._end(name)
        try:
            answer = call()
        except Exception:
            if here:
                self._end(name)
            raise
        if here:
            self._end(name)
        return answer

    def _end(self, name: str) -> None:
        self.ended = True
        raise Crash(name) from None


class CrashingTable(Table):
    """A table whose every call is a crash point."""

    points = CrashPoints()

    def impatient(self) -> "Table":
        """The same, with the same points."""
        table = CrashingTable(self._client, self._name, patience=0)
        table.points = self.points
        return table

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        call = super()._call
        items = ", ".join(_items_of(arguments))
        return self.points.pass_through(
            f"DynamoDB {operation} {items}", lambda: call(operation, **arguments)
        )


def _items_of(arguments: Mapping[str, Any]) -> Sequence[str]:
    """What kinds of items a call is about, by the first part of their keys."""
    if "KeyConditionExpression" in arguments:
        values = arguments["ExpressionAttributeValues"]
        if "IndexName" in arguments:
            return ["what is due"]
        return [_kind(values[":pk"]["S"], values.get(":sk", {"S": ""})["S"])]
    keys = list(_keys(arguments))
    return list(dict.fromkeys(_kind(key["pk"]["S"], key["sk"]["S"]) for key in keys))


def _keys(arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for asked in arguments.get("RequestItems", {}).values():
        yield from asked["Keys"]
    for entry in arguments.get("TransactItems", ()):
        for action in entry.values():
            yield action.get("Key") or action["Item"]
    if "Key" in arguments:
        yield arguments["Key"]


def _kind(pk: str, sk: str) -> str:
    of_tenant = pk.startswith("TENANT#") and sk
    return (sk if of_tenant else pk).partition("#")[0]


class CrashingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An HTTP transport to the simulator whose every request is a crash point."""

    def __init__(self, points: CrashPoints, simulator: Simulator) -> None:
        self._points = points
        self._simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        request.read()
        return self._points.pass_through(_named(request), lambda: self._simulator.serve(request))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, whole: where it breaks in the middle is not a matter of calls."""
        await request.aread()
        return self._points.pass_through(_named(request), lambda: self._simulator.serve(request))


def _named(request: httpx.Request) -> str:
    path = "/".join(_part(part) for part in request.url.path.split("/"))
    command = request.headers.get("x-goog-upload-command", "")
    return f"upstream {request.method} {path} {command}".strip()


def _part(part: str) -> str:
    name, colon, action = part.partition(":")
    return (name if not name or _KNOWN.fullmatch(name) else "*") + colon + action


class CrashingSecrets:
    """Secrets Manager, of which every read is a crash point."""

    def __init__(self, points: CrashPoints, secrets: Mapping[str, str]) -> None:
        self._points = points
        self._secrets = secrets

    def call(self, operation: str, arguments: Mapping[str, str]) -> Mapping[str, str]:
        """The one call that is made."""
        assert operation == "GetSecretValue"
        name = arguments["SecretId"]
        kind = name.partition("/")[0]
        return self._points.pass_through(
            f"secrets GetSecretValue {kind}", lambda: {"SecretString": self._secrets[name]}
        )


class CrashingBus:
    """EventBridge, of which every call is a crash point; remembers the events it took."""

    def __init__(self, points: CrashPoints, taken: list[str]) -> None:
        self._points = points
        self._taken = taken

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The one call that is made."""
        assert operation == "PutEvents"
        entries = arguments["Entries"]

        def take() -> Mapping[str, Any]:
            self._taken.extend(str(entry["Detail"]) for entry in entries)
            return {"Entries": [{} for _ in entries]}

        return self._points.pass_through("events PutEvents", take)
