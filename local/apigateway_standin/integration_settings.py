"""`x-amazon-apigateway-integration` of a method, read once and checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from apigateway_standin.document import Section, TemplateError
from apigateway_standin.limits import (
    DEFAULT_INTEGRATION_TIMEOUT,
    MAX_STREAM_TIMEOUT,
    MIN_INTEGRATION_TIMEOUT,
)
from apigateway_standin.mappings import Source, request_source, response_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.media_types import BinaryMediaTypes
    from apigateway_standin.stack import Function

_LAMBDA_URI = r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/"
_BUFFERED_URI = re.compile(_LAMBDA_URI + "2015-03-31/functions/(.+)/invocations")
_STREAM_URI = re.compile(_LAMBDA_URI + "2021-11-15/functions/(.+)/response-streaming-invocations")
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_TARGET = re.compile(r"integration\.request\.(path|querystring|header)\.([a-zA-Z0-9._$-]+)")
_UNSETTABLE = {"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"}
_COMMON = {"type", "httpMethod", "uri", "passthroughBehavior", "timeoutInMillis"} | {
    "responseTransferMode",
    "payloadFormatVersion",
    "connectionType",
    "responses",
    "requestParameters",
    "requestTemplates",
    "contentHandling",
}

Headers: TypeAlias = "tuple[tuple[str, Source], ...]"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the method around an integration declares."""

    binary: BinaryMediaTypes
    functions: Mapping[str, Function]
    parameters: set[str]
    responses: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class IntegrationResponse:
    """One entry of `responses`; `pattern` is None for `default`."""

    pattern: re.Pattern[str] | None
    status: int
    headers: Headers
    template: str | None


@dataclass(frozen=True, slots=True)
class LambdaIntegration:
    """`aws_proxy`; `timeout` in seconds."""

    function: str
    timeout: float


@dataclass(frozen=True, slots=True)
class StreamIntegration:
    """`aws_proxy` with `responseTransferMode: STREAM`; `timeout` in seconds."""

    function: str
    timeout: float


