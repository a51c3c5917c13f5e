"""Functions that are invoked with events, and their execution environments."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apigateway_standin.limits import MAX_INVOCATION
from apigateway_standin.pool import INIT_TIMEOUT, FunctionError, Pool, failure, timed_out
from apigateway_standin.template import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.stack import Function

_LENGTH = struct.Struct(">I")
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of one invocation: the JSON result, or the error."""

    payload: bytes
    error: FunctionError | None = None


class _Died(Exception):
    """The worker closed its socket."""


class _Environment:
    """One worker process, busy with at most one event."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None and not self._reader.at_eof()

    async def receive(self) -> bytes:
        try:
            [length] = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _Died from error

    async def exchange(self, settings: bytes, event: bytes) -> tuple[bytes, bytes]:
        try:
            # In one write: each would wake the worker by itself.
            frames = [_LENGTH.pack(len(one)) + one for one in (settings, event)]
            self._writer.write(b"".join(frames))
            await self._writer.drain()
        except ConnectionError as error:
            raise _Died from error
        return await self.receive(), await self.receive()

    async def stop(self, *, kill: bool) -> None:
        """End the worker: by closing its socket, or at once."""
        if kill:
            self.process.kill()
        self._writer.close()
        try:
            await asyncio.wait_for(asyncio.to_thread(self.process.wait, 1), 2)
        except (subprocess.TimeoutExpired, TimeoutError):
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


class FunctionPool(Pool[_Environment]):
    """The environments of a function that is invoked with events."""

    def __init__(self, function: Function, limit: int, log_dir: Path | None) -> None:
        super().__init__(function, limit, log_dir)
        self._variables = environment_variables(function)

    async def invoke(self, event: bytes) -> Invocation:
        """Invoke the function with a JSON event, waiting for a free environment if need be."""
        async with self._turn:
            environment = await self._take()
            if isinstance(environment, FunctionError):
                return _failed(environment)
            outcome = await self._run(environment, event)
            self._give_back(environment)
            return outcome

    async def _run(self, environment: _Environment, event: bytes) -> Invocation:
        request_id = str(uuid.uuid4())
        timeout = self.function.timeout
        settings = json.dumps({"requestId": request_id, "timeoutMs": timeout * 1000}).encode()
        try:
            async with asyncio.timeout(timeout):
                status, payload = await environment.exchange(settings, event)
        except TimeoutError:
            await self._discard(environment)
            error = timed_out(timeout)
        except _Died:
            await self._discard(environment)
            code = environment.process.returncode
            error = failure("crash", "Runtime.ExitError", f"Runtime exited with status {code}")
        else:
            if json.loads(status)["ok"]:
                if len(payload) <= MAX_INVOCATION:
                    return Invocation(payload)
                error = failure(
                    "size",
                    "Function.ResponseSizeTooLarge",
                    f"Response payload size ({len(payload)} bytes) exceeded maximum allowed "
                    f"payload size ({MAX_INVOCATION} bytes).",
                )
            else:
                report = json.loads(payload)
                return _failed(FunctionError("raised", report["errorMessage"], report))
        self._note(f"[ERROR] {error.message} RequestId: {request_id}")
        return _failed(error)

    async def _start(self) -> _Environment | FunctionError:
        ours, theirs = socket.socketpair()
        with theirs, self._output() as output:
            process = subprocess.Popen(  # noqa: ASYNC220 - a fork of milliseconds, on a cold start
                [
                    *(sys.executable, "-m", "apigateway_standin.environment"),
                    *(str(theirs.fileno()), self.function.handler),
                ],
                cwd=self.function.code,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                # Ctrl-C on the terminal is for the server; it ends the workers itself.
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        environment = _Environment(process, reader, writer)
        self._all.append(environment)
        try:
            async with asyncio.timeout(INIT_TIMEOUT):
                hello = json.loads(await environment.receive())
        except (TimeoutError, _Died):
            hello = {"initError": failure("init", "Runtime.ExitError", "init failed").report}
        if "initError" not in hello:
            return environment
        await self._discard(environment)
        report = hello["initError"]
        return FunctionError("init", report["errorMessage"], report)


def environment_variables(function: Function) -> dict[str, str]:
    """The variables of an environment: nothing of the server's own but a few of its surroundings.

    Source: "Defined runtime environment variables"; the credentials are plain test values.
    """
    package_root = Path(__file__).resolve().parent.parent
    layers = [path for layer in function.layers for path in (layer, layer / "python")]
    search = [function.code, *(path for path in layers if path.is_dir()), package_root]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **inherited,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "TZ": ":UTC",
        **function.environment,
        "PYTHONPATH": os.pathsep.join(map(str, search)),
    }


def make_pools(
    functions: Mapping[str, Function], limit: int, log_dir: Path | None
) -> dict[str, FunctionPool]:
    """A pool for each function that takes events, by logical id."""
    return {
        name: FunctionPool(one, limit, log_dir)
        for name, one in functions.items()
        if one.web is None
    }


def _failed(error: FunctionError) -> Invocation:
    return Invocation(json.dumps(error.report).encode(), error)
