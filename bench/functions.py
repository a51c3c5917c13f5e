"""Functions: the real handlers, loaded into this process as the template declares them."""

import contextlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from apigateway_standin.document import Section
from apigateway_standin.environment import Context
from apigateway_standin.events import authorizer_event, method_arn, proxy_event, scheduled_event
from apigateway_standin.exchange import Exchange
from apigateway_standin.functions import environment_variables
from apigateway_standin.stack import Function, read_functions
from apigateway_standin.template import Template
from bench.stack import LocalStack
from filegate_local.stack import template_path

Event: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Event, Context], dict[str, Any]]

FILES: Final = "FilesFunction"
SESSIONS: Final = "SessionsFunction"
JANITOR: Final = "JanitorFunction"
ALL: Final = (FILES, SESSIONS, JANITOR)


class Functions:
    """The three functions on a running stack's DynamoDB and upstream, with a table of their own.

    Loading sets this process's environment variables to what Lambda would set. What the handlers
    print is dropped.
    """

    def __init__(self, stack: LocalStack, table_name: str) -> None:
        resources = json.loads((stack.data / "resources.json").read_text())
        resources["Resources"]["Table"]["Ref"] = table_name
        template = Template.load(template_path(), Section(resources, "resources"))
        self._declared = read_functions(template)
        self._handlers: dict[str, Handler] = {}
        self._sink = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open as long as the process

    def declared(self, name: str) -> Function:
        """A function as the template declares it."""
        return self._declared[name]

    def environment(self, name: str) -> Mapping[str, str]:
        """A function's environment variables."""
        return environment_variables(self._declared[name])

    def load(self) -> None:
        """Import every function, so that the calls that follow find them warm."""
        for name in ALL:
            self._handler(name)

    def call(self, name: str, event: Event) -> dict[str, Any]:
        """Call a handler with an event; answers what it returns."""
        handler = self._handler(name)
        with contextlib.redirect_stdout(self._sink):
            return handler(event, Context("bench", self._declared[name].timeout * 1000))

    def timed_call(self, name: str, event: Event) -> tuple[float, dict[str, Any]]:
        """Call a handler; answers the CPU ms this process spent on it, and what it returns."""
        handler = self._handler(name)
        context = Context("bench", self._declared[name].timeout * 1000)
        with contextlib.redirect_stdout(self._sink):
            before = time.process_time_ns()
            answer = handler(event, context)
            spent = time.process_time_ns() - before
        return spent / 1e6, answer

    def _handler(self, name: str) -> Handler:
        if name not in self._handlers:
            os.environ.update(self.environment(name))
            with contextlib.redirect_stdout(self._sink):
                module = _import(self._declared[name])
            self._handlers[name] = module.handler
        return self._handlers[name]


def _import(function: Function) -> ModuleType:
    """Import a function's `app`; all three have that name, so each gets one of its own here."""
    name = f"bench_{function.logical_id}"
    spec = importlib.util.spec_from_file_location(name, function.code / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no app.py in {function.code}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def proxied(
    method: str,
    path: str,
    headers: Mapping[str, str],
    resource: str,
    body: bytes = b"",
) -> Event:
    """The event a function behind API Gateway gets for a request."""
    return proxy_event(_exchange(method, path, headers, resource), body, binary=True)


def authorized(method: str, path: str, headers: Mapping[str, str], resource: str) -> Event:
    """The event an authorizer gets for a request."""
    exchange = _exchange(method, path, headers, resource)
    return authorizer_event(exchange, method_arn(exchange))


def scheduled(at: float) -> Event:
    """The event the janitor gets; `at` in epoch seconds."""
    return scheduled_event("arn:aws:events:us-east-1:0:rule/bench", datetime.fromtimestamp(at, UTC))


def _exchange(method: str, path: str, headers: Mapping[str, str], resource: str) -> Exchange:
    bare, _, query = path.partition("?")
    return Exchange(
        method=method,
        path=bare,
        query_string=query,
        headers=[("Host", "gateway.test"), ("User-Agent", "bench"), *headers.items()],
        source_ip="127.0.0.1",
        scheme="https",
        port=443,
        time=datetime.now(UTC),
        api_id="bench",
        stage="live",
        stage_variables={},
        resource=resource,
        path_parameters=_parameters(resource, bare),
    )


def _parameters(resource: str, path: str) -> dict[str, str]:
    pairs = zip(resource.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: unquote(value) for name, value in pairs if name.startswith("{")}
