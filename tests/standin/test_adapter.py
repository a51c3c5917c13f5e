"""What the web adapter makes of an event; each expectation is its source's (see the module)."""

from __future__ import annotations

import base64
import json

import pytest

from apigateway_standin.adapter import AdapterRequest, adapted


def request(**fields: object) -> AdapterRequest:
    event: dict[str, object] = {
        "path": "/v1/files",
        "httpMethod": "POST",
        "headers": {},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": None,
        "requestContext": {"identity": {}},
        "body": None,
        "isBase64Encoded": False,
    }
    return adapted({**event, **fields}, {"request_id": "r"})


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/"),
        ("/v1/files:register", "/v1/files:register"),
        ("/v1/files%3Aregister", "/v1/files%3Aregister"),
        ("/a%2Fb/%E2%82%AC/", "/a%2Fb/%E2%82%AC/"),
        ('/a"b<c>{d}', "/a%22b%3Cc%3E%7Bd%7D"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2E/b/%2e", "/b/"),
        ("/../..", "/"),
        ("/a\\b", "/a/b"),
    ],
)
def test_path(path: str, target: str) -> None:
    assert request(path=path).target == target


def test_query_is_encoded_anew() -> None:
    parameters = {"a": ["1 2", "ü/~"], "empty": [""]}
    target = request(multiValueQueryStringParameters=parameters).target
    assert target == "/v1/files?a=1+2&a=%C3%BC%2F%7E&empty="


def test_of_several_header_values_the_last_is_left() -> None:
    headers = {"X-A": "2", "x-a": "3", "Host": "api.example"}
    found = request(headers=headers, multiValueHeaders={"X-A": ["1", "2"]}).headers
    assert (found["x-a"], found["host"]) == ("3", "api.example")


@pytest.mark.parametrize("name", ["x-amzn-request-context", "X-AMZN-Lambda-Context"])
def test_contexts_cannot_be_sent_by_the_client(name: str) -> None:
    headers = request(headers={name: "spoofed"}).headers
    assert "spoofed" not in headers.values()
    assert json.loads(headers["x-amzn-lambda-context"]) == {"request_id": "r"}


def test_request_context_has_only_the_fields_the_adapter_knows() -> None:
    context = {
        "extendedRequestId": "lost",
        "requestId": "kept",
        "identity": {"sourceIp": "1.2.3.4", "principalOrgId": "lost"},
        "authorizer": {"principalId": "p"},
    }
    found = json.loads(request(requestContext=context).headers["x-amzn-request-context"])
    assert "extendedRequestId" not in found
    assert (found["requestId"], found["authorizer"]) == ("kept", {"principalId": "p"})
    assert found["stage"] is None
    assert found["identity"]["sourceIp"] == "1.2.3.4"
    assert found["identity"]["apiKey"] is None
    assert "principalOrgId" not in found["identity"]
    assert "operationName" not in found


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"body": "grüße"}, "grüße".encode()),
        ({"body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True}, b"\x00\xff"),
        ({}, b""),
    ],
)
def test_body(fields: dict[str, object], body: bytes) -> None:
    assert request(**fields).body == body
