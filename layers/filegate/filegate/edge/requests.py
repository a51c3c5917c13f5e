"""Requests: an API Gateway REST event as plain values (AWS: Lambda proxy input format)."""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filegate.edge.fields import read_headers, read_parameters
from filegate.instants import Instant
from filegate.tenants import Credential


@dataclass(frozen=True)
class Request:
    """One request; header names in lower case, `received_at` in epoch milliseconds."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes
    received_at: Instant
    base_url: str
    """Where this API stands for the client that sent this request, without a trailing slash."""
    address: str | None = None
    """The caller's, as API Gateway saw it."""

    @property
    def credential(self) -> Credential:
        """The key, from the header or, as in cURL samples, from `?key=`; and the page's origin."""
        key = self.headers.get("x-goog-api-key") or self.query.get("key")
        return Credential(key, self.headers.get("origin"), self.address)


def read_request(event: Mapping[str, Any], public_base_url: str = "") -> Request:
    """Read an event of a proxy integration or of a REQUEST authorizer (which has no body).

    Raises StatusError for a field that is given twice, and for a body that is encoded.
    """
    context = event["requestContext"]
    body = event.get("body") or ""
    return Request(
        headers=read_headers(_pairs(event, "headers", "multiValueHeaders")),
        query=read_parameters(
            _pairs(event, "queryStringParameters", "multiValueQueryStringParameters")
        ),
        parameters=event.get("pathParameters") or {},
        body=b64decode(body) if event.get("isBase64Encoded") else body.encode(),
        received_at=context["requestTimeEpoch"],
        base_url=public_base_url or _own_base_url(event),
        address=context.get("identity", {}).get("sourceIp"),
    )


def _pairs(event: Mapping[str, Any], single: str, multiple: str) -> Iterator[tuple[str, str]]:
    """Every value of every field: `single` alone has only the last one of each."""
    several: Mapping[str, Sequence[str]] = event.get(multiple) or {}
    one: Mapping[str, str] = event.get(single) or {}
    for name, values in {**{name: [value] for name, value in one.items()}, **several}.items():
        for value in values:
            yield name, value


def _own_base_url(event: Mapping[str, Any]) -> str:
    """The API's own origin and stage (or base path), as API Gateway says, never as a header says.

    `Host` and `X-Forwarded-*` are the caller's to write; with them it could steer other uploads.
    """
    context = event["requestContext"]
    prefix = context["path"].removesuffix(event["path"])
    return f"https://{context['domainName']}{prefix}".rstrip("/")