@dataclass(frozen=True, slots=True)
class HttpIntegration:
    """`http` (custom): nothing passes but what is mapped; `timeout` in seconds."""

    method: str | None
    uri: str
    path: Mapping[str, Source]
    query: tuple[tuple[str, Source], ...]
    headers: Headers
    responses: tuple[IntegrationResponse, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class MockIntegration:
    """`mock` with a constant status; the answer is complete at start."""

    response: IntegrationResponse


Integration: TypeAlias = "LambdaIntegration | StreamIntegration | HttpIntegration | MockIntegration"


def function_of(uri: str, functions: Mapping[str, Function], place: str) -> str:
    """The logical id of the function an invocation URI names."""
    function = _named(_BUFFERED_URI, uri, functions, place)
    if function.web is not None:
        raise TemplateError(
            place,
            f"{function.logical_id} is a web function with response_stream and needs an "
            "integration with responseTransferMode: STREAM",
        )
    return function.logical_id


def _named(
    pattern: re.Pattern[str], uri: str, functions: Mapping[str, Function], place: str
) -> Function:
    match = pattern.fullmatch(uri)
    if match is None:
        kind = "Lambda response streaming" if pattern is _STREAM_URI else "Lambda invocation"
        raise TemplateError(place, f"{uri!r} is not a {kind} URI")
    if match[1] not in functions:
        raise TemplateError(place, f"{match[1]} is not a function of this template")
    return functions[match[1]]


def read_integration(section: Section, operation: Operation) -> Integration:
    """Read one integration; what AWS refuses or the stand-in does not do is an error."""
    if "$ref" in section:
        raise TemplateError(section.place, "integration references work on HTTP APIs only")
    section.only(_COMMON)
    if section.text("connectionType", "INTERNET").upper() != "INTERNET":
        raise TemplateError(section.at("connectionType"), "only INTERNET runs here")
    kind = section.text("type").lower()
    mode = section.text("responseTransferMode", "BUFFERED").upper()
    if kind == "aws_proxy" and mode == "STREAM":
        return _stream(section, operation)
    if mode != "BUFFERED":
        raise TemplateError(
            section.at("responseTransferMode"), f"{mode} is not supported for {kind}"
        )
    if kind == "aws_proxy":
        return _lambda(section, operation)
    if kind == "http":
        return _http(section, operation)
    if kind == "mock":
        return _mock(section, operation)
    raise TemplateError(section.at("type"), f"integration type {kind} is not supported")


def _timeout(section: Section) -> float:
    milliseconds = section.number("timeoutInMillis", DEFAULT_INTEGRATION_TIMEOUT)
    if milliseconds < MIN_INTEGRATION_TIMEOUT:
        raise TemplateError(section.at("timeoutInMillis"), "must be at least 50")
    return milliseconds / 1000


def _lambda(section: Section, operation: Operation) -> LambdaIntegration:
    _check_proxy(section)
    function = function_of(section.text("uri"), operation.functions, section.at("uri"))
    return LambdaIntegration(function, _timeout(section))


def _stream(section: Section, operation: Operation) -> StreamIntegration:
    """Python functions stream only as web servers: their runtime itself has no response streaming
    (aws-facts section 1)."""
    _check_proxy(section)
    place = section.at("uri")
    function = _named(_STREAM_URI, section.text("uri"), operation.functions, place)
    if function.web is None:
        raise TemplateError(place, f"{function.logical_id} is no web function, so cannot stream")
    timeout = _timeout(section)
    if timeout * 1000 > MAX_STREAM_TIMEOUT:
        raise TemplateError(section.at("timeoutInMillis"), f"must be at most {MAX_STREAM_TIMEOUT}")
    return StreamIntegration(function.logical_id, timeout)


def _check_proxy(section: Section) -> None:
    if section.text("httpMethod").upper() != "POST":
        raise TemplateError(section.at("httpMethod"), "Lambda is invoked by POST")
    section.refuse(["requestTemplates", "requestParameters"], "has no effect on aws_proxy")


def _http(section: Section, operation: Operation) -> HttpIntegration:
    section.refuse(["requestTemplates"], "body templates are not supported for http")
    section.refuse(["contentHandling"], "only an undefined contentHandling is supported for http")
    if section.text("passthroughBehavior", "when_no_match").lower() == "never":
        raise TemplateError(section.at("passthroughBehavior"), "never refuses every body (415)")
    uri = section.text("uri")
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "$" in uri:
        raise TemplateError(section.at("uri"), f"{uri!r} is not an absolute URL")
    mapped: dict[str, dict[str, Source]] = {"path": {}, "querystring": {}, "header": {}}
    parameters = section.section("requestParameters")
    for target in parameters:
        place = parameters.at(target)
        match = _TARGET.fullmatch(target)
        if match is None or (match[1] == "header" and match[2].lower() in _UNSETTABLE):
            raise TemplateError(place, "cannot be set by a mapping")
        expression = parameters.text(target)
        source = request_source(expression, place)
        if expression.startswith("method.request.") and expression not in operation.parameters:
            raise TemplateError(
                place, f"invalid mapping expression: the method does not declare {expression}"
            )
        mapped[match[1]][match[2]] = source
    for name in _PLACEHOLDER.findall(uri):
        if name not in mapped["path"]:
            raise TemplateError(section.at("uri"), f"{{{name}}} has no integration.request.path")
    method = section.text("httpMethod").upper()
    return HttpIntegration(
        method=None if method == "ANY" else method,
        uri=uri,
        path=mapped["path"],
        query=tuple(mapped["querystring"].items()),
        headers=tuple(mapped["header"].items()),
        responses=_responses(section, operation),
        timeout=_timeout(section),
    )


def _mock(section: Section, operation: Operation) -> MockIntegration:
    section.refuse(["requestParameters"], "is not supported for mock")
    if operation.binary.is_binary(None) and (
        section.text("contentHandling", "").upper() != "CONVERT_TO_TEXT"
    ):
        raise TemplateError(
            section.place,
            "with these binary media types a mock needs contentHandling: CONVERT_TO_TEXT, or it "
            "answers 500 (aws/serverless-application-model issue 553)",
        )
    templates = section.section("requestTemplates")
    text = templates.text("application/json")
    try:
        status = json.loads(text)["statusCode"]
    except (ValueError, KeyError, TypeError):
        raise TemplateError(
            templates.place, 'only a constant {"statusCode": n} is supported'
        ) from None
    chosen = select(_responses(section, operation), int(status))
    if chosen is None:
        raise TemplateError(section.at("responses"), f"nothing matches {status}, and no default")
    return MockIntegration(chosen)


def _responses(section: Section, operation: Operation) -> tuple[IntegrationResponse, ...]:
    found = []
    for pattern, response in section.section("responses").sections():
        response.only(["statusCode", "responseParameters", "responseTemplates", "contentHandling"])
        if response.text("contentHandling", "").upper() not in {"", "CONVERT_TO_TEXT"}:
            raise TemplateError(response.at("contentHandling"), "is not supported")
        if section.text("type").lower() == "http":
            response.refuse(["contentHandling"], "only undefined is supported for http")
        status = response.text("statusCode")
        if status not in operation.responses:
            raise TemplateError(
                response.at("statusCode"), f"invalid: the method declares no response {status}"
            )
        found.append(
            IntegrationResponse(
                pattern=None if pattern == "default" else _pattern(pattern, response.place),
                status=int(status),
                headers=_response_headers(response, operation.responses[status]),
                template=_template(response.section("responseTemplates")),
            )
        )
    return tuple(found)


def _pattern(text: str, place: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise TemplateError(place, f"{text!r} is not a regular expression: {error}") from error


def _response_headers(response: Section, declared: set[str]) -> Headers:
    parameters = response.section("responseParameters")
    found = []
    for target in parameters:
        if target not in declared:
            raise TemplateError(
                parameters.at(target),
                "invalid mapping expression: the method response does not declare this header",
            )
        source = response_source(parameters.text(target), parameters.at(target))
        found.append((target.removeprefix("method.response.header."), source))
    return tuple(found)


def _template(section: Section) -> str | None:
    if not section.values:
        return None
    section.only(["application/json"])
    text = section.text("application/json", "")
    if "$" in text or "#" in text:
        raise TemplateError(section.place, "only constant response templates are supported")
    return text


def select(responses: tuple[IntegrationResponse, ...], status: int) -> IntegrationResponse | None:
    """The integration response for a backend status: a pattern must match it whole, the first that
    does wins, `default` comes last."""
    default = None
    for response in responses:
        if response.pattern is None:
            default = response
        elif response.pattern.fullmatch(str(status)):
            return response
    return default
