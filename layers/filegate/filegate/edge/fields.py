"""Fields: the headers and query parameters of a request, each with one value.

What is decided by a field must not be decided by which of two values a parser happens to keep, so a
field that is acted on is refused if it comes twice, also with the same value. Lists that proxies
add to on the way (`Accept`, `Via`, `Forwarded`) may come in pieces (RFC 9110, 5.3).
"""

from collections.abc import Iterable
from typing import Final

from filegate.errors import StatusError, body_encoded, given_twice

_ONCE: Final = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-type",
        "idempotency-key",
        "origin",
        "x-filegate-admin-key",
        "x-goog-api-key",
        "x-goog-user-project",
    }
)
_ONCE_BEGINS: Final = "x-goog-upload-"
_AS_IT_IS: Final = frozenset({"", "identity"})


def read_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers by their names in lower case.

    Raises StatusError for one that may come once and comes twice, and for a body that is encoded:
    nothing here decodes one, and upstream is told of none.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower not in headers:
            headers[lower] = value
        elif lower in _ONCE or lower.startswith(_ONCE_BEGINS):
            raise StatusError(given_twice("header", lower))
        else:
            headers[lower] += f", {value}"
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in _AS_IT_IS:
        raise StatusError(body_encoded(encoding))
    return headers


def read_parameters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The query parameters by their names as they are spelled.

    Raises StatusError for one that comes twice, be it once as `pageSize` and once as `page_size`.
    """
    parameters: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in pairs:
        plain = name.replace("_", "").lower()
        if plain in seen:
            raise StatusError(given_twice("query parameter", name))
        seen.add(plain)
        parameters[name] = value
    return parameters
