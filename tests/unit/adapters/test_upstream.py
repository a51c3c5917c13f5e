"""Upstream: what goes out, what comes back, and that the key stays where it belongs."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.upstream import FileToSend, UploadState, Upstream, create_client
from filegate.redaction import REDACTED, REDACTOR

BASE = "https://upstream.test"
KEY = "AIzaSyUpstream-OLD_0123456789abcdefghij"
FRESH = "AIzaSyUpstream-NEW_0123456789abcdefghij"
FILE = FileToSend("acme0001abc", "talk – é", "video/mp4", 9_000_000)
SESSION_URL = f"{BASE}/upload/v1beta/files?upload_id=AHx-I1_n%2BMk&upload_protocol=resumable"

MISSING = "You do not have permission to access the File acme0001abc or it may not exist."
KEY_INVALID = {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
        }
    ],
}

Answer = Callable[[httpx.Request], httpx.Response]


class Google:
    """Stands in for upstream: answers in turn, the last for ever, and keeps every request."""

    def __init__(self, *answers: httpx.Response | Exception | Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return answer(request)

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("x-goog-api-key") for request in self.requests]


class Keys:
    """Where the keys come from, and for which project they were asked."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.reread: list[str] = []

    def in_turn(self, project: str) -> Iterator[str]:
        self.read.append(project)
        yield KEY
        self.reread.append(project)
        yield FRESH


@pytest.fixture(autouse=True)
def _known_keys() -> None:
    REDACTOR.learn(KEY)
    REDACTOR.learn(FRESH)


@pytest.fixture
def keys() -> Keys:
    return Keys()


Connect = Callable[..., tuple[Upstream, Google]]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, keys: Keys) -> Iterator[Connect]:
    clients: list[httpx.Client] = []

    def make(*answers: httpx.Response | Exception | Answer) -> tuple[Upstream, Google]:
        google = Google(*answers)
        monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(google))
        clients.append(create_client(BASE))
        return Upstream(clients[-1], keys.in_turn), google

    yield make
    for client in clients:
        client.close()


def error(code: int, message: str, status: str = "SOME_STATUS", **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": message, "status": status}}
    return httpx.Response(code, json=body, headers=headers)


def started() -> httpx.Response:
    return httpx.Response(200, headers={"X-Goog-Upload-URL": SESSION_URL})


def whole(file: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"file": file})


