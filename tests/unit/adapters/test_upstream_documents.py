"""Upstream, uploads to stores: where they go, and how upstream is heard when one has ended."""

import json
from typing import Any

import httpx
import pytest

from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.upstream import (
    DocumentToSend,
    DocumentUpload,
    UploadState,
    Upstream,
    create_client,
)
from filegate.redaction import REDACTED, REDACTOR

KEY = "AIzaSyDocuments_0123456789abcdefghijklm"
STORE = "reports-abc123"
PATH = f"/upload/v1beta/fileSearchStores/{STORE}:uploadToFileSearchStore"
DOCUMENT = f"fileSearchStores/{STORE}/documents/talk-xyz"
OPERATION = {
    "name": f"fileSearchStores/{STORE}/upload/operations/op1",
    "response": {"parent": f"fileSearchStores/{STORE}", "documentName": DOCUMENT, "sizeBytes": "7"},
}


class Google:
    """Stands in for upstream: one answer, and every request."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def connected(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> Any:  # noqa: ANN401
    google = Google(answer)
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(google))
    REDACTOR.learn(KEY)
    return Upstream(create_client("https://upstream.test"), lambda _: iter([KEY])), google


def ended(status: str = "final", code: int = 200, **changes: Any) -> httpx.Response:  # noqa: ANN401
    """Upstream's answer to a `query`."""
    fields = {"headers": {"x-goog-upload-status": status}, **changes}
    return httpx.Response(code, **fields)


def test_a_start_says_all_that_is_known_of_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://upstream.test{PATH}?upload_id=AHx-I1&upload_protocol=resumable"
    upstream, google = connected(
        monkeypatch, httpx.Response(200, headers={"x-goog-upload-url": url})
    )
    document = DocumentToSend({"displayName": "talk – é"}, "text/plain", 9)
    assert upstream.start_document("default", "v1", STORE, document) == "AHx-I1"
    [request] = google.requests
    assert request.url.path == PATH.replace("v1beta", "v1")
    assert request.headers["x-goog-api-key"] == KEY
    assert request.headers["x-goog-upload-command"] == "start"
    assert request.headers["x-goog-upload-header-content-length"] == "9"
    assert request.headers["x-goog-upload-header-content-type"] == "text/plain"
    assert json.loads(request.content) == {"displayName": "talk – é"}


def test_a_start_says_nothing_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://upstream.test{PATH}?upload_id=x"
    upstream, google = connected(
        monkeypatch, httpx.Response(200, headers={"x-goog-upload-url": url})
    )
    upstream.start_document("default", "v1", STORE, DocumentToSend({}, None, None))
    names = {name for name in google.requests[0].headers if name.startswith("x-goog-upload-header")}
    assert names == set()


def test_bytes_go_in_one_chunk_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, google = connected(monkeypatch, ended(json=OPERATION))
    assert upstream.send_document("v1", STORE, "AHx-I1", b"content") == OPERATION
    [request] = google.requests
    assert request.url.params["upload_id"] == "AHx-I1"
    assert request.headers["x-goog-upload-command"] == "upload, finalize"
    assert request.headers["x-goog-upload-offset"] == "0"
    assert request.content == b"content"
    assert "x-goog-api-key" not in request.headers


@pytest.mark.parametrize(
    "answer",
    [httpx.ReadTimeout(""), ended(text="<html>"), ended(json=["no object"]), ended(content=b"")],
)
def test_bytes_of_which_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception
) -> None:
    upstream, _ = connected(monkeypatch, answer)
    with pytest.raises(UpstreamUnavailable):
        upstream.send_document("v1", STORE, "AHx-I1", b"content")


def test_bytes_that_upstream_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, _ = connected(monkeypatch, ended(code=400, text="too large"))
    with pytest.raises(UpstreamRefused) as refused:
        upstream.send_document("v1", STORE, "AHx-I1", b"content")
    assert (refused.value.code, refused.value.message) == (400, "too large")


def test_no_key_comes_back_in_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, _ = connected(monkeypatch, ended(json={"name": KEY}))
    assert upstream.send_document("v1", STORE, "AHx-I1", b"") == {"name": REDACTED}


@pytest.mark.parametrize(
    ("answer", "upload"),
    [
        (ended("active"), DocumentUpload(UploadState.ACTIVE)),
        (ended("cancelled"), DocumentUpload(UploadState.CANCELLED)),
        (ended(json=OPERATION), DocumentUpload(UploadState.FINAL, 7, "talk-xyz")),
        # Zero bytes are left out of the Operation (proto3 JSON).
        (
            ended(
                json={"response": {"documentName": DOCUMENT}},
                headers={"x-goog-upload-status": "final", "x-goog-upload-size-received": "0"},
            ),
            DocumentUpload(UploadState.FINAL, 0, "talk-xyz"),
        ),
        (ended(json={"name": "op"}), DocumentUpload(UploadState.FINAL)),
        (ended(content=b""), DocumentUpload(UploadState.FINAL)),
        (ended(text="OK"), DocumentUpload(UploadState.FINAL)),
        (ended(json={"response": {"sizeBytes": "many"}}), DocumentUpload(UploadState.FINAL)),
        (
            ended(json={"response": {"documentName": "documents/..", "sizeBytes": 3}}),
            DocumentUpload(UploadState.FINAL, 3),
        ),
        # Refused at its end: nothing came of it.
        (ended(code=403, json={"error": {}}), DocumentUpload(UploadState.CANCELLED)),
        (ended(code=400, text="too large"), DocumentUpload(UploadState.CANCELLED)),
        # A session that upstream does not know.
        (httpx.Response(404, text="not found"), DocumentUpload(UploadState.CANCELLED)),
    ],
)
def test_what_became_of_an_upload(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, upload: DocumentUpload
) -> None:
    upstream, google = connected(monkeypatch, answer)
    assert upstream.query_document(STORE, "AHx-I1") == upload
    [request] = google.requests
    assert request.url.path == PATH
    assert request.headers["x-goog-upload-command"] == "query"
    assert "x-goog-api-key" not in request.headers


@pytest.mark.parametrize(
    "answer",
    [
        ended(code=503, text="later"),
        ended(code=429, text="later"),
        httpx.Response(500),
        httpx.Response(200, text="a proxy's page"),
        httpx.ConnectError(""),
    ],
)
def test_an_upload_of_which_upstream_says_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception
) -> None:
    upstream, _ = connected(monkeypatch, answer)
    with pytest.raises(UpstreamUnavailable):
        upstream.query_document(STORE, "AHx-I1")


def test_an_upload_to_a_store_is_cancelled_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, google = connected(monkeypatch, ended("cancelled"))
    assert upstream.cancel_upload("AHx-I1", STORE) is UploadState.CANCELLED
    assert google.requests[0].url.path == PATH


def test_a_document_goes_even_if_it_was_processed(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, google = connected(monkeypatch, httpx.Response(200, json={}))
    upstream.delete_document("default", STORE, "talk-xyz")
    [request] = google.requests
    assert request.url.path == f"/v1beta/{DOCUMENT}"
    assert dict(request.url.params) == {"force": "true"}


def test_a_document_that_is_gone_counts_as_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "You do not have permission to access the Document x or it may not exist."
    error = {"error": {"code": 403, "message": sentence, "status": "PERMISSION_DENIED"}}
    upstream, _ = connected(monkeypatch, httpx.Response(403, json=error))
    upstream.delete_document("default", STORE, "x")
