"""Uploads straight into a File Search store (section 9.2)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

GRANULARITY = 8_388_608
LARGEST = 104_857_600


class Uploader:
    """Uploads to one store of the first key."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.key = {"x-goog-api-key": simulator.first_key}
        answer = simulator.http.post("/v1beta/fileSearchStores", headers=self.key, json={})
        self.store = str(answer.json()["name"])
        self.path = f"/upload/v1beta/{self.store}:uploadToFileSearchStore"

    def start(
        self, body: object = None, *, path: str | None = None, **headers: str
    ) -> httpx.Response:
        """Start a resumable upload; header names are given with underscores."""
        sent = self.key | {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-type": "text/plain",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.simulator.http.post(path or self.path, headers=sent, content=content)

    def session(self, body: object = None, *, length: int | None = None) -> str:
        """The session URL of a fresh upload."""
        announced = {} if length is None else {"x_goog_upload_header_content_length": str(length)}
        answer = self.start(body, **announced)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-goog-upload-url"]

    def documents(self) -> list[dict[str, object]]:
        """What the store holds."""
        stores = cast(
            "list[dict[str, list[dict[str, object]]]]", self.simulator.project()["stores"]
        )
        return stores[0]["documents"]


@pytest.fixture
def uploader(simulator: Simulator) -> Uploader:
    return Uploader(simulator)


def test_the_start_answers_the_same_path(simulator: Simulator, uploader: Uploader) -> None:
    for before in ("", "/resumable"):
        answer = uploader.start(b"", path=before + uploader.path, origin="https://a.example")
        assert (answer.status_code, answer.content) == (200, b"")
        url, _, query = answer.headers["x-goog-upload-url"].partition("?")
        assert url == simulator.url + uploader.path
        assert query.startswith("upload_id=")
        assert query.endswith("&upload_protocol=resumable")
        assert answer.headers["x-goog-upload-control-url"] == answer.headers["x-goog-upload-url"]
        assert answer.headers["x-goog-upload-status"] == "active"
        assert answer.headers["x-goog-upload-chunk-granularity"] == str(GRANULARITY)
        assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_chunks_become_a_document(simulator: Simulator, uploader: Uploader) -> None:
    data = bytes(range(250)) * 36_000
    body = {"display_name": "Nine", "customMetadata": [{"key": "a", "string_value": "b"}]}
    url = uploader.session(body, length=len(data))
    sent = simulator.send(url, data[:GRANULARITY], command="upload")
    assert (sent.status_code, sent.content) == (200, b"")
    assert sent.headers["x-goog-upload-status"] == "active"
    assert uploader.documents() == []
    asked = simulator.command(url, "query")
    assert asked.headers["x-goog-upload-size-received"] == str(GRANULARITY)
    final = simulator.send(url, data[GRANULARITY:], GRANULARITY)
    assert final.status_code == 200
    assert final.headers["x-goog-upload-status"] == "final"
    assert final.headers["content-type"] == "application/json; charset=UTF-8"
    operation = final.json()
    (document,) = uploader.documents()
    assert operation == {
        "name": operation["name"],
        "response": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main."
            "UploadToFileSearchStoreResponse",
            "parent": uploader.store,
            "documentName": document["name"],
            "mimeType": "text/plain",
            "sizeBytes": "9000000",
        },
    }
    assert operation["name"].startswith(f"{uploader.store}/upload/operations/")
    assert document["sha256"] == hashlib.sha256(data).hexdigest()
    for again in (
        simulator.command(url, "query"),
        simulator.send(url, data[GRANULARITY:], GRANULARITY),
    ):
        assert (again.status_code, again.content) == (200, final.content)
        assert again.headers["x-goog-upload-status"] == "final"
    assert len(uploader.documents()) == 1
    refused = simulator.send(url, b"more", len(data))
    assert (refused.status_code, refused.text) == (400, "Upload has already been terminated.")
    assert [event["event"] for event in simulator.events()] == ["document_stored"]
    assert simulator.project()["bytesStored"] == 0


def test_the_rules_of_chunks_hold(simulator: Simulator, uploader: Uploader) -> None:
    url = uploader.session(length=GRANULARITY + 1)
    assert "granularity" in simulator.send(url, b"x", command="upload").text
    assert simulator.send(url, b"x", 5).status_code == 400
    assert simulator.send(url, b"x").status_code == 400
    assert simulator.command(url, "cancel").headers["x-goog-upload-status"] == "cancelled"
    assert simulator.command(url, "query").headers["x-goog-upload-status"] == "cancelled"
    assert simulator.send(url, b"x").status_code == 400
    assert uploader.documents() == []


