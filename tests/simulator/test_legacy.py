"""The older resumable protocol: `uploadType=resumable`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

PIECE = bytes(262_144)


def start(simulator: Simulator, length: int | None = None) -> str:
    headers = {"X-Upload-Content-Type": "audio/mpeg"}
    if length is not None:
        headers["X-Upload-Content-Length"] = str(length)
    answer = simulator.http.post(
        "/upload/v1beta/files",
        params={"key": simulator.first_key, "alt": "json", "uploadType": "resumable"},
        headers=headers,
        json={"file": {"displayName": "old"}},
    )
    assert (answer.status_code, answer.content) == (200, b"")
    location = answer.headers["location"]
    query = parse_qs(urlsplit(location).query)
    assert query["key"] == [simulator.first_key]
    assert query["uploadType"] == ["resumable"]
    return location


def put(simulator: Simulator, url: str, data: bytes, content_range: str) -> httpx.Response:
    return simulator.http.put(url, content=data, headers={"Content-Range": content_range})


def test_two_pieces(simulator: Simulator) -> None:
    total = len(PIECE) + 5
    url = start(simulator, total)
    for _ in range(2):
        more = put(simulator, url, PIECE, f"bytes 0-{len(PIECE) - 1}/{total}")
        assert (more.status_code, more.headers["range"]) == (308, f"bytes=0-{len(PIECE) - 1}")
    final = put(simulator, url, b"12345", f"bytes {len(PIECE)}-{total - 1}/{total}")
    file = final.json()["file"]
    assert final.status_code == 200
    assert (file["sizeBytes"], file["displayName"]) == (str(total), "old")
    assert file["mimeType"] == "audio/mpeg"
    assert put(simulator, url, b"", f"bytes */{total}").json() == final.json()


def test_the_state_of_an_upload(simulator: Simulator) -> None:
    url = start(simulator, 5)
    empty = put(simulator, url, b"", "bytes */5")
    assert empty.status_code == 308
    assert "range" not in empty.headers


def test_a_whole_body_without_a_range(simulator: Simulator) -> None:
    answer = simulator.http.put(start(simulator), content=b"hello")
    assert answer.json()["file"]["sizeBytes"] == "5"


@pytest.mark.parametrize(
    ("data", "content_range"),
    [
        (b"12345", "bytes 1-5/6"),
        (b"12345", "bytes 0-5/6"),
        (b"12345", "bytes 0-4/9"),
        (b"12345", "5 bytes"),
        (b"12345", "bytes 0-4/5 and more"),
    ],
)
def test_wrong_pieces(simulator: Simulator, data: bytes, content_range: str) -> None:
    url = start(simulator)
    assert put(simulator, url, data, content_range).status_code == 400
    assert put(simulator, url, b"", "bytes */9").status_code == 308
    assert simulator.project()["files"] == []
