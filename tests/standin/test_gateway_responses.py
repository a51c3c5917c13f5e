"""Customised gateway responses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apigateway_standin.document import Node, Section, TemplateError
from apigateway_standin.exchange import Context, Exchange
from apigateway_standin.gateway_responses import GatewayFailure, GatewayResponses


def exchange(authorizer: dict[str, Context] | None = None) -> Exchange:
    return Exchange(
        method="POST",
        path="/a",
        query_string="q=1",
        headers=[("Origin", "https://a.example")],
        source_ip="127.0.0.1",
        scheme="http",
        port=1,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        api_id="Api",
        stage="live",
        stage_variables={"Colour": "blue"},
        authorizer=authorizer,
    )


CUSTOM = GatewayResponses(
    Section(
        {
            "ACCESS_DENIED": {
                "statusCode": 429,
                "responseParameters": {
                    "gatewayresponse.header.X-Status": "'final'",
                    "gatewayresponse.header.Access-Control-Allow-Origin": (
                        "method.request.header.Origin"
                    ),
                    "gatewayresponse.header.X-Absent": "method.request.header.Absent",
                    "gatewayresponse.header.Content-Type": "'application/problem+json'",
                },
                "responseTemplates": {
                    "application/json": '{"said": "$context.authorizer.reason", "why": '
                    "$context.error.messageString, "
                    '"raw": "$context.error.message.", "type": "$context.error.responseType", '
                    '"none": "$context.authorizer.absent", "at": "$context.identity.sourceIp", '
                    '"colour": "$stageVariables.Colour"}'
                },
            },
            "DEFAULT_4XX": {
                "responseParameters": {"gatewayresponse.header.X-Default": "'4'"},
                "responseTemplates": {
                    "application/json": '{"error": $context.error.messageString}'
                },
            },
            "DEFAULT_5XX": {"statusCode": "503"},
            "REQUEST_TOO_LARGE": {"statusCode": "400"},
        },
        "responses",
    )
)


def test_own_type() -> None:
    failure = GatewayFailure("ACCESS_DENIED", 'say "no"')
    reply = CUSTOM.render(failure, exchange({"reason": "because"}))
    assert reply.status == 429
    assert reply.body.decode() == (
        '{"said": "because", "why": "say \\"no\\"", "raw": "say "no".", '
        '"type": "ACCESS_DENIED", "none": "", "at": "127.0.0.1", "colour": "blue"}'
    )
    headers = dict(reply.headers)
    assert headers["X-Status"] == "final"
    assert headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert headers["Content-Type"] == "application/problem+json"
    assert "X-Absent" not in headers


def test_default_4xx_keeps_the_status_of_the_type() -> None:
    reply = CUSTOM.render(GatewayFailure("MISSING_AUTHENTICATION_TOKEN"), exchange())
    assert (reply.status, reply.body) == (403, b'{"error": "Missing Authentication Token"}')
    assert dict(reply.headers)["X-Default"] == "4"


def test_default_5xx_with_a_status_and_without_a_template() -> None:
    reply = CUSTOM.render(GatewayFailure("INTEGRATION_TIMEOUT"), exchange())
    assert (reply.status, reply.body) == (503, b'{"message":"Endpoint request timed out"}')


def test_413_cannot_be_customised() -> None:
    reply = CUSTOM.render(GatewayFailure("REQUEST_TOO_LARGE"), exchange())
    assert (reply.status, reply.body) == (413, b'{"message":"Request Too Long"}')
    assert "X-Default" not in dict(reply.headers)


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("NO_SUCH_TYPE", {}, "not a gateway response type"),
        (
            "DEFAULT_4XX",
            {"responseTemplates": {"application/json": "#if($context.x)a#end"}},
            "not processed as VTL",
        ),
        (
            "DEFAULT_4XX",
            {"responseParameters": {"gatewayresponse.header.X": "context.requestId"}},
            "request parameter",
        ),
        (
            "DEFAULT_4XX",
            {"responseParameters": {"gatewayresponse.header.X": "unquoted"}},
            "not supported",
        ),
    ],
)
def test_refused_at_start(name: str, entry: dict[str, Node], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        GatewayResponses(Section({name: entry}, "responses"))
