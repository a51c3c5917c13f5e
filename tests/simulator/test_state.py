"""The state file: what the next process knows of the last one."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.simulator.conftest import Launch, Simulator

    Run = Callable[..., AbstractContextManager[Simulator]]

FIRST, SECOND = "AIzaSimulatorFirstKey", "AQ.Simulator-second_key"
GRANULARITY = 8_388_608
FULL = bytes(range(256)) * (GRANULARITY // 256)
HOURS_48 = 48 * 3600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def run(launch: Launch, path: Path) -> Run:
    """One process after the other, all with the same state file."""

    @contextmanager
    def running(*keys: str) -> Iterator[Simulator]:
        with launch(keys or (FIRST, SECOND), "--state-file", str(path)) as simulator:
            yield simulator

    return running


def here(simulator: Simulator, url: str) -> str:
    """A session URL of an earlier process at the address of this one."""
    return simulator.url + "/" + url.split("/", 3)[3]


def failure(*options: str) -> str:
    """What the process complains of before it ends."""
    command = [sys.executable, "-m", "gemini_simulator", "--port", "0", "--key", FIRST, *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_files_outlive_the_process(run: Run) -> None:
    with run() as simulator:
        names = [simulator.upload(bytes(size))["name"] for size in range(3)]
        simulator.upload(b"mine", body={"name": "files/chosen", "displayName": "Grüße 'n' \"co\""})
        simulator.upload(b"theirs", key=SECOND, mime_type="audio/mpeg")
        simulator.control(str(names[0]), {"sizeBytes": 99})
        before = [simulator.listing(key=key).json() for key in (FIRST, SECOND)]
        projects = simulator.control("projects")
        events = simulator.events()
    with run() as simulator:
        assert [simulator.listing(key=key).json() for key in (FIRST, SECOND)] == before
        assert [simulator.get(file["name"]).json() for file in before[0]["files"]] == (
            before[0]["files"]
        )
        assert simulator.control("projects") == projects
        assert simulator.events() == events
        assert simulator.get("files/chosen", key=SECOND).status_code == 403
        assert simulator.delete("files/chosen").status_code == 200
        assert simulator.get("files/chosen").status_code == 403
        assert simulator.events()[-1]["event"] == "deleted"
    with run() as simulator:
        assert simulator.get("files/chosen").status_code == 403
        assert [file["name"] for file in simulator.listing().json()["files"]] == names[::-1]


def test_both_signals_keep_the_state(run: Run) -> None:
    with run() as simulator:
        name = simulator.upload()["name"]
        simulator.process.send_signal(signal.SIGINT)
        assert simulator.process.wait(timeout=10) == 0
    with run() as simulator:
        assert simulator.get(name).status_code == 200


def test_usage_is_kept_and_new_files_go_before_old_ones(run: Run) -> None:
    with run() as simulator:
        old = simulator.upload(b"12345", body={"name": "files/old"})["name"]
        simulator.upload(b"1")
        simulator.delete(simulator.listing().json()["files"][0]["name"])
    with run() as simulator:
        simulator.control("limits", {"projectBytes": 10})
        assert simulator.project()["bytesStored"] == 5
        assert simulator.send(simulator.session(), b"123456").status_code == 429
        taken = simulator.session({"file": {"name": "files/old"}})
        assert simulator.send(taken, b"1").status_code == 409
        new = simulator.upload(b"12345")["name"]
        first = simulator.listing(pageSize=1).json()
        second = simulator.listing(pageSize=1, pageToken=first["nextPageToken"]).json()
        assert [page["files"][0]["name"] for page in (first, second)] == [new, old]
        assert "nextPageToken" not in second


def test_time_goes_on_and_expired_files_are_gone(run: Run, path: Path) -> None:
    with run() as simulator:
        simulator.advance(1000)
        old = simulator.upload(b"12345")["name"]
        simulator.advance(HOURS_48 - 60)
        new = simulator.upload(b"1")["name"]
        moment = float(str(simulator.control("clock")["epochSeconds"]))
    content = json.loads(path.read_text())
    # A minute between the two processes.
    content["state"]["clock_offset"] += 60 * 1_000_000_000
    path.write_text(json.dumps(content))
    with run() as simulator:
        assert 60 <= float(str(simulator.control("clock")["epochSeconds"])) - moment < 90
        assert simulator.get(old).status_code == 403
        assert [file["name"] for file in simulator.listing().json()["files"]] == [new]
        assert simulator.project()["bytesStored"] == 1
        stored, expired = (simulator.events()[index] for index in (0, -1))
        assert (expired["event"], expired["name"], expired["sizeBytes"]) == ("expired", old, 5)
        assert HOURS_48 - 1 < float(str(expired["at"])) - float(str(stored["at"])) < HOURS_48


def test_processing_goes_on(run: Run) -> None:
    with run() as simulator:
        simulator.control("limits", {"processingSeconds": 1e6})
        name = simulator.upload(mime_type="video/mp4")["name"]
        failing = simulator.upload(body={"displayName": "fail-processing"})["name"]
        assert simulator.get(name).json()["state"] == "PROCESSING"
    with run() as simulator:
        states = [simulator.get(name).json()["state"] for _ in range(2)]
        assert states == ["PROCESSING", "ACTIVE"]
        simulator.advance(1e6 / 8)
        assert simulator.get(failing).json()["state"] == "PROCESSING"


def test_a_session_without_bytes_goes_on(run: Run) -> None:
    data = FULL + b"the rest"
    origin = "https://page.example"
    with run() as simulator:
        body = {"file": {"name": "files/late", "displayName": "d"}}
        url = simulator.session(body, length=len(data), key=SECOND, origin=origin)
        empty = simulator.session(length=5)
        assert simulator.send(empty, b"", command="upload").status_code == 200
        cancelled = simulator.session()
        simulator.command(cancelled, "cancel")
    with run() as simulator:
        url, empty, cancelled = (here(simulator, old) for old in (url, empty, cancelled))
        assert [simulator.project(index)["openSessions"] for index in (0, 1)] == [1, 1]
        assert simulator.send(url, data + b"!").status_code == 400
        assert simulator.send(url, FULL, command="upload").status_code == 200
        answer = simulator.send(url, b"the rest", len(FULL))
        assert answer.headers["access-control-allow-origin"] == origin
        file = answer.json()["file"]
        assert (file["name"], file["displayName"]) == ("files/late", "d")
        digest = hashlib.sha256(data).hexdigest()
        assert file["sha256Hash"] == base64.b64encode(digest.encode()).decode()
        assert simulator.get("files/late", key=SECOND).json() == file
        assert simulator.send(empty, b"", command="upload").status_code == 200
        assert simulator.send(empty, b"hello").json()["file"]["sizeBytes"] == "5"
        assert simulator.send(cancelled, b"x").headers["x-goog-upload-status"] == "cancelled"


def test_a_half_received_upload_is_unknown_afterwards(run: Run) -> None:
    with run() as simulator:
        url = simulator.session(length=len(FULL) + 1)
        assert simulator.send(url, FULL, command="upload").status_code == 200
        unknown = simulator.command(url.replace("upload_id=", "upload_id=x"), "query")
    with run() as simulator:
        url = here(simulator, url)
        for answer in (simulator.command(url, "query"), simulator.send(url, b"!", len(FULL))):
            assert (answer.status_code, answer.text) == (404, unknown.text)
            assert "x-goog-upload-status" not in answer.headers
        assert simulator.project()["openSessions"] == 0
        assert simulator.listing().json() == {}


def test_a_finished_session_still_answers(run: Run) -> None:
    with run() as simulator:
        done, long, refused, gone = (simulator.session() for _ in range(4))
        file = simulator.send(done, b"hello").json()
        simulator.send(long, FULL, command="upload")
        long_file = simulator.send(long, b"!", len(FULL)).json()
        gone_file = simulator.send(gone, b"gone").json()
        simulator.delete(gone_file["file"]["name"])
        simulator.control("limits", {"projectBytes": 1})
        refusal = simulator.send(refused, b"no").json()
        assert refusal["error"]["code"] == 429
    with run() as simulator:
        done, long, refused, gone = (here(simulator, url) for url in (done, long, refused, gone))
        for url, body in (
            (done, file),
            (long, long_file),
            (refused, refusal),
            (gone, gone_file),
        ):
            answer = simulator.command(url, "query")
            assert answer.json() == body
            assert answer.headers["x-goog-upload-status"] == "final"
        assert simulator.send(done, b"hello").json() == file
        assert simulator.send(refused, b"no").json() == refusal
        assert simulator.send(done, b"jello").status_code == 400
        # The hash of the chunk's beginning went with the first process.
        again = simulator.send(long, b"!", len(FULL))
        assert (again.status_code, again.headers["x-goog-upload-status"]) == (400, "final")
        name = str(file["file"]["name"])
        simulator.control(name, {"sizeBytes": 99})
        assert simulator.command(done, "query").json()["file"] == simulator.get(name).json()
        assert len(cast("list[object]", simulator.project()["files"])) == 2


def test_projects_go_by_the_order_of_the_keys(run: Run, path: Path) -> None:
    with run(FIRST, SECOND) as simulator:
        mine, theirs = simulator.upload(), simulator.upload(key=SECOND)
        simulator.session(key=SECOND)
        simulator.control("rekey", {"index": 1, "key": "AQ.rotated"})
    assert not any(key in path.read_text() for key in (FIRST, SECOND, "AQ.rotated"))
    with run("AIza-new", SECOND, "AQ.third") as simulator:
        assert simulator.get(mine["name"], key="AIza-new").json() == mine
        assert simulator.get(theirs["name"], key=SECOND).json() == theirs
        assert simulator.listing(key="AQ.third").json() == {}
        assert simulator.get(mine["name"], key=FIRST).status_code == 400


def test_a_project_that_was_added_ends_with_its_process(run: Run) -> None:
    with run() as simulator:
        mine = simulator.upload()
        simulator.control("projects", {"key": "AQ.added"})
        simulator.upload(key="AQ.added")
        simulator.session(key="AQ.added")
    with run() as simulator:
        assert simulator.get(mine["name"]).json() == mine
        assert simulator.listing(key="AQ.added").status_code == 400
        assert simulator.control("projects", {"key": "AQ.added"}) == {"index": 2}
        assert simulator.listing(key="AQ.added").json() == {}


def test_the_file_is_private_and_whole(run: Run, path: Path) -> None:
    draft = path.with_name("state.json.part")
    draft.write_text("left by a crash")
    draft.chmod(0o644)
    with run() as simulator:
        simulator.upload()
        assert not path.exists()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not draft.exists()
    first = path.read_bytes()
    with run():
        pass
    assert path.read_bytes() == first


def test_a_reset_forgets_what_was_loaded(run: Run) -> None:
    with run() as simulator:
        simulator.upload()
    with run() as simulator:
        simulator.control("reset", {})
        assert simulator.listing().json() == {}
        assert simulator.events() == []
    with run() as simulator:
        assert simulator.listing().json() == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": "gemini-simulator-state-2", "state": {}}',
        b'{"state": {}}',
        b'{"format": "gemini-simulator-state-1", "state": {"clock_offset": "AHxSecret"}}',
        b'{"format": "gemini-simulator-state-1", "state": {"projects": [{"files": [{}]}]}}',
    ],
)
def test_a_broken_file_is_named_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    complaint = failure("--state-file", str(path))
    assert complaint.startswith(f"gemini_simulator: {path} is not a state file of this version")
    assert "remove it to start empty or name another --state-file" in complaint
    assert "AHxSecret" not in complaint
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"project": 7}, "a session belongs to no project"),
        ({"project": -1}, "a session belongs to no project"),
        ({"received": 7}, "the hash of a half-received upload cannot be kept"),
        ({"status": "final"}, "a final session, and no other, has an outcome"),
        ({"status": "paused"}, "status"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    run: Run, path: Path, change: dict[str, object], reason: str
) -> None:
    with run(FIRST) as simulator:
        simulator.session()
    content = json.loads(path.read_text())
    content["state"]["sessions"][0].update(change)
    path.write_text(json.dumps(content))
    complaint = failure("--state-file", str(path))
    assert str(path) in complaint
    assert reason in complaint


def test_fewer_keys_than_projects_would_lose_files(run: Run, path: Path) -> None:
    with run(FIRST, SECOND):
        pass
    complaint = failure("--state-file", str(path))
    assert (
        f"{path} holds 2 projects, more than the keys given (1): add a --key for each" in complaint
    )


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    complaint = failure("--state-file", str(missing / "state.json"))
    assert f"{missing} is not a folder: make it before the start" in complaint
    complaint = failure("--state-file", str(tmp_path))
    assert f"{tmp_path} cannot be read (Is a directory)" in complaint


def test_a_state_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    folder, ready = tmp_path / "folder", tmp_path / "ready.json"
    folder.mkdir()
    command = [sys.executable, "-m", "gemini_simulator", "--port", "0", "--key", FIRST]
    command += ["--ready-file", str(ready), "--state-file", str(folder / "state.json")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert time.monotonic() < deadline
        folder.rmdir()
        process.terminate()
        _, complaints = process.communicate(timeout=10)
    assert process.returncode == 1
    assert complaints.startswith(f"gemini_simulator: {folder / 'state.json'} cannot be written")
    assert "Traceback" not in complaints


def test_an_upload_cut_by_the_stop_leaves_its_session_as_it_was(run: Run) -> None:
    with run() as simulator:
        url = simulator.session(length=5)
        address = urlsplit(url)
        request = (
            f"POST {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            "X-Goog-Upload-Command: upload, finalize\r\nX-Goog-Upload-Offset: 0\r\n\r\nhel"
        )
        with socket.create_connection((str(address.hostname), address.port)) as upload:
            upload.sendall(request.encode())
            deadline = time.monotonic() + 20
            while simulator.requests()[-1]["bodyBytes"] != 3:
                assert time.monotonic() < deadline
            simulator.process.terminate()
            assert simulator.process.wait(timeout=10) == 0
    with run() as simulator:
        url = here(simulator, url)
        assert simulator.command(url, "query").headers["x-goog-upload-size-received"] == "0"
        assert simulator.send(url, b"hello").json()["file"]["sizeBytes"] == "5"
