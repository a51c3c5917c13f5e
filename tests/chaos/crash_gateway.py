"""One process of the gateway: the functions' own handlers, with every way out a crash point."""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import ModuleType
from typing import Any, Final, cast
from unittest import mock

import httpx

from apigateway_standin.adapter import adapted
from apigateway_standin.events import authorizer_event, method_arn, proxy_event, scheduled_event
from apigateway_standin.exchange import Exchange
from crash_points import (
    CrashingBus,
    CrashingSecrets,
    CrashingTable,
    CrashingTransport,
    CrashPoints,
)
from crash_world import ADMIN_KEY, SECRETS, World
from engines import ROOT
from filegate.adapters.event_bus import EventBus
from filegate.adapters.secret_store import SecretStore
from filegate.adapters.table import Table
from filegate.adapters.upstream import Upstream
from filegate.adapters.upstream_stream import UpstreamStream
from filegate.edge.admin_wiring import AdminWiring
from filegate.edge.files_wiring import FilesWiring
from filegate.edge.generate_wiring import GenerateWiring
from filegate.edge.janitor_wiring import JanitorWiring
from filegate.edge.logs import LOGGER
from filegate.edge.reconciliation_wiring import ReconciliationWiring
from filegate.edge.stores_wiring import StoresWiring
from filegate.edge.upstream_wiring import UpstreamWiring
from filegate.edge.wiring import Wiring
from filegate.settings import Settings

_SESSION: Final = "/upload/{version}/sessions/{session}"
_STORE_SESSION: Final = "/upload/{version}/storeSessions/{session}"
_ENVIRONMENT: Final = {
    "TABLE_NAME": "unused",
    "SESSION_KEYS_SECRET": "session-keys",
    "PROJECT_SECRET_PREFIX": "projects/",
    "UPSTREAM_URL": "http://upstream.test",
    "ADMIN_SECRET": "admin-key",
    "EVENT_BUS": "bus",
    "REQUESTS_COUNTED_EVERY": "0",
    "POWERTOOLS_SERVICE_NAME": "filegate",
    "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
    "AWS_REGION": "us-east-1",
}


class _Parts(Wiring):
    """The parts of a function in a world, for one process."""

    def __init__(self, world: World, points: CrashPoints) -> None:
        super().__init__(Settings.read(_ENVIRONMENT))
        self._world = world
        self._points = points

    @cached_property
    def table(self) -> Table:
        table = CrashingTable(self._world.client, self._world.table_name)
        table.points = self._points
        return table

    @cached_property
    def secrets(self) -> SecretStore:
        return SecretStore(cast("Any", CrashingSecrets(self._points, SECRETS)))


class _UpstreamParts(_Parts, UpstreamWiring):
    @cached_property
    def upstream(self) -> Upstream:
        transport = CrashingTransport(self._points, self._world.simulator)
        client = httpx.Client(base_url=self.settings.upstream_url, transport=transport)
        return Upstream(client, self.project_keys.in_turn, self.project_health.note)


class _FilesParts(_UpstreamParts, FilesWiring):
    pass


class _StoresParts(_UpstreamParts, StoresWiring):
    pass


class _JanitorParts(_UpstreamParts, JanitorWiring):
    @cached_property
    def _event_bus(self) -> EventBus:
        bus = CrashingBus(self._points, self._world.events)
        return EventBus(cast("Any", bus), self.settings.event_bus)


class _GenerateParts(_UpstreamParts, GenerateWiring):
    @cached_property
    def _stream(self) -> UpstreamStream:
        transport = CrashingTransport(self._points, self._world.simulator)
        client = httpx.AsyncClient(base_url=self.settings.upstream_url, transport=transport)
        return UpstreamStream(client, self.project_keys.in_turn, self.project_health.note)


class _AdminParts(_UpstreamParts, AdminWiring):
    pass


class _ReconcilerParts(_UpstreamParts, ReconciliationWiring):
    pass


_PARTS: Final[Mapping[str, type[_Parts]]] = {
    "files": _FilesParts,
    "stores": _StoresParts,
    "generate": _GenerateParts,
    "sessions": _Parts,
    "admin": _AdminParts,
    "janitor": _JanitorParts,
    "reconciler": _ReconcilerParts,
}


class _Context:
    """What a handler is told of its invocation."""

    aws_request_id = function_name = invoked_function_arn = "crash"
    memory_limit_in_mb = 512

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 600_000


@contextlib.contextmanager
def functions() -> Iterator[Mapping[str, ModuleType]]:
    """The functions, imported as Lambda would; what they print is dropped."""
    level = LOGGER.log_level
    LOGGER.setLevel("CRITICAL")
    with (
        mock.patch.dict(os.environ, _ENVIRONMENT),
        open(os.devnull, "w") as sink,  # noqa: PTH123
        contextlib.redirect_stdout(sink),
    ):
        yield {name: _import(name) for name in _PARTS}
    LOGGER.setLevel(level)


