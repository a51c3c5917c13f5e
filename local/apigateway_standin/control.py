"""The control port: what AWS has no counterpart for (time travel, direct invocation, insight)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

from apigateway_standin.limits import MAX_INVOCATION
from apigateway_standin.schedule import event_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.api import Api
    from apigateway_standin.clock import Clock
    from apigateway_standin.functions import FunctionPool
    from apigateway_standin.schedule import Scheduler
    from apigateway_standin.web_functions import WebPool


class Control:
    """JSON over HTTP: `/clock`, `/schedule`, `/invoke/{LogicalId}`, `/environments`, `/routes`."""

    def __init__(
        self,
        api: Api,
        pools: Mapping[str, FunctionPool],
        web_pools: Mapping[str, WebPool],
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        self._api = api
        self._pools = pools
        self._web_pools = web_pools
        self._clock = clock
        self._scheduler = scheduler

    def application(self) -> web.Application:
        """The application to serve on the control port."""
        application = web.Application(client_max_size=MAX_INVOCATION)
        application.router.add_get("/clock", self._clock_state)
        application.router.add_post("/clock", self._move_clock)
        application.router.add_post("/schedule", self._schedule)
        application.router.add_post("/invoke/{function}", self._invoke)
        application.router.add_get("/environments", self._environments)
        application.router.add_get("/routes", self._routes)
        return application

    async def _clock_state(self, _request: web.Request) -> web.Response:
        now = self._clock.datetime().isoformat()
        return web.json_response({"now": now, "offsetSeconds": self._clock.offset})

    async def _move_clock(self, request: web.Request) -> web.Response:
        try:
            move = await request.json()
            if "offsetSeconds" in move:
                offset = float(move["offsetSeconds"])
            else:
                offset = self._clock.offset + float(move["advanceSeconds"])
        except (ValueError, KeyError, TypeError):
            return _bad("expected advanceSeconds or offsetSeconds")
        self._clock.move(offset)
        return await self._clock_state(request)

    async def _schedule(self, request: web.Request) -> web.Response:
        """`{"held": true}` answers once nothing scheduled runs, and lets nothing begin."""
        try:
            held = (await request.json())["held"]
        except (ValueError, KeyError, TypeError):
            return _bad("expected held")
        if held is True:
            await self._scheduler.hold()
        elif held is False:
            self._scheduler.go_on()
        else:
            return _bad("held is true or false")
        return web.json_response({"held": held})

    async def _invoke(self, request: web.Request) -> web.Response:
        name = request.match_info["function"]
        if name in self._web_pools:
            return _bad("a web function answers requests, not events")
        pool = self._pools.get(name)
        if pool is None:
            return web.json_response({"error": "no such function"}, status=404)
        event = await request.read()
        if not event:
            if not pool.function.schedules:
                return _bad("a function without a schedule needs an event")
            event = event_of(pool.function.schedules[0], self._clock)
        try:
            json.loads(event)
        except ValueError:
            return _bad("the event is not JSON")
        invocation = await pool.invoke(event)
        key = b"result" if invocation.error is None else b"error"
        # The result is JSON already; reading and writing it again would only cost.
        return web.Response(
            body=b'{"' + key + b'": ' + invocation.payload + b"}",
            content_type="application/json",
        )

    async def _environments(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                **{name: pool.pids for name, pool in self._pools.items()},
                **{name: pool.pids for name, pool in self._web_pools.items()},
            }
        )

    async def _routes(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "method": route.method,
                    "path": route.resource,
                    "operation": route.operation,
                    "authorizer": route.authorizer and route.authorizer.name,
                    "integration": type(route.integration).__name__,
                }
                for route in self._api.routes
            ]
        )


def _bad(message: str) -> web.Response:
    return web.json_response({"error": message}, status=400)
