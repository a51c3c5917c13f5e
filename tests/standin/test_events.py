"""The shape of REST proxy events, against what AWS's own recordings show."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.standin.conftest import Answer, Standin


def test_golden_event(standin: Standin) -> None:
    headers = [("X-Custom-Header", "value1"), ("user-agent", "TestAgent"), ("Expect-Nothing", "x")]
    answer = standin.request("POST", "/echo?status=pending&tag=important&tag=ur%20gent", headers)
    event = answer.json
    context = event["requestContext"]
    volatile = {
        "extendedRequestId": r".+=",
        "requestId": r"[0-9a-f-]{36}",
        "resourceId": r"[0-9a-f]{6}",
        "requestTime": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000",
    }
    for name, pattern in volatile.items():
        assert re.fullmatch(pattern, context.pop(name)), name
    assert isinstance(context.pop("requestTimeEpoch"), int)
    trace = event["headers"].pop("X-Amzn-Trace-Id")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", trace)
    assert event["multiValueHeaders"].pop("X-Amzn-Trace-Id") == [trace]
    host = f"127.0.0.1:{standin.port}"
    sent = {
        "Expect-Nothing": "x",
        "Host": host,
        "X-Custom-Header": "value1",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": str(standin.port),
        "X-Forwarded-Proto": "http",
        "user-agent": "TestAgent",
    }
    assert event == {
        "resource": "/echo",
        "path": "/echo",
        "httpMethod": "POST",
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {"status": "pending", "tag": "ur gent"},
        "multiValueQueryStringParameters": {
            "status": ["pending"],
            "tag": ["important", "ur gent"],
        },
        "pathParameters": None,
        "stageVariables": {"Colour": "blue"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "Api",
            "domainName": host,
            "domainPrefix": "127",
            "httpMethod": "POST",
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": "127.0.0.1",
                "user": None,
                "userAgent": "TestAgent",
                "userArn": None,
            },
            "operationName": "echo.any",
            "path": "/echo",
            "protocol": "HTTP/1.1",
            "resourcePath": "/echo",
            "stage": "live",
        },
        "body": None,
        "isBase64Encoded": False,
    }


def test_body_is_base64_and_has_no_content_length(standin: Standin) -> None:
    event = standin.request("POST", "/echo", [("Content-Type", "text/plain")], b"\xff\x00x").json
    assert base64.b64decode(event["body"]) == b"\xff\x00x"
    assert event["isBase64Encoded"] is True
    assert "content-length" not in {name.lower() for name in event["headers"]}
    assert "content-length" not in {name.lower() for name in event["multiValueHeaders"]}
    assert event["headers"]["Content-Type"] == "text/plain"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_any_method_may_have_a_body(standin: Standin, method: str) -> None:
    event = standin.request(method, "/echo", body=b"abc").json
    assert base64.b64decode(event["body"]) == b"abc"
    assert event["httpMethod"] == method


def test_path_and_path_parameters_keep_their_encoding(standin: Standin) -> None:
    event = standin.request("GET", "/items/a%2Fb%20%C3%BC").json
    assert event["path"] == "/items/a%2Fb%20%C3%BC"
    assert event["requestContext"]["path"] == event["path"]
    assert event["pathParameters"] == {"id": "a%2Fb%20%C3%BC"}
    assert event["resource"] == "/items/{id}"


def test_no_query_is_null(standin: Standin) -> None:
    event = standin.request("GET", "/items/x").json
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


def test_repeated_headers_and_forwarded_addresses(standin: Standin) -> None:
    headers = [("X-A", "1"), ("X-A", "2"), ("X-Forwarded-For", "10.0.0.1"), ("TE", "trailers")]
    event = standin.request("POST", "/echo", headers, b"").json
    assert event["headers"]["X-A"] == "2"
    assert event["multiValueHeaders"]["X-A"] == ["1", "2"]
    assert event["headers"]["X-Forwarded-For"] == "10.0.0.1, 127.0.0.1"
    assert "TE" not in event["headers"]


def answer(standin: Standin, text: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    return standin.request("GET", f"/echo?mode=answer&answer={quote(text)}", headers)


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ('{"statusCode": 201, "body": "made"}', 201, b"made"),
        ('{"statusCode": "404", "body": null}', 404, b""),
        ("{}", 200, b""),
        ('{"statusCode": 200, "headers": {"X-B": true}, "isBase64Encoded": false}', 200, b""),
    ],
)
def test_wellformed_answers(standin: Standin, text: str, status: int, body: bytes) -> None:
    got = answer(standin, text)
    assert (got.status, got.body) == (status, body)
    assert got.header("Content-Type") == "application/json"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"text"',
        "null",
        '{"statusCode": 0}',
        '{"statusCode": 200.5}',
        '{"statusCode": "no"}',
        '{"statusCode": 200, "body": {"not": "text"}}',
        '{"statusCode": 200, "headers": {"X": 1}}',
        '{"statusCode": 200, "headers": []}',
        '{"statusCode": 200, "multiValueHeaders": {"X": "no list"}}',
        '{"statusCode": 200, "cookies": []}',
    ],
)
def test_malformed_answers_are_a_502(standin: Standin, text: str) -> None:
    got = answer(standin, text)
    assert (got.status, got.body) == (502, b'{"message": "Internal server error"}')
    assert got.header("x-amzn-ErrorType") == "InternalServerErrorException"


def test_answer_headers(standin: Standin) -> None:
    got = answer(
        standin,
        '{"statusCode": 200, "headers": {"X-A": "1", "WWW-Authenticate": "w", "Date": "d",'
        ' "Content-Length": "99"}, "multiValueHeaders": {"X-A": ["1", "2"], "Set-Cookie": ["a",'
        ' "b"]}, "body": "ab"}',
    )
    headers = [(name.lower(), value) for name, value in got.headers]
    assert [value for name, value in headers if name == "x-a"] == ["1", "2"]
    assert [value for name, value in headers if name == "set-cookie"] == ["a", "b"]
    assert got.header("x-amzn-remapped-www-authenticate") == "w"
    assert got.header("x-amzn-remapped-date") == "d"
    assert got.header("www-authenticate") is None
    assert got.header("content-length") == "2"


def test_binary_and_text_answers(standin: Standin) -> None:
    assert standin.request("GET", "/echo?mode=bytes").body == bytes(range(256))
    assert standin.request("GET", "/echo?mode=text").body == "grüße".encode()


def test_preflight_by_mock(standin: Standin) -> None:
    got = standin.request("OPTIONS", "/echo", [("Origin", "https://a.example")])
    assert (got.status, got.body) == (200, b"")
    assert got.header("Access-Control-Allow-Origin") == "*"
