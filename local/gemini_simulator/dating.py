"""Dating: every answer says when it was made, by the simulator's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from gemini_simulator.clock import http_date

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gemini_simulator.upstream import Upstream


class Dating:
    """Puts a `Date` on every answer that has none of its own."""

    def __init__(self, app: ASGIApp, upstream: Upstream) -> None:
        self._app = app
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request and its answer."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault(
                    "date", http_date(self._upstream.clock.now())
                )
            await send(message)

        await self._app(scope, receive, dated)
