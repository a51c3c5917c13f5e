"""Pages: the position in a list, sealed, so a token is good only where it was made.

A list is named by whose it is and by what it lists, with what it is filtered by: a token of one
opens no other.
"""

import json

from filegate.errors import PAGE_TOKEN_INVALID, StatusError, invalid_argument
from filegate.seals import SealBroken, Sealer

PURPOSE = "page token"
DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 100
"""Files per page (seeds: files.list)."""


def seal_position(tenant: str, listed: str, position: str, sealer: Sealer) -> str:
    """A `nextPageToken` that continues after `position`, in this list of this tenant only."""
    return sealer.seal(json.dumps([tenant, listed, position]))


def open_position(tenant: str, listed: str, token: str, sealer: Sealer) -> str:
    """The position in a page token. Raises StatusError for any token not made for this list."""
    try:
        owner, collection, position = json.loads(sealer.open(token))
    except (SealBroken, ValueError, TypeError):
        raise StatusError(PAGE_TOKEN_INVALID) from None
    if (owner, collection) != (tenant, listed):
        raise StatusError(PAGE_TOKEN_INVALID)
    return str(position)


def read_page_size(text: str | None, most: int = MAX_PAGE_SIZE) -> int:
    """Resources per page as the client asks, `most` at most. Raises StatusError for no number.

    As upstream, zero means the default.
    """
    if not text:
        return DEFAULT_PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise StatusError(
            invalid_argument(
                f"pageSize is {text[:40]!r}; it must be a whole number from 1 to {most}.",
                "pageSize",
            )
        )
    return min(int(text) or DEFAULT_PAGE_SIZE, most)
