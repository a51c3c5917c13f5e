"""`filegate upload`: many files at once, and no byte twice after an interruption."""

import base64
import hashlib
import json
import random
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from filegate.limits import STORAGE_BYTES
from filegate_command import FilegateCommand
from local_stack import LocalStack, StackTenant

if TYPE_CHECKING:
    from subprocess import Popen

MIB = 1024 * 1024
CHUNK = 8 * MIB


def make_file(path: Path, size: int, seed: int = 1) -> Path:
    path.write_bytes(random.Random(seed).randbytes(size))  # noqa: S311 - content, no secret
    return path


def hash_of(path: Path) -> str:
    return base64.b64encode(hashlib.sha256(path.read_bytes()).hexdigest().encode()).decode()


def chunks_sent(stack: LocalStack) -> list[tuple[str, str]]:
    """Command and offset of every chunk that upstream took, in order."""
    found = []
    for request in stack.simulator("GET", "/requests")["requests"]:
        headers = {name.lower(): value for name, value in request["headers"]}
        command = headers.get("x-goog-upload-command", "")
        if "upload" in command and request["status"] == 200:
            found.append((command, headers.get("x-goog-upload-offset", "")))
    return found


def journals(own: FilegateCommand) -> list[Path]:
    return sorted((own.home / ".cache/filegate/uploads").glob("*"))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def stuck_upload(
    own: FilegateCommand, stack: LocalStack, *arguments: object
) -> Iterator["Popen[str]"]:
    """An upload of which upstream takes every chunk but the last, whose connection breaks."""
    stack.simulator("DELETE", "/requests")
    with stack.fault({"kind": "drop-before"}, times=1000, command="finalize"):
        process = own.begin("upload", *arguments)
        try:
            wait_until(lambda: bool(journals(own)) and _was_refused(stack))
            yield process
        finally:
            process.kill()
            process.communicate()


def _was_refused(stack: LocalStack) -> bool:
    return any(
        request["fault"] == "drop-before"
        for request in stack.simulator("GET", "/requests")["requests"]
    )


def test_several_files_at_once(own: FilegateCommand, stack: LocalStack) -> None:
    sizes = (0, 1, 100, CHUNK, CHUNK + 1, 9_000_000)
    paths = [make_file(own.home / f"{size}.bin", size, size) for size in sizes]
    done = own.ok("upload", *paths, "--parallel", 3, "--json")
    lines = {line["path"]: line for line in done.lines()}
    assert set(lines) == {str(path) for path in paths}
    upstream = stack.upstream_files()
    for path in paths:
        line = lines[str(path)]
        assert line["status"] == "uploaded"
        assert line["file"]["displayName"] == path.name
        assert line["file"]["sizeBytes"] == str(path.stat().st_size)
        assert line["file"]["sha256Hash"] == hash_of(path)
        assert line["file"]["name"] in upstream
        assert "resumedAt" not in line
    assert journals(own) == []


def test_types_and_names(own: FilegateCommand) -> None:
    path = make_file(own.home / "talk.mp4", 10)
    file = own.ok("upload", path, "--name", "files/my-talk", "--display-name", "T", "--json").json()
    assert file["file"]["mimeType"] == "video/mp4"
    assert file["file"]["name"].endswith("my-talk")
    assert file["file"]["displayName"] == "T"
    own.ok("upload", path, "--mime-type", "video/webm")
    told = own.run("upload", path, "--name", "my-talk")
    assert told.code == 1
    assert "already" in told.err
    odd = make_file(own.home / "Vídeo – 1.strange", 1)
    shown = own.ok("upload", odd, "--json").json()["file"]
    assert (shown["mimeType"], shown["displayName"]) == (
        "application/octet-stream",
        "Vídeo – 1.strange",
    )
    lines = own.home / "requests.jsonl"
    lines.write_text('{"request": {"contents": [{"parts": [{"text": "hi"}]}]}}\n')
    assert "jsonl" in own.ok("upload", lines, "--json").json()["file"]["mimeType"]


