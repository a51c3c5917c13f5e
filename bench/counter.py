"""Counter: calls a function with an event and says what that cost."""

from collections.abc import Mapping
from typing import Any

from bench.events import Event
from bench.functions import Functions
from bench.recorder import Cost, Recorder


class Counter:
    """Counts what functions ask of others, one call at a time."""

    def __init__(self, functions: Functions, recorder: Recorder) -> None:
        self._functions = functions
        self._recorder = recorder

    def count(
        self, function: str, event: Event, status: int = 200
    ) -> tuple[Cost, Mapping[str, Any]]:
        """Cost and answer of one call. Raises RuntimeError for another status than expected."""
        with self._recorder.recording() as found:
            answer = self._functions.call(function, event)
        if answer.get("statusCode", status) != status:
            raise RuntimeError(f"{function} answered {answer['statusCode']}: {answer['body']}")
        return found[0], answer

    def cost(self, function: str, event: Event, status: int = 200) -> Cost:
        """Cost of one call. Raises RuntimeError for another status than expected."""
        return self.count(function, event, status)[0]
