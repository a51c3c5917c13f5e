"""Passing: an answer goes on piece by piece, and ends with upstream or with the client."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.responses import JSONResponse

from filegate.adapters.upstream_stream import StreamedAnswer
from filegate.edge.passing import BrokenOff, PassingAnswer

Message = MutableMapping[str, Any]


class Opening:
    """An answer of given pieces; notes whether it was left."""

    def __init__(self, *pieces: bytes | Exception, fails: Exception | None = None) -> None:
        self.pieces = pieces
        self.fails = fails
        self.left = False
        self.silent = anyio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[StreamedAnswer]:
        try:
            if self.fails is not None:
                raise self.fails
            yield StreamedAnswer("text/event-stream", self._pieces())
        finally:
            self.left = True

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if piece == b"silence":
                self.silent.set()
                await anyio.sleep_forever()
            yield piece


def serve(opening: Opening, *, leaves: bool = False) -> tuple[list[Message], int]:
    """What was sent to a client, and how often the end was heard of."""
    sent: list[Message] = []
    ends = 0

    def ended() -> None:
        nonlocal ends
        ends += 1

    async def receive() -> Message:
        if leaves:
            await opening.silent.wait()
            return {"type": "http.disconnect"}
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def main() -> None:
        answer = PassingAnswer(opening.open(), refuse, ended)
        with anyio.fail_after(10):
            await answer({"type": "http"}, receive, send)

    anyio.run(main)
    return sent, ends


def refuse(error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 503)


def bodies(sent: list[Message]) -> list[bytes]:
    return [message["body"] for message in sent if message["type"] == "http.response.body"]


def test_pieces_go_on_one_by_one() -> None:
    opening = Opening(b"1", b"2")

    sent, ends = serve(opening)

    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 200
    assert headers[b"content-type"] == b"text/event-stream"
    assert bodies(sent) == [b"1", b"2", b""]
    assert [message.get("more_body") for message in sent[1:]] == [True, True, False]
    assert opening.left
    assert ends == 1


def test_a_failure_before_the_first_byte_is_an_answer() -> None:
    sent, ends = serve(Opening(fails=ValueError("no")))

    assert sent[0]["status"] == 503
    assert bodies(sent) == [b'{"error":"no"}']
    assert ends == 1


def test_a_failure_after_it_cuts_the_connection() -> None:
    opening = Opening(b"1", ValueError("no"))

    with pytest.raises(BrokenOff, match="ValueError") as caught:
        serve(opening)

    assert caught.value.__cause__ is None
    assert opening.left


def test_a_client_that_leaves_ends_the_call_at_once() -> None:
    opening = Opening(b"1", b"silence")

    sent, ends = serve(opening, leaves=True)

    assert bodies(sent) == [b"1"]
    assert opening.left
    assert ends == 1
