"""Clients that go away while their request is being answered."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from apigateway_standin.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Clients:
    """Who wants to know which client leaves."""

    def __init__(self) -> None:
        self._watchers: dict[asyncio.BaseProtocol, Callable[[], None]] = {}

    @contextmanager
    def watched(self, request: web.BaseRequest, gone: Callable[[], None]) -> Iterator[None]:
        """Have `gone` called, at most once, when the request's connection is lost."""
        if request.transport is None:
            gone()
        self._watchers[request.protocol] = gone
        try:
            yield
        finally:
            self._watchers.pop(request.protocol, None)

    def lost(self, connection: asyncio.BaseProtocol) -> None:
        """A connection is lost."""
        if (gone := self._watchers.pop(connection, None)) is not None:
            gone()


class WatchfulServer(web.Server):
    """A server that tells `Clients`, where aiohttp offers only to cancel every handler."""

    def __init__(
        self,
        handler: Handler,
        clients: Clients,
        **settings: Any,  # noqa: ANN401 - aiohttp's own signature
    ) -> None:
        super().__init__(handler, **settings)
        self._clients = clients
        self._settings = settings

    def __call__(self) -> web.RequestHandler:
        """aiohttp's own call for the handler of a new connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._settings)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """aiohttp's own call for each connection."""
        super().connection_lost(handler, exc)
        self._clients.lost(handler)
