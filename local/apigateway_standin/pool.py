"""A pool of execution environments: each busy with one request, started when none is idle."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from apigateway_standin.stack import Function

INIT_TIMEOUT = 60.0
"""Seconds an environment may take to start; generous, as a desk is no Lambda host."""


@dataclass(frozen=True, slots=True)
class FunctionError:
    """A failed invocation as Lambda reports it; `kind` says how it came about."""

    kind: str
    message: str
    report: dict[str, Any]


class Environment(Protocol):
    """What a pool needs to know of an environment."""

    @property
    def pid(self) -> int:
        """The process of the function."""

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""

    async def stop(self, *, kill: bool) -> None:
        """End it: at once, or by letting it end itself."""


E = TypeVar("E", bound=Environment)


class Pool(ABC, Generic[E]):
    """The environments of one function: one request at a time each, at most `limit` of them.

    An environment is started when none is idle, is never stopped for idling, and is replaced after
    a crash or a timeout ("Understanding the Lambda execution environment lifecycle"). Where Lambda
    would throttle beyond its concurrency, a call waits for its turn.
    """

    def __init__(self, function: Function, limit: int, log_dir: Path | None) -> None:
        self.function = function
        self._log_path = None if log_dir is None else log_dir / f"{function.logical_id}.log"
        self._turn = asyncio.Semaphore(limit)
        self._idle: list[E] = []
        self._all: list[E] = []

    @property
    def pids(self) -> list[int]:
        """Process ids of the live environments."""
        return [one.pid for one in self._all if one.alive]

    async def warm(self) -> FunctionError | None:
        """Start the first environment; an init error is returned and met again by each call."""
        async with self._turn:
            started = await self._start()
            if isinstance(started, FunctionError):
                return started
            self._idle.append(started)
            return None

    async def close(self) -> None:
        """Stop every environment; one that is busy is killed."""
        idle = set(map(id, self._idle))
        await asyncio.gather(*(one.stop(kill=id(one) not in idle) for one in self._all))
        self._idle.clear()
        self._all.clear()

    @abstractmethod
    async def _start(self) -> E | FunctionError:
        """A new environment, registered in `_all`, or why there is none."""

    async def _take(self) -> E | FunctionError:
        while self._idle:
            environment = self._idle.pop()
            if environment.alive:
                return environment
            await self._discard(environment)
        return await self._start()

    def _give_back(self, environment: E) -> None:
        if environment.alive:
            self._idle.append(environment)

    async def _discard(self, environment: E) -> None:
        self._all.remove(environment)
        await environment.stop(kill=True)

    def _output(self) -> IO[bytes]:
        if self._log_path is None:
            return os.fdopen(os.dup(2), "wb")
        return self._log_path.open("ab")

    def _note(self, line: str) -> None:
        with self._output() as output:
            output.write(line.encode() + b"\n")


def failure(kind: str, name: str, message: str) -> FunctionError:
    """An error that Lambda itself reports, under its own error type."""
    return FunctionError(kind, message, {"errorType": name, "errorMessage": message})


def timed_out(seconds: int) -> FunctionError:
    """The error of a function that was killed at its timeout."""
    return failure("timeout", "Sandbox.Timedout", f"Task timed out after {seconds}.00 seconds")
