"""Functions that are web servers behind the AWS Lambda Web Adapter, and their environments."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from apigateway_standin import leash
from apigateway_standin.functions import environment_variables
from apigateway_standin.pool import INIT_TIMEOUT, FunctionError, Pool, failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from apigateway_standin.adapter import AdapterRequest
    from apigateway_standin.stack import Function

_HOST = "127.0.0.1"
# layer/bootstrap of the adapter, word for word.
_BOOTSTRAP = 'exec -- "${LAMBDA_TASK_ROOT}/${_HANDLER}"'
_READINESS_INTERVAL = 0.01
_PROBE_TIMEOUT = 2.0
_KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept, as the adapter does: less than the five after which uvicorn
and others close theirs."""
_READ_BUFFER = 1024 * 1024
_LINE = 64 * 1024


class Condition(Enum):
    """What a request left of its environment."""

    SOUND = auto()
    SUSPECT = auto()
    CONDEMNED = auto()


class Unstartable(Exception):
    """There is no environment: the function does not start."""


class WebEnvironment:
    """One web server and the connections to it; `condition` is set by whoever uses it."""

    def __init__(
        self, process: subprocess.Popen[bytes], line: socket.socket, port: int, readiness: str
    ) -> None:
        self.condition = Condition.SOUND
        self.pid = process.pid
        self._process = process
        self._line = line
        self._origin = f"http://{_HOST}:{port}"
        self._readiness = URL(self._origin + readiness, encoded=True)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            read_bufsize=_READ_BUFFER,
            max_line_size=_LINE,
            max_field_size=_LINE,
        )

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How the process ended."""
        return self._process.poll()

    async def started(self) -> bool:
        """Wait until the server is ready; False if it ends instead.

        Ready is a status from 100 to 499 at the readiness path, asked for every 10 ms
        (`check_web_readiness` of the adapter).
        """
        pid = await asyncio.get_running_loop().sock_recv(self._line, 32)
        if not pid:
            return False
        self.pid = int(pid)
        while not await self.ready():
            if not self.alive:
                return False
            await asyncio.sleep(_READINESS_INTERVAL)
        return True

    async def ready(self) -> bool:
        """Whether the server answers its readiness check."""
        try:
            async with self._session.get(self._readiness, allow_redirects=False) as answer:
                return answer.status < 500
        except aiohttp.ClientError:
            return False

    @asynccontextmanager
    async def request(self, request: AdapterRequest) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; leaving before the end of the answer closes the connection."""
        async with self._session.request(
            request.method,
            URL(self._origin + request.target, encoded=True),
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
        ) as answer:
            try:
                yield answer
            except BaseException:
                answer.close()
                raise

    async def stop(self, *, kill: bool) -> None:
        """End the server: with SIGTERM and a little time, or at once."""
        await self._session.close()
        if kill:
            with suppress(OSError):
                self._line.send(b"k")
        self._line.close()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._process.wait, 3), 4)
        except (subprocess.TimeoutExpired, TimeoutError):
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


class WebPool(Pool[WebEnvironment]):
    """The environments of a web function."""

    def __init__(self, function: Function, limit: int, log_dir: Path | None) -> None:
        super().__init__(function, limit, log_dir)
        assert function.web is not None  # noqa: S101 - make_web_pools picks those that have it
        self._readiness = function.web.readiness_path
        variables = environment_variables(function)
        # `python` in the handler's script is the interpreter that runs the stand-in.
        search = (str(Path(sys.executable).parent), variables.get("PATH", os.defpath))
        self._variables = {**variables, "PATH": os.pathsep.join(search)}

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[WebEnvironment]:
        """An environment for one request, waiting for a free one if need be, or `Unstartable`."""
        async with self._turn:
            environment = await self._take()
            if isinstance(environment, FunctionError):
                raise Unstartable(environment.message)
            try:
                yield environment
            finally:
                await self._settle(environment)

    def report(self, message: str, request_id: str) -> None:
        """Write an error to the function's log."""
        self._note(f"[ERROR] {message} RequestId: {request_id}")

    async def _settle(self, environment: WebEnvironment) -> None:
        condition, environment.condition = environment.condition, Condition.SOUND
        if condition is Condition.SUSPECT and not await _answers(environment):
            condition = Condition.CONDEMNED
        if condition is Condition.CONDEMNED:
            await self._discard(environment)
        else:
            self._give_back(environment)

    async def _start(self) -> WebEnvironment | FunctionError:
        ours, theirs = socket.socketpair()
        # Bound and not listening, the port is nobody else's until the server, which may bind it
        # too (SO_REUSEADDR), listens.
        with socket.socket() as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((_HOST, 0))
            port = reserved.getsockname()[1]
            with theirs, self._output() as output:
                process = subprocess.Popen(  # noqa: ASYNC220 - a fork of milliseconds
                    [
                        *(sys.executable, "-I", "-S", leash.__file__, str(theirs.fileno())),
                        *("/bin/bash", "-c", _BOOTSTRAP),
                    ],
                    cwd=self.function.code,
                    env={**self._variables, "PORT": str(port), "AWS_LWA_PORT": str(port)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    # Ctrl-C on the terminal is for the server; it ends the functions itself.
                    start_new_session=True,
                )
            ours.setblocking(False)
            environment = WebEnvironment(process, ours, port, self._readiness)
            self._all.append(environment)
            try:
                async with asyncio.timeout(INIT_TIMEOUT):
                    started = await environment.started()
            except TimeoutError:
                started = False
            except BaseException:
                await self._discard(environment)
                raise
        if started:
            return environment
        await self._discard(environment)
        error = failure(
            "init", "Runtime.ExitError", f"Runtime exited with status {environment.exit_status}"
        )
        self._note(f"[ERROR] {error.message} RequestId: init")
        return error


async def _answers(environment: WebEnvironment) -> bool:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            return await environment.ready()
    except TimeoutError:
        return False


def make_web_pools(
    functions: Mapping[str, Function], limit: int, log_dir: Path | None
) -> dict[str, WebPool]:
    """A pool for each web function, by logical id."""
    return {
        name: WebPool(one, limit, log_dir) for name, one in functions.items() if one.web is not None
    }
