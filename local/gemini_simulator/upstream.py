"""The whole simulated service in one object: what `POST /_simulator/reset` makes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemini_simulator import models
from gemini_simulator.batches import Batches
from gemini_simulator.caches import Caches
from gemini_simulator.clock import Clock
from gemini_simulator.events import EventLog
from gemini_simulator.faults import Faults
from gemini_simulator.limits import Limits
from gemini_simulator.listings import Listing
from gemini_simulator.model_calls import ModelCalls
from gemini_simulator.pages import PageTokens
from gemini_simulator.projects import Projects
from gemini_simulator.requests import RequestLog
from gemini_simulator.sessions import Sessions
from gemini_simulator.state import State
from gemini_simulator.stores import Stores
from gemini_simulator.streams import Streaming

if TYPE_CHECKING:
    from collections.abc import Sequence


class Upstream:
    """State of the service; routes and middlewares read its parts at each request."""

    clock: Clock
    limits: Limits
    events: EventLog
    projects: Projects
    sessions: Sessions
    stores: Stores
    caches: Caches
    batches: Batches
    model_listing: Listing
    model_calls: ModelCalls
    streaming: Streaming
    pages: PageTokens
    requests: RequestLog
    faults: Faults
    reflecting: bool
    download_target: str | None

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self.reset()

    def reset(self) -> None:
        """Forget everything and take the first keys again."""
        self.restore(State())

    def add_project(self, key: str) -> int:
        """One project more until the next reset; answers its place among all."""
        project = self.projects.add(key)
        self.stores.add_project()
        self.caches.add_project()
        self.batches.add_project()
        return project.index

    def state(self) -> State:
        """What another process needs to go on: of the projects whose keys were given first."""
        first = len(self._keys)
        return State(
            self.clock.offset,
            self.events.entries(),
            [project.state() for project in self.projects][:first],
            [session for session in self.sessions.state() if session.project < first],
            self.stores.state()[:first],
        )

    def restore(self, state: State) -> None:
        """Hold what another process held; keys may be new or more, their order counts."""
        self.clock = Clock(state.clock_offset)
        self.limits = Limits()
        self.events = EventLog(state.events)
        self.projects = Projects(self._keys, self.clock, self.limits, self.events)
        self.sessions = Sessions(self.clock, self.limits)
        projects = list(self.projects)
        for project, stored in zip(projects, state.projects, strict=False):
            project.restore(stored)
        for session in state.sessions:
            self.sessions.restore(projects[session.project], session)
        self.stores = Stores(len(self._keys), self.clock, self.limits, self.events)
        self.stores.restore(state.stores)
        self.caches = Caches(len(self._keys), self.clock)
        self.batches = Batches(len(self._keys))
        self.model_listing = Listing(models.DEFAULT_PAGE, models.LARGEST_PAGE)
        self.model_calls = ModelCalls()
        self.streaming = Streaming()
        self.pages = PageTokens()
        self.requests = RequestLog()
        self.faults = Faults()
        self.reflecting = False
        self.download_target = None
