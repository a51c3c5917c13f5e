"""A request's way through the API: limits, route, authorizer, integration, reply."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web

from apigateway_standin.authorizers import authorize
from apigateway_standin.body import Body
from apigateway_standin.connection import Disconnected
from apigateway_standin.exchange import Exchange, Reply
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.http_backend import HttpBackend
from apigateway_standin.integration_settings import (
    HttpIntegration,
    LambdaIntegration,
    MockIntegration,
    StreamIntegration,
)
from apigateway_standin.lambda_proxy import LambdaProxy
from apigateway_standin.limits import MAX_HEADERS, header_bytes
from apigateway_standin.response_headers import to_client
from apigateway_standin.streaming import LambdaStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.api import Api
    from apigateway_standin.clients import Clients
    from apigateway_standin.clock import Clock
    from apigateway_standin.functions import FunctionPool
    from apigateway_standin.web_functions import WebPool

log = logging.getLogger(__name__)


class Gateway:
    """Serves the API at the root, like a custom domain with a base path mapping to the stage."""

    def __init__(
        self,
        api: Api,
        pools: Mapping[str, FunctionPool],
        web_pools: Mapping[str, WebPool],
        clock: Clock,
        clients: Clients,
    ) -> None:
        self._api = api
        self._pools = pools
        self._clock = clock
        self._lambda = LambdaProxy(pools, api.binary)
        self._stream = LambdaStream(web_pools, api.binary, clients)
        self._http = HttpBackend(api.binary)

    async def close(self) -> None:
        """Release upstream connections and give up on running functions."""
        await self._lambda.close()
        await self._http.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        exchange = self._exchange(request)
        body = Body(request)
        reply: Reply | web.StreamResponse
        try:
            reply = await self._reply(exchange, body, request)
        except GatewayFailure as failure:
            reply = self._api.responses.render(failure, exchange)
        except Disconnected:
            # Nobody is there to read an answer; the connection ends with the handler.
            reply = Reply(400, ())
        except Exception:
            log.exception("%s %s failed inside the stand-in", exchange.method, exchange.path)
            reply = self._api.responses.render(GatewayFailure("DEFAULT_5XX"), exchange)
        if isinstance(reply, web.StreamResponse):
            return reply
        response = web.Response(status=reply.status, body=reply.body)
        # aiohttp puts in a type of its own where none is given.
        response.headers.clear()
        for name, value in reply.headers:
            response.headers.add(name, value)
        if "Expect" in request.headers and not request.content.at_eof():
            # The client was never told to send its body; on this connection it may still come.
            response.force_close()
        return response

    async def _reply(
        self, exchange: Exchange, body: Body, request: web.BaseRequest
    ) -> Reply | web.StreamResponse:
        line = f"{exchange.method} {exchange.path}?{exchange.query_string} HTTP/1.1"
        if header_bytes(line, exchange.headers) > MAX_HEADERS:
            raise GatewayFailure("DEFAULT_4XX", "Request Header Fields Too Large", 431)
        body.check_length()
        found = self._api.find(exchange.method, exchange.path)
        if found is None:
            raise GatewayFailure("MISSING_AUTHENTICATION_TOKEN")
        route, exchange.path_parameters = found
        exchange.resource = route.resource
        exchange.operation = route.operation
        if route.authorizer is not None:
            await authorize(route.authorizer, exchange, self._pools)
        integration = route.integration
        if isinstance(integration, LambdaIntegration):
            return await self._lambda.serve(integration, exchange, body)
        if isinstance(integration, StreamIntegration):
            return await self._stream.serve(integration, exchange, body, request)
        if isinstance(integration, HttpIntegration):
            return await self._http.serve(integration, exchange, body)
        return _mocked(integration, exchange)

    def _exchange(self, request: web.BaseRequest) -> Exchange:
        path, _, query = request.raw_path.partition("?")
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport is not None else 0
        return Exchange(
            method=request.method,
            path=path,
            query_string=query,
            headers=[
                (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
                for name, value in request.raw_headers
            ],
            source_ip=request.remote or "127.0.0.1",
            scheme="http",
            port=port,
            time=self._clock.datetime(),
            api_id=self._api.api_id,
            stage=self._api.stage,
            stage_variables=self._api.stage_variables,
        )


def _mocked(integration: MockIntegration, exchange: Exchange) -> Reply:
    response = integration.response
    headers = []
    for name, source in response.headers:
        value = source.read(exchange)
        if value is not None:
            headers.append((name, value))
    body = (response.template or "").encode()
    return Reply(response.status, to_client(headers, exchange), body)
