"""In process: DynamoDB and the simulator without a socket between, so that a world costs little."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import boto3
import httpx
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from ministack.services import dynamodb as ministack  # type: ignore[import-untyped]

from gemini_simulator.app import serve_upstream
from gemini_simulator.upstream import Upstream

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Answer = TypeVar("Answer")


class _Raw:
    """What botocore reads an answer from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body


def dynamodb() -> "DynamoDBClient":
    """A client of a MiniStack in this process: the same atomic transactions, without its server."""
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        endpoint_url="http://in-process.test",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    events: Any = client.meta.events
    events.register("before-send.dynamodb", _serve)
    return client


def _serve(request: AWSPreparedRequest, **_: object) -> AWSResponse:
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in cast("Mapping[str, Any]", request.headers).items()
    }
    sent: Any = request.body
    body = sent.encode() if isinstance(sent, str) else sent
    serving: Coroutine[None, None, Any] = ministack.handle_request("POST", "/", headers, body, {})
    try:
        serving.send(None)
    except StopIteration as done:
        status, answered, content = done.value
        raw: Any = _Raw(content.encode() if isinstance(content, str) else content)
        return AWSResponse(request.url, status, answered, raw)
    raise AssertionError("MiniStack's DynamoDB waits for nothing")


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
