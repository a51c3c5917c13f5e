"""The `aws_proxy` integration with `responseTransferMode: STREAM`: pieces go on as they come."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from apigateway_standin.adapter import adapted, lambda_context
from apigateway_standin.connection import Disconnected
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.lambda_proxy import read_event
from apigateway_standin.limits import MAX_STREAM, STREAM_IDLE_TIMEOUT
from apigateway_standin.pool import timed_out
from apigateway_standin.response_headers import to_client
from apigateway_standin.web_functions import Condition, Unstartable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.adapter import AdapterRequest
    from apigateway_standin.body import Body
    from apigateway_standin.clients import Clients
    from apigateway_standin.exchange import Exchange
    from apigateway_standin.integration_settings import StreamIntegration
    from apigateway_standin.media_types import BinaryMediaTypes
    from apigateway_standin.web_functions import WebEnvironment, WebPool


log = logging.getLogger(__name__)


class _TooLarge(Exception):
    """More bytes than a streamed response may have."""


_EXPECTED = (aiohttp.ClientError, Disconnected, TimeoutError, Unstartable, _TooLarge)


class LambdaStream:
    """Streams the answers of web functions.

    Sources: "Stream the integration response for your proxy integrations in API Gateway" and "Set
    up a Lambda proxy integration with payload response streaming in API Gateway". Left out: beyond
    10 MB of a response AWS passes on 2 MB/s at most.
    """

    def __init__(
        self, pools: Mapping[str, WebPool], binary: BinaryMediaTypes, clients: Clients
    ) -> None:
        self._pools = pools
        self._binary = binary
        self._clients = clients

    async def serve(
        self,
        integration: StreamIntegration,
        exchange: Exchange,
        body: Body,
        request: web.BaseRequest,
    ) -> web.StreamResponse:
        """Answer a request; only the end of the body is left to the caller.

        Until the first byte a failure is a gateway response as with `aws_proxy`: 502 for a function
        that does not start, crashes or meets its own timeout, 504 for the integration timeout.
        After it, the connection ends without the end of the body.

        When the client leaves or the integration timeout passes, the function's connection is
        closed, so that it may learn of it, and its environment is free. On AWS the function "may
        continue to execute", unaware, and keeps its environment busy until it is done. A client
        that leaves before its request has reached the function leaves the function uncalled.
        """
        event, _ = await read_event(exchange, body, self._binary)
        pool = self._pools[integration.function]
        request_id = str(uuid.uuid4())
        answer = _Answer(exchange, request)
        wait = _Wait(integration.timeout)
        try:
            async with wait.limit:
                with self._clients.watched(request, wait.abandon):
                    async with pool.lease() as environment:
                        wait.function_ends_after(pool.function.timeout)
                        deadline = time.time() + pool.function.timeout
                        context = lambda_context(
                            pool.function, request_id, deadline, exchange.trace_id
                        )
                        await _converse(environment, adapted(event, context), answer, wait)
        except _EXPECTED as error:
            failure = _failure(error, wait)
            if not isinstance(failure, Disconnected):
                pool.report(_description(error, wait, pool), request_id)
            return answer.broken_off(failure)
        except Exception:
            if not answer.response.prepared:
                raise
            log.exception("%s %s failed inside the stand-in", exchange.method, exchange.path)
            return answer.broken_off(Disconnected())
        return answer.response


async def _converse(
    environment: WebEnvironment, request: AdapterRequest, answer: _Answer, wait: _Wait
) -> None:
    try:
        async with environment.request(request) as reply:
            await answer.send(reply, wait)
    except aiohttp.ClientError:
        environment.condition = Condition.SUSPECT
        raise
    except asyncio.CancelledError:
        # Lambda stops the environment of a function that does not keep to its timeout.
        if wait.function_overdue and not wait.abandoned:
            environment.condition = Condition.CONDEMNED
        raise


def _failure(error: Exception, wait: _Wait) -> GatewayFailure | Disconnected:
    """What the client gets to see of an error."""
    if isinstance(error, Disconnected):
        return error
    if isinstance(error, TimeoutError) and wait.abandoned:
        return Disconnected()
    if isinstance(error, TimeoutError) and not wait.function_overdue:
        return GatewayFailure("INTEGRATION_TIMEOUT")
    return GatewayFailure("DEFAULT_5XX", status=502)


def _description(error: Exception, wait: _Wait, pool: WebPool) -> str:
    """What the function's log says of an error."""
    if not isinstance(error, TimeoutError):
        return f"{type(error).__name__}: {error}"
    if wait.function_overdue:
        return timed_out(pool.function.timeout).message
    return "API Gateway gave up waiting"


class _Wait:
    """How long a request waits for its function: four limits behind one timer.

    They are the integration timeout, the function's own timeout, the idle timeout between two
    pieces, and the client's patience.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._function_end = float("inf")
        self.abandoned = False
        self.limit = asyncio.timeout_at(min(self._end, self._loop.time() + STREAM_IDLE_TIMEOUT))

    def function_ends_after(self, seconds: float) -> None:
        self._function_end = self._loop.time() + seconds
        self.go_on()

    def go_on(self) -> None:
        """A piece came."""
        if self.abandoned:
            return
        idle = self._loop.time() + STREAM_IDLE_TIMEOUT
        self.limit.reschedule(min(self._end, self._function_end, idle))

    def abandon(self) -> None:
        """The client is gone."""
        self.abandoned = True
        if not self.limit.expired():
            self.limit.reschedule(self._loop.time())

    @property
    def function_overdue(self) -> bool:
        return self._loop.time() >= self._function_end


class _Answer:
    """The answer to the client: not begun, under way, or broken off."""

    def __init__(self, exchange: Exchange, request: web.BaseRequest) -> None:
        self._exchange = exchange
        self._request = request
        self.response = web.StreamResponse()

    async def send(self, reply: aiohttp.ClientResponse, wait: _Wait) -> None:
        """Pass a whole reply on."""
        self.response.set_status(reply.status)
        for name, value in to_client(_headers(reply), self._exchange):
            self.response.headers.add(name, value)
        sent = 0
        try:
            await self.response.prepare(self._request)
        except ConnectionError as error:
            raise Disconnected from error
        wait.go_on()
        async for piece in reply.content.iter_any():
            sent += len(piece)
            if sent > MAX_STREAM:
                raise _TooLarge
            try:
                await self.response.write(piece)
            except ConnectionError as error:
                raise Disconnected from error
            wait.go_on()

    def broken_off(self, instead: Exception) -> web.StreamResponse:
        """End the client's connection without an end of the body; raise `instead` if nothing is
        sent yet."""
        if not self.response.prepared:
            raise instead
        if self._request.transport is not None:
            self._request.transport.close()
        return self.response


def _headers(reply: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """The function's headers as the adapter passes them on: names in lower case, and
    `application/octet-stream` where there is no type (aws-lambda-rust-runtime,
    `lambda-runtime/src/requests.rs`)."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("utf-8", "replace"))
        for name, value in reply.raw_headers
    ]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/octet-stream"))
    return headers
