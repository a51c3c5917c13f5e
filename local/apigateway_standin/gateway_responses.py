"""Answers that API Gateway gives by itself, and their customisation."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigateway_standin.document import Section, TemplateError
from apigateway_standin.exchange import Context, Exchange, Reply, text_of
from apigateway_standin.mappings import Source, lookup, request_source

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_INTERNAL = "Internal server error"


@dataclass(frozen=True, slots=True)
class _Type:
    status: int
    error: str
    message: str | None


# Status codes: "Gateway response types for API Gateway". Messages and x-amzn-ErrorType: as REST
# APIs are seen to answer (recordings in aws/aws-lambda-dotnet, re:Post articles on 403 and 500).
_TYPES = {
    "ACCESS_DENIED": _Type(403, "AccessDeniedException", "Forbidden"),
    "API_CONFIGURATION_ERROR": _Type(500, "InternalServerErrorException", _INTERNAL),
    "AUTHORIZER_CONFIGURATION_ERROR": _Type(500, "AuthorizerConfigurationException", None),
    "AUTHORIZER_FAILURE": _Type(500, "AuthorizerFailureException", None),
    "BAD_REQUEST_BODY": _Type(400, "BadRequestException", "Invalid request body"),
    "BAD_REQUEST_PARAMETERS": _Type(400, "BadRequestException", "Bad Request"),
    "DEFAULT_4XX": _Type(400, "BadRequestException", "Bad Request"),
    "DEFAULT_5XX": _Type(500, "InternalServerErrorException", _INTERNAL),
    "EXPIRED_TOKEN": _Type(403, "ExpiredTokenException", "The security token is expired"),
    "INTEGRATION_FAILURE": _Type(
        504, "InternalServerErrorException", "Network error communicating with endpoint"
    ),
    "INTEGRATION_TIMEOUT": _Type(504, "InternalServerErrorException", "Endpoint request timed out"),
    "INVALID_API_KEY": _Type(403, "ForbiddenException", "Forbidden"),
    "INVALID_SIGNATURE": _Type(403, "InvalidSignatureException", "Forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": _Type(
        403, "MissingAuthenticationTokenException", "Missing Authentication Token"
    ),
    "QUOTA_EXCEEDED": _Type(429, "LimitExceededException", "Limit Exceeded"),
    "REQUEST_TOO_LARGE": _Type(413, "RequestTooLargeException", "Request Too Long"),
    "RESOURCE_NOT_FOUND": _Type(404, "NotFoundException", "Not Found"),
    "THROTTLED": _Type(429, "TooManyRequestsException", "Too Many Requests"),
    "UNAUTHORIZED": _Type(401, "UnauthorizedException", "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": _Type(415, "UnsupportedMediaTypeException", "Unsupported Media Type"),
    "WAF_FILTERED": _Type(403, "ForbiddenException", "Forbidden"),
}
_DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_VARIABLE = re.compile(r"\$(context|stageVariables)((?:\.\w+)+)", re.ASCII)
_VELOCITY = re.compile(r"\$(?:util|input|method)\b|\$\{|\$!|#(?:set|if|else|end|foreach)\b")


class GatewayFailure(Exception):
    """The gateway itself answers: a response type, and a message or status other than its own."""

    def __init__(self, kind: str, message: str | None = None, status: int | None = None) -> None:
        super().__init__(f"{kind}: {message or _TYPES[kind].message}")
        self.kind = kind
        self.message = _TYPES[kind].message if message is None else message
        self.status = status


@dataclass(frozen=True, slots=True)
class _Custom:
    status: int | None
    headers: tuple[tuple[str, Source], ...]
    template: str


class GatewayResponses:
    """The API's customised gateway responses over the built-in ones."""

    def __init__(self, section: Section) -> None:
        self._custom = {name: _read(name, entry) for name, entry in section.sections()}

    def render(self, failure: GatewayFailure, exchange: Exchange) -> Reply:
        """The reply to a failure: its own type, else `DEFAULT_4XX`/`DEFAULT_5XX`, else built in."""
        known = _TYPES[failure.kind]
        status = failure.status or known.status
        custom = self._custom.get(failure.kind)
        if failure.kind == "REQUEST_TOO_LARGE":
            # "Customizing the default gateway response for 413 isn't currently supported"
            # (Amazon API Gateway important notes).
            custom = None
        elif custom is None:
            custom = self._custom.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX")
        headers = [
            ("x-amzn-RequestId", exchange.request_id),
            ("x-amz-apigw-id", exchange.extended_id),
            ("x-amzn-ErrorType", known.error),
            ("Content-Type", "application/json"),
        ]
        if custom is None:
            return Reply(status, tuple(headers), _built_in(failure))
        for name, source in custom.headers:
            value = source.read(exchange)
            if value is not None:
                headers = [pair for pair in headers if pair[0].lower() != name.lower()]
                headers.append((name, value))
        body = _substitute(custom.template, _variables(failure, exchange), exchange.stage_variables)
        return Reply(custom.status or status, tuple(headers), body.encode())


def _built_in(failure: GatewayFailure) -> bytes:
    if failure.kind == "ACCESS_DENIED":
        return f'{{"Message":{json.dumps(failure.message)}}}'.encode()
    space = " " if failure.message == _INTERNAL or failure.kind.startswith("INTEGRATION") else ""
    return f'{{"message":{space}{json.dumps(failure.message)}}}'.encode()


def _variables(failure: GatewayFailure, exchange: Exchange) -> dict[str, Context]:
    context = exchange.request_context()
    context["error"] = {
        "message": failure.message,
        "messageString": json.dumps(failure.message),
        "responseType": failure.kind,
    }
    return context


def _substitute(
    template: str, context: dict[str, Context], stage_variables: Mapping[str, str]
) -> str:
    """Put variables into a template as they are, unescaped; an absent one becomes nothing.

    Gateway response templates are "not processed by the VTL engine"
    ("x-amazon-apigateway-gateway-responses.gatewayResponse object").
    """

    def replace(match: re.Match[str]) -> str:
        name = match[2][1:]
        if match[1] == "stageVariables":
            return stage_variables.get(name, "")
        return text_of(lookup(context, name)) or ""

    return _VARIABLE.sub(replace, template)


def _read(name: str, section: Section) -> _Custom:
    if name not in _TYPES:
        raise TemplateError(section.place, "is not a gateway response type")
    if name == "REQUEST_TOO_LARGE":
        log.warning("%s has no effect: API Gateway does not customise 413", section.place)
    section.only(["statusCode", "responseParameters", "responseTemplates"])
    headers = []
    parameters = section.section("responseParameters")
    for target in parameters:
        place = parameters.at(target)
        if not target.startswith("gatewayresponse.header."):
            raise TemplateError(place, "only gatewayresponse.header.<name> can be set")
        source = request_source(parameters.text(target), place)
        if source.kind in {"context", "stage"}:
            raise TemplateError(place, "takes a request parameter or a 'static' value")
        headers.append((target.removeprefix("gatewayresponse.header."), source))
    templates = section.texts("responseTemplates")
    if set(templates) - {"application/json"}:
        raise TemplateError(section.at("responseTemplates"), "only application/json is supported")
    template = templates.get("application/json", _DEFAULT_TEMPLATE)
    if _VELOCITY.search(template):
        raise TemplateError(
            section.at("responseTemplates"),
            "gateway response templates are not processed as VTL; only $context.… is replaced",
        )
    status = section.number("statusCode", 0)
    return _Custom(status or None, tuple(headers), template)
