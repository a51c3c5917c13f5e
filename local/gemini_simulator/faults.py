"""Faults on demand: latency, refusals, cut connections and lies about what happened."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response

from gemini_simulator.answers import api_error, origin_of
from gemini_simulator.cutting import cut
from gemini_simulator.errors import ApiError
from gemini_simulator.requests import CONTROL_PREFIX, is_session_request, target
from gemini_simulator.rewriting import rewriting

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gemini_simulator.upstream import Upstream

KINDS = (
    "latency",
    "status",
    "drop-before",
    "drop-after",
    "no-status-header",
    "active-after-finalize",
    "malformed-json",
    "redirect",
)


@dataclass(slots=True)
class Fault:
    """One rule: which requests it hits, what happens to them, and how often still."""

    kind: str
    method: str | None = None
    path: re.Pattern[str] | None = None
    command: re.Pattern[str] | None = None
    seconds: float = 1.0
    status: int = 503
    retry_after: str | None = None
    location: str | None = None
    times: int | None = 1

    @classmethod
    def from_json(cls, rule: dict[str, object]) -> Fault:
        """The rule in a control request; raises `ValueError` or `TypeError` on nonsense."""
        match = cast("dict[str, str]", rule.get("match") or {})
        fault = cast("dict[str, str]", rule["fault"])
        if fault["kind"] not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        times = cast("int | None", rule.get("times", 1))
        return cls(
            kind=fault["kind"],
            method=match.get("method"),
            path=re.compile(match["path"]) if "path" in match else None,
            command=re.compile(match["command"]) if "command" in match else None,
            seconds=float(fault.get("seconds", 1.0)),
            status=int(fault.get("status", 503)),
            retry_after=fault.get("retryAfter"),
            location=fault.get("location"),
            times=None if times is None else int(times),
        )

    def to_json(self) -> dict[str, object]:
        """The rule as it stands; `times` is what is left."""
        return {
            "match": {
                "method": self.method,
                "path": self.path.pattern if self.path else None,
                "command": self.command.pattern if self.command else None,
            },
            "fault": {
                "kind": self.kind,
                "seconds": self.seconds,
                "status": self.status,
                "retryAfter": self.retry_after,
                "location": self.location,
            },
            "times": self.times,
        }

    def hits(self, method: str, path: str, command: str) -> bool:
        """Whether the rule is still alive and means this request."""
        return (
            self.times != 0
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or self.path.search(path) is not None)
            and (self.command is None or self.command.search(command) is not None)
        )


class Faults:
    """The rules in the order in which they were set; the first one alive wins."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Set one more rule."""
        self._rules.append(fault)

    def clear(self) -> None:
        """Drop all rules."""
        self._rules.clear()

    def to_json(self) -> list[dict[str, object]]:
        """All rules, used-up ones too."""
        return [fault.to_json() for fault in self._rules]

    def take(self, scope: Scope) -> Fault | None:
        """The rule that hits this request, used once."""
        if not self._rules:
            return None
        command = Headers(scope=scope).get("x-goog-upload-command", "")
        for fault in self._rules:
            if fault.hits(scope["method"], target(scope), command):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class FaultLayer:
    """ASGI middleware that lets a fault happen to the requests a rule means."""

    def __init__(self, app: ASGIApp, upstream: Upstream) -> None:
        self._app = app
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unharmed or not."""
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith(CONTROL_PREFIX):
            fault = self._upstream.faults.take(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["fault"] = fault.kind
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case "status":
                await _refusal(fault, scope)(scope, receive, send)
            case "redirect":
                location = fault.location or origin_of(HTTPConnection(scope)) + target(scope)
                answer = Response(status_code=307, headers={"location": location})
                await answer(scope, receive, send)
            case "drop-before":
                await _drain(receive)
                await cut(scope, receive)
            case "drop-after":
                await self._app(scope, receive, _swallow)
                await cut(scope, receive)
            case "no-status-header":
                await self._app(scope, receive, rewriting(send, _without_status))
            case "active-after-finalize":
                await self._app(scope, receive, rewriting(send, _claiming_active))
            case _:
                await self._app(scope, receive, rewriting(send, _malformed))


def _refusal(fault: Fault, scope: Scope) -> Response:
    headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    if is_session_request(scope):
        # No status header: the upload server itself did not answer (section 3.5).
        return Response("Service unavailable.", fault.status, headers, "text/plain; charset=utf-8")
    status = "UNAVAILABLE" if fault.status >= 500 else "RESOURCE_EXHAUSTED"
    error = ApiError(fault.status, "The service is currently unavailable.", status)
    answer = api_error(error)
    answer.headers.update(headers)
    return answer


async def _drain(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _swallow(message: Message) -> None:
    """Lose an answer."""


def _without_status(headers: MutableHeaders, body: bytes) -> bytes:
    del headers["x-goog-upload-status"]
    return body


def _claiming_active(headers: MutableHeaders, body: bytes) -> bytes:
    if headers.get("x-goog-upload-status") != "final":
        return body
    headers["x-goog-upload-status"] = "active"
    return b""


def _malformed(headers: MutableHeaders, body: bytes) -> bytes:
    headers.setdefault("content-type", "application/json; charset=UTF-8")
    return body[: len(body) // 2] if body else json.dumps({"file": {}})[:5].encode()
