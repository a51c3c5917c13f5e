"""What happens to response headers between an integration and the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apigateway_standin.exchange import Exchange

# "Amazon API Gateway important notes", table of headers, columns of the response for http and
# lambda. Content-Length is computed from the body that is sent.
_DROPPED = {
    "content-length",
    "expect",
    "host",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_REMAPPED = {
    "authorization",
    "connection",
    "content-md5",
    "date",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
}


def to_client(
    headers: Iterable[tuple[str, str]], exchange: Exchange
) -> tuple[tuple[str, str], ...]:
    """Headers as the client gets them: dropped, renamed `x-amzn-Remapped-…`, completed.

    "API Gateway includes a Content-Type header for all integration responses. By default, the
    content type is application/json." The identifying headers are as recorded in
    aws/aws-lambda-dotnet.
    """
    result = [
        ("x-amzn-RequestId", exchange.request_id),
        ("x-amz-apigw-id", exchange.extended_id),
        ("X-Amzn-Trace-Id", exchange.trace_id),
    ]
    typed = False
    for name, value in headers:
        lower = name.lower()
        if lower in _DROPPED:
            continue
        typed = typed or lower == "content-type"
        result.append((f"x-amzn-Remapped-{name}" if lower in _REMAPPED else name, value))
    if not typed:
        result.append(("Content-Type", "application/json"))
    return tuple(result)