CALLS: dict[str, Callable[[Upstream], object]] = {
    "start_upload": lambda upstream: upstream.start_upload("p1", "v1", FILE),
    "send_whole": lambda upstream: upstream.send_whole("p1", "v1", FILE, b"content"),
    "get_file": lambda upstream: upstream.get_file("p1", "acme0001abc"),
    "delete_file": lambda upstream: upstream.delete_file("p1", "acme0001abc"),
    "list_files": lambda upstream: upstream.list_files("p1"),
}
COMMANDS: dict[str, Callable[[Upstream], object]] = {
    "query": lambda upstream: upstream.query_upload("AHx-I1_n+Mk"),
    "cancel": lambda upstream: upstream.cancel_upload("AHx-I1_n+Mk"),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
every_call = pytest.mark.parametrize(
    "call", [*CALLS.values(), *COMMANDS.values()], ids=[*CALLS, *COMMANDS]
)


class TestList:
    """`list_files`: pages of all that a project has."""

    def test_pages_follow_each_other(self, connect: Connect) -> None:
        files = [{"name": "files/a"}, {"name": "files/b"}]
        upstream, google = connect(
            httpx.Response(200, json={"files": files, "nextPageToken": "t+/="}),
            httpx.Response(200, json={}),
        )
        assert upstream.list_files("p1") == (files, "t+/=")
        assert upstream.list_files("p1", "t+/=") == ([], None)
        assert [(one.method, one.url.path) for one in google.requests] == [
            ("GET", "/v1beta/files"),
            ("GET", "/v1beta/files"),
        ]
        assert [dict(one.url.params) for one in google.requests] == [
            {"pageSize": "100"},
            {"pageSize": "100", "pageToken": "t+/="},
        ]
        assert google.keys == [KEY, KEY]

    @pytest.mark.parametrize("answer", [{"files": "none"}, {"files": ["none"]}, {"files": None}])
    def test_what_is_no_list_is_not_taken_for_an_empty_one(
        self, connect: Connect, answer: dict[str, Any]
    ) -> None:
        upstream, _ = connect(httpx.Response(200, json=answer))
        with pytest.raises(UpstreamUnavailable):
            upstream.list_files("p1")


class TestStart:
    """`start_upload`: the announcement of a resumable upload."""

    @pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
    def test_the_request(self, connect: Connect, version: str) -> None:
        upstream, google = connect(started())

        assert upstream.start_upload("p1", version, FILE) == "AHx-I1_n+Mk"

        [request] = google.requests
        assert (request.method, str(request.url)) == ("POST", f"{BASE}/upload/{version}/files")
        assert request.headers["x-goog-upload-protocol"] == "resumable"
        assert request.headers["x-goog-upload-command"] == "start"
        assert request.headers["x-goog-upload-header-content-length"] == "9000000"
        assert request.headers["x-goog-upload-header-content-type"] == "video/mp4"
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.content) == {
            "file": {
                "name": "files/acme0001abc",
                "displayName": "talk – é",
                "mimeType": "video/mp4",
            }
        }

    def test_what_is_not_known_is_not_said(self, connect: Connect) -> None:
        upstream, google = connect(started())

        upstream.start_upload("p1", "v1", FileToSend("abc", None, None, None))

        [request] = google.requests
        assert json.loads(request.content) == {"file": {"name": "files/abc"}}
        assert not any(name.startswith("x-goog-upload-header") for name in request.headers)

    def test_zero_bytes_are_announced(self, connect: Connect) -> None:
        upstream, google = connect(started())

        upstream.start_upload("p1", "v1", FileToSend("abc", "", None, 0))

        assert google.requests[0].headers["x-goog-upload-header-content-length"] == "0"
        assert json.loads(google.requests[0].content)["file"]["displayName"] == ""

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Goog-Upload-URL": ""},
            {"X-Goog-Upload-URL": f"{BASE}/upload/v1beta/files"},
            {"X-Goog-Upload-URL": f"{BASE}/upload/v1beta/files?upload_id="},
        ],
    )
    def test_no_upload_url_is_no_answer(self, connect: Connect, headers: dict[str, str]) -> None:
        upstream, _ = connect(httpx.Response(200, headers=headers))

        with pytest.raises(UpstreamUnavailable):
            upstream.start_upload("p1", "v1", FILE)


class TestWhole:
    """`send_whole`: metadata and content in one request."""

    @pytest.mark.parametrize(
        "content", [b"", b"hello", bytes(range(256)), b"\r\n--\r\n", b"--filegate-", b"\0" * 10_000]
    )
    def test_the_content_goes_out_exactly(self, connect: Connect, content: bytes) -> None:
        upstream, google = connect(whole({"name": "files/acme0001abc"}))

        file = upstream.send_whole("p1", "v1beta", FILE, content)

        assert file == {"name": "files/acme0001abc"}
        [request] = google.requests
        assert (request.method, str(request.url)) == ("POST", f"{BASE}/upload/v1beta/files")
        assert request.headers["x-goog-upload-protocol"] == "multipart"
        kind, boundary = request.headers["content-type"].split("; boundary=")
        assert kind == "multipart/related"
        mark = f"--{boundary}\r\n".encode()
        assert request.content.startswith(mark)
        metadata, rest = request.content.removeprefix(mark).split(b"\r\n" + mark, 1)
        head, text = metadata.split(b"\r\n\r\n", 1)
        assert head == b"Content-Type: application/json; charset=utf-8"
        assert json.loads(text)["file"]["displayName"] == "talk – é"
        head, sent = rest.split(b"\r\n\r\n", 1)
        assert head == b"Content-Type: video/mp4"
        assert sent == content + f"\r\n--{boundary}--".encode()

    def test_content_of_no_known_type(self, connect: Connect) -> None:
        upstream, google = connect(whole({}))

        upstream.send_whole("p1", "v1", FileToSend("abc", None, None, 1), b"x")

        assert b"\r\nContent-Type: application/octet-stream\r\n\r\nx" in google.requests[0].content

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"file":null}', b'{"file":[]}'])
    def test_an_answer_that_is_no_file(self, connect: Connect, body: bytes) -> None:
        upstream, _ = connect(httpx.Response(200, content=body))

        with pytest.raises(UpstreamUnavailable):
            upstream.send_whole("p1", "v1", FILE, b"")


