"""Files that nobody uploaded: generated, registered, and declared without bytes."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from tests.simulator.conftest import Launch, Simulator

TOKEN = "ya29.x"


def register(simulator: Simulator, *uris: object, token: str | None = TOKEN) -> httpx.Response:
    headers = {"x-goog-api-key": simulator.first_key}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return simulator.http.post("/v1beta/files:register", json={"uris": uris}, headers=headers)


def download(simulator: Simulator, name: object) -> httpx.Response:
    return simulator.get(f"{name}:download?alt=media")


def test_a_generated_file(simulator: Simulator) -> None:
    file = simulator.control("generated", {"mimeType": "video/mp4", "text": "film"})
    assert (file["source"], file["state"], file["sizeBytes"]) == ("GENERATED", "ACTIVE", "4")
    assert file["downloadUri"] == f"{file['uri']}:download?alt=media"
    digest = hashlib.sha256(b"film").hexdigest().encode()
    assert base64.b64decode(str(file["sha256Hash"])) == digest
    assert simulator.get(file["name"]).json()["source"] == "GENERATED"
    assert [each["name"] for each in simulator.listing().json()["files"]] == [file["name"]]
    assert simulator.get(file["name"], key=simulator.second_key).status_code == 403
    assert simulator.project()["bytesStored"] == 0
    simulator.delete(file["name"])
    assert [event["event"] for event in simulator.events()] == [
        "generated_stored",
        "generated_deleted",
    ]


def test_its_bytes_are_behind_a_redirect_that_wants_the_key_again(simulator: Simulator) -> None:
    file = simulator.control("generated", {"mimeType": "image/png", "sizeBytes": 3})
    redirect = download(simulator, file["name"])
    assert redirect.status_code == 302
    location = redirect.headers["location"]
    assert urlsplit(location).path == f"/download/v1beta/{file['name']}:download"
    assert simulator.http.get(location).status_code == 403
    answer = simulator.http.get(location, headers={"x-goog-api-key": simulator.first_key})
    assert (answer.status_code, answer.content) == (200, bytes(3))
    assert answer.headers["content-type"] == "image/png"
    other = {"x-goog-api-key": simulator.second_key}
    assert simulator.http.get(location, headers=other).status_code == 403


def test_downloads_can_lead_elsewhere(simulator: Simulator) -> None:
    name = simulator.control("generated", {"text": "x"})["name"]
    elsewhere = {"redirectTo": "http://127.0.0.1:1/path"}
    assert simulator.control("downloads", elsewhere) == elsewhere
    assert download(simulator, name).headers["location"] == "http://127.0.0.1:1/path"
    simulator.control("downloads", {"redirectTo": None})
    assert download(simulator, name).headers["location"].startswith(simulator.url)
    assert simulator.http.post("/_simulator/downloads", json={"redirectTo": 1}).status_code == 400


@pytest.mark.parametrize("change", [{"index": 9}, {"sizeBytes": -1}, {"text": 1}])
def test_files_that_cannot_be_generated(simulator: Simulator, change: dict[str, object]) -> None:
    assert simulator.http.post("/_simulator/generated", json=change).status_code == 400


def test_the_mirror_leaves_downloaded_bytes_alone(simulator: Simulator) -> None:
    file = simulator.control("generated", {"mimeType": "application/json", "text": "not JSON"})
    simulator.control("reflect", {"enabled": True})
    location = download(simulator, file["name"]).headers["location"]
    headers = {"x-goog-api-key": simulator.first_key}
    assert simulator.http.get(location, headers=headers).text == "not JSON"
    assert f"key={simulator.first_key}" in simulator.get(file["name"]).json()["downloadUri"]


def test_registered_files(simulator: Simulator) -> None:
    answer = register(simulator, "gs://bucket/a/talk.mp3", "gs://bucket/none")
    assert answer.status_code == 200
    first, second = answer.json()["files"]
    assert (first["mimeType"], first["source"], first["state"]) == (
        "audio/mpeg",
        "REGISTERED",
        "ACTIVE",
    )
    assert second["mimeType"] == "application/octet-stream"
    assert simulator.get(first["name"]).json() == first
    assert simulator.project()["bytesStored"] == 0
    simulator.advance(29 * 24 * 3600)
    assert simulator.get(first["name"]).status_code == 200
    simulator.advance(24 * 3600)
    assert simulator.get(first["name"]).status_code == 403
    assert simulator.events()[-1]["event"] == "registered_expired"


def test_a_registration_needs_the_callers_own_token(simulator: Simulator) -> None:
    uri = "gs://bucket/a.txt"
    missing, denied = (register(simulator, uri, token=token) for token in (None, "ya29.denied"))
    assert (missing.status_code, missing.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert (denied.status_code, denied.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert simulator.listing().json() == {}


@pytest.mark.parametrize("uri", ["https://h/a.txt", "gs://bucket", "gs:///a", 1])
def test_a_registration_is_all_or_nothing(simulator: Simulator, uri: object) -> None:
    assert register(simulator, "gs://bucket/a.txt", uri).status_code == 400
    assert simulator.listing().json() == {}
    assert register(simulator).status_code == 400


@pytest.mark.parametrize("name", ["displayName", "display_name"])
def test_a_file_of_metadata_only(simulator: Simulator, name: str) -> None:
    url = f"/v1alpha/files?key={simulator.first_key}"
    body = {"file": {"name": "files/mine", name: "d", "mimeType": "video/mp4"}}
    file = simulator.http.post(url, json=body).json()["file"]
    assert (file["name"], file["displayName"], file["state"]) == ("files/mine", "d", "ACTIVE")
    assert (file["sizeBytes"], file["source"]) == ("0", "UPLOADED")
    assert simulator.get("files/mine").status_code == 200
    taken = simulator.http.post(url, json=body)
    assert (taken.status_code, taken.json()["error"]["message"]) == (409, "mine already exists.")
    bad = simulator.http.post(url, json={"file": {"name": "files/-"}})
    assert bad.status_code == 400
    assert simulator.http.post("/v1/files", json=body).status_code == 403


def test_they_outlive_the_process(launch: Launch, tmp_path: Path) -> None:
    options = ("--state-file", str(tmp_path / "state.json"))
    with launch(("first",), *options) as simulator:
        simulator.first_key = "first"
        made = [
            simulator.control("generated", {"text": "häh"}),
            *register(simulator, "gs://b/o").json()["files"],
        ]
    with launch(("first",), *options) as simulator:
        simulator.first_key = "first"
        assert [simulator.get(file["name"]).json() for file in made] == made
        location = download(simulator, made[0]["name"]).headers["location"]
        assert simulator.http.get(f"{location}&key=first").content == "häh".encode()
