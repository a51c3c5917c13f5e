"""Events: what functions get, made as the stand-in for API Gateway makes it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import unquote

from apigateway_standin.events import authorizer_event, method_arn, proxy_event, scheduled_event
from apigateway_standin.exchange import Exchange

Event: TypeAlias = dict[str, Any]


def proxied(
    method: str,
    path: str,
    headers: Mapping[str, str],
    resource: str,
    body: bytes = b"",
) -> Event:
    """The event a function behind API Gateway gets for a request."""
    return proxy_event(_exchange(method, path, headers, resource), body, binary=True)


def authorized(method: str, path: str, headers: Mapping[str, str], resource: str) -> Event:
    """The event an authorizer gets for a request."""
    exchange = _exchange(method, path, headers, resource)
    return authorizer_event(exchange, method_arn(exchange))


def scheduled(at: float) -> Event:
    """The event the janitor gets; `at` in epoch seconds."""
    return scheduled_event("arn:aws:events:us-east-1:0:rule/bench", datetime.fromtimestamp(at, UTC))


def _exchange(method: str, path: str, headers: Mapping[str, str], resource: str) -> Exchange:
    bare, _, query = path.partition("?")
    return Exchange(
        method=method,
        path=bare,
        query_string=query,
        headers=[("Host", "gateway.test"), ("User-Agent", "bench"), *headers.items()],
        source_ip="127.0.0.1",
        scheme="https",
        port=443,
        time=datetime.now(UTC),
        api_id="bench",
        stage="live",
        stage_variables={},
        resource=resource,
        path_parameters=_parameters(resource, bare),
    )


def _parameters(resource: str, path: str) -> dict[str, str]:
    pairs = zip(resource.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: unquote(value) for name, value in pairs if name.startswith("{")}