class TestGetAndDelete:
    """`get_file` and `delete_file`: which refusals mean that there is no such file."""

    def test_a_file_is_got(self, connect: Connect) -> None:
        upstream, google = connect(httpx.Response(200, json={"name": "files/acme0001abc"}))

        assert upstream.get_file("p1", "acme0001abc") == {"name": "files/acme0001abc"}

        [request] = google.requests
        assert request.method == "GET"
        assert str(request.url) == f"{BASE}/v1beta/files/acme0001abc"

    def test_a_file_is_deleted(self, connect: Connect) -> None:
        upstream, google = connect(httpx.Response(200, json={}))

        upstream.delete_file("p1", "acme0001abc")

        [request] = google.requests
        assert request.method == "DELETE"
        assert str(request.url) == f"{BASE}/v1beta/files/acme0001abc"

    @pytest.mark.parametrize(
        ("date", "moment"),
        [
            ({"date": "Fri, 15 Jan 2027 08:00:01 GMT"}, 1_800_000_001_000),
            ({"date": "some day"}, None),
            ({"date": "Fri, 15 Jan 99999 08:00:01 GMT"}, None),
            ({}, None),
        ],
    )
    def test_when_a_file_was_deleted_is_what_upstream_says(
        self, connect: Connect, date: dict[str, str], moment: int | None
    ) -> None:
        upstream, _ = connect(httpx.Response(200, json={}, headers=date))

        assert upstream.delete_file("p1", "acme0001abc") == moment

    @pytest.mark.parametrize(
        "answer",
        [
            error(403, MISSING, "PERMISSION_DENIED"),
            error(404, "Not found.", "NOT_FOUND"),
        ],
        ids=["403 may not exist", "404"],
    )
    def test_what_is_missing(self, connect: Connect, answer: httpx.Response) -> None:
        upstream, google = connect(answer)

        assert upstream.get_file("p1", "acme0001abc") is None
        upstream.delete_file("p1", "acme0001abc")
        assert len(google.requests) == 2

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(404, text="<html>not found</html>"),
            error(404, "No such page."),
            error(400, MISSING),
            error(410, MISSING),
            error(429, "Quota exceeded.", "RESOURCE_EXHAUSTED"),
            error(500, MISSING, "INTERNAL"),
        ],
        ids=["404 as a page", "404 of another API", "400", "410", "429", "500"],
    )
    def test_what_is_not_missing_but_refused(
        self, connect: Connect, answer: httpx.Response
    ) -> None:
        upstream, _ = connect(answer)

        for name in ("get_file", "delete_file"):
            with pytest.raises(UpstreamRefused) as refusal:
                CALLS[name](upstream)
            assert refusal.value.code == answer.status_code

    @pytest.mark.parametrize(
        "answer",
        [
            error(403, "Project 12345 has been denied access.", "PERMISSION_DENIED"),
            error(403, "", "PERMISSION_DENIED"),
            httpx.Response(403, text="Forbidden"),
        ],
        ids=["403", "403 without words", "403 as a page"],
    )
    def test_any_other_403_is_about_the_gateway_and_stays_here(
        self, connect: Connect, answer: httpx.Response
    ) -> None:
        upstream, _ = connect(answer)

        for name in ("get_file", "delete_file"):
            with pytest.raises(UpstreamKeyRefused) as refusal:
                CALLS[name](upstream)
            assert "12345" not in "".join(traceback.format_exception(refusal.value))

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"<html>"])
    def test_an_answer_that_is_no_object(self, connect: Connect, body: bytes) -> None:
        upstream, _ = connect(httpx.Response(200, content=body))

        with pytest.raises(UpstreamUnavailable):
            upstream.get_file("p1", "acme0001abc")


