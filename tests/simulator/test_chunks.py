"""Chunks, query, finalize and cancel of a resumable upload."""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

GRANULARITY = 8_388_608
FULL = bytes(range(256)) * (GRANULARITY // 256)
TERMINATED = "Upload has already been terminated."


def assert_refused(answer: httpx.Response, status: str, text: str = "") -> None:
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-goog-upload-status"] == status
    assert text in answer.text


def received(simulator: Simulator, url: str) -> int:
    answer = simulator.command(url, "query")
    assert answer.status_code == 200
    return int(answer.headers["x-goog-upload-size-received"])


def test_two_chunks(simulator: Simulator) -> None:
    data = FULL + b"the rest"
    url = simulator.session(length=len(data))
    first = simulator.send(url, FULL, command="upload")
    last = simulator.send(url, b"the rest", GRANULARITY)
    assert (first.status_code, first.content) == (200, b"")
    assert first.headers["x-goog-upload-status"] == "active"
    assert last.headers["x-goog-upload-status"] == "final"
    assert last.headers["content-type"] == "application/json; charset=UTF-8"
    file = last.json()["file"]
    assert file["sizeBytes"] == str(len(data))
    digest = hashlib.sha256(data).hexdigest()
    assert file["sha256Hash"] == base64.b64encode(digest.encode()).decode()


def test_zero_bytes(simulator: Simulator) -> None:
    assert simulator.upload(b"")["sizeBytes"] == "0"


def test_an_exact_multiple_of_unknown_length_ends_with_an_empty_chunk(
    simulator: Simulator,
) -> None:
    url = simulator.session()
    simulator.send(url, FULL, command="upload")
    final = simulator.send(url, b"", GRANULARITY)
    assert final.json()["file"]["sizeBytes"] == str(GRANULARITY)
    assert simulator.send(url, b"", GRANULARITY).json() == final.json()


def test_a_bare_finalize(simulator: Simulator) -> None:
    url = simulator.session(length=GRANULARITY)
    simulator.send(url, FULL, command="upload")
    final = simulator.command(url, "finalize")
    assert final.headers["x-goog-upload-status"] == "final"
    assert final.json()["file"]["sizeBytes"] == str(GRANULARITY)
    assert_refused(simulator.command(url, "finalize"), "final", TERMINATED)


def test_a_chunk_that_is_not_a_multiple_of_the_granularity(simulator: Simulator) -> None:
    url = simulator.session()
    answer = simulator.send(url, FULL[:821_333], command="upload")
    assert_refused(answer, "active")
    assert answer.text == (
        "The client sent 821333 bytes, which is not a multiple of the "
        "8388608 byte chunk granularity."
    )
    assert received(simulator, url) == 0


@pytest.mark.parametrize("offset", ["1", "8388608", "-1", "x", "", "9" * 5000])
def test_the_offset_must_be_what_was_received(simulator: Simulator, offset: str) -> None:
    url = simulator.session()
    answer = simulator.http.post(
        url,
        headers={"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": offset},
        content=b"x",
    )
    assert_refused(answer, "active")
    assert simulator.project()["files"] == []


@pytest.mark.parametrize("announced", [4, 6])
def test_the_total_must_be_what_was_announced(simulator: Simulator, announced: int) -> None:
    url = simulator.session(length=announced)
    assert_refused(simulator.send(url, b"hello"), "active")
    assert received(simulator, url) == 0


def test_a_bare_finalize_before_the_announced_end(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    assert_refused(simulator.command(url, "finalize"), "active")
    assert simulator.send(url, b"hello").headers["x-goog-upload-status"] == "final"


def test_a_repeated_chunk_is_taken_once(simulator: Simulator) -> None:
    url = simulator.session()
    for _ in range(3):
        answer = simulator.send(url, FULL, command="upload")
        assert answer.headers["x-goog-upload-status"] == "active"
    assert received(simulator, url) == GRANULARITY
    final = simulator.send(url, b"end", GRANULARITY)
    again = simulator.send(url, b"end", GRANULARITY)
    assert again.status_code == 200
    assert again.headers["x-goog-upload-status"] == "final"
    assert again.json() == final.json()
    assert simulator.project()["bytesStored"] == GRANULARITY + 3
    digest = hashlib.sha256(FULL + b"end").hexdigest()
    assert final.json()["file"]["sha256Hash"] == base64.b64encode(digest.encode()).decode()


def test_other_bytes_at_the_same_place_are_no_repetition(simulator: Simulator) -> None:
    url = simulator.session()
    simulator.send(url, FULL, command="upload")
    assert_refused(simulator.send(url, FULL[::-1], command="upload"), "active")
    simulator.send(url, b"end", GRANULARITY)
    assert_refused(simulator.send(url, b"END", GRANULARITY), "final", TERMINATED)
    assert_refused(simulator.send(url, b"more", GRANULARITY + 3), "final", TERMINATED)


def test_a_repetition_may_finalize(simulator: Simulator) -> None:
    url = simulator.session()
    simulator.send(url, FULL, command="upload")
    assert simulator.send(url, FULL).json()["file"]["sizeBytes"] == str(GRANULARITY)


def test_query_before_and_after_the_end(simulator: Simulator) -> None:
    url = simulator.session(length=2)
    before = simulator.command(url, "query")
    assert before.headers["x-goog-upload-status"] == "active"
    assert before.headers["x-goog-upload-size-received"] == "0"
    final = simulator.send(url, b"ok")
    after = simulator.command(url, "query")
    assert after.headers["x-goog-upload-status"] == "final"
    assert after.json() == final.json()


def test_cancel_ends_the_upload(simulator: Simulator) -> None:
    url = simulator.session()
    assert simulator.project()["openSessions"] == 1
    answer = simulator.command(url, "cancel")
    assert (answer.status_code, answer.headers["x-goog-upload-status"]) == (200, "cancelled")
    assert simulator.project()["openSessions"] == 0
    assert simulator.command(url, "query").headers["x-goog-upload-status"] == "cancelled"
    for refused in (simulator.send(url, b"x"), simulator.command(url, "cancel")):
        assert_refused(refused, "cancelled", TERMINATED)


def test_cancel_after_the_end(simulator: Simulator) -> None:
    url = simulator.session()
    simulator.send(url, b"x")
    assert_refused(simulator.command(url, "cancel"), "final", TERMINATED)


@pytest.mark.parametrize("command", ["Upload,Finalize", "upload ,  finalize", "finalize, upload"])
def test_commands_are_read_loosely(simulator: Simulator, command: str) -> None:
    answer = simulator.send(simulator.session(), b"x", command=command)
    assert answer.headers["x-goog-upload-status"] == "final"


@pytest.mark.parametrize("command", ["", "start", "upload, cancel", "nonsense"])
def test_other_commands_are_refused(simulator: Simulator, command: str) -> None:
    assert_refused(simulator.send(simulator.session(), b"x", command=command), "active")


def test_an_unknown_session(simulator: Simulator) -> None:
    answer = simulator.send(f"{simulator.url}/upload/v1/files?upload_id=none", b"x")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert "x-goog-upload-status" not in answer.headers


def test_a_session_ends_after_a_week(simulator: Simulator) -> None:
    url = simulator.session()
    simulator.advance(7 * 24 * 3600 - 60)
    assert simulator.command(url, "query").status_code == 200
    simulator.advance(120)
    assert simulator.command(url, "query").status_code == 404


def half_a_chunk(url: str) -> socket.socket:
    """A connection on which 5 of 10 bytes of a last chunk have been sent."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = socket.create_connection((parts.hostname, parts.port or 80), timeout=10)
    head = (
        f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "X-Goog-Upload-Command: upload, finalize\r\nX-Goog-Upload-Offset: 0\r\n"
        "Content-Length: 10\r\n\r\n"
    )
    connection.sendall(head.encode() + b"12345")
    return connection


def wait_for_last_request(simulator: Simulator, field: str, value: object) -> None:
    deadline = time.monotonic() + 10
    while simulator.requests()[-1][field] != value:
        assert time.monotonic() < deadline, f"{field} of the last request is not {value}"


@pytest.mark.parametrize(("rest", "status"), [(b"67890", b" 200 "), (b"other", b" 400 ")])
def test_two_requests_at_the_same_place_store_once(
    simulator: Simulator, rest: bytes, status: bytes
) -> None:
    url = simulator.session(length=10)
    with half_a_chunk(url) as connection:
        wait_for_last_request(simulator, "bodyBytes", 5)
        assert simulator.send(url, b"1234567890").status_code == 200
        connection.sendall(rest)
        assert status in connection.recv(65_536)[:20]
    assert simulator.project()["bytesStored"] == 10


def test_a_broken_body_changes_nothing(simulator: Simulator) -> None:
    url = simulator.session(length=10)
    half_a_chunk(url).close()
    wait_for_last_request(simulator, "aborted", True)
    assert simulator.requests()[-1]["bodyBytes"] == 5
    assert simulator.requests()[-1]["status"] is None
    assert received(simulator, url) == 0
    file = simulator.send(url, b"1234567890").json()["file"]
    digest = hashlib.sha256(b"1234567890").hexdigest()
    assert file["sha256Hash"] == base64.b64encode(digest.encode()).decode()


def test_a_file_of_unknown_length_may_not_pass_the_limit(simulator: Simulator) -> None:
    simulator.control("limits", {"fileBytes": GRANULARITY + 3})
    url = simulator.session()
    simulator.send(url, FULL, command="upload")
    assert_refused(simulator.send(url, b"four", GRANULARITY), "active", "exceeds the limit")
    assert simulator.send(url, b"thr", GRANULARITY).headers["x-goog-upload-status"] == "final"


def test_a_taken_name_is_refused_at_the_end(simulator: Simulator) -> None:
    simulator.upload(body={"name": "files/mine"})
    url = simulator.session({"file": {"name": "files/mine"}})
    for _ in range(2):
        answer = simulator.send(url, b"x")
        assert answer.status_code == 409
        assert answer.headers["x-goog-upload-status"] == "final"
        assert answer.json() == {"error": {"code": 409, "message": "mine already exists."}}
    other = simulator.upload(body={"name": "files/mine"}, key=simulator.second_key)
    assert other["name"] == "files/mine"


def test_a_full_project_refuses_at_the_end(simulator: Simulator) -> None:
    simulator.control("limits", {"projectBytes": 10})
    first = simulator.upload(b"123456")
    url = simulator.session(length=5)
    answer = simulator.send(url, b"12345")
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "generativelanguage.googleapis.com/file_storage_bytes, limit: 10" in error["message"]
    assert error["details"][0]["violations"][0]["quotaId"] == "FileStorageBytesPerProject"
    assert simulator.project()["bytesStored"] == 6
    simulator.delete(first["name"])
    assert simulator.upload(b"12345")["sizeBytes"] == "5"


def test_the_default_limits(simulator: Simulator) -> None:
    limits = simulator.control("limits")
    assert (limits["fileBytes"], limits["projectBytes"]) == (2 * 1024**3, 20 * 1024**3)
