"""Admin calls: one request to the admin API, as the functions that answer it get it."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from filegate.adapters.table import Write
from filegate.audit import By
from filegate.edge.admin_bodies import AdminBody
from filegate.edge.admin_resources import Resource
from filegate.edge.admin_routes import Route
from filegate.edge.admin_wiring import AdminWiring
from filegate.edge.requests import Request
from filegate.edge.responses import answer_json
from filegate.errors import Status, StatusError, invalid_argument
from filegate.idempotency import Attempt
from filegate.instants import Instant
from filegate.pages import open_position, read_page_size, seal_position
from filegate.wire import read_message

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response

Body = TypeVar("Body", bound=AdminBody)

ANSWERED_BEFORE: Final = "Idempotent-Replayed"
"""Header of an answer that was given before to the same request."""

_NOBODY: Final = ""
"""In the place of a tenant's id, as no tenant has it: none of their page tokens opens here."""
_PAGING: Final = frozenset({"pageSize", "pageToken"})


class AdminCall:
    """A request, with what it means as its route has it."""

    def __init__(self, wiring: AdminWiring, route: Route, request: Request) -> None:
        self._wiring = wiring
        self._route = route
        self._request = request
        self._attempt: Attempt | None = None
        self.by: Final = By("admin", request.address)
        for name in request.query:
            if name not in {one.name for one in route.query}:
                raise StatusError(_unknown_parameter(name, route))

    @property
    def now(self) -> Instant:
        """When it came."""
        return self._request.received_at

    @property
    def request(self) -> Request:
        """As it came."""
        return self._request

    def query(self, name: str) -> str | None:
        """A query parameter that the route names; None if it is unset or empty."""
        return self._request.query.get(name) or None

    def read(self, body: type[Body], path: str) -> Body:
        """The body, which is the route's; `path` is where the request went. Raises StatusError."""
        if body is not self._route.body:
            raise TypeError(f"{self._route.operation} takes another body")
        read = read_message(self._request.body, body)
        if self._route.creates:
            self._attempt = Attempt.read(
                self._request.headers.get("idempotency-key"),
                f"{self._route.method} {path}",
                read.model_dump_json(exclude_unset=True),
            )
        return read

    # -- creations

    def kept(self, answer: Resource) -> Sequence[Write]:
        """The write that keeps an answer, for the transaction that makes what it tells of."""
        if self._attempt is None:
            return []
        return [self._attempt.record(answer.json_value(), self.now)]

    def once(self, make: Callable[[], Resource]) -> "Response[str]":
        """Make something, or answer as before if this request made it before."""
        made = self._wiring.idempotency.once(self._attempt, self.now, lambda: make().json_value())
        answer = answer_json(made.answer)
        if made.again:
            answer.headers[ANSWERED_BEFORE] = "true"
        return answer

    # -- pages

    @property
    def page_size(self) -> int:
        """Resources a page. Raises StatusError."""
        return read_page_size(self.query("pageSize"))

    def position(self, of: str = "") -> str | None:
        """Where the page begins, None for the first; `of` is what in its path the list is of.

        Raises StatusError, also for a token of a page that was asked for by other parameters.
        """
        token = self.query("pageToken")
        if token is None:
            return None
        return open_position(_NOBODY, self._list(of), token, self._wiring.pages)

    def page_token(self, position: str | None, of: str = "") -> str | None:
        """The token of the page that begins after a position; None at the end."""
        if position is None:
            return None
        return seal_position(_NOBODY, self._list(of), position, self._wiring.pages)

    def _list(self, of: str) -> str:
        asked = sorted(
            (name, value) for name, value in self._request.query.items() if name not in _PAGING
        )
        return json.dumps([self._route.operation, of, asked])


def _unknown_parameter(name: str, route: Route) -> Status:
    known = ", ".join(one.name for one in route.query) or "none"
    message = f"The query parameter {name[:40]!r} cannot be used here. Known ones: {known}."
    return invalid_argument(message, name[:40])
