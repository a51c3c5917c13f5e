"""Rewriting: finished answers, held back until they are whole and sent on changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Send


def rewriting(send: Send, rewrite: Callable[[MutableHeaders, bytes], bytes]) -> Send:
    """A `send` that holds an answer back until it is whole and rewrites its headers and body."""
    start: Message = {}
    body = bytearray()

    async def rewritten(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body", False):
            return
        headers = MutableHeaders(raw=list(start["headers"]))
        content = rewrite(headers, bytes(body))
        headers["content-length"] = str(len(content))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": content})

    return rewritten
