"""Schedules and the movable clock."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.standin.conftest import Json, Standin


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ticks") / "ticks"


@pytest.fixture(scope="module")
def ticking(launch: Callable[..., Standin], ticks: Path) -> Standin:
    return launch(resources={"Environment": {"TickFunction": {"TICKS": str(ticks)}}})


def seen(ticks: Path) -> list[Json]:
    return [json.loads(line) for line in ticks.read_text().splitlines()] if ticks.exists() else []


def test_schedule_follows_the_clock(
    ticking: Standin, ticks: Path, wait_until: Callable[[Callable[[], bool], str], None]
) -> None:
    before = len(seen(ticks))
    ticking.control("POST", "/clock", {"advanceSeconds": 61})
    wait_until(lambda: len(seen(ticks)) == before + 1, "the first scheduled event")
    # Ten periods at once are one event.
    now = ticking.control("POST", "/clock", {"advanceSeconds": 600})["now"]
    wait_until(lambda: len(seen(ticks)) == before + 2, "the second scheduled event")
    event = seen(ticks)[-1]
    assert datetime.fromisoformat(event["time"]) - datetime.fromisoformat(now) < timedelta(
        minutes=1
    )
    del event["time"], event["id"]
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/TickFunctionMinutely"],
        "detail": {},
    }


def test_a_held_schedule_begins_nothing_and_goes_on_with_one(
    ticking: Standin, ticks: Path, wait_until: Callable[[Callable[[], bool], str], None]
) -> None:
    assert ticking.control("POST", "/schedule", {"held": True}) == {"held": True}
    before = len(seen(ticks))
    ticking.control("POST", "/clock", {"advanceSeconds": 600})
    # The direct invocation comes after whatever the clock could have caused.
    ticking.control("POST", "/invoke/TickFunction", {"own": 2})
    assert seen(ticks)[before:] == [{"own": 2}]
    assert ticking.control("POST", "/schedule", {"held": False}) == {"held": False}
    wait_until(lambda: len(seen(ticks)) == before + 2, "what fell due meanwhile")


def test_invoke_without_a_body_sends_the_scheduled_event(ticking: Standin) -> None:
    result = ticking.control("POST", "/invoke/TickFunction")["result"]
    assert result["detail-type"] == "Scheduled Event"
    assert ticking.control("POST", "/invoke/TickFunction", {"own": 1})["result"] == {"own": 1}


def test_clock_moves_the_time_of_events(ticking: Standin) -> None:
    state = ticking.control("POST", "/clock", {"offsetSeconds": 86_400 * 3})
    assert state["offsetSeconds"] == 86_400 * 3
    assert ticking.control("GET", "/clock")["offsetSeconds"] == 86_400 * 3
    context = ticking.request("GET", "/items/x").json["requestContext"]
    real = datetime.now().timestamp() * 1000  # noqa: DTZ005
    assert abs(context["requestTimeEpoch"] - real - 86_400_000 * 3) < 60_000


def test_no_schedule(launch: Callable[..., Standin], tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    quiet = launch(
        resources={"Environment": {"*": {"TICKS": str(ticks)}}}, options=("--no-schedule",)
    )
    quiet.control("POST", "/clock", {"advanceSeconds": 3600})
    # The direct invocation comes after whatever the clock could have caused.
    quiet.control("POST", "/invoke/TickFunction", {"own": 1})
    assert seen(ticks) == [{"own": 1}]
