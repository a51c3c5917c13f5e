"""Pages of models, caches and batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from gemini_simulator import errors
from gemini_simulator.numerals import natural
from gemini_simulator.pages import PageTokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

_INT32 = 2**31


class Numbered(Protocol):
    """Something listed: earlier ones of a listing have larger numbers."""

    @property
    def number(self) -> int:
        """Its place."""


Item = TypeVar("Item", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a collection is listed: the page of a request without a size, and the largest."""

    default: int
    largest: int
    tokens: PageTokens = field(default_factory=PageTokens)

    def page(
        self, request: Request, project: int, items: Iterable[Item]
    ) -> tuple[list[Item], dict[str, object]]:
        """The items a request asks for, largest number first, and the field for the next page."""
        query = request.query_params
        size = self._size(query.get("pageSize") or query.get("page_size") or "0")
        token = query.get("pageToken") or query.get("page_token")
        before = None
        if token:
            before = self.tokens.open(project, token)
            if before is None:
                raise errors.bad_argument("Page token is invalid.")
        rest = sorted(items, key=lambda item: -item.number)
        rest = [item for item in rest if before is None or item.number < before]
        if len(rest) <= size:
            return rest, {}
        return rest[:size], {"nextPageToken": self.tokens.seal(project, rest[size - 1].number)}

    def _size(self, text: str) -> int:
        size = natural(text.removeprefix("-"))
        if size is None or size >= _INT32:
            raise errors.bad_value("page_size", "TYPE_INT32", text)
        if size and text.startswith("-"):
            raise errors.bad_argument("page_size must not be negative.")
        return min(size or self.default, self.largest)