class TestCommands:
    """`query_upload` and `cancel_upload`: the session authorizes itself."""

    @pytest.mark.parametrize(("command", "call"), COMMANDS.items())
    def test_the_request_has_no_key(
        self, connect: Connect, keys: Keys, command: str, call: Callable[[Upstream], object]
    ) -> None:
        upstream, google = connect(httpx.Response(200, headers={"X-Goog-Upload-Status": "active"}))

        assert call(upstream) is UploadState.ACTIVE

        [request] = google.requests
        assert request.method == "POST"
        assert request.url.path == "/upload/v1beta/files"
        assert dict(request.url.params) == {
            "upload_id": "AHx-I1_n+Mk",
            "upload_protocol": "resumable",
        }
        assert request.headers["x-goog-upload-command"] == command
        assert google.keys == [None]
        assert keys.read == keys.reread == []

    def test_a_sessions_url_is_not_logged(
        self, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        upstream, _ = connect(httpx.Response(200, headers={"x-goog-upload-status": "active"}))

        upstream.query_upload("AHx-I1")

        assert "AHx-I1" not in caplog.text

    @pytest.mark.parametrize("state", list(UploadState))
    @pytest.mark.parametrize("code", [200, 400, 410, 500])
    def test_the_header_says_how_it_stands(
        self, connect: Connect, state: UploadState, code: int
    ) -> None:
        upstream, _ = connect(httpx.Response(code, headers={"x-goog-upload-status": state.value}))

        assert upstream.query_upload("x") is state
        assert upstream.cancel_upload("x") is state

    @pytest.mark.parametrize("code", [400, 404, 410])
    def test_an_unknown_session_is_over(self, connect: Connect, code: int) -> None:
        upstream, _ = connect(httpx.Response(code, text="Upload has already been terminated."))

        assert upstream.query_upload("x") is UploadState.CANCELLED

    @pytest.mark.parametrize("code", [401, 403, 412, 416])
    def test_a_session_that_upstream_refuses_to_speak_of(self, connect: Connect, code: int) -> None:
        upstream, _ = connect(httpx.Response(code))

        with pytest.raises(UpstreamRefused, match=str(code)):
            upstream.query_upload("x")

    @pytest.mark.parametrize("code", [200, 204, 302, 408, 429, 500, 503])
    def test_any_other_answer_is_none(self, connect: Connect, code: int) -> None:
        upstream, _ = connect(httpx.Response(code))

        with pytest.raises(UpstreamUnavailable, match=str(code)):
            upstream.query_upload("x")

    @pytest.mark.parametrize("status", ["", "Active", "unknown"])
    def test_an_unknown_state_is_none(self, connect: Connect, status: str) -> None:
        upstream, _ = connect(httpx.Response(200, headers={"x-goog-upload-status": status}))

        with pytest.raises(UpstreamUnavailable):
            upstream.cancel_upload("x")


class TestKey:
    """The key: in one header, renewed once, in no exception and no answer."""

    @calls
    def test_it_is_in_the_header_and_nowhere_else(
        self, connect: Connect, keys: Keys, call: Callable[[Upstream], object]
    ) -> None:
        upstream, google = connect(
            lambda request: httpx.Response(
                200,
                json={"file": {}},
                headers={"X-Goog-Upload-URL": SESSION_URL} if request.method == "POST" else {},
            )
        )

        call(upstream)

        [request] = google.requests
        assert request.headers.get_list("x-goog-api-key") == [KEY]
        assert KEY not in str(request.url)
        assert KEY.encode() not in request.content
        others = [
            value for name, value in request.headers.items() if name.lower() != "x-goog-api-key"
        ]
        assert KEY not in " ".join(others)
        assert request.headers["x-goog-api-client"].startswith("filegate/")
        assert (keys.read, keys.reread) == (["p1"], [])

    @calls
    @pytest.mark.parametrize(
        "refusal",
        [
            httpx.Response(400, json={"error": KEY_INVALID}),
            httpx.Response(401, text="Unauthorized"),
            httpx.Response(
                403,
                json={
                    "error": {
                        "message": "Requests are blocked.",
                        "details": [{"reason": "API_KEY_SERVICE_BLOCKED"}],
                    }
                },
            ),
            error(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT"),
        ],
        ids=["invalid", "unauthorized", "blocked", "expired"],
    )
    def test_a_refused_key_is_read_anew_once(
        self,
        connect: Connect,
        keys: Keys,
        call: Callable[[Upstream], object],
        refusal: httpx.Response,
    ) -> None:
        upstream, google = connect(
            refusal,
            httpx.Response(200, json={"file": {}}, headers={"X-Goog-Upload-URL": SESSION_URL}),
        )

        call(upstream)

        assert google.keys == [KEY, FRESH]
        assert google.requests[0].content == google.requests[1].content
        assert google.requests[0].url == google.requests[1].url
        assert (keys.read, keys.reread) == (["p1"], ["p1"])

    @calls
    def test_a_key_refused_twice_is_refused(
        self, connect: Connect, call: Callable[[Upstream], object]
    ) -> None:
        upstream, google = connect(httpx.Response(400, json={"error": KEY_INVALID}))

        with pytest.raises(UpstreamKeyRefused) as refusal:
            call(upstream)

        assert google.keys == [KEY, FRESH]
        assert_no_key(refusal.value)

    @calls
    def test_another_refusal_asks_for_no_new_key(
        self, connect: Connect, keys: Keys, call: Callable[[Upstream], object]
    ) -> None:
        upstream, google = connect(error(400, "Unsupported MIME type: x/y", "INVALID_ARGUMENT"))

        with pytest.raises(UpstreamRefused):
            call(upstream)
        assert len(google.requests) == 1
        assert keys.reread == []

    @every_call
    @pytest.mark.parametrize(
        "failure",
        [
            httpx.ConnectError(f"no route, key {KEY}"),
            httpx.ConnectTimeout("slow"),
            httpx.ReadTimeout(f"slow {KEY}"),
            httpx.ReadError("cut"),
            httpx.RemoteProtocolError("nonsense"),
            httpx.DecodingError("no gzip"),
        ],
        ids=lambda failure: type(failure).__name__,
    )
    def test_no_answer_is_unavailable_and_holds_no_key(
        self, connect: Connect, call: Callable[[Upstream], object], failure: httpx.HTTPError
    ) -> None:
        upstream, google = connect(failure)

        with pytest.raises(UpstreamUnavailable) as unavailable:
            call(upstream)

        assert str(unavailable.value) == type(failure).__name__
        # Not even hidden: an error reporter that walks the chain would find request and key.
        assert unavailable.value.__cause__ is None
        assert unavailable.value.__context__ is None
        assert KEY not in "".join(traceback.format_exception(unavailable.value))
        assert len(google.requests) == 1

    @calls
    @pytest.mark.parametrize(
        "answer",
        [
            error(400, f"The key {KEY} may not do this.", f"BAD {KEY}"),
            error(409, json.dumps({"key": KEY})),
            httpx.Response(500, text=f"<html>{KEY}</html>"),
            httpx.Response(400, json={"error": f"{KEY} is bad"}),
            httpx.Response(400, json=[KEY]),
            httpx.Response(502, content=KEY.encode() + b"\xff"),
            httpx.Response(302, headers={"location": f"https://x.test/?key={KEY}"}, text=KEY),
        ],
        ids=["message", "quoted", "page", "text", "list", "bytes", "redirect"],
    )
    def test_a_reflected_key_is_struck_out(
        self, connect: Connect, call: Callable[[Upstream], object], answer: httpx.Response
    ) -> None:
        upstream, _ = connect(answer)

        with pytest.raises(UpstreamRefused) as refusal:
            call(upstream)

        assert REDACTED in refusal.value.message
        assert_no_key(refusal.value)

    def test_a_reflected_key_is_struck_out_of_a_file(self, connect: Connect) -> None:
        uri = f"{BASE}/v1beta/files/abc?key={KEY}"
        upstream, _ = connect(
            httpx.Response(200, json={"name": "files/abc", "uri": uri}), whole({"uri": uri})
        )

        assert upstream.get_file("p1", "abc") == {
            "name": "files/abc",
            "uri": f"{BASE}/v1beta/files/abc?key={REDACTED}",
        }
        assert KEY not in str(upstream.send_whole("p1", "v1", FILE, b""))


def assert_no_key(failure: BaseException) -> None:
    """No key in what a log or a debugger shows of an exception and of those behind it."""
    assert KEY not in "".join(traceback.format_exception(failure))
    seen: BaseException | None = failure
    while seen is not None:
        shown = f"{seen!r} {seen} {seen.args!r} {vars(seen)!r}"
        assert KEY not in shown
        assert FRESH not in shown
        seen = seen.__cause__ or seen.__context__


class TestRefusals:
    """What is kept of upstream's errors."""

    def test_googles_envelope(self, connect: Connect) -> None:
        upstream, _ = connect(error(429, "Quota exceeded.", "RESOURCE_EXHAUSTED"))

        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")

        assert refusal.value.code == 429
        assert refusal.value.status == "RESOURCE_EXHAUSTED"
        assert refusal.value.message == "Quota exceeded."
        assert refusal.value.retry_after is None

    @pytest.mark.parametrize(
        "body", ["Upload has already been terminated.", "", "[]", "{", '{"error": 5}', "null"]
    )
    def test_plain_text(self, connect: Connect, body: str) -> None:
        upstream, _ = connect(httpx.Response(400, text=body))

        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")

        assert refusal.value.code == 400
        assert refusal.value.message == body

    def test_a_page_without_end_is_cut(self, connect: Connect) -> None:
        upstream, _ = connect(httpx.Response(502, text="x" * 1_000_000))

        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")

        assert len(refusal.value.message) <= 64 * 1024

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("0", 0),
            ("7", 7),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ],
    )
    def test_retry_after(self, connect: Connect, text: str, seconds: int | None) -> None:
        upstream, _ = connect(
            error(503, "Overloaded.", "UNAVAILABLE", **({"retry-after": text} if text else {}))
        )

        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")

        assert refusal.value.retry_after == seconds

    @calls
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(
        self, connect: Connect, call: Callable[[Upstream], object], code: int
    ) -> None:
        upstream, google = connect(
            httpx.Response(code, headers={"location": "https://elsewhere.test/"}),
            httpx.Response(200, json={"file": {}}, headers={"X-Goog-Upload-URL": SESSION_URL}),
        )

        with pytest.raises(UpstreamRefused) as refusal:
            call(upstream)

        assert refusal.value.code == code
        assert [request.url.host for request in google.requests] == ["upstream.test"]


