"""Passing: an answer that goes to the client as it comes from upstream, and ends with either."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from filegate.adapters.upstream_stream import StreamedAnswer


class BrokenOff(Exception):
    """The answer stopped in the middle. Raised to the server, which then cuts the connection:
    a client must not take half an answer for a whole one."""


class PassingAnswer:
    """An ASGI response that opens an answer, passes its pieces on and closes it.

    When the client goes away, the opening is left at once, also while upstream is still silent.
    """

    def __init__(
        self,
        opening: AbstractAsyncContextManager[StreamedAnswer],
        refuse: Callable[[Exception], Response],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`refuse` answers a failure before the first byte; `ended` hears of the end."""
        self._opening = opening
        self._refuse = refuse
        self._ended = ended
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises BrokenOff after the first byte."""
        failure: Exception | None = None
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            failure = await self._pass_on(send)
            if failure is not None and not self._started:
                await self._refuse(failure)(scope, receive, send)
            group.cancel_scope.cancel()
        self._ended()
        if failure is not None and self._started:
            raise BrokenOff(type(failure).__name__)

    async def _pass_on(self, send: Send) -> Exception | None:
        try:
            async with self._opening as answer:
                content_type = answer.content_type.encode("latin-1", "replace")
                await send(
                    {
                        "type": "http.response.start",
                        "status": 200,
                        "headers": [(b"content-type", content_type)],
                    }
                )
                self._started = True
                async for piece in answer.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            # Behind the block: Lambda freezes a function when its answer has ended, and what the
            # block does on leaving must be done by then.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer or a cut
            return error
        return None
