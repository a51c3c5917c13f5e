"""Requests: API Gateway's REST events, and nothing a caller may write believed."""

from base64 import b64encode
from typing import Any

import pytest

from filegate.edge.requests import read_request
from filegate.errors import StatusError
from filegate.tenants import Credential

NOW = 1_739_572_413_000


def event(**changes: object) -> dict[str, Any]:
    """A REST proxy event (AWS: Lambda proxy input format), with changes."""
    return {
        "path": "/upload/v1/files",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "X-Goog-Api-Key": "fg_acme_x"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": {"version": "v1"},
        "requestContext": {
            "path": "/live/upload/v1/files",
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "requestTimeEpoch": NOW,
        },
        "body": None,
        "isBase64Encoded": False,
        **changes,
    }


def test_header_names_are_in_lower_case() -> None:
    assert read_request(event()).headers == {
        "content-type": "application/json",
        "x-goog-api-key": "fg_acme_x",
    }


@pytest.mark.parametrize("nothing", [None, {}])
def test_what_is_absent_is_empty(nothing: dict[str, str] | None) -> None:
    request = read_request(
        event(headers=nothing, queryStringParameters=nothing, pathParameters=nothing)
    )

    assert (request.headers, request.query, request.parameters) == ({}, {}, {})
    assert request.body == b""
    assert request.credential == Credential(None)


def test_every_value_of_a_field_is_seen() -> None:
    twice = event(
        headers={"Accept": "b", "x-goog-api-key": "two"},
        multiValueHeaders={"Accept": ["a", "b"], "x-goog-api-key": ["one", "two"]},
    )
    with pytest.raises(StatusError) as refusal:
        read_request(twice)
    assert "x-goog-api-key" in refusal.value.status.message

    both = event(
        queryStringParameters={"key": "two"},
        multiValueQueryStringParameters={"key": ["one", "two"]},
    )
    with pytest.raises(StatusError) as refusal:
        read_request(both)
    assert "key" in refusal.value.status.message


def test_one_key_in_two_spellings_is_given_twice() -> None:
    with pytest.raises(StatusError):
        read_request(event(headers={"x-goog-api-key": "one", "X-Goog-Api-Key": "two"}))


def test_the_moment_is_the_gateways() -> None:
    assert read_request(event()).received_at == NOW


@pytest.mark.parametrize("content", [b"", b"{}", bytes(range(256)), "é".encode()])
def test_a_binary_body_is_decoded(content: bytes) -> None:
    body = b64encode(content).decode()

    assert read_request(event(body=body, isBase64Encoded=True)).body == content


def test_a_text_body_is_utf_8() -> None:
    assert read_request(event(body='{"a":"é"}')).body == '{"a":"é"}'.encode()


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({"x-goog-api-key": "one"}, None, "one"),
        ({"X-GOOG-API-KEY": "one"}, {"key": "two"}, "one"),
        ({}, {"key": "two"}, "two"),
        ({"x-goog-api-key": ""}, {"key": "two"}, "two"),
        ({"authorization": "Bearer three"}, {"Key": "two"}, None),
    ],
)
def test_the_key_is_in_the_header_or_the_query(
    headers: dict[str, str], query: dict[str, str] | None, key: str | None
) -> None:
    request = read_request(event(headers=headers, queryStringParameters=query))

    assert request.credential == Credential(key)


@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
def test_the_page_a_request_comes_from_is_in_its_credential(name: str) -> None:
    request = read_request(event(headers={name: "https://app.example.com"}))

    assert request.credential == Credential(None, "https://app.example.com")


def test_the_base_url_has_the_stage() -> None:
    assert read_request(event()).base_url == (
        "https://abc.execute-api.eu-central-1.amazonaws.com/live"
    )


def test_the_base_url_of_a_custom_domain_has_no_stage() -> None:
    context = {
        "path": "/upload/v1/files",
        "domainName": "files.example.com",
        "requestTimeEpoch": NOW,
    }

    assert read_request(event(requestContext=context)).base_url == "https://files.example.com"


def test_no_header_steers_the_base_url() -> None:
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
        "Origin": "https://evil.example",
    }

    assert "evil" not in read_request(event(headers=headers)).base_url


def test_the_operators_base_url_wins() -> None:
    request = read_request(event(), "https://files.example.com/gemini")

    assert request.base_url == "https://files.example.com/gemini"


def test_an_authorizers_event_has_no_body() -> None:
    authorizer = event(type="REQUEST", methodArn="arn:aws:execute-api:x")
    del authorizer["body"], authorizer["isBase64Encoded"]

    assert read_request(authorizer).body == b""
