"""A REST proxy event as the HTTP request the AWS Lambda Web Adapter makes of it.

Sources: awslabs/aws-lambda-web-adapter 2194417 (1.0), `src/lib.rs`, `fetch_response`; the crates it
builds on: awslabs/aws-lambda-rust-runtime 4c4e5fa, `lambda-http/src/request.rs`
(`into_proxy_request`), `lambda-events/src/event/apigw/mod.rs`, `lambda-runtime/src/types.rs`, and
calavera/query-map-rs. What the event lacks, the request lacks: Content-Length of the client, the
order of query parameters, a header's further values.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from apigateway_standin.stack import Function

# The fields of ApiGatewayProxyRequestContext and ApiGatewayRequestIdentity: the adapter writes the
# context anew from these structs, so that everything else of it (extendedRequestId) is lost.
_CONTEXT = (
    "accountId",
    "resourceId",
    "operationName",
    "stage",
    "domainName",
    "domainPrefix",
    "requestId",
    "protocol",
    "identity",
    "resourcePath",
    "path",
    "authorizer",
    "httpMethod",
    "requestTime",
    "requestTimeEpoch",
    "apiId",
)
_IDENTITY = (
    "cognitoIdentityPoolId",
    "accountId",
    "cognitoIdentityId",
    "caller",
    "apiKey",
    "apiKeyId",
    "accessKey",
    "sourceIp",
    "cognitoAuthenticationType",
    "cognitoAuthenticationProvider",
    "userArn",
    "userAgent",
    "user",
)
_LEFT_OUT_IF_EMPTY = {"operationName", "authorizer"}
# All but the path percent-encode set of the URL standard, which Rust's `Url::set_path` applies.
_PATH_SAFE = "!$%&'()*+,/:;=@[]^|~"
_UP = {"..", ".%2e", "%2e.", "%2e%2e"}
_HERE = {".", "%2e"}


@dataclass(frozen=True, slots=True)
class AdapterRequest:
    """A request to the function's web server; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def adapted(event: dict[str, Any], lambda_context: dict[str, object]) -> AdapterRequest:
    """The request for an event.

    - The path is the event's: still encoded, without the stage, dot segments resolved.
    - Of a header with several values the last one is left: `headers` overwrites
      `multiValueHeaders` where both have a name.
    - `x-amzn-request-context` and `x-amzn-lambda-context` replace whatever the client sent under
      these names, in any spelling (`HeaderMap::insert`; pull request 286).
    """
    headers = {
        name.lower(): value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for name, value in event["headers"].items()
    }
    headers["x-amzn-request-context"] = _json(_request_context(event["requestContext"]))
    headers["x-amzn-lambda-context"] = _json(lambda_context)
    target = _path(event["path"])
    if query := _query(event["multiValueQueryStringParameters"] or {}):
        target += f"?{query}"
    text = event["body"] or ""
    body = base64.b64decode(text) if event["isBase64Encoded"] else text.encode()
    return AdapterRequest(event["httpMethod"], target, headers, body)


def lambda_context(
    function: Function, request_id: str, deadline: float, trace_id: str
) -> dict[str, object]:
    """The invocation's context as the adapter passes it; `deadline` in seconds since the epoch.

    The deadline is of real time, as the clock of the function's own process is.
    """
    return {
        "request_id": request_id,
        "deadline": int(deadline * 1000),
        "invoked_function_arn": function.arn,
        "xray_trace_id": trace_id,
        "client_context": None,
        "identity": None,
        "tenant_id": None,
        "env_config": {
            "function_name": function.name,
            "memory": function.memory,
            "version": "$LATEST",
            "log_stream": "local",
            "log_group": f"/aws/lambda/{function.name}",
        },
    }


def _request_context(given: dict[str, Any]) -> dict[str, object]:
    context = {
        name: given.get(name)
        for name in _CONTEXT
        if name not in _LEFT_OUT_IF_EMPTY or given.get(name)
    }
    context["identity"] = {name: given["identity"].get(name) for name in _IDENTITY}
    return context


def _json(value: object) -> str:
    # Rust's serde_json writes UTF-8, and a header carries it as it is.
    return (
        json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        .encode("utf-8", "surrogateescape")
        .decode("utf-8", "replace")
    )


def _path(raw: str) -> str:
    parts = raw.replace("\\", "/").split("/")[1:]
    kept: list[str] = []
    for part in parts:
        if part.lower() in _UP:
            del kept[-1:]
        elif part.lower() not in _HERE:
            kept.append(quote(part, safe=_PATH_SAFE))
    if parts and parts[-1].lower() in _UP | _HERE:
        kept.append("")
    return "/" + "/".join(kept)


def _query(parameters: dict[str, list[str]]) -> str:
    """`application/x-www-form-urlencoded`, names in the event's order; on AWS in any order, as
    the adapter keeps them in a hash map."""
    return "&".join(
        f"{_form(name)}={_form(value)}" for name, values in parameters.items() for value in values
    )


def _form(text: str) -> str:
    return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")
