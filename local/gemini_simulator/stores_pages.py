"""What the queries of the store routes say: pages and `force` (section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from gemini_simulator import errors
from gemini_simulator.numerals import natural

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

    from gemini_simulator.pages import PageTokens

_DEFAULT_PAGE = 10
_LARGEST_PAGE = 20
_INT32 = 2**31


class Numbered(Protocol):
    """Something listed: later ones have larger numbers."""

    number: int


Item = TypeVar("Item", bound=Numbered)


def page_of(
    request: Request, tokens: PageTokens, project: int, items: Collection[Item]
) -> tuple[list[Item], str | None]:
    """The page a list request asks for, newest first, and the token of the next one.

    `items` are in the order of their numbers. A page holds 20 at most (sections 9.1 and 9.5).
    """
    query = request.query_params
    size = _page_size(query.get("pageSize") or query.get("page_size") or "0")
    token = query.get("pageToken") or query.get("page_token")
    before = None
    if token:
        before = tokens.open(project, token)
        if before is None:
            raise errors.bad_argument("Page token is invalid.")
    rest = [item for item in items if before is None or item.number < before][::-1]
    shown = rest[:size]
    return shown, tokens.seal(project, shown[-1].number) if len(rest) > size else None


def forced(request: Request) -> bool:
    """Whether `?force=` is true; one SDK writes it with a capital (section 9.1)."""
    text = request.query_params.get("force", "")
    if text.lower() not in {"", "true", "false"}:
        raise errors.bad_value("force", "TYPE_BOOL", text)
    return text.lower() == "true"


def _page_size(text: str) -> int:
    size = natural(text.removeprefix("-"))
    if size is None or size >= _INT32:
        raise errors.bad_value("page_size", "TYPE_INT32", text)
    if size and text.startswith("-"):
        raise errors.bad_argument("page_size must not be negative.")
    return min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
