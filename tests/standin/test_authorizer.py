"""REQUEST authorizers: what they see, what their answers do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.standin.conftest import Standin, Upstream

DENIED = (
    "User is not authorized to access this resource with an explicit deny in an "
    "identity-based policy"
)
SEND = "/up/v1/send/s%201"


def test_authorizer_sees_the_request_without_its_body(standin: Standin) -> None:
    headers = [("X-Thing", "1"), ("Content-Type", "a/b")]
    answer = standin.request("POST", "/guarded?a=1&a=2", headers, b"body")
    context = answer.json["requestContext"]["authorizer"]
    event = json.loads(context["event"])
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == "arn:aws:execute-api:us-east-1:000000000000:Api/live/POST/guarded"
    assert event["resource"] == event["path"] == "/guarded"
    assert event["httpMethod"] == "POST"
    assert event["headers"]["X-Thing"] == "1"
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["pathParameters"] is None
    assert event["stageVariables"] == {"Colour": "blue"}
    assert event["requestContext"]["resourcePath"] == "/guarded"
    assert "body" not in event
    assert "isBase64Encoded" not in event
    assert "authorizer" not in event["requestContext"]
    assert "content-length" not in {name.lower() for name in event["headers"]}


def test_context_becomes_text_and_reaches_the_function(standin: Standin) -> None:
    context = standin.request("POST", "/guarded", body=b"").json["requestContext"]["authorizer"]
    assert context["principalId"] == "somebody"
    assert (context["count"], context["ratio"], context["fine"]) == ("7", "1.5", "true")
    assert "nothing" not in context


@pytest.mark.parametrize("guard", ["allow", "wildcard"])
def test_allowed(standin: Standin, upstream: Upstream, guard: str) -> None:
    assert standin.request("POST", SEND, [("Guard", guard)], b"x").status == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("guard", "status", "body"),
    [
        ("deny", 403, {"Message": DENIED}),
        ("both", 403, {"Message": DENIED}),
        (
            "elsewhere",
            403,
            {
                "Message": "User is not authorized to access this resource because no "
                "identity-based policy allows the execute-api:Invoke action"
            },
        ),
        ("unauthorized", 401, {"message": "Unauthorized"}),
        ("raise", 500, {"message": None}),
        ("shape", 500, {"message": None}),
        ("nested", 500, {"message": None}),
    ],
)
def test_refused(
    standin: Standin, upstream: Upstream, guard: str, status: int, body: dict[str, str]
) -> None:
    answer = standin.request("POST", SEND, [("Guard", guard)], b"x")
    assert (answer.status, answer.json) == (status, body)
    assert upstream.requests == []


def test_decision_comes_before_the_body(standin: Standin, upstream: Upstream) -> None:
    with standin.connect() as client:
        client.sendall(
            f"POST {SEND} HTTP/1.1\r\nHost: x\r\nGuard: deny\r\nContent-Length: 8388608\r\n\r\n"
            "only the beginning".encode()
        )
        assert client.recv(100).startswith(b"HTTP/1.1 403")
    assert upstream.requests == []


def test_wildcard_covers_the_put_too(standin: Standin) -> None:
    # The pattern is /P?ST/: POST matches, PUT does not.
    assert standin.request("PUT", SEND, [("Guard", "wildcard")], b"x").status == 403
