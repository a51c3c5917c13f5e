"""Upstream streams: who gets the key, what passes, how it ends."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import anyio
import httpx
import pytest

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.upstream_stream import StreamedAnswer, UpstreamStream, create_stream_client
from filegate.redaction import REDACTED, REDACTOR

BASE = "https://generativelanguage.googleapis.com"
KEY = "AIzaStreamTest0123456789abcdefghijklmno"
FRESH = "AQ.StreamTestFresh0123456789abcdefghij"
BAD_KEY = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}

Handler = Callable[[httpx.Request], httpx.Response]


class Pieces(httpx.AsyncByteStream):
    """A body in pieces, which may break off; notes whether it was closed."""

    def __init__(self, *pieces: bytes, broken: bool = False) -> None:
        self.pieces = pieces
        self.broken = broken
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.broken:
            raise httpx.ReadError("cut")

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Seen:
    """The requests upstream got, and the key each had when it came."""

    requests: list[httpx.Request] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def note(self, request: httpx.Request) -> None:
        self.requests.append(request)
        self.keys.append(request.headers.get("x-goog-api-key"))


def run(
    handler: Handler,
    seen: Seen | None = None,
    method: str = "GET",
    body: bytes | None = None,
    base: str = BASE,
    read: int | None = None,
) -> tuple[str, list[bytes]]:
    """Open an answer and read it, or its first `read` pieces; its type and the pieces."""
    seen = seen or Seen()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.note(request)
        return handler(request)

    async def main() -> tuple[str, list[bytes]]:
        client = httpx.AsyncClient(base_url=base, transport=httpx.MockTransport(answer))
        upstream = UpstreamStream(client, lambda _: iter([KEY, FRESH]))
        opening = upstream.open("default", method, "/v1/x:y", query={"alt": "sse"}, body=body)
        async with client, opening as opened:
            assert isinstance(opened, StreamedAnswer)
            pieces = []
            async for piece in opened.pieces:
                pieces.append(piece)
                if read is not None and len(pieces) == read:
                    break
            return opened.content_type, pieces

    return anyio.run(main)


def redirect(to: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": to})


def test_pieces_pass_as_they_come_and_the_key_goes_in_a_header() -> None:
    seen = Seen()
    body = Pieces(b"data: 1\n\n", b"data: 2\n\n")

    content_type, pieces = run(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body),
        seen,
        "POST",
        b'{"a":1}',
    )

    assert (content_type, pieces) == ("text/event-stream", [b"data: 1\n\n", b"data: 2\n\n"])
    [request] = seen.requests
    assert str(request.url) == f"{BASE}/v1/x:y?alt=sse"
    assert request.headers["x-goog-api-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert request.content == b'{"a":1}'
    assert body.closed


def test_leaving_early_closes_the_call() -> None:
    body = Pieces(*[b"x"] * 1000)

    _, pieces = run(lambda _: httpx.Response(200, stream=body), read=1)

    assert pieces == [b"x"]
    assert body.closed


def test_a_key_that_upstream_echoes_does_not_pass() -> None:
    REDACTOR.learn(KEY)
    half = len(KEY) // 2
    body = Pieces(b"a " + KEY[:half].encode(), KEY[half:].encode() + b" b")

    _, pieces = run(lambda _: httpx.Response(200, stream=body))

    assert b"".join(pieces) == f"a {REDACTED} b".encode()


def test_a_rejected_key_is_read_once_more() -> None:
    seen = Seen()

    def answer(request: httpx.Request) -> httpx.Response:
        good = request.headers["x-goog-api-key"] == FRESH
        return httpx.Response(200, text="ok") if good else httpx.Response(400, json=BAD_KEY)

    assert run(answer, seen)[1] == [b"ok"]
    assert seen.keys == [KEY, FRESH]


def test_a_key_rejected_twice_is_the_gateways_own_trouble() -> None:
    with pytest.raises(UpstreamKeyRefused):
        run(lambda _: httpx.Response(400, json=BAD_KEY))


def test_a_refusal_is_read_before_the_first_byte() -> None:
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}

    with pytest.raises(UpstreamRefused) as caught:
        run(lambda _: httpx.Response(429, json=error, headers={"retry-after": "7"}))

    assert (caught.value.code, caught.value.message, caught.value.retry_after) == (
        429,
        "slow down",
        7,
    )


@pytest.mark.parametrize("body", [Pieces(b"<html>" * 100_000), Pieces(b"{", broken=True)])
def test_a_refusal_too_long_or_cut_short_is_one_all_the_same(body: Pieces) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        run(lambda _: httpx.Response(500, stream=body))

    assert caught.value.code == 500
    assert body.closed


def test_an_answer_that_breaks_off_is_no_whole_one() -> None:
    with pytest.raises(UpstreamUnavailable) as caught:
        run(lambda _: httpx.Response(200, stream=Pieces(b"data: 1\n\n", broken=True)))

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_upstream_out_of_reach_is_said_without_the_request() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UpstreamUnavailable) as caught:
        run(fail)

    assert caught.value.__context__ is None


def test_a_redirect_within_upstream_takes_the_key_along() -> None:
    seen = Seen()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/download"):
            return httpx.Response(200, text="bytes")
        return redirect("/download/v1/x:y?alt=media")

    assert run(answer, seen)[1] == [b"bytes"]
    assert seen.keys == [KEY, KEY]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://storage.googleapis.com/f",
        "https://storage.googleapis.com:443/f",
        "https://lh3.googleusercontent.com/f",
        "https://video.google.com/f",
    ],
)
def test_a_redirect_elsewhere_goes_without_the_key(elsewhere: str) -> None:
    seen = Seen()

    def answer(request: httpx.Request) -> httpx.Response:
        first = request.url.path == "/v1/x:y"
        return redirect(elsewhere) if first else httpx.Response(200, text="bytes")

    assert run(answer, seen)[1] == [b"bytes"]
    assert seen.keys == [KEY, None]
    assert KEY not in str(seen.requests[1].headers)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/latest",
        "https://localhost:9001/2018-06-01/runtime/invocation/next",
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "ftp://x.example/f",
        "http://storage.googleapis.com/f",
        "https://storage.example.com/f",
        "https://evilgoogleapis.com/f",
        "https://generativelanguage.googleapis.com:8443/f",
        "https://generativelanguage.googleapis.com.example.com/f",
        "https://generativelanguage.googleapis.com@example.com/f",
        "https://example.com@generativelanguage.googleapis.com/f",
        "//storage.example.com/f",
        "https:storage.example.com/f",
    ],
)
def test_a_redirect_to_who_is_not_google_is_not_followed(elsewhere: str) -> None:
    seen = Seen()

    with pytest.raises(UpstreamUnavailable):
        run(lambda _: redirect(elsewhere), seen)

    assert len(seen.requests) == 1


def test_a_key_in_a_redirect_is_taken_out_of_it() -> None:
    seen = Seen()

    def answer(request: httpx.Request) -> httpx.Response:
        first = request.url.path == "/v1/x:y"
        to = f"https://storage.googleapis.com/f?a=1&key={KEY}&b=2"
        return redirect(to) if first else httpx.Response(200, text="bytes")

    assert run(answer, seen)[1] == [b"bytes"]
    assert str(seen.requests[1].url) == "https://storage.googleapis.com/f?a=1&b=2"


def test_a_redirect_with_the_key_anywhere_else_is_not_followed() -> None:
    REDACTOR.learn(KEY)
    seen = Seen()

    with pytest.raises(UpstreamUnavailable):
        run(lambda _: redirect(f"https://storage.googleapis.com/{KEY}"), seen)

    assert len(seen.requests) == 1


def test_redirects_end() -> None:
    seen = Seen()

    with pytest.raises(UpstreamUnavailable):
        run(lambda _: redirect("/again"), seen)

    assert len(seen.requests) == 4


def test_a_redirected_post_is_refused_and_not_sent_again() -> None:
    seen = Seen()

    with pytest.raises(UpstreamRefused):
        run(lambda _: redirect("/elsewhere"), seen, "POST", b"{}")

    assert len(seen.requests) == 1


def test_the_client_takes_no_cookies_and_no_compression() -> None:
    client = create_stream_client(BASE)

    assert client.headers["accept-encoding"] == "identity"
    assert not client.follow_redirects
    assert client.timeout.read == 290.0
    anyio.run(client.aclose)
