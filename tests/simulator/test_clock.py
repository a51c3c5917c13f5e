"""Time: expiry, processing and the movable clock."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator

HOURS_48 = 48 * 3600


def test_the_clock_moves(simulator: Simulator) -> None:
    before = simulator.control("clock")
    after = simulator.control("clock", {"advanceSeconds": 3600})
    assert 3600 <= float(str(after["epochSeconds"])) - float(str(before["epochSeconds"])) < 3660
    moment = datetime.fromisoformat(str(after["now"])).timestamp()
    assert moment == pytest.approx(float(str(after["epochSeconds"])), abs=1e-3)
    back = simulator.control("clock", {"offsetSeconds": 0})
    assert float(str(back["epochSeconds"])) - float(str(before["epochSeconds"])) < 60


def test_answers_are_dated_by_the_clock_and_deletes_to_the_second_in_the_log(
    simulator: Simulator,
) -> None:
    simulator.advance(HOURS_48)
    name = simulator.upload(b"12345")["name"]
    answer = simulator.delete(name)
    log = cast("list[dict[str, object]]", simulator.control("log")["events"])
    [deleted] = [event for event in log if (event["event"], event["name"]) == ("deleted", name)]
    moment = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert len(answer.headers.get_list("date")) == 1
    assert int(cast("float", deleted["at"])) == moment
    later = parsedate_to_datetime(simulator.get(name).headers["date"]).timestamp()
    assert 0 <= later - moment < 60


def test_a_file_expires_after_48_hours_and_frees_its_bytes(simulator: Simulator) -> None:
    name = simulator.upload(b"12345", body={"name": "files/old"})["name"]
    simulator.advance(HOURS_48 - 60)
    assert simulator.get(name).status_code == 200
    simulator.advance(60)
    assert simulator.get(name).status_code == 403
    assert simulator.listing().json() == {}
    assert simulator.project()["bytesStored"] == 0
    assert simulator.upload(body={"name": "files/old"})["name"] == name


def test_an_expired_file_makes_room(simulator: Simulator) -> None:
    simulator.control("limits", {"projectBytes": 10})
    simulator.upload(b"1234567890")
    simulator.advance(HOURS_48)
    assert simulator.upload(b"1234567890")["sizeBytes"] == "10"


def test_a_video_is_processed_after_a_while(simulator: Simulator) -> None:
    file = simulator.upload(mime_type="video/mp4")
    assert file["state"] == "PROCESSING"
    assert "videoMetadata" not in file
    simulator.advance(5)
    ready = simulator.get(file["name"]).json()
    assert ready["state"] == "ACTIVE"
    assert ready["videoMetadata"] == {"videoDuration": "2s"}
    assert ready["updateTime"] > ready["createTime"]
    assert simulator.listing().json()["files"] == [ready]


def test_a_video_is_processed_after_two_gets(simulator: Simulator) -> None:
    simulator.control("limits", {"processingSeconds": 1e6})
    name = simulator.upload(mime_type="video/mp4")["name"]
    simulator.listing()
    states = [simulator.get(name).json()["state"] for _ in range(3)]
    assert states == ["PROCESSING", "PROCESSING", "ACTIVE"]


def test_processing_fails_on_demand(simulator: Simulator) -> None:
    file = simulator.upload(body={"displayName": "fail-processing please"})
    assert file["state"] == "PROCESSING"
    simulator.advance(5)
    failed = simulator.get(file["name"]).json()
    assert failed["state"] == "FAILED"
    assert set(failed["error"]) == {"code", "message"}
