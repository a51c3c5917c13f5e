"""A web function in this process gets what the Lambda Web Adapter sends."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apigateway_standin.environment import Context
from apigateway_standin.stack import Function
from bench.events import proxied
from bench.web_function import WebFunction

FUNCTION = Function("F", "f", "arn:f", "run.sh", Path(), (), 30, 512, {}, ())


async def answer(request: Request) -> Response:
    context = json.loads(request.headers["x-amzn-request-context"])
    body = (await request.body()).decode()
    query = str(request.query_params)
    return JSONResponse([context["resourcePath"], query, body], 201, {"x-a": "b"})


def test_event_in_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE"):
        monkeypatch.setenv(f"AWS_LAMBDA_{name}", "x")
    for name in ("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_REGION"):
        monkeypatch.setenv(name, "x")
    function = WebFunction(FUNCTION, Starlette(routes=[Route("/a/{b}", answer, methods=["POST"])]))
    event = proxied("POST", "/a/c?d=e", {"Content-Type": "text/plain"}, "/a/{b}", b"hello")
    for _ in range(2):
        found = function(event, Context("r", 1000))
        assert found["statusCode"] == 201
        assert found["multiValueHeaders"]["x-a"] == ["b"]
        assert json.loads(found["body"]) == ["/a/{b}", "d=e", "hello"]
    function.close()
