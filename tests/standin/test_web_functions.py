"""The environments of web functions: what they get, how they are shared, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standin.conftest import Json, Standin, Streams

FAILED = {"message": "Internal server error"}
STREAMING = Path(__file__).parent / "stack" / "streaming.yaml"


def report(streams: Streams) -> Json:
    return streams.standin.request("GET", "/stream").json


def test_what_the_app_runs_in(streams: Streams) -> None:
    found = report(streams)
    environ = found["environ"]
    assert environ["PORT"] == environ["AWS_LWA_PORT"] != "8000"
    assert environ["SHARED"] == "shared by all"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "StreamFunction"
    assert environ["LAMBDA_TASK_ROOT"] == found["cwd"]
    assert found["cwd"].endswith("/functions/streamer")
    assert found["word"] == "from the layer"
    assert Path(found["executable"]).parent == Path(sys.executable).parent
    assert "LEAK" not in environ


def test_environment_is_warm_and_reused(streams: Streams) -> None:
    [pid] = streams.standin.pids["StreamFunction"]
    assert report(streams)["pid"] == report(streams)["pid"] == pid


def test_output_goes_to_the_functions_log(streams: Streams) -> None:
    streams.standin.request("GET", "/stream?mode=speak")
    log = streams.standin.log("StreamFunction")
    assert "one line to stdout\n" in log
    assert "one line to stderr\n" in log


def test_function_that_does_not_start(streams: Streams) -> None:
    answer = streams.standin.request("GET", "/stillborn")
    assert (answer.status, answer.json) == (502, FAILED)
    log = streams.standin.log("StillbornFunction")
    assert "born without life\n" in log
    assert "Runtime exited with status 7" in log
    assert "StillbornFunction does not start" in streams.standin.output.read_text()


def test_one_request_at_a_time_and_the_rest_waits(streams: Streams) -> None:
    first, _ = streams.open("/stream?mode=gate&flag=over")
    second, _ = streams.open("/stream?mode=gate&flag=over")
    assert len(streams.standin.control("GET", "/environments")["StreamFunction"]) == 2
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(report, streams)
        assert not waiting.done()
        streams.raise_flag("over")
        pids = streams.standin.control("GET", "/environments")["StreamFunction"]
        assert waiting.result()["pid"] in pids
    first.close()
    second.close()


def test_crash_is_a_502_and_the_environment_is_replaced(streams: Streams) -> None:
    pid = report(streams)["pid"]
    answer = streams.standin.request("GET", "/stream?mode=die")
    assert (answer.status, answer.json) == (502, FAILED)
    assert pid not in streams.standin.control("GET", "/environments")["StreamFunction"]
    assert report(streams)["pid"] != pid


def test_environment_that_was_killed_is_replaced(
    streams: Streams, wait_until: Callable[[Callable[[], bool], str], None]
) -> None:
    pid = report(streams)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: pid not in streams.standin.control("GET", "/environments")["StreamFunction"],
        "the stand-in sees it",
    )
    assert report(streams)["pid"] != pid


def test_function_timeout_kills_the_environment(
    streams: Streams, is_alive: Callable[[int], bool]
) -> None:
    pid = streams.standin.request("GET", "/short").json["pid"]
    answer = streams.standin.request("GET", "/short?mode=left&left=never")
    assert (answer.status, answer.json) == (502, FAILED)
    assert not is_alive(pid)
    assert "Task timed out after 1.00 seconds" in streams.standin.log("ShortFunction")


def test_a_web_function_takes_no_events(streams: Streams) -> None:
    answer = streams.standin.control("POST", "/invoke/StreamFunction", {})
    assert "answers requests" in answer["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_apps_end_with_the_server(
    launch: Callable[..., Standin],
    is_alive: Callable[[int], bool],
    wait_until: Callable[[Callable[[], bool], str], None],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    standin = launch(template=STREAMING, resources={"Environment": {"*": {"FLAGS": str(tmp_path)}}})
    pids = [pid for pids in standin.pids.values() for pid in pids]
    assert len(pids) == 3
    with standin.connect() as client:
        # One app is in the middle of a response when the end comes.
        client.sendall(b"GET /stream?mode=gate&flag=never HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        standin.process.send_signal(number)
        code = standin.process.wait(5)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    wait_until(lambda: not any(map(is_alive, pids)), "all apps gone")
