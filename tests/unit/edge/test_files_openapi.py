"""The description of the API that tenants speak is what the code says, and what is served."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from apigateway_standin.template import Template
from filegate.batches import ACTIONS
from filegate.edge import admin_routes
from filegate.edge.files_openapi import document, text
from filegate.edge.files_routes import ROUTES, Credential
from filegate.errors import STATUS_NAMES
from filegate.model_calls import OPERATIONS

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    "TABLE_NAME": "t",
    "SESSION_KEYS_SECRET": "s",
    "PROJECT_SECRET_PREFIX": "p/",
    "UPSTREAM_URL": "https://upstream.test",
    "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
    "POWERTOOLS_SERVICE_NAME": "filegate",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
BY_API_GATEWAY = {
    (method, f"/upload/{{version}}/{kind}/{{session}}")
    for method in ("POST", "PUT")
    for kind in ("sessions", "storeSessions")
}
"""Chunks pass no function."""


def place(method: str, path: str) -> tuple[str, str]:
    """Where a route is served: an action is in the last parameter, whatever its name."""
    return method, re.sub(r"\{(?!version)(\w+)\}", "{}", re.sub(r"\}:\w+$", "}", path))


def documented() -> set[tuple[str, str]]:
    return {place(route.method, route.path) for route in ROUTES.values()}


def test_the_committed_description_is_the_codes() -> None:
    committed = (ROOT / "docs" / "openapi" / "files.json").read_text()
    assert committed == text(), "run `make openapi` and commit docs/openapi/files.json"


def test_every_route_of_the_template_is_described_and_no_other() -> None:
    api: Any = Template.load(ROOT / "template.yaml").section("GatewayApi").values
    body = api["DefinitionBody"]
    routed = {
        place(method.upper(), path)
        for path, methods in body["paths"].items()
        for method in methods
        if method != "options"
    }
    admin = {place(route.method, route.path) for route in admin_routes.ROUTES.values()}
    assert routed == documented() | admin
    # All that pages may call has a preflight, and nothing else has.
    asked_before = {path for path, methods in body["paths"].items() if "options" in methods}
    assert {place("", path) for path in asked_before} == {
        place("", path) for _, path in documented()
    }


def _app(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A function's module, imported as Lambda does."""
    spec = importlib.util.spec_from_file_location(
        f"{name}_app", ROOT / "functions" / name / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, f"{name}_app", module)
    spec.loader.exec_module(module)
    return module


def test_every_route_of_the_functions_is_described_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    served: set[tuple[str, str]] = set()
    for name in ("files", "stores"):
        router: Any = _app(name, monkeypatch).app
        served |= {
            place(one.method, one.path.replace("<", "{").replace(">", "}"))
            for one in [*router._static_routes, *router._dynamic_routes]  # noqa: SLF001 - all it has
        }
    for route in _app("generate", monkeypatch).app.routes:
        served |= {place(method, route.path) for method in route.methods - {"HEAD"}}
    served -= {place("GET", "/ready")}
    served |= {place(method, path) for method, path in BY_API_GATEWAY}
    own = admin_routes.ROUTES["usage.own"]  # The admin function's.
    assert documented() == served | {place(own.method, own.path)}


def test_no_function_loads_the_description() -> None:
    """It is for readers: a cold start must not pay for it."""
    script = (
        "import importlib.util, sys\n"
        "for name in ('files', 'generate', 'stores', 'sessions'):\n"
        "    spec = importlib.util.spec_from_file_location(name, f'functions/{name}/app.py')\n"
        "    spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "loaded = [name for name in sys.modules if name.startswith('filegate.edge.')]\n"
        "ends = ('openapi', 'openapi_refusals', '.files_routes', '.files_resources')\n"
        "print([name for name in loaded if name.endswith(ends)])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_every_action_of_a_model_is_described() -> None:
    described = {
        route.path.rpartition(":")[2] for route in ROUTES.values() if "/{model}:" in route.path
    }
    assert described == OPERATIONS | ACTIONS


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    for kind in ("schemas", "responses"):
        names = set(re.findall(rf'"#/components/{kind}/([^"]+)"', json.dumps(whole)))
        assert names == set(whole["components"][kind])


def test_operations_have_names_of_their_own_security_and_refusals() -> None:
    operations = [one for path in document()["paths"].values() for one in path.values()]
    assert sorted(one["operationId"] for one in operations) == sorted(ROUTES)
    schemes = set(document()["components"]["securitySchemes"])
    for one in operations:
        route = ROUTES[one["operationId"]]
        named = [(parameter["in"], parameter["name"]) for parameter in one["parameters"]]
        assert len(named) == len(set(named))
        assert set(re.findall(r"\{(\w+)\}", route.path)) == {
            name for where, name in named if where == "path"
        }
        assert ({} in one["security"]) is not route.needs_credential
        used = {name for option in one["security"] for name in option}
        assert used == {str(credential) for credential in route.credentials} <= schemes
        codes = {int(code) for code in one["responses"] if code != "default"}
        assert {code for code in codes if code >= 400} <= set(STATUS_NAMES)
        assert {400, 403, 404, 429, 500, 503} <= codes


def test_a_google_token_comes_beside_a_key() -> None:
    operation = document()["paths"]["/{version}/files:register"]["post"]
    assert operation["security"] == [
        {"tenantKey": [], "googleToken": []},
        {"tenantKeyInQuery": [], "googleToken": []},
    ]
    assert [name for name, one in ROUTES.items() if Credential.GOOGLE in one.credentials] == [
        "files.register"
    ]


def test_a_file_has_the_fields_that_its_reference_names() -> None:
    fields = document()["components"]["schemas"]["FileResource"]["properties"]
    assert set(fields) == {
        *("name", "displayName", "mimeType", "sizeBytes", "createTime", "updateTime"),
        *("expirationTime", "sha256Hash", "uri", "downloadUri", "state", "source"),
        *("videoMetadata", "error"),
    }
    assert fields["sizeBytes"]["type"] == "string"
