"""Hard numbers of API Gateway REST APIs and Lambda, and the checks against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PAYLOAD = 10 * 1024 * 1024
"""Bytes of a request or response body; not raisable. Source: "Quotas for configuring and running a
REST API in API Gateway"; aws-facts section 1."""

MAX_INVOCATION = 6_291_556
"""Bytes of the JSON event or response of a synchronous Lambda invocation. Source: "Lambda quotas"
(6 MB; the number is the one Lambda's own error message states); aws-facts section 1."""

MAX_HEADERS = 10_240
"""Bytes of request line and header names and values together. Source: "Quotas for configuring and
running a REST API in API Gateway"; aws-facts section 1."""

MAX_METHOD_ARN = 1_600
"""Bytes of the method ARN on a route with an authorizer. Source: "Output from an API Gateway Lambda
authorizer"."""

DEFAULT_INTEGRATION_TIMEOUT = 29_000
"""Milliseconds; raisable for Regional APIs. Source: aws-facts section 1."""

MAX_STREAM_TIMEOUT = 900_000
"""Milliseconds of an integration timeout with response streaming. Source: "Stream the integration
response for your proxy integrations in API Gateway"."""

STREAM_IDLE_TIMEOUT = 300
"""Seconds a stream of a Regional API may be idle. Source: same page; taken to count from the
request on and not only from the first byte, on which the page is silent."""

MAX_STREAM = 200 * 1024 * 1024
"""Bytes of a streamed function response. Source: "Response streaming for Lambda functions";
aws-facts section 1."""

MIN_INTEGRATION_TIMEOUT = 50
"""Milliseconds. Source: "x-amazon-apigateway-integration object"."""

DEFAULT_FUNCTION_TIMEOUT = 3
"""Seconds. Source: SAM "AWS::Serverless::Function", Timeout."""

DEFAULT_FUNCTION_MEMORY = 128
"""MB. Source: SAM "AWS::Serverless::Function", MemorySize."""


def header_bytes(line: str, headers: Iterable[tuple[str, str]]) -> int:
    """Bytes that count against `MAX_HEADERS`: the request line, each name and each value."""
    return len(line) + sum(len(name) + len(value) for name, value in headers)
