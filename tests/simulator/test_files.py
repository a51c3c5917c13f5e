"""The File resource: its shape, get, list, delete, download, and unknown routes."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator

FORBIDDEN = "You do not have permission to access the File {} or it may not exist."


def test_the_shape_of_a_file(simulator: Simulator) -> None:
    file = simulator.upload(b"hello", body={"name": "files/shape", "displayName": "Shäpe"})
    digest = hashlib.sha256(b"hello").hexdigest()
    created, expires = str(file["createTime"]), str(file["expirationTime"])
    assert file == {
        "name": "files/shape",
        "displayName": "Shäpe",
        "mimeType": "text/plain",
        "sizeBytes": "5",
        "createTime": created,
        "updateTime": created,
        "expirationTime": expires,
        "sha256Hash": base64.b64encode(digest.encode()).decode(),
        "uri": "https://generativelanguage.googleapis.com/v1beta/files/shape",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", created)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", expires)
    life = datetime.fromisoformat(expires[:26] + "Z") - datetime.fromisoformat(created)
    assert 48 * 3600 - 1 < life.total_seconds() < 48 * 3600


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_get_answers_the_file_itself_as_pretty_json(simulator: Simulator, version: str) -> None:
    file = simulator.upload()
    answer = simulator.http.get(
        f"/{version}/{file['name']}?key={simulator.first_key}",
        headers={"content-type": "application/json"},
    )
    assert answer.json() == file
    assert answer.text.startswith('{\n  "name": "files/')
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"


def test_missing_foreign_and_deleted_files_get_the_same_answer(simulator: Simulator) -> None:
    mine = str(simulator.upload()["name"])
    gone = str(simulator.upload()["name"])
    simulator.delete(gone)
    answers = {
        mine: simulator.get(mine, key=simulator.second_key),
        gone: simulator.get(gone),
        "files/none": simulator.delete("files/none"),
    }
    for name, answer in answers.items():
        assert answer.status_code == 403
        assert answer.json() == {
            "error": {
                "code": 403,
                "message": FORBIDDEN.format(name.removeprefix("files/")),
                "status": "PERMISSION_DENIED",
            }
        }
    assert simulator.get(mine).status_code == 200


def test_delete_takes_a_body_and_frees_the_bytes(simulator: Simulator) -> None:
    name = simulator.upload(b"12345")["name"]
    answer = simulator.http.request(
        "DELETE",
        f"/v1/{name}",
        headers={"x-goog-api-key": simulator.first_key},
        json={},
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert simulator.project()["bytesStored"] == 0


def test_an_empty_list_is_an_empty_object(simulator: Simulator) -> None:
    assert simulator.listing().json() == {}


def test_lists_are_pages_of_ten_newest_first(simulator: Simulator) -> None:
    names = [simulator.upload()["name"] for _ in range(12)][::-1]
    simulator.upload(key=simulator.second_key)
    first = simulator.listing().json()
    assert [file["name"] for file in first["files"]] == names[:10]
    simulator.upload()
    simulator.delete(names[10])
    second = simulator.listing(pageToken=first["nextPageToken"]).json()
    assert [file["name"] for file in second["files"]] == names[11:]
    assert "nextPageToken" not in second


@pytest.mark.parametrize(("size", "shown"), [(0, 10), (1, 1), (11, 11), (100, 100), (1000, 100)])
def test_page_sizes(simulator: Simulator, size: int, shown: int) -> None:
    for _ in range(101):
        simulator.http.post(
            f"/upload/v1/files?key={simulator.first_key}", headers={"content-type": "text/plain"}
        )
    assert len(simulator.listing(pageSize=size).json()["files"]) == shown


@pytest.mark.parametrize("size", ["-1", "x", "1.5", "99999999999"])
def test_invalid_page_sizes(simulator: Simulator, size: str) -> None:
    answer = simulator.listing(pageSize=size)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_page_tokens_belong_to_one_project(simulator: Simulator) -> None:
    for key in (simulator.first_key, simulator.second_key):
        for _ in range(2):
            simulator.upload(key=key)
    token = cast("str", simulator.listing(pageSize=1).json()["nextPageToken"])
    assert simulator.listing(pageToken=token).status_code == 200
    assert simulator.listing(pageToken=token, key=simulator.second_key).status_code == 400
    for bad in ("x", token[:-4], token + "AAAA", "A" * len(token), "ä"):
        assert simulator.listing(pageToken=bad).status_code == 400


@pytest.mark.parametrize("path", ["/v1/files", "/v1beta/files/x"])
@pytest.mark.parametrize(("key", "status"), [("AIzaWrong", 400), (None, 403)])
def test_keys_are_checked(simulator: Simulator, path: str, key: str | None, status: int) -> None:
    answer = simulator.http.get(path, params={} if key is None else {"key": key})
    assert answer.status_code == status


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_a_download_is_redirected_and_wants_the_key_again(simulator: Simulator, colon: str) -> None:
    name = simulator.upload()["name"]
    key = {"x-goog-api-key": simulator.first_key}
    moved = simulator.http.get(f"/v1beta/{name}{colon}download?alt=media", headers=key)
    assert moved.status_code == 302
    target = moved.headers["location"]
    assert target == f"{simulator.url}/download/v1beta/{name}:download?alt=media"
    assert simulator.http.get(target).status_code == 403
    assert simulator.http.get(target, headers=key).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v2/files"),
        ("GET", "/v1/files/"),
        ("POST", "/v1/files/x"),
        ("GET", "/upload/v1/files"),
        ("PUT", "/upload/v1/files"),
        ("POST", "/v1beta/upload/v1beta/files"),
        ("GET", "/_simulator/nothing"),
    ],
)
def test_unknown_routes(simulator: Simulator, method: str, path: str) -> None:
    answer = simulator.http.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"
