"""Web function: an ASGI app in this process, called with events as the Lambda Web Adapter does."""

import asyncio
import time
from typing import Any

import httpx
from starlette.types import ASGIApp

from apigateway_standin.adapter import AdapterRequest, adapted, lambda_context
from apigateway_standin.environment import Context
from apigateway_standin.stack import Function
from bench.events import Event


def web_request(function: Function, event: Event, context: Context) -> AdapterRequest:
    """The request that a web function gets for an event."""
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000
    return adapted(event, lambda_context(function, context.aws_request_id, deadline, "bench"))


class WebFunction:
    """Has the form of a handler: event in, answer out, the body whole and as text.

    The app keeps one event loop for all calls, as it does in its own server.
    """

    def __init__(self, function: Function, app: ASGIApp) -> None:
        self._function = function
        self._transport = httpx.ASGITransport(app)
        self._runner = asyncio.Runner()

    def __call__(self, event: Event, context: Context) -> dict[str, Any]:
        """Answer one event. Raises what the app raises."""
        request = web_request(self._function, event, context)
        answer = self._runner.run(self._answer(request))
        headers = {name: answer.headers.get_list(name) for name in answer.headers}
        return {
            "statusCode": answer.status_code,
            "multiValueHeaders": headers,
            "body": answer.text,
        }

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()

    async def _answer(self, request: AdapterRequest) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport) as client:
            return await client.request(
                request.method,
                f"http://function{request.target}",
                headers=[
                    (name.encode(), value.encode()) for name, value in request.headers.items()
                ],
                content=request.body,
            )