def test_killed_in_the_middle_it_goes_on_where_it_stood(
    own: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    large = make_file(own.home / "large.bin", 20 * MIB)
    others = [make_file(own.home / f"{number}.txt", 1000, number) for number in range(4)]
    first = own.ok("upload", *others, "--parallel", 4, "--json").lines()
    assert len(first) == 4

    with stuck_upload(own, stack, large) as process:
        assert chunks_sent(stack) == [("upload", "0"), ("upload", str(CHUNK))]
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    [journal] = journals(own)
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700
    assert tenant.key not in journal.read_text()

    stack.simulator("DELETE", "/requests")
    more = [make_file(own.home / f"more{number}.txt", 1000, 10 + number) for number in range(3)]
    done = own.ok("upload", large, *more, "--parallel", 4, "--json")
    lines = {line["path"]: line for line in done.lines()}
    assert lines[str(large)]["resumedAt"] == 2 * CHUNK
    assert lines[str(large)]["file"]["sha256Hash"] == hash_of(large)
    assert f"{large.name}: goes on at 16.0 MiB of 20.0 MiB" in done.err
    sent = [chunk for chunk in chunks_sent(stack) if chunk[1] != "0"]
    assert sent == [("upload, finalize", str(2 * CHUNK))]
    # Only the small ones began at 0; the large file's first chunk was not sent again.
    assert len(chunks_sent(stack)) == 1 + len(more)
    assert journals(own) == []


def test_an_upload_that_was_whole_all_along_is_not_sent_again(
    own: FilegateCommand, stack: LocalStack
) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path):
        [journal] = journals(own)
        url = json.loads(journal.read_text())["url"]
    # The last chunk had come in, and the answer was lost with the process.
    last = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": str(CHUNK)}
    answer = httpx.post(url, headers=last, content=path.read_bytes()[CHUNK:], timeout=60)
    assert answer.headers["x-goog-upload-status"] == "final"
    stack.simulator("DELETE", "/requests")
    line = own.ok("upload", path, "--json").json()
    assert line["file"]["name"] == answer.json()["file"]["name"]
    assert line["resumedAt"] == path.stat().st_size
    assert chunks_sent(stack) == []


@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
@pytest.mark.parametrize("command", ["^upload$", "finalize"])
def test_a_broken_connection_costs_one_chunk_at_most(
    own: FilegateCommand, stack: LocalStack, kind: str, command: str
) -> None:
    path = make_file(own.home / "a.bin", 17 * MIB)
    stack.simulator("DELETE", "/requests")
    with stack.fault({"kind": kind}, times=1, command=command):
        done = own.ok("upload", path, "--json")
    assert done.json()["file"]["sha256Hash"] == hash_of(path)
    assert "interrupted" in done.err
    offsets = [offset for _, offset in chunks_sent(stack)]
    assert len(offsets) == len(set(offsets))


def test_a_gateway_that_stays_away_fails_the_file_and_keeps_what_is_there(
    own: FilegateCommand, stack: LocalStack
) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stack.fault({"kind": "status", "status": 503}, times=1000, command="finalize|query"):
        done = own.run("upload", path, "--json")
    assert done.code == 1
    assert done.json()["status"] == "failed"
    assert "goes on where it stands" in done.err
    assert own.ok("upload", path, "--json").json()["resumedAt"] == CHUNK


def test_a_file_that_has_changed_begins_anew_and_the_old_session_is_given_up(
    own: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path):
        pass
    make_file(path, 8_500_000, seed=2)
    line = own.ok("upload", path, "--json").json()
    assert "resumedAt" not in line
    assert line["file"]["sha256Hash"] == hash_of(path)
    # What the first one had reserved is free again, long before its session would expire.
    stack.advance(30)
    stack.run_janitor()
    assert STORAGE_BYTES - stack.available(tenant) == 8_500_000