@given(code=st.integers(400, 599), body=st.one_of(st.binary(max_size=80), st.just(b'{"error":{}}')))
def test_no_error_body_breaks_the_reader(code: int, body: bytes) -> None:
    google = Google(lambda _: httpx.Response(code, content=body))
    with httpx.Client(base_url=BASE, transport=httpx.MockTransport(google)) as client:
        upstream = Upstream(client, lambda _: iter([KEY, FRESH]))
        try:
            assert upstream.get_file("p1", "abc") is None
        except (UpstreamRefused, UpstreamKeyRefused) as refusal:
            assert_no_key(refusal)


def test_the_client_waits_less_than_the_function() -> None:
    with create_client(f"{BASE}/prefix") as client:
        assert client.timeout.connect == 3.0
        assert client.timeout.read is not None
        assert client.timeout.read + client.timeout.connect < 28
        assert not client.follow_redirects
        assert "x-goog-api-key" not in client.headers
        assert str(client.build_request("GET", "/v1beta/files/a").url) == (
            f"{BASE}/prefix/v1beta/files/a"
        )


class TestHostileAnswers:
    """What an upstream could answer to get a secret out or an exception through."""

    def test_content_cannot_hold_the_boundary_of_its_own_request(self, connect: Connect) -> None:
        upstream, google = connect(whole({}), whole({}))
        for _ in range(2):
            upstream.send_whole("p1", "v1", FILE, b"content")
        first, second = (request.headers["content-type"] for request in google.requests)
        assert first != second
        assert FILE.file_id not in first

    def test_a_key_spelt_in_escapes_is_struck_out(self, connect: Connect) -> None:
        body = '{"error":{"message":"\\u0041' + KEY[1:] + '"}}'
        upstream, _ = connect(httpx.Response(400, text=body))
        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")
        assert KEY not in refusal.value.message

    @pytest.mark.parametrize("before", range(8 * 1024 - 40, 8 * 1024, 7))
    def test_a_key_across_the_cut_leaves_no_beginning(self, connect: Connect, before: int) -> None:
        upstream, _ = connect(httpx.Response(502, text="x" * before + KEY))
        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")
        assert KEY[:6] not in refusal.value.message

    def test_words_of_a_tenant_are_not_taken_for_a_refused_key(self, connect: Connect) -> None:
        upstream, google = connect(error(400, "Invalid display_name: 'API key not valid'"))
        with pytest.raises(UpstreamRefused):
            upstream.start_upload("p1", "v1", FILE)
        assert len(google.requests) == 1

    @pytest.mark.parametrize("wait", ["9" * 5_000, "-1", "soon", "1.5", "", "٣"])
    def test_a_wait_that_is_none_is_left_out(self, connect: Connect, wait: str) -> None:
        upstream, _ = connect(httpx.Response(503, headers=[(b"retry-after", wait.encode())]))
        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")
        assert refusal.value.retry_after is None

    def test_json_too_deep_to_read(self, connect: Connect) -> None:
        upstream, _ = connect(httpx.Response(400, text="[" * 100_000))
        with pytest.raises(UpstreamRefused):
            upstream.get_file("p1", "abc")
        upstream, _ = connect(httpx.Response(200, text="[" * 100_000))
        with pytest.raises(UpstreamUnavailable):
            upstream.get_file("p1", "abc")

    @pytest.mark.parametrize("url", ["http://[bad", "", "https://x.test/?upload_id="])
    def test_an_upload_url_that_is_none(self, connect: Connect, url: str) -> None:
        upstream, _ = connect(httpx.Response(200, headers={"x-goog-upload-url": url}))
        with pytest.raises(UpstreamUnavailable):
            upstream.start_upload("p1", "v1", FILE)

    def test_an_error_without_words(self, connect: Connect) -> None:
        upstream, _ = connect(httpx.Response(400, json={"error": {"message": None}}))
        with pytest.raises(UpstreamRefused) as refusal:
            upstream.get_file("p1", "abc")
        assert (refusal.value.message, refusal.value.status) == ("", "INVALID_ARGUMENT")

    def test_no_cookie_goes_from_one_tenant_to_the_next(self, connect: Connect) -> None:
        upstream, google = connect(
            httpx.Response(200, json={}, headers={"set-cookie": "who=first"}),
            httpx.Response(200, json={}),
        )
        upstream.get_file("p1", "abc")
        upstream.get_file("p1", "abc")
        assert "cookie" not in google.requests[1].headers
