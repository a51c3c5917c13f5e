"""Cutting a connection: what the server lends to those who simulate a broken one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope

CUT = "cut"
"""Name in the request state of the function that cuts the connection; the server puts it there."""


async def cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection of a request and wait until it is gone."""
    abort: Callable[[], None] | None = scope["state"].get(CUT)
    if abort is None:
        raise ConnectionResetError("The simulator cut the connection.")
    abort()
    # The server would answer 500 for an application that returns without an answer to a
    # connection it still believes in.
    while (await receive())["type"] != "http.disconnect":
        pass
