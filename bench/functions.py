"""Functions: the real handlers, loaded into this process as the template declares them."""

import contextlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

from apigateway_standin.adapter import AdapterRequest
from apigateway_standin.document import Section
from apigateway_standin.environment import Context
from apigateway_standin.functions import environment_variables
from apigateway_standin.stack import Function, read_functions
from apigateway_standin.template import Template
from bench.events import Event
from bench.stack import OPERATOR, LocalStack
from bench.web_function import WebFunction, web_request
from filegate_local.stack import template_path

Handler: TypeAlias = Callable[[Event, Context], dict[str, Any]]

FILES: Final = "FilesFunction"
GENERATE: Final = "GenerateFunction"
STORES: Final = "StoresFunction"
SESSIONS: Final = "SessionsFunction"
JANITOR: Final = "JanitorFunction"
ALL: Final = (FILES, GENERATE, STORES, SESSIONS, JANITOR)


class Functions:
    """The functions on a running stack's DynamoDB and upstream, with a table of their own.

    Loading sets this process's environment variables to what Lambda would set. What the handlers
    print is dropped.
    """

    def __init__(self, stack: LocalStack, table_name: str) -> None:
        resources = json.loads((stack.data / "resources.json").read_text())
        resources["Resources"]["Table"]["Ref"] = table_name
        # Requests are written by the clock, once in a while: here only the first of each function.
        resources["Parameters"]["RequestsCountedEverySeconds"] = "3600"
        template = Template.load(template_path(), Section(resources, "resources"))
        self._declared = read_functions(template)
        self._handlers: dict[str, Handler] = {}
        self._sink = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open as long as the process

    def declared(self, name: str) -> Function:
        """A function as the template declares it."""
        return self._declared[name]

    def environment(self, name: str) -> Mapping[str, str]:
        """A function's environment variables; its own role knows the stack's table alone."""
        return {**environment_variables(self._declared[name]), **OPERATOR}

    def load(self) -> None:
        """Import every function, so that the calls that follow find them warm."""
        for name in ALL:
            self._handler(name)

    def call(self, name: str, event: Event) -> dict[str, Any]:
        """Call a handler with an event; answers what it returns."""
        handler = self._handler(name)
        with contextlib.redirect_stdout(self._sink):
            return handler(event, self._context(name))

    def adapted(self, name: str, event: Event) -> AdapterRequest:
        """The request that the Lambda Web Adapter makes of an event."""
        return web_request(self._declared[name], event, self._context(name))

    def timed_call(self, name: str, event: Event) -> tuple[float, dict[str, Any]]:
        """Call a handler; answers the CPU ms this process spent on it, and what it returns."""
        handler = self._handler(name)
        context = self._context(name)
        with contextlib.redirect_stdout(self._sink):
            before = time.process_time_ns()
            answer = handler(event, context)
            spent = time.process_time_ns() - before
        return spent / 1e6, answer

    def _context(self, name: str) -> Context:
        return Context("bench", self._declared[name].timeout * 1000)

    def _handler(self, name: str) -> Handler:
        if name not in self._handlers:
            os.environ.update(self.environment(name))
            function = self._declared[name]
            with contextlib.redirect_stdout(self._sink):
                module = _import(function)
            self._handlers[name] = (
                module.handler if function.web is None else WebFunction(function, module.app)
            )
        return self._handlers[name]


def _import(function: Function) -> ModuleType:
    """Import a function's `app`; all have that name, so each gets one of its own here."""
    name = f"bench_{function.logical_id}"
    spec = importlib.util.spec_from_file_location(name, function.code / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no app.py in {function.code}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