def test_a_session_that_is_over_begins_anew(own: FilegateCommand, stack: LocalStack) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path):
        [journal] = journals(own)
        begun = json.loads(journal.read_text())
    httpx.post(begun["url"], headers={"x-goog-upload-command": "cancel"}, timeout=60)
    done = own.ok("upload", path, "--json")
    assert "begins anew" in done.err
    assert "resumedAt" not in done.json()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', '{"no": "url"}'])
def test_a_broken_journal_begins_anew(own: FilegateCommand, stack: LocalStack, text: str) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path):
        [journal] = journals(own)
    journal.write_text(text)
    assert "resumedAt" not in own.ok("upload", path, "--json").json()
    assert journals(own) == []


def test_two_commands_do_not_send_one_file(own: FilegateCommand, stack: LocalStack) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path):
        done = own.run("upload", path)
        assert done.code == 1
        assert "another `filegate upload`" in done.err


def test_ctrl_c_ends_it_and_the_next_run_goes_on(own: FilegateCommand, stack: LocalStack) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    with stuck_upload(own, stack, path) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Interrupted." in err
    assert "Traceback" not in err
    assert own.ok("upload", path, "--json").json()["resumedAt"] == CHUNK


def test_what_fails_does_not_keep_the_others_back(
    stack: LocalStack, nobody: FilegateCommand
) -> None:
    small = stack.tenant(storage=1 * MIB)
    keys = {"FILEGATE_URL": stack.base_url, "FILEGATE_KEY": small.key}
    good = make_file(nobody.home / "good.bin", 1000)
    large = make_file(nobody.home / "large.bin", 2 * MIB)
    done = nobody.run("upload", large, good, "--json", **keys)
    assert done.code == 1
    lines = {line["path"]: line for line in done.lines()}
    assert lines[str(good)]["status"] == "uploaded"
    assert lines[str(large)]["status"] == "failed"
    assert "goes on where" not in done.err
    assert "2097152" in lines[str(large)]["error"]["message"].replace(",", "")
    assert "1 of 2 files failed" in done.err
    assert journals(nobody) == []
    shown = nobody.run("upload", large, **keys)
    assert shown.code == 1
    assert "large.bin" in shown.err


def test_another_place_for_the_state(own: FilegateCommand, stack: LocalStack) -> None:
    path = make_file(own.home / "a.bin", 9_000_000)
    place = own.home / "state"
    stack.simulator("DELETE", "/requests")
    with stack.fault({"kind": "drop-before"}, times=1000, command="finalize"):
        process = own.begin("upload", path, "--state", place)
        wait_until(lambda: _was_refused(stack))
        process.kill()
        process.communicate()
    assert len(list(place.iterdir())) == 1
    assert own.ok("upload", path, "--state", place, "--json").json()["resumedAt"] == CHUNK
    told = own.run("upload", path, "--state", "/proc/nowhere")
    assert told.code == 1
    assert "--state" in told.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["none.txt"], "does not exist"),
        (["."], "is a directory"),
        ([], "Missing argument"),
        (["a.txt", "b.txt", "--name", "x"], "--name is for one file"),
        (["a.txt", "--parallel", "0"], "greater than or equal to 1"),
    ],
)
def test_misuse_sends_nothing(
    own: FilegateCommand, stack: LocalStack, arguments: list[str], word: str
) -> None:
    for name in ("a.txt", "b.txt"):
        (own.home / name).touch()
    stack.simulator("DELETE", "/requests")
    assert word in own.refused("upload", *arguments, code=2)
    assert stack.simulator("GET", "/requests")["requests"] == []


def test_progress_is_for_people_and_on_stderr(own: FilegateCommand) -> None:
    path = make_file(own.home / "a.bin", 20 * MIB)
    done = own.ok("upload", path, "--json")
    assert "a.bin: 50 % of 20.0 MiB" in done.err
    assert "\x1b" not in done.err
    assert len(done.out.splitlines()) == 1
    shown = own.on_a_terminal("upload", path).out
    assert "━" in shown
    assert "MiB" in shown
    assert "uploaded" in shown
