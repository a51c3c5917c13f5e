"""The movable clock: real time plus an offset."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """Real time plus an offset in seconds; every time in an event comes from here."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def datetime(self) -> datetime:
        """The same instant as a UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def move(self, offset: float) -> None:
        """Set the offset and wake whoever waits for a time."""
        self.offset = offset
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def wait_until(self, instant: float) -> None:
        """Return once the clock shows `instant` (seconds since the epoch) or later."""
        while (remaining := instant - self.now()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), remaining)
            except TimeoutError:
                continue
