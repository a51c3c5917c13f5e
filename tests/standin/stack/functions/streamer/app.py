"""An ASGI app that streams, stops or breaks as `mode` says."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import shared_words  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Message = dict[str, Any]
    Headers = list[tuple[bytes, bytes]]

FLAGS = Path(os.environ["FLAGS"])


class Request:
    """One request and the answer to it."""

    def __init__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.query: dict[str, list[str]] = parse_qs(scope["query_string"].decode())

    def value(self, name: str) -> str:
        """The last value of a query parameter."""
        return self.query[name][-1]

    async def body(self) -> bytes:
        """The whole body."""
        found = b""
        while True:
            message = await self.receive()
            data: bytes = message["body"]
            found += data
            if not message["more_body"]:
                return found

    async def begin(self, status: int = 200, headers: Headers | None = None) -> None:
        """Send status and headers."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers or []})

    async def piece(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the body."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Dispatch on the path and the query parameter `mode`."""
    if scope["type"] != "http":
        return
    request = Request(scope, receive, send)
    if scope["path"] == "/ready":
        await request.begin(404)
        await request.piece(b"", more=False)
        return
    mode = request.query.get("mode", ["echo"])[-1]
    await MODES[mode](request)


async def echo(request: Request) -> None:
    """Answer with the request."""
    body = await request.body()
    facts = {
        "method": request.scope["method"],
        "target": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": [(name.decode(), value.decode()) for name, value in request.scope["headers"]],
        "body": base64.b64encode(body).decode(),
        "pid": os.getpid(),
        "environ": dict(os.environ),
        "cwd": str(Path.cwd()),
        "word": shared_words.WORD,
        "executable": sys.executable,
    }
    await request.begin(200, [(b"Content-Type", b"application/json")])
    await request.piece(json.dumps(facts).encode(), more=False)


async def gate(request: Request) -> None:
    """Send nothing but headers, then one piece for each flag that is raised."""
    await request.begin(200, [(b"Content-Type", b"text/event-stream")])
    for flag in request.query["flag"]:
        while not (FLAGS / flag).exists():  # noqa: ASYNC110 - another process raises it
            await asyncio.sleep(0.005)
        await request.piece(f"data: {flag}\n\n".encode())
    await request.piece(b"", more=False)


async def bulk(request: Request) -> None:
    """Many bytes."""
    await request.begin()
    for number in range(int(request.value("pieces"))):
        await request.piece(bytes([number % 256]) * int(request.value("size")))
    await request.piece(b"", more=False)


async def answer(request: Request) -> None:
    """Exactly what the query says."""
    headers = json.loads(request.value("headers"))
    await request.begin(
        int(request.value("status")), [(k.encode(), v.encode()) for k, v in headers]
    )
    await request.piece(request.value("text").encode(), more=False)


async def part(request: Request) -> None:
    """Begin, and fail or die in the middle."""
    await request.begin()
    await request.piece(b"a part")
    if request.value("end") == "exit":
        os._exit(3)
    if request.value("end") == "raise":
        raise ValueError("deliberate")
    await left(request)


async def left(request: Request) -> None:
    """Raise a flag on arrival, if one is named, and another when the client has left."""
    for flag in request.query.get("arrived", []):
        (FLAGS / flag).touch()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    (FLAGS / request.value("left")).touch()


async def die(_: Request) -> None:
    """End the process."""
    os._exit(3)


async def speak(request: Request) -> None:
    """Write to both streams."""
    sys.stdout.write("one line to stdout\n")
    sys.stdout.flush()
    sys.stderr.write("one line to stderr\n")
    await echo(request)


MODES = {
    "echo": echo,
    "gate": gate,
    "bulk": bulk,
    "answer": answer,
    "part": part,
    "left": left,
    "die": die,
    "speak": speak,
}
