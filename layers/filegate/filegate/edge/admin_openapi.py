"""Admin OpenAPI: the description of the admin API, written from the code that serves it.

`python -m filegate.edge.admin_openapi docs/openapi/admin.json` rewrites the committed one.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from filegate.edge.admin_routes import ROUTES, Route
from filegate.edge.openapi_refusals import ALWAYS, STATUS, described, refusals

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_REFERENCE: Final = "#/components/schemas/{model}"
_REFUSED: Final = (*ALWAYS, 401, 409)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    routes = list(ROUTES.values())
    wanted = [(route.answer, "serialization") for route in routes] + [
        (route.body, "validation") for route in routes if route.body is not None
    ]
    schemas, definitions = models_json_schema(
        list(dict.fromkeys(wanted)),  # type: ignore[arg-type]  # mypy takes a pair's words for str
        by_alias=True,
        ref_template=_REFERENCE,
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Filegate admin API",
            "version": "1",
            "description": "Tenants, keys, projects, usage, ledger and audit log of a gateway.",
        },
        "security": [{"adminKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "adminKey": {"type": "apiKey", "in": "header", "name": "x-filegate-admin-key"},
                "tenantKey": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
            },
            "responses": described(_REFUSED),
            "schemas": {**definitions["$defs"], "Status": STATUS},
        },
    }


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def _operation(route: Route, schemas: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own keys
    parameters = [_parameter("path", name, None) for name in _PARAMETER.findall(route.path)]
    parameters += [_parameter("query", one.name, one.says) for one in route.query]
    if route.creates:
        says = "Sent again within 24 hours, the same request makes nothing anew."
        key = _parameter("header", "Idempotency-Key", says)
        key["schema"] |= {"minLength": 1, "maxLength": 128}
        parameters.append(key)
    operation: dict[str, Any] = {"operationId": route.operation, "summary": route.summary}
    if route.by_tenant:
        operation["security"] = [{"tenantKey": []}]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body, "validation"]}}
        operation["requestBody"] = {"required": _needs_body(route), "content": content}
    forms: dict[str, Any] = {
        "application/json": {"schema": schemas[route.answer, "serialization"]},
        **{kind: {"schema": {"type": "string"}} for kind in route.tables},
    }
    answered = {"description": "OK", "content": forms}
    operation["responses"] = {"200": answered, **refusals(_REFUSED)}
    return operation


def _needs_body(route: Route) -> bool:
    fields = {} if route.body is None else route.body.model_fields
    return any(field.is_required() for field in fields.values())


def _parameter(place: str, name: str, says: str | None) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": place, "schema": {"type": "string"}}
    if place == "path":
        parameter["required"] = True
    if says is not None:
        parameter["description"] = says
    return parameter


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text())
