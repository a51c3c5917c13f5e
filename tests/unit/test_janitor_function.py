"""The janitor's function: its metrics say what a round came to, and that it was cut short."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from apigateway_standin.stack import read_functions
from apigateway_standin.template import Template
from filegate.adapters import event_bus
from filegate.adapters.aws_service import HttpWire
from filegate.adapters.deadline import DEADLINE
from filegate.janitor import Round

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "functions" / "janitor" / "app.py"
TIMEOUT = read_functions(Template.load(ROOT / "template.yaml"))["JanitorFunction"].timeout


class Context(SimpleNamespace):
    """What Lambda tells a function of its invocation."""

    aws_request_id = function_name = invoked_function_arn = "test"
    memory_limit_in_mb = 512

    left = TIMEOUT * 1000

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("TABLE_NAME", "SESSION_KEYS_SECRET", "PROJECT_SECRET_PREFIX", "UPSTREAM_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "filegate")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Filegate")
    spec = importlib.util.spec_from_file_location("janitor_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("complete", [True, False])
def test_a_round_that_was_cut_short_is_a_metric(
    function: ModuleType, capsys: pytest.CaptureFixture[str], complete: bool
) -> None:
    done = Round(kept=3, lag=7, complete=complete)
    parts: Any = function
    parts.wiring = SimpleNamespace(
        janitor=SimpleNamespace(make_round=lambda *_: done),
        project_health=SimpleNamespace(keep=lambda _: None),
    )

    answer = function.handler({"time": "2026-11-28T12:00:00Z"}, Context())

    assert answer["complete"] is complete
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metrics] = [line for line in lines if "_aws" in line]
    assert metrics["RoundsUnfinished"] == [0.0 if complete else 1.0]
    assert (metrics["AppointmentsKept"], metrics["AppointmentLag"]) == ([3.0], [7.0])
    assert metrics["service"] == "filegate"


def test_a_round_leaves_time_to_publish_and_to_end(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, moment = Context(), [100.0]
    monkeypatch.setattr("filegate.adapters.deadline.time.monotonic", lambda: moment[0])
    found: list[tuple[bool, bool, float]] = []

    def make_round(
        _now: int, time_is_left: Callable[[], bool], time_to_publish: Callable[[], bool]
    ) -> Round:
        for second in range(TIMEOUT):
            context.left, moment[0] = (TIMEOUT - second) * 1000, 100.0 + second
            found.append((time_is_left(), time_to_publish(), DEADLINE.left(20.0)))
        return Round()

    parts: Any = function
    parts.wiring = SimpleNamespace(
        janitor=SimpleNamespace(make_round=make_round),
        project_health=SimpleNamespace(keep=lambda _: None),
    )
    function.handler({"time": "2026-11-28T12:00:00Z"}, context)

    appointments, events, upstream = (
        sum(bool(second[part]) for second in found) for part in range(3)
    )
    assert appointments == 45
    # What hangs upstream when the last appointment is begun leaves time for events.
    assert appointments < upstream < events
    assert found[appointments][2] == upstream - appointments
    # The longest that a batch takes, if the bus hangs twice.
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "none")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    bus = event_bus.create_client().wire
    assert isinstance(bus, HttpWire)
    assert events + 2 * (bus.connect_timeout + bus.read_timeout) + 1 <= TIMEOUT
    assert DEADLINE.left(20.0) == 20.0
