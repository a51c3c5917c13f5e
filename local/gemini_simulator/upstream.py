"""The whole simulated service in one object: what `POST /_simulator/reset` makes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemini_simulator.clock import Clock
from gemini_simulator.events import EventLog
from gemini_simulator.faults import Faults
from gemini_simulator.limits import Limits
from gemini_simulator.pages import PageTokens
from gemini_simulator.projects import Projects
from gemini_simulator.requests import RequestLog
from gemini_simulator.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence


class Upstream:
    """State of the service; routes and middlewares read its parts at each request."""

    clock: Clock
    limits: Limits
    events: EventLog
    projects: Projects
    sessions: Sessions
    pages: PageTokens
    requests: RequestLog
    faults: Faults
    reflecting: bool

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self.reset()

    def reset(self) -> None:
        """Forget everything and take the first keys again."""
        self.clock = Clock()
        self.limits = Limits()
        self.events = EventLog()
        self.projects = Projects(self._keys, self.clock, self.limits, self.events)
        self.sessions = Sessions(self.clock, self.limits)
        self.pages = PageTokens()
        self.requests = RequestLog()
        self.faults = Faults()
        self.reflecting = False
