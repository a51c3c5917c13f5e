"""The control plane: what it shows and what it changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator


def test_projects_show_what_is_stored_but_no_key(simulator: Simulator) -> None:
    file = simulator.upload(b"12345", body={"displayName": "d"})
    simulator.upload(b"1", key=simulator.second_key)
    simulator.session()
    answer = simulator.http.get("/_simulator/projects")
    first, second = answer.json()["projects"]
    assert (first["index"], first["bytesStored"], first["openSessions"]) == (0, 5, 1)
    assert first["files"] == [
        {
            "name": file["name"],
            "displayName": "d",
            "mimeType": "text/plain",
            "sizeBytes": 5,
            "sha256": hashlib.sha256(b"12345").hexdigest(),
            "state": "ACTIVE",
            "createTime": file["createTime"],
            "expirationTime": file["expirationTime"],
        }
    ]
    assert (second["index"], second["bytesStored"], second["openSessions"]) == (1, 1, 0)
    assert simulator.first_key not in answer.text
    assert simulator.second_key not in answer.text


def test_requests_are_kept_as_received(simulator: Simulator) -> None:
    url = simulator.session({"file": {"displayName": "d"}}, length=5)
    simulator.send(url, b"hello")
    simulator.get("files/none")
    start, chunk, get = simulator.requests()
    assert (start["method"], start["path"], start["status"]) == (
        "POST",
        "/upload/v1beta/files",
        200,
    )
    assert ["x-goog-upload-command", "start"] in cast("list[list[str]]", start["headers"])
    assert start["bodyText"] == '{"file": {"displayName": "d"}}'
    assert chunk["path"] == url.removeprefix(simulator.url)
    assert (chunk["bodyBytes"], chunk["bodyText"]) == (5, None)
    assert chunk["bodySha256"] == hashlib.sha256(b"hello").hexdigest()
    assert (get["method"], get["status"], get["bodyBytes"]) == ("GET", 403, 0)


def test_large_and_binary_bodies_are_not_kept(simulator: Simulator) -> None:
    for body in (b"{" + bytes(70_000), b"\x00\x01"):
        simulator.http.post(f"/upload/v1/files?key={simulator.first_key}", content=body)
    large, binary = simulator.requests()
    assert (large["bodyBytes"], large["bodyText"]) == (70_001, None)
    assert (binary["bodyBytes"], binary["bodyText"]) == (2, None)


def test_a_refused_body_is_read_to_its_end(simulator: Simulator) -> None:
    answer = simulator.http.post("/upload/v1/files?key=wrong", content=bytes(3_000_000))
    assert answer.status_code == 400
    assert simulator.requests()[-1]["bodyBytes"] == 3_000_000


def test_requests_can_be_forgotten(simulator: Simulator) -> None:
    simulator.listing()
    assert simulator.http.delete("/_simulator/requests").json() == {"requests": []}
    assert simulator.requests() == []


def test_chunk_hashes_can_be_turned_off(simulator: Simulator) -> None:
    simulator.control("requests", {"hashChunks": False})
    simulator.upload()
    assert simulator.requests()[-1]["bodySha256"] is None


def test_a_new_key_keeps_the_files(simulator: Simulator) -> None:
    file = simulator.upload()
    url = simulator.session(length=1)
    simulator.control("rekey", {"index": 0, "key": "AQ.rotated"})
    assert simulator.get(file["name"]).status_code == 400
    assert simulator.get(file["name"], key="AQ.rotated").json() == file
    assert simulator.send(url, b"x").status_code == 200


def test_keys_overlap_until_the_old_ones_are_deleted(simulator: Simulator) -> None:
    file = simulator.upload()
    old, new, newest = simulator.first_key, "AQ.new", "AQ.newest"

    def good() -> list[str]:
        keys = (old, new, newest)
        return [key for key in keys if simulator.get(file["name"], key=key).status_code == 200]

    simulator.control("rekey", {"index": 0, "key": new, "overlap": True})
    assert good() == [old, new]
    simulator.control("rekey", {"index": 0, "key": newest, "overlap": True})
    assert good() == [old, new, newest]
    # Every key that is good is in use: no other project may get it.
    for key in (old, new):
        change = {"index": 1, "key": key}
        assert simulator.http.post("/_simulator/rekey", json=change).status_code == 400
    simulator.control("rekey", {"index": 0, "key": new})
    assert good() == [new]
    simulator.control("rekey", {"index": 0, "key": new, "overlap": True})
    assert good() == [new]


def test_a_project_can_be_added(simulator: Simulator) -> None:
    simulator.upload()
    assert simulator.control("projects", {"key": "AQ.third"}) == {"index": 2}
    assert simulator.listing(key="AQ.third").json() == {}
    file = simulator.upload(b"12", key="AQ.third")
    assert simulator.get(file["name"]).status_code == 403
    for path in ("fileSearchStores", "cachedContents", "batches"):
        assert simulator.get(path, key="AQ.third").status_code == 200
    assert simulator.project(2)["bytesStored"] == 2
    simulator.control("reset", {})
    assert simulator.listing(key="AQ.third").status_code == 400


@pytest.mark.parametrize("key", ["", 5, None, "AQ.Simulator-second_key"])
def test_a_project_cannot_be_added(simulator: Simulator, key: object) -> None:
    assert simulator.http.post("/_simulator/projects", json={"key": key}).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"index": 9, "key": "x"},
        {"index": 0, "key": "AQ.Simulator-second_key"},
        {"index": 0, "key": ""},
        {"key": "x"},
    ],
)
def test_a_rekey_that_makes_no_sense(simulator: Simulator, change: dict[str, object]) -> None:
    assert simulator.http.post("/_simulator/rekey", json=change).status_code == 400


def test_upstream_loses_a_file(simulator: Simulator) -> None:
    file_id = str(simulator.upload()["name"])
    simulator.control(file_id, {"delete": True})
    assert simulator.get(file_id).status_code == 403
    assert simulator.http.post(f"/_simulator/{file_id}", json={"delete": True}).status_code == 404


def test_upstream_reports_another_size(simulator: Simulator) -> None:
    name = str(simulator.upload(b"12345")["name"])
    simulator.control(name, {"sizeBytes": 99})
    assert simulator.get(name).json()["sizeBytes"] == "99"
    assert simulator.project()["bytesStored"] == 5


def test_the_log_tells_what_happened(simulator: Simulator) -> None:
    simulator.control("limits", {"projectBytes": 10})
    kept = simulator.upload(b"12345")
    gone = simulator.upload(b"123")
    refused = simulator.send(simulator.session(), b"123")
    simulator.delete(gone["name"])
    simulator.advance(48 * 3600)
    assert refused.status_code == 429
    events = simulator.events()
    assert [(event["event"], event["name"], event["sizeBytes"]) for event in events] == [
        ("stored", kept["name"], 5),
        ("stored", gone["name"], 3),
        ("refused", None, 3),
        ("deleted", gone["name"], 3),
        ("expired", kept["name"], 5),
    ]
    stored, expired = (float(str(events[index]["at"])) for index in (0, -1))
    assert 48 * 3600 - 1 < expired - stored < 48 * 3600
    assert {event["project"] for event in events} == {0}


def test_nonsense_is_refused(simulator: Simulator) -> None:
    for path, body in (("clock", b"{"), ("clock", b'{"advanceSeconds": "x"}'), ("reflect", b"[]")):
        answer = simulator.http.post(f"/_simulator/{path}", content=body)
        assert answer.status_code == 400
        assert "error" in answer.json()
