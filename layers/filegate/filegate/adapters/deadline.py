"""Deadline: the time that all upstream calls of one request share, so that it is always answered.

Each call has bounds of its own; several in a row, or one with each of a project's keys, would add
up to more than the function has, and API Gateway waits 29 s at most. A process answers one request
at a time (AWS: Lambda), so the deadline is the process's. A round of the janitor has one too; what
streams, and the reconciler, have none.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHARED: Final = 23.0
"""Seconds that the upstream calls of a request have, from its beginning. The 5 s that are left of
the function's 28 are for what comes after: what is undone in the ledger, and the answer."""


class Deadline:
    """When the request under way has to be done with upstream; none outside of one."""

    def __init__(self) -> None:
        self._ends: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Share these seconds among the calls that are made in the block."""
        self._ends = time.monotonic() + seconds
        try:
            yield
        finally:
            self._ends = None

    def left(self, most: float) -> float:
        """Seconds that a call may take, `most` where there is no deadline; zero if none is left."""
        if self._ends is None:
            return most
        return max(0.0, min(most, self._ends - time.monotonic()))


DEADLINE: Final = Deadline()
"""This process's."""
