"""Crash points: every call that leaves the process, and a process that ends at one of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from filegate.adapters.table import Table

Answer = TypeVar("Answer")


class Crash(BaseException):
    """The process ends here. Not an Exception: no handler of the product may see it."""


@dataclass
class CrashPoints:
    """Lets calls through and remembers them; ends the process at call number `at`."""

    at: int | None = None
    after: bool = False
    """Whether the call takes effect before the process ends."""
    calls: list[str] = field(default_factory=list)

    def pass_through(self, name: str, call: Callable[[], Answer]) -> Answer:
        """Make a call that leaves the process."""
        number = len(self.calls)
        self.calls.append(name)
        if number == self.at and not self.after:
            raise Crash(name)
        try:
            answer = call()
        except Exception:
            if number == self.at:
                raise Crash(name) from None
            raise
        if number == self.at:
            raise Crash(name)
        return answer


class CrashingTable(Table):
    """A table whose every call is a crash point."""

    points = CrashPoints()

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        call = super()._call
        return self.points.pass_through(
            f"dynamodb {operation}", lambda: call(operation, **arguments)
        )


class CrashingTransport(httpx.BaseTransport):
    """An HTTP transport whose every request is a crash point."""

    def __init__(self, points: CrashPoints, transport: httpx.BaseTransport) -> None:
        self._points = points
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        command = request.headers.get("x-goog-upload-command", "")
        name = f"upstream {request.method} {request.url.path.split('/')[1]} {command}".strip()
        return self._points.pass_through(name, lambda: self._transport.handle_request(request))

    def close(self) -> None:
        self._transport.close()
