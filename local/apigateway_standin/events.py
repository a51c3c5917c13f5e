"""The events functions receive: REST proxy, REQUEST authorizer and EventBridge schedule."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, TypeAlias

from apigateway_standin.template import ACCOUNT, REGION

if TYPE_CHECKING:
    from datetime import datetime

    from apigateway_standin.exchange import Exchange

Event: TypeAlias = "dict[str, object]"


def proxy_event(exchange: Exchange, body: bytes, *, binary: bool) -> Event:
    """A Lambda proxy event of a REST API (payload 1.0).

    Source: "Lambda proxy integrations in API Gateway"; shape, raw path and the missing
    Content-Length as recorded in aws/aws-lambda-dotnet (aws-facts section 2). A binary body is
    base64; an empty body is null.
    """
    encoded = base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")
    return {
        **_request(exchange),
        "requestContext": exchange.request_context(),
        "body": encoded if body else None,
        "isBase64Encoded": binary and bool(body),
    }


def authorizer_event(exchange: Exchange, arn: str) -> Event:
    """The event of a REQUEST authorizer: the request without its body.

    Source: "Input to an API Gateway Lambda authorizer".
    """
    return {
        "type": "REQUEST",
        "methodArn": arn,
        **_request(exchange),
        "requestContext": exchange.request_context(),
    }


def method_arn(exchange: Exchange) -> str:
    """`arn:aws:execute-api:{region}:{account}:{api}/{stage}/{verb}/{path}`."""
    path = exchange.path.lstrip("/")
    return (
        f"arn:aws:execute-api:{REGION}:{ACCOUNT}:"
        f"{exchange.api_id}/{exchange.stage}/{exchange.method}/{path}"
    )


def scheduled_event(rule_arn: str, time: datetime) -> Event:
    """An EventBridge scheduled event. Source: "Creating a rule that runs on a schedule"."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [rule_arn],
        "detail": {},
    }


def _request(exchange: Exchange) -> Event:
    headers = _multi_value(_headers(exchange))
    query = _multi_value(exchange.query)
    return {
        "resource": exchange.resource,
        "path": exchange.path,
        "httpMethod": exchange.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": exchange.path_parameters or None,
        "stageVariables": exchange.stage_variables or None,
    }


# "Amazon API Gateway important notes", column lambda; Content-Length is never in a recorded event.
_DROPPED = {
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
}


def _headers(exchange: Exchange) -> list[tuple[str, str]]:
    """The client's headers in its spelling and what API Gateway adds, sorted by name."""
    kept = [pair for pair in exchange.headers if pair[0].lower() not in _DROPPED]
    forwarded = exchange.header_of_any_case("X-Forwarded-For")
    source = f"{forwarded}, {exchange.source_ip}" if forwarded else exchange.source_ip
    return sorted(
        [
            *kept,
            ("X-Amzn-Trace-Id", exchange.trace_id),
            ("X-Forwarded-For", source),
            ("X-Forwarded-Port", str(exchange.port)),
            ("X-Forwarded-Proto", exchange.scheme),
        ],
        key=lambda pair: pair[0],
    )


def _multi_value(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
