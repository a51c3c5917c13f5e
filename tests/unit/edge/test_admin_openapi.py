"""The description of the admin API is what the code says, and what is served."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from filegate.edge.admin_openapi import document, text
from filegate.edge.admin_routes import ROUTES

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    "TABLE_NAME": "t",
    "SESSION_KEYS_SECRET": "s",
    "PROJECT_SECRET_PREFIX": "p/",
    "UPSTREAM_URL": "https://upstream.test",
    "ADMIN_SECRET": "a",
    "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
    "POWERTOOLS_SERVICE_NAME": "filegate",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def test_the_committed_description_is_the_codes() -> None:
    committed = (ROOT / "docs" / "openapi" / "admin.json").read_text()
    assert committed == text(), "run `make openapi` and commit docs/openapi/admin.json"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, imported as Lambda does."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    path = ROOT / "functions" / "admin" / "app.py"
    spec = importlib.util.spec_from_file_location("admin_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "admin_app", module)
    spec.loader.exec_module(module)
    return module


def test_every_route_is_served_and_no_other(served: ModuleType) -> None:
    router: Any = served.app
    found = {
        (method, one.path.replace("<", "{").replace(">", "}"))
        for one in [*router._static_routes, *router._dynamic_routes]  # noqa: SLF001 - all it has
        for method in [one.method]
    }
    assert found == {(route.method, route.path) for route in ROUTES.values()}


def test_every_reference_leads_somewhere() -> None:
    described = document()
    schemas = described["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(described)))
    assert names <= set(schemas)
    assert set(schemas) <= names


def test_operations_have_names_of_their_own_and_security() -> None:
    operations = [one for path in document()["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert sorted(ids) == sorted(ROUTES)
    for one in operations:
        named = [parameter["name"] for parameter in one.get("parameters", [])]
        assert len(named) == len(set(named))
        creates = ROUTES[one["operationId"]].creates
        assert ("Idempotency-Key" in named) == creates
        by_tenant = ROUTES[one["operationId"]].by_tenant
        assert one.get("security") == ([{"tenantKey": []}] if by_tenant else None)


def test_bodies_refuse_what_they_do_not_know() -> None:
    schemas = document()["components"]["schemas"]
    for route in ROUTES.values():
        if route.body is not None:
            assert schemas[route.body.__name__]["additionalProperties"] is False


def test_every_post_that_creates_takes_an_idempotency_key() -> None:
    doing = {"suspend", "resume", "revoke", "drain", "undrain", "reconcile"}
    for route in ROUTES.values():
        if route.method == "POST":
            assert route.creates == (route.path.rpartition(":")[2] not in doing), route.operation
