"""Starts whose chunks go straight to upstream: its own URL, and nothing in it but the session."""

import httpx
import pytest

from filegate.adapters.refusals import UpstreamUnavailable
from filegate.adapters.upstream import (
    DirectUpload,
    DocumentToSend,
    FileToSend,
    Upstream,
    create_client,
)
from filegate.redaction import REDACTOR

KEY = "AIzaSyDirect_0123456789abcdefghijklm"
BASE = "https://upstream.test"
PATH = f"{BASE}/upload/v1beta/files"
FILE = FileToSend("acme0001abc", "talk", "video/mp4", 9)
QUERY = "upload_id=AHx-I1_n%2BMk&upload_protocol=resumable"
REQUESTS: list[httpx.Request] = []


def starting(monkeypatch: pytest.MonkeyPatch, url: str) -> Upstream:
    """An upstream that answers every start with this URL."""
    REDACTOR.learn(KEY)
    REQUESTS.clear()

    def answer(request: httpx.Request) -> httpx.Response:
        REQUESTS.append(request)
        return httpx.Response(200, headers={"x-goog-upload-url": url})

    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(answer))
    return Upstream(create_client(BASE), lambda _: iter([KEY]))


@pytest.mark.parametrize(
    "url",
    [
        f"{PATH}?{QUERY}",
        f"{PATH}?key={KEY}&{QUERY}",
        f"{PATH}?{QUERY}&key={KEY}#{KEY}",
        f"https://{KEY}@upstream.test/upload/v1beta/files?{QUERY}",
        f"https://user:{KEY}@upstream.test/upload/v1beta/files?{QUERY}",
    ],
)
def test_the_url_names_the_session_and_no_key(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    started = starting(monkeypatch, url).start_direct("p1", "v1beta", FILE, None)
    assert started == DirectUpload("AHx-I1_n+Mk", f"{PATH}?{QUERY}")
    [request] = REQUESTS
    assert str(request.url) == PATH
    assert request.headers["x-goog-api-key"] == KEY
    assert request.headers["x-goog-upload-header-content-length"] == "9"
    assert "origin" not in request.headers


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/upload/{KEY}/files?{QUERY}",
        f"{PATH}?upload_id={KEY}",
        f"https://{KEY}.test/upload/v1beta/files?{QUERY}",
        PATH,
        "",
    ],
)
def test_a_url_that_cannot_be_told_from_a_key_is_none(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(UpstreamUnavailable) as unavailable:
        starting(monkeypatch, url).start_direct("p1", "v1beta", FILE, None)
    assert KEY not in str(unavailable.value)


@pytest.mark.parametrize(
    "host",
    [
        "https://upload.example",
        "https://upstream.test:8443",
        "http://upstream.test",
        "https://upstream.test.example",
        "https://upstream.test@upload.example",
        "https://evilgoogleapis.com",
        "https://169.254.169.254",
        "",
    ],
)
def test_no_client_is_sent_to_another_host(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    upstream = starting(monkeypatch, f"{host}/upload/v1beta/files?{QUERY}")
    with pytest.raises(UpstreamUnavailable):
        upstream.start_direct("p1", "v1beta", FILE, None)


@pytest.mark.parametrize("origin", ["https://app.example", "null", "http://localhost:3000"])
def test_the_page_is_named_to_upstream(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    starting(monkeypatch, f"{PATH}?{QUERY}").start_direct("p1", "v1", FILE, origin)
    assert REQUESTS[0].headers["origin"] == origin


@pytest.mark.parametrize("origin", ["https://é.example", "a\r\nx-goog-api-key: x", "\x7f"])
def test_what_is_no_origin_goes_no_further(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    starting(monkeypatch, f"{PATH}?{QUERY}").start_direct("p1", "v1", FILE, origin)
    assert "origin" not in REQUESTS[0].headers
    assert REQUESTS[0].headers["x-goog-api-key"] == KEY


def test_a_document_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/upload/v1beta/fileSearchStores/s-1:uploadToFileSearchStore"
    upstream = starting(monkeypatch, f"{BASE}{path}?{QUERY}")
    document = DocumentToSend({"displayName": "talk"}, "text/plain", 9)
    started = upstream.start_direct_document("p1", "v1beta", "s-1", document, "https://a.example")
    assert started.url == f"{BASE}{path}?{QUERY}"
    assert (REQUESTS[0].url.path, REQUESTS[0].headers["origin"]) == (path, "https://a.example")