@pytest.mark.parametrize("command", ["upload, finalize", "query", "cancel"])
def test_a_session_lives_at_its_own_path_only(
    simulator: Simulator, uploader: Uploader, command: str
) -> None:
    of_store, of_files = uploader.session(length=1), simulator.session(length=1)
    other = uploader.store[:-1] + ("a" if uploader.store[-1] != "a" else "b")
    elsewhere = [
        of_store.replace(uploader.path, "/upload/v1beta/files"),
        of_store.replace(uploader.store, other),
        of_files.replace("/upload/v1beta/files", uploader.path),
    ]
    assert len({of_store, of_files, *elsewhere}) == 5
    for url in elsewhere:
        answer = simulator.send(url, b"x", command=command)
        assert (answer.status_code, answer.text) == (404, "The upload session was not found.")
        assert "x-goog-upload-status" not in answer.headers
    assert simulator.send(of_store, b"x").headers["x-goog-upload-status"] == "final"
    assert "file" in simulator.send(of_files, b"x").json()


def test_a_path_may_be_percent_encoded(simulator: Simulator, uploader: Uploader) -> None:
    url = uploader.session(length=1).replace(":uploadTo", "%3AuploadTo")
    assert simulator.send(url, b"x").status_code == 200


def test_the_size_limit(simulator: Simulator, uploader: Uploader) -> None:
    text = f"Request payload size exceeds the limit: {LARGEST} bytes."
    answer = uploader.start(x_goog_upload_header_content_length=str(LARGEST + 1))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == text
    uploader.session(length=LARGEST)
    assert simulator.control("limits")["documentBytes"] == LARGEST
    simulator.control("limits", {"documentBytes": 4})
    unannounced = simulator.send(uploader.session(), b"12345")
    assert (unannounced.status_code, unannounced.text) == (400, text.replace(str(LARGEST), "4"))
    file = simulator.upload(b"12345")["name"]
    answer = simulator.http.post(
        f"/v1beta/{uploader.store}:importFile", headers=uploader.key, json={"fileName": file}
    )
    assert answer.status_code == 400
    raw = simulator.http.post(uploader.path, headers=uploader.key, content=b"12345")
    assert raw.status_code == 400
    assert uploader.documents() == []
    events = [event["event"] for event in simulator.events()]
    assert events == ["stored", "document_refused", "document_refused"]


def test_refusals_at_the_start(simulator: Simulator, uploader: Uploader) -> None:
    bad = uploader.start({"mimeType": "text"})
    assert bad.status_code == 400
    assert "type/subtype" in bad.json()["error"]["message"]
    bad = uploader.start(x_goog_upload_header_content_type="text")
    assert "type/subtype" in bad.json()["error"]["message"]
    foreign = uploader.start(x_goog_api_key=simulator.second_key)
    assert foreign.status_code == 403
    assert "access the FileSearchStore" in foreign.json()["error"]["message"]
    assert uploader.start(b"[]").status_code == 400
    assert uploader.start(x_goog_upload_command="upload").status_code == 400
    assert uploader.start(x_goog_api_key="wrong").status_code == 400
    simulator.control("limits", {"projectBytes": 0})
    assert simulator.send(uploader.session(), b"x").status_code == 200


def test_the_store_may_go_during_the_upload(simulator: Simulator, uploader: Uploader) -> None:
    url = uploader.session(length=1)
    simulator.http.delete(f"/v1beta/{uploader.store}", headers=uploader.key)
    answer = simulator.send(url, b"x")
    assert answer.status_code == 403
    assert answer.headers["x-goog-upload-status"] == "final"
    assert simulator.command(url, "query").json() == answer.json()
    assert [event["event"] for event in simulator.events()] == ["document_refused"]


def test_one_request_is_enough(simulator: Simulator, uploader: Uploader) -> None:
    raw = simulator.http.post(
        uploader.path,
        headers=uploader.key | {"x-goog-upload-protocol": "raw", "content-type": "text/csv"},
        content=b"a,b",
    )
    related = (
        b'--B\r\nContent-Type: application/json\r\n\r\n{"displayName": "Parts"}\r\n'
        b"--B\r\nContent-Type: text/markdown\r\n\r\n# hello\r\n--B--"
    )
    multipart = simulator.http.post(
        uploader.path,
        headers=uploader.key
        | {
            "x-goog-upload-protocol": "multipart",
            "content-type": "multipart/related; boundary=B",
        },
        content=related,
    )
    whole = simulator.http.post(
        uploader.path,
        headers=uploader.key
        | {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start, upload, finalize",
            "x-goog-upload-header-content-type": "text/html",
        },
        content=b"<p>",
    )
    documents = uploader.documents()
    assert [(one["mimeType"], one["sizeBytes"], one["displayName"]) for one in documents] == [
        ("text/csv", 3, None),
        ("text/markdown", 7, "Parts"),
        ("text/html", 3, None),
    ]
    assert [answer.json()["response"]["documentName"] for answer in (raw, multipart, whole)] == [
        one["name"] for one in documents
    ]


def test_the_older_protocol(simulator: Simulator, uploader: Uploader) -> None:
    started = simulator.http.post(
        uploader.path,
        params={"uploadType": "resumable"},
        headers=uploader.key | {"x-upload-content-type": "text/plain"},
        json={"displayName": "old"},
    )
    location = started.headers["location"]
    assert location.startswith(simulator.url + uploader.path)
    ended = simulator.http.put(location, headers={"content-range": "bytes 0-4/5"}, content=b"hello")
    assert ended.status_code == 200
    assert ended.json()["response"]["sizeBytes"] == "5"
