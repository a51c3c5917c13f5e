"""The OpenAPI body of a REST API as routes, checked as the import into API Gateway checks it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apigateway_standin.document import Section, TemplateError, as_text
from apigateway_standin.gateway_responses import GatewayResponses
from apigateway_standin.integration_settings import (
    Integration,
    Operation,
    function_of,
    read_integration,
)
from apigateway_standin.media_types import BinaryMediaTypes
from apigateway_standin.routing import Router

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.stack import Function, RestApi

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_ANY = "x-amazon-apigateway-any-method"
_REFERENCE = re.compile(r"#/([^#]+)")


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A REQUEST authorizer without cache and without identity source."""

    name: str
    function: str


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource."""

    method: str
    resource: str
    operation: str | None
    authorizer: Authorizer | None
    integration: Integration


@dataclass(slots=True)
class Api:
    """Everything the gateway needs to know of the API."""

    api_id: str
    stage: str
    stage_variables: dict[str, str]
    binary: BinaryMediaTypes
    responses: GatewayResponses
    routes: list[Route] = field(default_factory=list)
    _router: Router[dict[str, Route]] = field(default_factory=Router)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and its path parameters (encoded); the resource is chosen first,
        then its method, then its `ANY`."""
        found = self._router.find(path)
        if found is None:
            return None
        methods, parameters = found
        route = methods.get(method) or methods.get("ANY")
        return None if route is None else (route, parameters)

    def add(self, resource: str, routes: list[Route], place: str) -> None:
        """Register the methods of a resource."""
        self.routes.extend(routes)
        self._router.add(resource, {route.method: route for route in routes}, place)


def build_api(rest_api: RestApi, functions: Mapping[str, Function]) -> Api:
    """Read the body; anything unsupported or that AWS would reject is a `TemplateError`."""
    body = rest_api.body
    body.refuse(
        ["x-amazon-apigateway-policy", "x-amazon-apigateway-request-validator"],
        "is not supported by the stand-in",
    )
    media = tuple(
        as_text(item, body.place) for item in body.items("x-amazon-apigateway-binary-media-types")
    )
    binary = BinaryMediaTypes(rest_api.binary_media_types + media)
    api = Api(
        api_id=rest_api.api_id,
        stage=rest_api.stage,
        stage_variables=rest_api.stage_variables,
        binary=binary,
        responses=GatewayResponses(body.section("x-amazon-apigateway-gateway-responses")),
    )
    by_arn = {
        arn: function
        for function in functions.values()
        for arn in (function.arn, *function.aliases)
    }
    reader = _Reader(body, by_arn, binary)
    for resource, item in body.section("paths").sections():
        api.add(resource, reader.routes(resource, item), item.place)
    return api


class _Reader:
    """Reads path items of one body."""

    def __init__(
        self, body: Section, by_arn: dict[str, Function], binary: BinaryMediaTypes
    ) -> None:
        self._body = body
        self._by_arn = by_arn
        self._binary = binary
        self._authorizers: dict[str, Authorizer] = {}
        schemes = body.section("components").section("securitySchemes")
        for name, scheme in schemes.sections():
            self._authorizers[name] = self._authorizer(name, scheme)

    def routes(self, resource: str, item: Section) -> list[Route]:
        """The methods of one path item."""
        shared = self._parameters(item)
        found = []
        for key, operation in item.values.items():
            if key in _METHODS or key == _ANY:
                section = Section(operation, item.at(key))
                found.append(self._route(resource, key, section, shared))
            elif key not in {"parameters", "summary", "description", "servers"}:
                raise TemplateError(item.at(key), "is not supported by the stand-in")
        return found

    def _route(self, resource: str, key: str, section: Section, shared: set[str]) -> Route:
        section.refuse(
            ["x-amazon-apigateway-request-validator"], "is not supported by the stand-in"
        )
        if "x-amazon-apigateway-integration" not in section:
            raise TemplateError(section.place, "no integration defined for method")
        operation = Operation(
            binary=self._binary,
            functions=self._by_arn,
            parameters=shared | self._parameters(section),
            responses=self._responses(section),
        )
        name = section.text("operationId", "")
        return Route(
            method="ANY" if key == _ANY else key.upper(),
            resource=resource,
            operation=name or None,
            authorizer=self._security(section),
            integration=read_integration(
                section.section("x-amazon-apigateway-integration"), operation
            ),
        )

    def _security(self, section: Section) -> Authorizer | None:
        kind = section.section("x-amazon-apigateway-auth").text("type", "NONE")
        if kind.upper() != "NONE":
            raise TemplateError(section.at("x-amazon-apigateway-auth"), f"{kind} is not supported")
        names: list[str] = []
        for entry in section.items("security"):
            names.extend(Section(entry, section.at("security")))
        if not names:
            return None
        if len(names) > 1:
            raise TemplateError(section.at("security"), "only one authorizer per method")
        if names[0] not in self._authorizers:
            raise TemplateError(section.at("security"), f"there is no security scheme {names[0]}")
        return self._authorizers[names[0]]

    def _authorizer(self, name: str, scheme: Section) -> Authorizer:
        if scheme.text("type", "") != "apiKey":
            raise TemplateError(scheme.place, "REST APIs know only the type apiKey")
        if scheme.text("x-amazon-apigateway-authtype", "") != "custom":
            raise TemplateError(scheme.place, "only x-amazon-apigateway-authtype: custom runs here")
        settings = scheme.section("x-amazon-apigateway-authorizer")
        if settings.text("type") != "request":
            raise TemplateError(settings.at("type"), "only request authorizers run here")
        # Without the property API Gateway caches for 300 s, keyed by an identity source.
        if settings.text("authorizerResultTtlInSeconds", "300") != "0":
            raise TemplateError(
                settings.at("authorizerResultTtlInSeconds"), "only 0 (no cache) runs here"
            )
        settings.refuse(["identitySource", "identityValidationExpression"], "is not supported here")
        place = settings.at("authorizerUri")
        return Authorizer(name, function_of(settings.text("authorizerUri"), self._by_arn, place))

    def _parameters(self, section: Section) -> set[str]:
        found = set()
        for entry in section.items("parameters"):
            parameter = self._follow(Section(entry, section.at("parameters")))
            location = {"query": "querystring"}.get(parameter.text("in"), parameter.text("in"))
            found.add(f"method.request.{location}.{parameter.text('name')}")
        return found

    def _responses(self, section: Section) -> dict[str, set[str]]:
        found = {}
        for status, response in section.section("responses").sections():
            headers = self._follow(response).section("headers")
            found[status] = {f"method.response.header.{name}" for name in headers}
        return found

    def _follow(self, section: Section) -> Section:
        if "$ref" not in section:
            return section
        reference = section.text("$ref")
        if not (match := _REFERENCE.fullmatch(reference)):
            raise TemplateError(section.place, f"{reference} is not a reference into the body")
        target = self._body
        for part in match[1].split("/"):
            if part not in target:
                raise TemplateError(section.place, f"{reference} leads nowhere")
            target = target.section(part)
        return target
