"""The `aws_proxy` integration: one event to a function, its answer to the client."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from apigateway_standin.events import Event, proxy_event
from apigateway_standin.exchange import Exchange, Reply
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.limits import MAX_INVOCATION
from apigateway_standin.response_headers import to_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.body import Body
    from apigateway_standin.functions import FunctionPool, Invocation
    from apigateway_standin.integration_settings import LambdaIntegration
    from apigateway_standin.media_types import BinaryMediaTypes

_FIELDS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


class LambdaProxy:
    """Invokes functions behind `aws_proxy` integrations."""

    def __init__(self, pools: Mapping[str, FunctionPool], binary: BinaryMediaTypes) -> None:
        self._pools = pools
        self._binary = binary
        self._running: set[asyncio.Task[Invocation]] = set()

    async def serve(self, integration: LambdaIntegration, exchange: Exchange, body: Body) -> Reply:
        """Invoke and translate; a function error, crash, timeout or malformed answer is a 502.

        An integration timeout is a 504, and the function runs on: Lambda does not learn that
        nobody waits.
        """
        _, payload = await read_event(exchange, body, self._binary)
        task = asyncio.create_task(self._pools[integration.function].invoke(payload))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        done, _ = await asyncio.wait({task}, timeout=integration.timeout)
        if not done:
            raise GatewayFailure("INTEGRATION_TIMEOUT")
        invocation = task.result()
        if invocation.error is not None:
            raise GatewayFailure("DEFAULT_5XX", status=502)
        return self._reply(invocation.payload, exchange)

    async def close(self) -> None:
        """Give up on functions that still run."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _reply(self, payload: bytes, exchange: Exchange) -> Reply:
        try:
            answer = json.loads(payload)
            status, headers, text, encoded = _read(answer)
        except (TypeError, ValueError, AttributeError):
            raise GatewayFailure("DEFAULT_5XX", status=502) from None
        body = text.encode()
        if encoded and self._binary.accepts_binary(exchange.header_of_any_case("Accept")):
            try:
                body = base64.b64decode(body, validate=True)
            except binascii.Error:
                raise GatewayFailure("API_CONFIGURATION_ERROR") from None
        return Reply(status, to_client(headers, exchange), body)


async def read_event(
    exchange: Exchange, body: Body, binary: BinaryMediaTypes
) -> tuple[Event, bytes]:
    """The proxy event of a request, plain and as JSON; above Lambda's 6 MB it is a 413."""
    content_type = exchange.header_of_any_case("Content-Type")
    event = proxy_event(exchange, await body.read(), binary=binary.is_binary(content_type))
    payload = json.dumps(event).encode()
    if len(payload) > MAX_INVOCATION:
        raise GatewayFailure("REQUEST_TOO_LARGE")
    return event, payload


def _read(answer: dict[str, Any]) -> tuple[int, list[tuple[str, str]], str, bool]:
    """The parts of a proxy response; anything malformed raises.

    No field is mandatory but no other is allowed, and single header values are text or booleans:
    observed on AWS by LocalStack's validated tests of `AWS_PROXY`; status 0 as recorded in
    aws/aws-lambda-dotnet.
    """
    if not isinstance(answer, dict) or set(answer) - _FIELDS:
        raise ValueError("malformed Lambda proxy response")
    status = answer.get("statusCode", 200)
    if isinstance(status, bool) or not isinstance(status, int | str):
        raise TypeError("statusCode must be a whole number")
    status = int(status)
    if not 100 <= status <= 599:
        raise ValueError("statusCode is no HTTP status")
    headers: dict[str, list[str]] = {}
    single_values, multi_values = answer.get("headers"), answer.get("multiValueHeaders")
    for name, value in ({} if single_values is None else single_values).items():
        headers[name] = [_header_value(value)]
    for name, values in ({} if multi_values is None else multi_values).items():
        if not isinstance(values, list):
            raise TypeError("multiValueHeaders holds lists")
        # "If you specify values for both, API Gateway merges them into a single list": the pair
        # that is in both appears once.
        single = headers.get(name, [])
        headers[name] = single + [v for v in map(_header_value, values) if v not in single]
    text = answer.get("body")
    if text is not None and not isinstance(text, str):
        raise TypeError("body must be text")
    pairs = [(name, value) for name, values in headers.items() for value in values]
    return status, pairs, text or "", answer.get("isBase64Encoded") is True


def _header_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or "\n" in value or "\r" in value:
        raise TypeError("header values are text")
    return value
