"""One request on its way through the gateway, and the reply it ends in."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from apigateway_standin.template import ACCOUNT

if TYPE_CHECKING:
    from datetime import datetime

Context: TypeAlias = "str | int | bool | dict[str, Context] | None"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer to the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    close: bool = False


@dataclass(slots=True)
class Exchange:
    """The facts of one request that mappings, events and gateway responses draw from.

    Header and query parameter names keep the client's spelling and are looked up exactly: REST APIs
    process them "in a case-sensitive way" ("Amazon API Gateway important notes").
    """

    method: str
    path: str
    """As sent, still percent-encoded: REST events carry it so (aws-lambda-dotnet's recordings)."""
    query_string: str
    headers: list[tuple[str, str]]
    source_ip: str
    scheme: str
    port: int
    time: datetime
    api_id: str
    stage: str
    stage_variables: dict[str, str]
    resource: str | None = None
    operation: str | None = None
    path_parameters: dict[str, str] = field(default_factory=dict)
    authorizer: dict[str, Context] | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_id: str = field(default_factory=lambda: secrets.token_urlsafe(11) + "=")
    trace_id: str = ""
    query: list[tuple[str, str]] = field(init=False)
    _by_lower: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.query = parse_qsl(self.query_string, keep_blank_values=True)
        self._by_lower = {name.lower(): value for name, value in self.headers}
        root = self.header_of_any_case("X-Amzn-Trace-Id")
        moment = f"{int(self.time.timestamp()):08x}"
        self.trace_id = root or f"Root=1-{moment}-{secrets.token_hex(12)}"

    def header(self, name: str) -> str | None:
        """The last value of a header spelled exactly so."""
        return _last(self.headers, name)

    def header_of_any_case(self, name: str) -> str | None:
        """The last value of a header, whatever its spelling: what HTTP itself cares about."""
        return self._by_lower.get(name.lower())

    def query_parameter(self, name: str) -> str | None:
        """The last value of a query parameter, decoded."""
        return _last(self.query, name)

    @property
    def host(self) -> str:
        """The Host header, with its port when it has one."""
        return self.header_of_any_case("Host") or "localhost"

    @property
    def resource_id(self) -> str:
        """Six characters that stay the same for a resource."""
        return hashlib.sha256((self.resource or "").encode()).hexdigest()[:6]

    def request_context(self) -> dict[str, Context]:
        """`requestContext` of a REST event (payload 1.0), also the source of `$context`.

        Source: "Input format of a Lambda function for proxy integration"; key names as recorded in
        aws/aws-lambda-dotnet. `domainName` keeps a local port, which AWS never has.
        """
        context: dict[str, Context] = {
            "accountId": ACCOUNT,
            "apiId": self.api_id,
            "domainName": self.host,
            "domainPrefix": self.host.split(".", 1)[0].split(":", 1)[0],
            "extendedRequestId": self.extended_id,
            "httpMethod": self.method,
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": self.source_ip,
                "user": None,
                "userAgent": self.header_of_any_case("User-Agent"),
                "userArn": None,
            },
            "path": self.path,
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestTime": self.time.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(self.time.timestamp() * 1000),
            "resourceId": self.resource_id,
            "resourcePath": self.resource,
            "stage": self.stage,
        }
        if self.operation is not None:
            context["operationName"] = self.operation
        if self.authorizer is not None:
            context["authorizer"] = self.authorizer
        return context


def _last(pairs: list[tuple[str, str]], name: str) -> str | None:
    found = None
    for key, value in pairs:
        if key == name:
            found = value
    return found


def text_of(value: Context) -> str | None:
    """A context value as a mapping writes it; None for an absent one or a whole object."""
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
