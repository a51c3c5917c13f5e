"""Which resource a path finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apigateway_standin.document import TemplateError
from apigateway_standin.routing import Router

if TYPE_CHECKING:
    from tests.standin.conftest import Standin

PATHS = [
    "/",
    "/{version}/files",
    "/{version}/files:register",
    "/{version}/files/{file}",
    "/v1/files",
    "/v1/{kind}/x",
    "/rest/{proxy+}",
    "/upload/{version}/files",
]


@pytest.fixture(scope="module")
def router() -> Router[str]:
    router = Router[str]()
    for path in PATHS:
        router.add(path, path, path)
    return router


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/v1/files", "/v1/files", {}),
        ("/v1/files/", "/v1/files", {}),
        ("/v2/files", "/{version}/files", {"version": "v2"}),
        ("/v2/files:register", "/{version}/files:register", {"version": "v2"}),
        ("/v2/files%3Aregister", "/{version}/files:register", {"version": "v2"}),
        ("/v2/files/abc", "/{version}/files/{file}", {"version": "v2", "file": "abc"}),
        ("/v1/files/abc", "/{version}/files/{file}", {"version": "v1", "file": "abc"}),
        ("/v2/files/a%2Fb", "/{version}/files/{file}", {"version": "v2", "file": "a%2Fb"}),
        ("/v2/files/a%20b", "/{version}/files/{file}", {"version": "v2", "file": "a%20b"}),
        ("/rest/a/b%2Fc", "/rest/{proxy+}", {"proxy": "a/b%2Fc"}),
        ("/upload/v1/files", "/upload/{version}/files", {"version": "v1"}),
    ],
)
def test_found(router: Router[str], path: str, resource: str, parameters: dict[str, str]) -> None:
    assert router.find(path) == (resource, parameters)


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/other", "/v2/files/a/b", "/rest", "//files", "/V1/x/y"]
)
def test_not_found(router: Router[str], path: str) -> None:
    assert router.find(path) is None


@pytest.mark.parametrize(
    "path", ["/a{b}", "/{p}suffix", "/{p+}/more", "/a b", "/a//b", "a", "/trailing/"]
)
def test_paths_that_api_gateway_refuses(path: str) -> None:
    with pytest.raises(TemplateError):
        Router[str]().add(path, path, path)


def test_sibling_parameters_of_different_names_are_refused() -> None:
    router = Router[str]()
    router.add("/{a}/x", "x", "")
    with pytest.raises(TemplateError, match="sibling"):
        router.add("/{b}/y", "y", "")


def test_literal_beats_parameter_end_to_end(standin: Standin) -> None:
    assert standin.request("GET", "/items/special").json["resource"] == "/items/special"
    assert standin.request("GET", "/items/other").json["resource"] == "/items/{id}"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/items/x")])
def test_unknown_path_or_method(standin: Standin, method: str, path: str) -> None:
    answer = standin.request(method, path)
    assert answer.status == 403
    assert answer.body == b'{"message":"Missing Authentication Token"}'
    assert answer.header("x-amzn-ErrorType") == "MissingAuthenticationTokenException"


def test_routes_are_listed(standin: Standin) -> None:
    routes = {(r["method"], r["path"]): r for r in standin.control("GET", "/routes")}
    assert routes["ANY", "/echo"]["operation"] == "echo.any"
    assert routes["PUT", "/up/{version}/send/{session}"]["authorizer"] == "Guard"
