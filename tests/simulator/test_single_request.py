"""Uploads in one request: multipart, raw, media and a plain POST."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

CONTENT = b"content with \r\n--line\r\nbreaks and \x00 bytes \xff"
METADATA = b'{"file":{"mimeType":"text/plain","displayName":"d","name":"files/x"}}'


def related(metadata: bytes, content: bytes, boundary: str = "12345") -> bytes:
    mark = boundary.encode()
    return (
        b"--"
        + mark
        + b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
        + metadata
        + b"\r\n--"
        + mark
        + b"\r\nContent-Type: image/png\r\n\r\n"
        + content
        + b"\r\n--"
        + mark
        + b"--"
    )


def post(
    simulator: Simulator, content: bytes, content_type: str, query: str = "", **headers: str
) -> httpx.Response:
    sent = {"x-goog-api-key": simulator.first_key, "content-type": content_type}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return simulator.http.post(f"/upload/v1beta/files{query}", headers=sent, content=content)


def assert_stored(answer: httpx.Response, mime_type: str, content: bytes = CONTENT) -> None:
    assert answer.status_code == 200, answer.text
    file = answer.json()["file"]
    digest = hashlib.sha256(content).hexdigest()
    assert file["sizeBytes"] == str(len(content))
    assert file["sha256Hash"] == base64.b64encode(digest.encode()).decode()
    assert file["mimeType"] == mime_type


@pytest.mark.parametrize("boundary", ["12345", '"12345"'])
@pytest.mark.parametrize("how", ["header", "query", "neither"])
def test_multipart(simulator: Simulator, how: str, boundary: str) -> None:
    headers = {"x_goog_upload_protocol": "multipart"} if how == "header" else {}
    query = "?uploadType=multipart" if how == "query" else ""
    answer = post(
        simulator,
        related(METADATA, CONTENT),
        f"multipart/related; boundary={boundary}",
        query,
        **headers,
    )
    assert_stored(answer, "text/plain")
    assert answer.json()["file"]["name"] == "files/x"
    assert answer.json()["file"]["displayName"] == "d"


def test_the_second_part_names_the_type_when_the_metadata_does_not(simulator: Simulator) -> None:
    answer = post(simulator, related(b"{}", CONTENT), "multipart/related; boundary=12345")
    assert_stored(answer, "image/png")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (related(METADATA, CONTENT)[:-4], "multipart/related; boundary=12345"),
        (related(METADATA, CONTENT), "multipart/related; boundary=other"),
        (related(METADATA, CONTENT), "multipart/related"),
        (b"", "multipart/related; boundary=12345"),
        (b"--12345\r\n\r\n{}\r\n--12345--", "multipart/related; boundary=12345"),
        (related(b"{", CONTENT), "multipart/related; boundary=12345"),
    ],
)
def test_malformed_multipart(simulator: Simulator, content: bytes, content_type: str) -> None:
    answer = post(simulator, content, content_type, x_goog_upload_protocol="multipart")
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert simulator.project()["files"] == []


def test_raw(simulator: Simulator) -> None:
    answer = post(
        simulator,
        CONTENT,
        "application/x-www-form-urlencoded",
        x_goog_upload_protocol="raw",
        x_goog_upload_header_content_type="application/pdf",
        x_goog_upload_file_name="a.pdf",
    )
    assert_stored(answer, "application/pdf")


@pytest.mark.parametrize("query", ["", "?uploadType=media"])
def test_media_and_plain(simulator: Simulator, query: str) -> None:
    assert_stored(post(simulator, CONTENT, "audio/mpeg", query), "audio/mpeg")


def test_the_key_may_be_in_the_query(simulator: Simulator) -> None:
    answer = simulator.http.post(
        f"/upload/v1/files?key={simulator.second_key}",
        content=CONTENT,
        headers={"content-type": "text/plain"},
    )
    assert_stored(answer, "text/plain")
    assert simulator.project(1)["bytesStored"] == len(CONTENT)


@pytest.mark.parametrize(("key", "status"), [("wrong", 400), ("", 403)])
def test_wrong_and_missing_keys(simulator: Simulator, key: str, status: int) -> None:
    assert post(simulator, CONTENT, "text/plain", x_goog_api_key=key).status_code == status
    assert simulator.project()["files"] == []


def test_limits_and_names_hold(simulator: Simulator) -> None:
    simulator.control("limits", {"fileBytes": 100, "projectBytes": 120})
    kind = "multipart/related; boundary=12345"
    assert post(simulator, bytes(101), "text/plain").status_code == 400
    assert post(simulator, bytes(100), "text/plain").status_code == 200
    assert post(simulator, bytes(21), "text/plain").status_code == 429
    assert post(simulator, related(METADATA, b"1"), kind).status_code == 200
    assert post(simulator, related(METADATA, b"1"), kind).status_code == 409


def test_an_unknown_protocol(simulator: Simulator) -> None:
    answer = post(simulator, CONTENT, "text/plain", x_goog_upload_protocol="carrier-pigeon")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