def _import(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"crash_{name}", ROOT / "functions" / name / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Answer:
    """What a client gets; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """Its body."""
        return json.loads(self.text)


class Gateway:
    """A process of each function, young and without memories; ends at a crash point."""

    def __init__(
        self,
        functions: Mapping[str, ModuleType],
        world: World,
        points: CrashPoints | None = None,
    ) -> None:
        self.points = points or CrashPoints()
        self._functions = functions
        self._world = world
        self._started: set[str] = set()

    def break_off(self, act: "Callable[[World, Gateway], None]", call: str) -> None:
        """Do something in another process, which ends after a call of this name."""
        points = CrashPoints(at_call=call, after=True)
        try:
            act(self._world, Gateway(self._functions, self._world, points))
        except BaseException:
            if not points.ended:
                raise
        assert points.ended

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request through API Gateway, with the tenant's key or the operator's."""
        name = _function_of(path)
        own = (
            {"x-filegate-admin-key": ADMIN_KEY}
            if path.startswith("/admin/")
            else {"x-goog-api-key": self._world.key}
        )
        bare = path.partition("?")[0]
        exchange = self._exchange(method, path, {**own, **(headers or {})}, bare)
        event: Any = proxy_event(exchange, body, binary=True)
        module = self._module(name)
        if name == "generate":
            return asyncio.run(_ask_web(module.app, event))
        answer = module.handler(event, _Context())
        found = answer.get("multiValueHeaders") or {}
        listed = {key.lower(): values[0] for key, values in found.items()}
        return Answer(answer["statusCode"], listed, answer["body"] or "")

    def send(self, path: str, command: str, content: bytes, offset: str = "0") -> None:
        """A chunk or command: the authorizer, and if it allows, API Gateway itself."""
        headers = {"x-goog-upload-command": command, "x-goog-upload-offset": offset}
        resource = _STORE_SESSION if "/storeSessions/" in path else _SESSION
        exchange = self._exchange("POST", path, headers, resource)
        event: Any = authorizer_event(exchange, method_arn(exchange))
        admitted = self._module("sessions").handler(event, _Context())["context"]
        assert "uploadId" in admitted, admitted
        self.points.pass_through(
            f"API Gateway sends {admitted['command']}",
            lambda: self._world.simulator.serve(_chunk(admitted, content)),
        )

    def round(self, function: str = "janitor") -> Mapping[str, Any]:
        """A round of the janitor, or a run of the reconciler."""
        # EventBridge tells whole seconds: the one that has just begun.
        at = datetime.fromtimestamp(self._world.now // 1000 + 1, UTC)
        event: Any = scheduled_event("arn:aws:events:us-east-1:0:rule/crash", at)
        answer: Mapping[str, Any] = self._module(function).handler(event, _Context())
        return answer

    def _module(self, name: str) -> ModuleType:
        module = self._functions[name]
        if name not in self._started:
            self._started.add(name)
            module.wiring = _PARTS[name](self._world, self.points)  # type: ignore[attr-defined]
        return module

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], resource: str
    ) -> Exchange:
        bare, _, query = path.partition("?")
        pairs = zip(resource.split("/"), bare.split("/"), strict=True)
        return Exchange(
            method=method,
            path=bare,
            query_string=query,
            headers=[("Host", "gateway.test"), *headers.items()],
            source_ip="127.0.0.1",
            scheme="https",
            port=443,
            time=datetime.fromtimestamp(self._world.now / 1000, UTC),
            api_id="crash",
            stage="live",
            stage_variables={},
            resource=resource,
            path_parameters={name[1:-1]: text for name, text in pairs if name.startswith("{")},
        )


def _function_of(path: str) -> str:
    if path.startswith("/admin/") or path.partition("?")[0].endswith("/usage"):
        return "admin"
    if "/media/" not in path and ("/fileSearchStores" in path or "/ragStores/" in path):
        return "stores"
    streams = ("/models", "/cachedContents", "/batches", "/download/", "/media/")
    return "generate" if any(part in path for part in streams) else "files"


def _chunk(admitted: Mapping[str, str], content: bytes) -> httpx.Request:
    store = admitted.get("store")
    path = "files" if store is None else f"fileSearchStores/{store}:uploadToFileSearchStore"
    return httpx.Request(
        "POST",
        f"http://upstream.test/upload/v1beta/{path}",
        params={"upload_id": admitted["uploadId"], "upload_protocol": "resumable"},
        headers={
            "x-goog-upload-command": admitted["command"],
            "x-goog-upload-offset": admitted.get("offset", "0"),
        },
        content=content,
    )


async def _ask_web(app: Any, event: Any) -> Answer:  # noqa: ANN401
    request = adapted(event, {})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        answer = await client.request(
            request.method, request.target, headers=request.headers, content=request.body
        )
    return Answer(answer.status_code, dict(answer.headers), answer.text)
