"""CORS: every answer can be read by the page that asked; none lets a browser add credentials."""

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from filegate.edge.cors import EXPOSED, ForPages, allowed_origin, cors_headers, for_pages

PAGE = "https://app.example.com"


def test_what_an_sdk_in_a_page_has_to_read_is_exposed() -> None:
    assert set(EXPOSED.split(", ")) == {
        "x-goog-upload-url",
        "x-goog-upload-control-url",
        "x-goog-upload-status",
        "x-goog-upload-chunk-granularity",
        "x-goog-upload-size-received",
        "retry-after",
    }


@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:3000"])
def test_the_page_that_asked_may_read(origin: str) -> None:
    assert cors_headers(origin) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }


@pytest.mark.parametrize("origin", [None, "", "https://é", "https://a\r\nX: y", "h" * 513])
def test_what_no_page_sends_is_not_echoed(origin: str | None) -> None:
    assert allowed_origin(origin) == "*"


@pytest.mark.parametrize("name", ["Origin", "origin"])
def test_an_answer_to_an_event(name: str) -> None:
    answer = {"statusCode": 200, "multiValueHeaders": {"Content-Type": ["text/plain"]}, "body": ""}

    readable = for_pages(answer, {"headers": {name: PAGE}})

    assert readable["statusCode"] == 200
    assert readable["multiValueHeaders"] == {
        "Content-Type": ["text/plain"],
        "Access-Control-Allow-Origin": [PAGE],
        "Access-Control-Expose-Headers": [EXPOSED],
        "Vary": ["Origin"],
    }
    for nothing in ({}, {"headers": None}):
        headers = for_pages(answer, nothing)["multiValueHeaders"]
        assert headers["Access-Control-Allow-Origin"] == ["*"]


@pytest.mark.parametrize(
    ("sent", "allowed"),
    [([(b"origin", PAGE.encode())], PAGE), ([], "*"), ([(b"origin", b"\xff")], "*")],
)
def test_an_answer_of_a_web_app(sent: list[tuple[bytes, bytes]], allowed: str) -> None:
    messages: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 403, "headers": [(b"x", b"y")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"no"})

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    anyio.run(ForPages(app), {"type": "http", "headers": sent}, receive, send)

    assert messages[0]["status"] == 403
    assert dict(messages[0]["headers"]) == {
        b"x": b"y",
        b"access-control-allow-origin": allowed.encode(),
        b"access-control-expose-headers": EXPOSED.encode(),
        b"vary": b"Origin",
    }
    assert messages[1]["body"] == b"no"
