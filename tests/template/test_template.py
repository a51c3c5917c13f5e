"""What the template must never lose: allow-lists, least privilege, what protects the state."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from apigateway_standin.template import Template
from filegate.edge.admin_routes import ROUTES

PATH = Path(__file__).resolve().parents[2] / "template.yaml"
TEMPLATE = Template.load(PATH)
API = cast("dict[str, Any]", TEMPLATE.section("GatewayApi").values)
PATHS: dict[str, dict[str, Any]] = API["DefinitionBody"]["paths"]
CHUNK_ROUTE = "/upload/{version}/sessions/{session}"
STORE_CHUNK_ROUTE = "/upload/{version}/storeSessions/{session}"
FUNCTIONS = TEMPLATE.of_type("AWS::Serverless::Function")

OPERATIONS = [
    (path, method, operation)
    for path, methods in PATHS.items()
    for method, operation in methods.items()
]


def properties(resource: str) -> dict[str, Any]:
    return cast("dict[str, Any]", TEMPLATE.section(resource).values)


@pytest.mark.parametrize(
    ("route", "place", "store"),
    [
        (CHUNK_ROUTE, "files", {}),
        (
            STORE_CHUNK_ROUTE,
            "fileSearchStores/{store}:uploadToFileSearchStore",
            {"integration.request.path.store": "context.authorizer.store"},
        ),
    ],
)
@pytest.mark.parametrize("method", ["post", "put"])
def test_only_what_the_authorizer_hands_over_goes_upstream_with_a_chunk(
    method: str, route: str, place: str, store: dict[str, str]
) -> None:
    integration = PATHS[route][method]["x-amazon-apigateway-integration"]
    assert integration["type"] == "http"
    assert integration["httpMethod"] == "POST"
    assert integration["uri"].endswith(f"/upload/{{version}}/{place}")
    assert integration["requestParameters"] == {
        **store,
        "integration.request.path.version": "method.request.path.version",
        "integration.request.querystring.upload_id": "context.authorizer.uploadId",
        "integration.request.querystring.upload_protocol": "'resumable'",
        "integration.request.header.X-Goog-Upload-Command": "context.authorizer.command",
        "integration.request.header.X-Goog-Upload-Offset": "context.authorizer.offset",
    }
    assert "contentHandling" not in integration


@pytest.mark.parametrize("route", [CHUNK_ROUTE, STORE_CHUNK_ROUTE])
@pytest.mark.parametrize("method", ["post", "put"])
def test_only_named_headers_come_back_from_upstream(method: str, route: str) -> None:
    allowed = {
        "content-type",
        "retry-after",
        "x-goog-upload-status",
        "x-goog-upload-size-received",
        "x-goog-upload-chunk-granularity",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "vary",
    }
    responses = PATHS[route][method]["x-amazon-apigateway-integration"]["responses"]
    assert "default" in responses
    for response in responses.values():
        names = {
            name.removeprefix("method.response.header.") for name in response["responseParameters"]
        }
        assert {name.lower() for name in names} == allowed


def serving(path: str) -> str:
    """The function behind a path."""
    streams = ("/download/", "/{version}/models", "/{version}/cachedContents", "/{version}/batches")
    if path.startswith(streams) or path.endswith("/media/{media}"):
        return "GenerateFunction"
    if path.startswith("/admin/") or path == "/{version}/usage":
        return "AdminFunction"
    if "fileSearchStores" in path or "ragStores" in path:
        return "StoresFunction"
    return "FilesFunction"


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_is_a_function_that_authenticates_or_has_the_authorizer(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    integration = operation["x-amazon-apigateway-integration"]
    if method == "options":
        assert integration["type"] == "mock"
    elif path in {CHUNK_ROUTE, STORE_CHUNK_ROUTE}:
        assert operation["security"] == [{"SessionsAuthorizer": []}]
    else:
        assert integration["type"] == "aws_proxy"
        # What is restored from snapshots is called by its alias (test_snapstart.py).
        function = serving(path)
        alias = "" if function == "GenerateFunction" else ":live"
        assert f":{function}{alias}/" in integration["uri"]


def test_the_authorizer_decides_each_chunk_anew() -> None:
    schemes = API["DefinitionBody"]["components"]["securitySchemes"]
    authorizer = schemes["SessionsAuthorizer"]["x-amazon-apigateway-authorizer"]
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert "identitySource" not in authorizer


def test_refusals_stop_an_sdk_and_what_may_heal_does_not() -> None:
    responses = API["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    final = "gatewayresponse.header.X-Goog-Upload-Status"
    stops = {
        name for name, response in responses.items() if final in response["responseParameters"]
    }
    assert stops == {"ACCESS_DENIED", "UNAUTHORIZED", "MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX"}
    for response in responses.values():
        assert (
            "gatewayresponse.header.Access-Control-Allow-Origin" in response["responseParameters"]
        )


def test_the_authorizer_cannot_read_an_upstream_key() -> None:
    assert "projects/" not in str(properties("SessionsFunction")["Policies"])


def test_only_the_admin_function_can_read_the_admin_key() -> None:
    for function in FUNCTIONS:
        policies = str(properties(function)["Policies"])
        everything = {**properties(function), "Policies": policies}
        mentions = "admin-key" in str(everything) or "AdminSecret" in str(everything)
        assert mentions == (function == "AdminFunction"), function
        # Names of projects' secrets cannot be made to match it.
        assert "/projects/*" in policies or "secret:" not in policies


def test_no_page_may_call_the_admin_api() -> None:
    admin = {path: methods for path, methods in PATHS.items() if path.startswith("/admin/")}
    assert admin
    for path, methods in admin.items():
        assert "options" not in methods, path


def test_the_admin_api_has_the_routes_that_it_says_it_has() -> None:
    described = {
        (re.sub(r":\w+$", "", route.path), route.method.lower()) for route in ROUTES.values()
    }
    served = {
        (path, method)
        for path, method, _ in OPERATIONS
        if serving(path) == "AdminFunction" and method != "options"
    }
    assert served == described


SHARED_VARIABLES = {
    "TABLE_NAME",
    "SESSION_KEYS_SECRET",
    "PROJECT_SECRET_PREFIX",
    "UPSTREAM_URL",
    "PUBLIC_BASE_URL",
    "REQUESTS_COUNTED_EVERY",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
    "SNAPSHOT_OF",
}
OWN_VARIABLES = {
    "GenerateFunction": {
        "AWS_LAMBDA_EXEC_WRAPPER",
        "AWS_LWA_INVOKE_MODE",
        "AWS_LWA_READINESS_CHECK_PATH",
    },
    "JanitorFunction": {"EVENT_BUS"},
    "AdminFunction": {"ADMIN_SECRET"},
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_environment_variable_holds_a_secret(function: str) -> None:
    shared = cast("dict[str, Any]", TEMPLATE.globals.values)["Function"]["Environment"]["Variables"]
    own = properties(function).get("Environment", {"Variables": {}})["Variables"]
    assert set(shared) == SHARED_VARIABLES
    assert set(own) == OWN_VARIABLES.get(function, set())
    # Where a name speaks of a secret, it is the secret's ARN.
    assert shared["SESSION_KEYS_SECRET"] == {"Ref": "SessionKeysSecret"}
    assert own.get("ADMIN_SECRET", "AdminSecret") == "AdminSecret"


def test_no_secret_comes_into_the_template_from_outside() -> None:
    text = PATH.read_text()
    # CloudFormation would write what these resolve to into the resource.
    assert "{{resolve:" not in text
    assert "NoEcho" not in text
    for name in TEMPLATE.of_type("AWS::SecretsManager::Secret"):
        assert "SecretString" not in properties(name)
        assert properties(name)["GenerateSecretString"]["PasswordLength"] >= 32


STREAMED = [
    pytest.param(path, operation, id=f"{method} {path}")
    for path, method, operation in OPERATIONS
    if method != "options" and serving(path) == "GenerateFunction"
]


@pytest.mark.parametrize(("path", "operation"), STREAMED)
def test_what_streams_is_never_held_back(path: str, operation: dict[str, Any]) -> None:
    integration = operation["x-amazon-apigateway-integration"]
    assert path
    assert integration["responseTransferMode"] == "STREAM"
    assert integration["timeoutInMillis"] == 900_000
    assert integration["uri"].endswith("/response-streaming-invocations")
    assert "/2021-11-15/" in integration["uri"]


def test_the_streaming_function_runs_behind_the_web_adapter() -> None:
    generate = properties("GenerateFunction")
    variables = generate["Environment"]["Variables"]
    assert generate["Timeout"] == 900
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"
    assert variables["AWS_LWA_INVOKE_MODE"] == "response_stream"
    script = Path(__file__).resolve().parents[2] / generate["CodeUri"] / generate["Handler"]
    assert script.stat().st_mode & 0o111
