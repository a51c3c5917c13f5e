"""Imports a function's `app` as Lambda does before it takes a snapshot; prints what would be in it.

Run in the function's directory. What is listed here would be one and the same in every function
restored from the snapshot: random numbers already drawn, moments already read, connections,
threads, secrets.
"""

import gc
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_OURS: Final = ("app", "filegate")
drawn: Final[list[str]] = []
read: Final[list[str]] = []


def caller(depth: int = 2) -> str:
    """The module that called whoever asks."""
    return str(sys._getframe(depth).f_globals.get("__name__"))  # noqa: SLF001 - no other way


def watched_urandom(size: int, urandom: Callable[[int], bytes] = os.urandom) -> bytes:
    """The system's randomness; notes who draws. uuid4 and secrets take theirs from here."""
    drawn.append(caller())
    return urandom(size)


def watched_clock(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that notes which module of the functions reads it."""

    def now() -> float:
        if (name := caller()).partition(".")[0] in _OURS:
            read.append(name)
        return clock()

    return now


os.urandom = watched_urandom
time.time = watched_clock(time.time)
time.monotonic = watched_clock(time.monotonic)
sys.path.insert(0, str(Path.cwd()))
started: Final = {id(thread) for thread in threading.enumerate()}

app = importlib.import_module("app")

import http.client  # noqa: E402 - these the function may have loaded
import random  # noqa: E402
import socket  # noqa: E402
import ssl  # noqa: E402

from filegate.adapters import aws_environment  # noqa: E402
from filegate.edge import wiring  # noqa: E402
from filegate.redaction import REDACTOR  # noqa: E402


def held(kinds: tuple[type, ...]) -> list[str]:
    """Objects of these kinds that are alive."""
    return [repr(thing) for thing in gc.get_objects() if isinstance(thing, kinds)]


def seeded() -> list[str]:
    """Names in the functions' modules that lead to Python's own, seeded randomness."""
    found = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in _OURS:
            continue
        for attribute, value in vars(module).items():
            of: Any = getattr(value, "__self__", value)
            is_seeded = isinstance(of, random.Random) and not isinstance(of, random.SystemRandom)
            if is_seeded or value is random:
                found.append(f"{name}.{attribute}")
    return found


clients = tuple(
    getattr(sys.modules[module], kind)
    for module, kind in (("httpx", "BaseTransport"), ("httpx", "Client"))
    if module in sys.modules
)
json.dump(
    {
        "parts": sorted(set(vars(app.wiring)) - {"settings"}),
        "drawn": drawn,
        "read": read,
        "seeded": seeded(),
        "connections": held((socket.socket, http.client.HTTPConnection, *clients)),
        "contexts": held((ssl.SSLContext,)),
        "threads": [t.name for t in threading.enumerate() if id(t) not in started],
        "sessions": aws_environment._session.cache_info().currsize,  # noqa: SLF001
        "rings": wiring._parse_key_ring.cache_info().currsize,  # noqa: SLF001
        "secrets": repr(sorted(vars(REDACTOR).items())),
        "chain": "botocore.session" in sys.modules,
    },
    sys.stdout,
)
