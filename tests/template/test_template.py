"""What the template must never lose: allow-lists, least privilege, what protects the state."""

from pathlib import Path
from typing import Any, cast

import pytest

from apigateway_standin.template import Template

TEMPLATE = Template.load(Path(__file__).resolve().parents[2] / "template.yaml")
API = cast("dict[str, Any]", TEMPLATE.section("GatewayApi").values)
PATHS: dict[str, dict[str, Any]] = API["DefinitionBody"]["paths"]
CHUNK_ROUTE = "/upload/{version}/sessions/{session}"
FUNCTIONS = ("FilesFunction", "SessionsFunction", "JanitorFunction")

OPERATIONS = [
    (path, method, operation)
    for path, methods in PATHS.items()
    for method, operation in methods.items()
]


def properties(resource: str) -> dict[str, Any]:
    return cast("dict[str, Any]", TEMPLATE.section(resource).values)


@pytest.mark.parametrize("method", ["post", "put"])
def test_only_what_the_authorizer_hands_over_goes_upstream_with_a_chunk(method: str) -> None:
    integration = PATHS[CHUNK_ROUTE][method]["x-amazon-apigateway-integration"]
    assert integration["type"] == "http"
    assert integration["requestParameters"] == {
        "integration.request.path.version": "method.request.path.version",
        "integration.request.querystring.upload_id": "context.authorizer.uploadId",
        "integration.request.querystring.upload_protocol": "'resumable'",
        "integration.request.header.X-Goog-Upload-Command": "context.authorizer.command",
        "integration.request.header.X-Goog-Upload-Offset": "context.authorizer.offset",
    }
    assert "contentHandling" not in integration


@pytest.mark.parametrize("method", ["post", "put"])
def test_only_named_headers_come_back_from_upstream(method: str) -> None:
    allowed = {
        "content-type",
        "retry-after",
        "x-goog-upload-status",
        "x-goog-upload-size-received",
        "x-goog-upload-chunk-granularity",
        "access-control-allow-origin",
        "access-control-expose-headers",
    }
    responses = PATHS[CHUNK_ROUTE][method]["x-amazon-apigateway-integration"]["responses"]
    assert "default" in responses
    for response in responses.values():
        names = {
            name.removeprefix("method.response.header.") for name in response["responseParameters"]
        }
        assert {name.lower() for name in names} == allowed


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_is_a_function_that_authenticates_or_has_the_authorizer(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    integration = operation["x-amazon-apigateway-integration"]
    if method == "options":
        assert integration["type"] == "mock"
    elif path == CHUNK_ROUTE:
        assert operation["security"] == [{"SessionsAuthorizer": []}]
    else:
        assert integration["type"] == "aws_proxy"
        assert "FilesFunction" in integration["uri"]


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


@pytest.mark.parametrize(
    ("function", "actions"),
    [
        (
            "FilesFunction",
            {
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "secretsmanager:GetSecretValue",
            },
        ),
        ("SessionsFunction", {"dynamodb:UpdateItem", "secretsmanager:GetSecretValue"}),
        (
            "JanitorFunction",
            {
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "secretsmanager:GetSecretValue",
            },
        ),
    ],
)
def test_each_function_may_do_exactly_this(function: str, actions: set[str]) -> None:
    found = set()
    for policy in properties(function)["Policies"]:
        for statement in policy["Statement"]:
            named = statement["Action"]
            found |= {named} if isinstance(named, str) else set(named)
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                assert resource != "*"
    assert found == actions


def test_the_authorizer_cannot_read_an_upstream_key() -> None:
    assert "projects/" not in str(properties("SessionsFunction")["Policies"])


def test_no_environment_variable_holds_a_secret() -> None:
    variables = cast("dict[str, Any]", TEMPLATE.globals.values)["Function"]["Environment"][
        "Variables"
    ]
    assert set(variables) == {
        "TABLE_NAME",
        "SESSION_KEYS_SECRET",
        "PROJECT_SECRET_PREFIX",
        "UPSTREAM_URL",
        "PUBLIC_BASE_URL",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_LOG_LEVEL",
    }


def test_the_state_is_protected() -> None:
    table = properties("Table")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"]["AttributeName"] == "garbageAt"
    for resource in ("Table", "SessionKeysSecret", "ProjectSecret"):
        assert TEMPLATE.resources.section(resource).text("DeletionPolicy") == "Retain"


def test_nothing_logs_headers_and_logs_end() -> None:
    for settings in API["MethodSettings"]:
        assert settings["DataTraceEnabled"] is False
    for function in FUNCTIONS:
        group = properties(function)["LoggingConfig"]["LogGroup"]
        assert "RetentionInDays" in properties(group)
