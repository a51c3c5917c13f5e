"""Event stream: one streamed answer over a kept connection, and when its events arrived."""

import json
import time
from dataclasses import dataclass, field
from typing import Final

import httpx

from bench.model_calls import MODEL, prompt

_PATH: Final = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
_BODY: Final = json.dumps(prompt()).encode()
_END: Final = b"\r\n\r\n"


@dataclass
class EventStream:
    """Moments in seconds of `time.perf_counter`, and bytes received so far.

    An event has arrived when the empty line behind it has.
    """

    began: float
    arrived: list[float] = field(default_factory=list)
    ended: float = 0.0
    size: int = 0
    _rest: bytes = b""

    def feed(self, piece: bytes, now: float) -> None:
        """Take what came at one moment."""
        self.size += len(piece)
        *whole, rest = (self._rest + piece).split(_END)
        self.arrived += [now] * len(whole)
        self._rest = rest[1 - len(_END) :]

    @property
    def first(self) -> float:
        """Seconds from the request to the first event."""
        return self.arrived[0] - self.began

    @property
    def gaps(self) -> list[float]:
        """Seconds between each two events."""
        return [
            after - before for before, after in zip(self.arrived, self.arrived[1:], strict=False)
        ]

    @property
    def seconds(self) -> float:
        """Seconds from the request to the end of the answer."""
        return self.ended - self.began


def read_stream(client: httpx.Client) -> EventStream:
    """Ask for a stream and read it to its end. Raises httpx.HTTPError."""
    stream = EventStream(time.perf_counter())
    headers = {"content-type": "application/json"}
    with client.stream("POST", _PATH, content=_BODY, headers=headers) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            stream.feed(piece, time.perf_counter())
        stream.ended = time.perf_counter()
    return stream
