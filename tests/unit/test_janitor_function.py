"""The janitor's function: its metrics say what a round came to, and that it was cut short."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from filegate.janitor import Round

APP = Path(__file__).resolve().parents[2] / "functions" / "janitor" / "app.py"


class Context(SimpleNamespace):
    """What Lambda tells a function of its invocation."""

    aws_request_id = function_name = invoked_function_arn = "test"
    memory_limit_in_mb = 512

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 55_000


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
