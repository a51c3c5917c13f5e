"""Files OpenAPI: the description of the API that tenants speak, written from the code.

`python -m filegate.edge.files_openapi docs/openapi/files.json` rewrites the committed one.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from filegate.answers import EVENT_STREAM
from filegate.edge.files_resources import Resource
from filegate.edge.files_routes import (
    BYTES,
    JSON,
    RELATED,
    ROUTES,
    TEXT,
    Answer,
    Credential,
    Parameter,
    Route,
)
from filegate.edge.openapi_refusals import ALWAYS, STATUS, described, refusals
from filegate.names import VERSIONS

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_REFERENCE: Final = "#/components/schemas/{model}"
_HEADER: Final = {"type": "apiKey", "in": "header", "name": "x-goog-api-key"}
_SECURITY: Final = {
    Credential.KEY: {**_HEADER, "description": "A tenant's key, as the Google Gen AI SDKs send."},
    Credential.KEY_IN_QUERY: {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "A tenant's key, as in Google's cURL samples.",
    },
    Credential.TOKEN: {
        **_HEADER,
        "description": "A browser token of tokens.create: a key with scopes, a budget and an end.",
    },
    Credential.GOOGLE: {
        "type": "http",
        "scheme": "bearer",
        "description": "The caller's own Google access token, beside the tenant's key.",
    },
}
_BYTES: Final[Mapping[str, Any]] = {"type": "string", "format": "binary"}
_UNREAD: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "As upstream takes it. Here it has to be one JSON object, each file, cache and "
    "store that it names the caller's own.",
}
_RELATED: Final[Mapping[str, Any]] = {
    "type": "string",
    "format": "binary",
    "description": "Two parts: the metadata as JSON, and the content.",
}


_BY_GATEWAY: Final = "Refused"
_BY_UPSTREAM: Final = "ChunkRefused"
_DEFAULT: Final = {"$ref": "#/components/responses/Default"}


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    routes = list(ROUTES.values())
    answers = [
        form
        for route in routes
        for answer in route.answers
        for one in answer.forms.values()
        for form in (one if isinstance(one, list) else [one])
        if form is not None
    ]
    bodies = [form for route in routes for form in (route.body or {}).values() if form is not None]
    wanted = [(model, "serialization") for model in answers]
    wanted += [(model, "validation") for model in bodies]
    _, definitions = models_json_schema(
        list(dict.fromkeys(wanted)),  # type: ignore[arg-type]  # mypy takes a pair's words for str
        by_alias=True,
        ref_template=_REFERENCE,
    )
    schemas = definitions["$defs"]
    for model in Resource.__subclasses__():
        _forget_defaults(schemas.get(model.__name__, {}))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Filegate",
            "version": "1",
            "description": "The Gemini File API, and what uses its files, as tenants call it.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {str(name): scheme for name, scheme in _SECURITY.items()},
            "responses": _refusals(),
            "schemas": {**schemas, "Status": STATUS},
        },
    }


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def _forget_defaults(schema: dict[str, Any]) -> None:
    """What an answer does not have is not there: it has no default."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def _operation(route: Route) -> dict[str, Any]:
    parameters = [_path_parameter(name, route) for name in _PATH_PARAMETER.findall(route.path)]
    parameters += [_parameter(one) for one in route.parameters]
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "security": _security(route),
        "parameters": parameters,
    }
    if route.body is not None:
        content: dict[str, dict[str, Any]] = {
            kind: {"schema": _body(kind, form)} for kind, form in route.body.items()
        }
        if route.example is not None:
            content[JSON]["example"] = route.example
        operation["requestBody"] = {"required": _needs_body(route), "content": content}
    where = _BY_UPSTREAM if route.upstream_refuses else _BY_GATEWAY
    refused = refusals({*ALWAYS, *route.refused}, where)
    answers = {str(answer.code): _answer(answer) for answer in route.answers}
    operation["responses"] = {**answers, **refused, "default": _DEFAULT}
    return operation


def _refusals() -> dict[str, Any]:
    every: dict[str, set[int]] = {_BY_GATEWAY: set(), _BY_UPSTREAM: set()}
    for route in ROUTES.values():
        where = _BY_UPSTREAM if route.upstream_refuses else _BY_GATEWAY
        every[where] |= {*ALWAYS, *route.refused}
    status = {"schema": {"$ref": "#/components/schemas/Status"}}
    return {
        **described(every[_BY_GATEWAY], _BY_GATEWAY),
        **described(every[_BY_UPSTREAM], _BY_UPSTREAM, TEXT),
        "Default": {"description": "Whatever else upstream says.", "content": {JSON: status}},
    }


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Any one of these will do; a Google token comes beside a key."""
    beside: dict[str, list[str]] = (
        {str(Credential.GOOGLE): []} if Credential.GOOGLE in route.credentials else {}
    )
    security: list[dict[str, list[str]]] = [
        {str(one): [], **beside} for one in route.credentials if one is not Credential.GOOGLE
    ]
    return security if route.needs_credential else [{}, *security]


def _needs_body(route: Route) -> bool:
    forms = [form for form in (route.body or {}).values() if form is not None]
    return any(field.is_required() for form in forms for field in form.model_fields.values())


def _body(kind: str, form: type[BaseModel] | None) -> Mapping[str, Any]:
    if form is not None:
        return _reference(form)
    return {BYTES: _BYTES, RELATED: _RELATED}.get(kind, _UNREAD)


def _answer(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": answer.says,
        # Of events OpenAPI 3.1 cannot say what is in each: a type without a schema.
        "content": {
            kind: {} if kind == EVENT_STREAM else {"schema": _form(kind, form)}
            for kind, form in answer.forms.items()
        },
    }
    if answer.headers:
        said["headers"] = {
            one.name: {"description": one.says, "schema": one.schema} for one in answer.headers
        }
    return said


def _form(kind: str, form: type[BaseModel] | list[type[BaseModel]] | None) -> Mapping[str, Any]:
    if isinstance(form, list):
        return {"type": "array", "items": _reference(form[0])}
    if form is not None:
        return _reference(form)
    return {"type": "string"} if kind.startswith("text/") else _BYTES


def _reference(model: type[BaseModel]) -> Mapping[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _path_parameter(name: str, route: Route) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "path", "required": True}
    if name == "version":
        return {**parameter, "schema": {"type": "string", "enum": sorted(VERSIONS)}}
    parameter["schema"] = {"type": "string", "minLength": 1}
    return {**parameter, "example": route.model} if name == "model" else parameter


def _parameter(one: Parameter) -> dict[str, Any]:
    parameter = {"name": one.name, "in": one.place, "description": one.says, "schema": one.schema}
    return {**parameter, "required": True} if one.required else parameter


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text())
