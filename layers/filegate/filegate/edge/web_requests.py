"""Web requests: what the Lambda Web Adapter makes of an API Gateway REST event, as plain values."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import Request as WebRequest

from filegate.edge.fields import read_headers, read_parameters
from filegate.edge.requests import Request
from filegate.errors import StatusError, body_too_large, invalid_argument

LARGEST_BODY: Final = 4 * 1024 * 1024
"""Bytes of a request's body: 6 MB a Lambda call, less base64's third (aws-facts 1)."""
_CONTEXT: Final = "x-amzn-request-context"
_OWN_QUERY: Final = frozenset({"key"})


async def read_web_request(request: WebRequest) -> Request:
    """Read a request with its body.

    The moment is API Gateway's, from the context that the adapter writes over whatever a client
    sent under that name. Answers of web functions hold no URLs of this API, so `base_url` is empty.
    Raises StatusError for a body over LARGEST_BODY or an encoded one, and for a field that is given
    twice, as far as that can be seen: of a header with several values the adapter passes the last.
    """
    body = await request.body()
    if len(body) > LARGEST_BODY:
        raise StatusError(body_too_large(len(body), LARGEST_BODY))
    context = json.loads(request.headers[_CONTEXT])
    return Request(
        headers=read_headers(request.headers.items()),
        query=read_parameters(request.query_params.multi_items()),
        parameters={name: str(value) for name, value in request.path_params.items()},
        body=body,
        received_at=int(context["requestTimeEpoch"]),
        base_url="",
        address=context.get("identity", {}).get("sourceIp"),
    )


def read_query(query: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """The query parameters that may go upstream; the caller's own key never does.

    Raises StatusError for any other: `fields` would hide what a call used, `access_token` and its
    like would be a second credential (wire 5.4).
    """
    taken = {name: value for name, value in query.items() if name not in _OWN_QUERY}
    known = set(allowed)
    for name in taken:
        if name not in known:
            may_be = ", ".join(sorted(known)) or "none"
            raise StatusError(
                invalid_argument(
                    f"The query parameter {name[:40]!r} cannot be used here. Known ones: {may_be}.",
                    name[:40],
                )
            )
    return taken
