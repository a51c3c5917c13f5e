"""Streamed answers: server-sent events or a JSON array, each sent before the next is made.

No comments and no `event:` lines, and a blank line after the last event: the SDKs' parsers take
nothing else (section 7).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from gemini_simulator import errors
from gemini_simulator.answers import JSON_TYPE
from gemini_simulator.cutting import cut

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gemini_simulator.model_calls import ModelCall, Outcome
    from gemini_simulator.replies import Reply

EVENT_TYPE = "text/event-stream"


@dataclass(slots=True)
class Streaming:
    """How answers are streamed; `error_after` and `cut_after` count events that went well."""

    events: int = 3
    delay_seconds: float = 0.0
    bytes_per_event: int = 0
    error_after: int | None = None
    cut_after: int | None = None

    def to_json(self) -> dict[str, object]:
        """The settings for the control plane."""
        return {
            "events": self.events,
            "delaySeconds": self.delay_seconds,
            "bytesPerEvent": self.bytes_per_event,
            "errorAfter": self.error_after,
            "cutAfter": self.cut_after,
        }


class StreamedReply(Response):
    """A reply in events; it ends as soon as the client is gone and notes how it ended."""

    def __init__(self, reply: Reply, call: ModelCall, streaming: Streaming, *, sse: bool) -> None:
        super().__init__(media_type=EVENT_TYPE if sse else JSON_TYPE)
        del self.headers["content-length"]
        self._reply = reply
        self._call = call
        self._streaming = streaming
        self._sse = sse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events while nobody hangs up."""
        sending = asyncio.create_task(self._send(scope, receive, send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                self._call.outcome = sending.result()
            elif self._call.outcome is None:
                self._call.outcome = "cancelled"
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> Outcome:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        settings = self._streaming
        for place in range(settings.events):
            if place == settings.cut_after:
                return await self._cut(scope, receive)
            if place == settings.error_after:
                await self._send_error(send, place)
                return "failed"
            if place:
                await asyncio.sleep(settings.delay_seconds)
            piece = self._reply.piece(place, settings.events, settings.bytes_per_event)
            await self._send_event(send, place, piece)
            self._call.events_sent += 1
        if settings.cut_after == settings.events:
            return await self._cut(scope, receive)
        if settings.error_after == settings.events:
            await self._send_error(send, settings.events)
            return "failed"
        await self._finish(send)
        return "complete"

    async def _cut(self, scope: Scope, receive: Receive) -> Outcome:
        # Said before the cut, which the other task sees as the client's going away.
        self._call.outcome = "failed"
        await cut(scope, receive)
        return "failed"

    async def _send_error(self, send: Send, place: int) -> None:
        await self._send_event(send, place, errors.overloaded().body())
        await self._finish(send)

    async def _send_event(self, send: Send, place: int, value: dict[str, object]) -> None:
        text = json.dumps(value, ensure_ascii=False)
        framed = f"data: {text}\r\n\r\n" if self._sse else ("," if place else "[") + text + "\r\n"
        await send({"type": "http.response.body", "body": framed.encode(), "more_body": True})

    async def _finish(self, send: Send) -> None:
        end = b"" if self._sse else b"]"
        await send({"type": "http.response.body", "body": end, "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
