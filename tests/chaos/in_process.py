"""In process: DynamoDB and the simulator without a socket between, so that a world costs little."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import httpx
from ministack.services import dynamodb as ministack  # type: ignore[import-untyped]

from filegate.adapters.aws_service import DYNAMODB, AwsService, Reply
from filegate.adapters.signatures import Credentials, Signer
from gemini_simulator.app import serve_upstream
from gemini_simulator.upstream import Upstream

Answer = TypeVar("Answer")


_URL = "http://in-process.test"


class _MiniStack:
    """A wire to a MiniStack in this process: the same atomic transactions, without its server."""

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request once."""
        serving: Coroutine[None, None, Any] = ministack.handle_request(
            "POST", "/", headers, body, {}
        )
        try:
            serving.send(None)
        except StopIteration as done:
            status, _, content = done.value
            return Reply(status, content.encode() if isinstance(content, str) else content)
        raise AssertionError("MiniStack's DynamoDB waits for nothing")

    def close(self) -> None:
        """Nothing to close."""


def dynamodb() -> AwsService:
    """DynamoDB in this process."""
    operator = Credentials("local", "local")
    signer = Signer(DYNAMODB.service, "us-east-1", _URL)
    return AwsService(DYNAMODB, signer, lambda: operator, _MiniStack())


class Loop:
    """An event loop in a thread of its own, for whoever has none or is busy in his."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """What the work answers, once it has."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Simulator:
    """A simulator of its own for a world, and a look at it from behind."""

    def __init__(self, loop: Loop, key: str) -> None:
        self.upstream = Upstream([key])
        self._loop = loop
        self._transport = httpx.ASGITransport(serve_upstream(self.upstream))

    def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer a request whose body has been read."""
        return self._loop.run(self._serve(request))

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        copy = httpx.Request(
            request.method, request.url, headers=request.headers, content=request.content
        )
        answer = await self._transport.handle_async_request(copy)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        content = b"".join([piece async for piece in answer.stream])
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    def now(self) -> int:
        """The simulator's moment, epoch milliseconds."""
        return self.upstream.clock.now() // 1_000_000

    def advance(self, seconds: float) -> None:
        """Move its clock."""
        self.upstream.clock.advance(seconds)
