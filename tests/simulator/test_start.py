"""Starting a resumable upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator

VERSIONS = ("v1", "v1beta", "v1alpha")


@pytest.mark.parametrize("path", ["/upload/{}/files", "/resumable/upload/{}/files"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers_with_a_session(
    simulator: Simulator, path: str, version: str
) -> None:
    answer = simulator.http.post(
        path.format(version),
        headers={
            "x-goog-api-key": simulator.first_key,
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
        },
    )
    url = urlsplit(answer.headers["x-goog-upload-url"])
    upload_id = answer.headers["x-guploader-uploadid"]
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["x-goog-upload-control-url"] == url.geturl()
    assert answer.headers["x-goog-upload-status"] == "active"
    assert answer.headers["x-goog-upload-chunk-granularity"] == "8388608"
    assert f"{url.scheme}://{url.netloc}" == simulator.url
    assert url.path == f"/upload/{version}/files"
    assert url.query == f"upload_id={upload_id}&upload_protocol=resumable"
    assert re.fullmatch(r"[A-Za-z0-9_-]{130,150}", upload_id)


def test_a_key_in_the_query_comes_back_first_in_the_url(simulator: Simulator) -> None:
    answer = simulator.http.post(
        "/upload/v1/files",
        params={"key": simulator.second_key},
        headers={"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"},
    )
    query = urlsplit(answer.headers["x-goog-upload-url"]).query
    assert query.startswith("key=")
    assert parse_qs(query)["key"] == [simulator.second_key]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"file": null}',
        b'{"file": {"name": "files/my-name", "display_name": "d", "mime_type": "text/x"}}',
        b'{"file": {"name": "files/my-name", "displayName": "d", "mimeType": "text/x"}}',
        b'{"file": {"display_name": null, "size_bytes": 5}}',
        b'{"file":{"mimeType":"text/x","name":"files/my-name","displayName":"d","sizeBytes":"5"}}',
        b'{"file":{"displayName":"d","mimeType":"text/x","name":"files/my-name"}}\n',
        b"{'file': {'display_name': 'd', 'name': 'files/my-name', 'mime_type': 'text/x'}}",
    ],
)
def test_metadata_in_every_spelling(simulator: Simulator, body: bytes) -> None:
    answer = simulator.start(body, length=5)
    file = simulator.send(answer.headers["x-goog-upload-url"], b"hello").json()["file"]
    if b"my-name" in body:
        assert file["name"] == "files/my-name"
        assert file["displayName"] == "d"
        assert file["mimeType"] == "text/x"
    else:
        assert re.fullmatch(r"files/[a-z0-9]{12}", file["name"])
        assert "displayName" not in file
        assert file["mimeType"] == "text/plain"


def test_single_quotes_keep_what_is_inside_them(simulator: Simulator) -> None:
    file = simulator.send(
        simulator.session(rb"""{'file': {'displayName': 'it\'s "5" {x}'}}""", length=1), b"x"
    ).json()["file"]
    assert file["displayName"] == 'it\'s "5" {x}'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"file": 5}',
        b'{"fil": {}}',
        b'{"file": {"nam": "x"}}',
        b'{"file": {"displayName": 5}}',
        b'{"file": {"sizeBytes": "five"}}',
        rb'{"file": {"displayName": "\ud800"}}',
        b'{"file": ' + b"[" * 100_000,
    ],
)
def test_nonsense_is_refused(simulator: Simulator, body: bytes) -> None:
    answer = simulator.start(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert simulator.project()["openSessions"] == 0


@pytest.mark.parametrize("name", ["-a", "a-", "A", "a_b", "a/b", "x" * 41, ""])
def test_a_chosen_name_must_follow_the_rule(simulator: Simulator, name: str) -> None:
    answer = simulator.start({"file": {"name": f"files/{name}"}})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "* CreateFileRequest.file.name: File name may only contain lowercase alphanumeric "
        "characters or dashes (-) and cannot begin or end with a dash."
    )


@pytest.mark.parametrize(("length", "status"), [(512, 200), (513, 400)])
def test_a_display_name_has_512_characters_at_most(
    simulator: Simulator, length: int, status: int
) -> None:
    assert simulator.start({"file": {"displayName": "ä" * length}}).status_code == status


@pytest.mark.parametrize(("length", "status"), [(2**31, 200), (2**31 + 1, 400)])
def test_an_announced_size_over_two_gibibytes_is_refused(
    simulator: Simulator, length: int, status: int
) -> None:
    assert simulator.start(length=length).status_code == status


@pytest.mark.parametrize("length", ["-1", "x", "1.0", "9" * 5000])
def test_an_announced_size_must_be_a_number(simulator: Simulator, length: str) -> None:
    answer = simulator.start(x_goog_upload_header_content_length=length)
    assert answer.status_code == 400


def test_a_wrong_key(simulator: Simulator) -> None:
    error = simulator.start(key="AIzaWrong")
    assert error.status_code == 400
    assert error.headers["content-type"] == "application/json; charset=UTF-8"
    assert error.json() == {
        "error": {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                },
                {
                    "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                    "locale": "en-US",
                    "message": "API key not valid. Please pass a valid API key.",
                },
            ],
        }
    }


def test_no_key(simulator: Simulator) -> None:
    answer = simulator.http.post(
        "/upload/v1/files",
        headers={"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"},
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["status"] == "PERMISSION_DENIED"
    assert answer.json()["error"]["message"].startswith("Method doesn't allow unregistered callers")


def test_start_upload_and_finalize_in_one_request(simulator: Simulator) -> None:
    answer = simulator.start(b"bytes", x_goog_upload_command="start, upload, finalize")
    assert answer.headers["x-goog-upload-status"] == "final"
    assert answer.json()["file"]["sizeBytes"] == "5"


def test_forwarding_headers_do_not_change_the_url(simulator: Simulator) -> None:
    answer = simulator.start(x_forwarded_proto="https", x_forwarded_host="elsewhere.example")
    assert answer.headers["x-goog-upload-url"].startswith(f"{simulator.url}/upload/")


@pytest.mark.parametrize("command", ["upload", "", "begin"])
def test_a_start_needs_its_command(simulator: Simulator, command: str) -> None:
    answer = simulator.start(x_goog_upload_command=command)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_origin_at_start_decides_who_may_read_the_chunks(simulator: Simulator) -> None:
    bound = simulator.start(length=1, origin="https://page.example")
    free = simulator.start(length=1)
    url = bound.headers["x-goog-upload-url"]
    wrong = simulator.send(url, b"x", offset=7)
    final = simulator.send(url, b"x")
    other = simulator.http.post(
        free.headers["x-goog-upload-url"],
        headers={
            "origin": "https://page.example",
            "x-goog-upload-command": "upload, finalize",
            "x-goog-upload-offset": "0",
        },
        content=b"x",
    )
    for answer in (bound, wrong, final):
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
    for answer in (free, other):
        assert "access-control-allow-origin" not in answer.headers
