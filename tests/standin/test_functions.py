"""Execution environments: what a function gets, and how it fails."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standin.conftest import Json, Standin

FAILED = {"message": "Internal server error"}


def self_report(standin: Standin) -> Json:
    return standin.request("GET", "/echo?mode=self").json


def test_environment_variables(standin: Standin) -> None:
    environ = self_report(standin)["environ"]
    expected = {
        "SHARED": "shared by all",
        "TABLE": "real-table",
        "OWN": "own-arn:real",
        "VOICE": "hush",
        "JOINED": "a-b-us-east-1",
        "EXTRA": "for echo",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "EchoFunction",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "_HANDLER": "app.handler",
    }
    assert {name: environ.get(name) for name in expected} == expected
    assert "LEAK" not in environ
    assert "LOUD" not in environ


def test_code_layers_and_context(standin: Standin) -> None:
    report = self_report(standin)
    assert report["words"] == ["from the layer", "from python/"]
    assert report["cwd"].endswith("/functions/echo")
    assert report["environ"]["LAMBDA_TASK_ROOT"] == report["cwd"]
    context = report["context"]
    assert context["name"] == "EchoFunction"
    assert context["memory"] == "256"
    assert context["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:EchoFunction"
    assert 0 < context["remaining"] <= 1000


def test_environments_are_reused(standin: Standin) -> None:
    assert self_report(standin)["pid"] == self_report(standin)["pid"]
    assert self_report(standin)["pid"] in standin.control("GET", "/environments")["EchoFunction"]


def test_first_environment_is_warm_at_the_start(standin: Standin) -> None:
    assert [len(standin.pids[name]) for name in ("EchoFunction", "GuardFunction")] == [1, 1]


def test_output_goes_to_the_functions_log(standin: Standin) -> None:
    standin.request("GET", "/echo?mode=print")
    log = standin.log("EchoFunction")
    assert "one line to stdout\n" in log
    assert "one line to stderr\n" in log


def test_exception_is_reported_and_logged(standin: Standin) -> None:
    answer = standin.request("GET", "/echo?mode=raise")
    assert (answer.status, answer.json) == (502, FAILED)
    error = standin.control("POST", "/invoke/EchoFunction", {"mode": "raise"})["error"]
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "deliberate")
    assert any("app.py" in line for line in error["stackTrace"])
    assert "[ERROR] ValueError: deliberate RequestId: " in standin.log("EchoFunction")


def test_crash_is_a_502_and_the_environment_is_replaced(standin: Standin) -> None:
    pid = self_report(standin)["pid"]
    assert (answer := standin.request("GET", "/echo?mode=exit")).status == 502
    assert answer.json == FAILED
    assert self_report(standin)["pid"] != pid
    assert pid not in standin.control("GET", "/environments")["EchoFunction"]
    assert "Runtime exited with status 3" in standin.log("EchoFunction")


def test_function_timeout_kills_the_environment(
    standin: Standin, is_alive: Callable[[int], bool]
) -> None:
    pid = self_report(standin)["pid"]
    assert (answer := standin.request("GET", "/echo?mode=sleep")).status == 502
    assert answer.json == FAILED
    assert not is_alive(pid)
    assert "Task timed out after 1.00 seconds" in standin.log("EchoFunction")
    error = standin.control("POST", "/invoke/EchoFunction", {"mode": "sleep"})["error"]
    assert error["errorType"] == "Sandbox.Timedout"


def test_integration_timeout_is_a_504_and_the_function_runs_on(standin: Standin) -> None:
    pids = standin.control("GET", "/environments")["EchoFunction"]
    answer = standin.request("POST", "/hasty?mode=nap&seconds=0.6", body=b"")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})
    assert set(pids) <= set(standin.control("GET", "/environments")["EchoFunction"])


def test_init_error(standin: Standin) -> None:
    assert (answer := standin.request("GET", "/broken")).status == 502
    assert answer.json == FAILED
    assert "[ERROR] ImportError: nothing to see here" in standin.log("BrokenFunction")
    assert "BrokenFunction does not start: nothing to see here" in standin.output.read_text()


def test_environments_grow_to_the_limit_and_calls_queue(standin: Standin) -> None:
    def nap(_: int) -> int:
        return standin.request("GET", "/echo?mode=nap&seconds=0.3").status

    with ThreadPoolExecutor(7) as pool:
        assert list(pool.map(nap, range(7))) == [200] * 7
    assert len(standin.control("GET", "/environments")["EchoFunction"]) == 3


def test_invocation_over_the_control_port(standin: Standin) -> None:
    result = standin.control("POST", "/invoke/EchoFunction", {"mode": "echo", "a": [1]})["result"]
    assert json.loads(result["body"]) == {"mode": "echo", "a": [1]}
    assert "error" in standin.control("POST", "/invoke/Nobody", {})
    assert "needs an event" in standin.control("POST", "/invoke/EchoFunction")["error"]


@pytest.mark.parametrize("value", ["not json", ""])
def test_control_refuses_nonsense(standin: Standin, value: str) -> None:
    assert "expected" in standin.control("POST", "/clock", value)["error"]
