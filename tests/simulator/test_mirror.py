"""The hostile mirror: the caller's key comes back wherever it can."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator


@pytest.fixture
def mirror(simulator: Simulator) -> Simulator:
    simulator.control("reflect", {"enabled": True})
    return simulator


def test_the_session_url_has_the_key(mirror: Simulator) -> None:
    answer = mirror.start()
    assert answer.headers["x-goog-api-key"] == mirror.first_key
    assert answer.headers["x-debug-key"] == mirror.first_key
    for name in ("x-goog-upload-url", "x-goog-upload-control-url"):
        query = urlsplit(answer.headers[name]).query
        assert query.startswith("key=")
        assert parse_qs(query)["key"] == [mirror.first_key]


def test_chunk_answers_have_the_upload_id(mirror: Simulator) -> None:
    answer = mirror.start(length=5)
    upload_id = answer.headers["x-guploader-uploadid"]
    final = mirror.send(answer.headers["x-goog-upload-url"], b"hello")
    assert final.headers["x-guploader-uploadid"] == upload_id
    assert upload_id in final.headers["x-goog-upload-url"]
    assert upload_id in final.headers["set-cookie"]
    assert final.headers["x-goog-api-key"] == mirror.first_key
    assert final.json()["file"]["sizeBytes"] == "5"


def test_files_and_errors_have_the_key(mirror: Simulator) -> None:
    key = mirror.first_key
    single = mirror.http.post(f"/upload/v1/files?key={key}", content=b"x").json()["file"]
    got = mirror.get(single["name"]).json()
    listed = mirror.listing().json()["files"][0]
    for file in (single, got, listed):
        assert file["uri"].endswith(f"?key={key}")
        assert file["debugKey"] == key
    error = mirror.get("files/none").json()["error"]
    assert key in error["message"]
    assert key in str(error["details"])


def test_it_can_be_turned_off(mirror: Simulator) -> None:
    mirror.control("reflect", {"enabled": False})
    assert mirror.first_key not in str(mirror.start().headers)
