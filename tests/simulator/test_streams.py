"""Streamed answers: their form, their pace and their ends."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.conftest import Simulator

BODY = {"contents": [{"parts": [{"text": "hello there"}]}]}
SEEN = "I saw 0 files; 11 characters of text."


@contextmanager
def stream(simulator: Simulator, *, alt: str = "sse") -> Iterator[httpx.Response]:
    with simulator.http.stream(
        "POST",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        params={"alt": alt} if alt else {},
        headers={"x-goog-api-key": simulator.first_key},
        json=BODY,
    ) as answer:
        assert answer.status_code == 200
        yield answer


def whole(simulator: Simulator, *, alt: str = "sse") -> str:
    with stream(simulator, alt=alt) as answer:
        return answer.read().decode()


def events(text: str) -> list[dict[str, object]]:
    assert text.endswith("\r\n\r\n")
    parts = text.removesuffix("\r\n\r\n").split("\r\n\r\n")
    assert all(part.startswith("data: {") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def text_of(event: dict[str, object]) -> str:
    candidates = cast("list[dict[str, dict[str, list[dict[str, str]]]]]", event["candidates"])
    return candidates[0]["content"]["parts"][0]["text"]


def last_call(simulator: Simulator) -> dict[str, object]:
    return cast("list[dict[str, object]]", simulator.control("model-calls")["modelCalls"])[-1]


def test_events(simulator: Simulator) -> None:
    with stream(simulator) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in answer.headers
        sent = events(answer.read().decode())
    assert "".join(map(text_of, sent)) == SEEN
    assert ["usageMetadata" in event for event in sent] == [False, False, True]
    assert "finishReason" in str(sent[-1])
    assert "finishReason" not in str(sent[:-1])
    call = last_call(simulator)
    assert (call["method"], call["query"]) == ("streamGenerateContent", {"alt": "sse"})
    assert (call["eventsSent"], call["outcome"]) == (3, "complete")


def test_without_alt_the_events_are_a_json_array(simulator: Simulator) -> None:
    with stream(simulator, alt="") as answer:
        assert answer.headers["content-type"].startswith("application/json")
        sent = json.loads(answer.read())
    assert "".join(map(text_of, sent)) == SEEN


def test_number_and_size_of_events(simulator: Simulator) -> None:
    simulator.control("streaming", {"events": 100, "bytesPerEvent": 5_000})
    sent = events(whole(simulator))
    assert len(sent) == 100
    assert {len(text_of(event)) for event in sent} == {5_000}


def test_the_first_event_does_not_wait_for_the_next(simulator: Simulator) -> None:
    simulator.control("streaming", {"events": 2, "delaySeconds": 60})
    with stream(simulator) as answer:
        # An iterator that is dropped closes the connection.
        texts = answer.iter_text()
        assert text_of(events(next(texts))[0])
        call = last_call(simulator)
        assert (call["eventsSent"], call["outcome"]) == (1, None)


@pytest.mark.parametrize(
    "settings",
    [{"events": 2, "delaySeconds": 60}, {"events": 1_000_000, "bytesPerEvent": 1_000}],
)
def test_a_client_that_goes_away_is_noticed(
    simulator: Simulator, settings: dict[str, object]
) -> None:
    simulator.control("streaming", settings)
    with stream(simulator) as answer:
        next(answer.iter_raw())
    deadline = time.monotonic() + 1
    while last_call(simulator)["outcome"] != "cancelled":
        assert time.monotonic() < deadline, last_call(simulator)
    assert cast("int", last_call(simulator)["eventsSent"]) < cast("int", settings["events"])


@pytest.mark.parametrize("after", [0, 2, 3])
def test_an_error_in_the_middle(simulator: Simulator, after: int) -> None:
    simulator.control("streaming", {"errorAfter": after})
    sent = events(whole(simulator))
    assert len(sent) == after + 1
    assert sent[-1] == {
        "error": {
            "code": 503,
            "message": "The model is overloaded. Please try again later.",
            "status": "UNAVAILABLE",
        }
    }
    assert (last_call(simulator)["eventsSent"], last_call(simulator)["outcome"]) == (
        after,
        "failed",
    )
    assert "error" in json.loads(whole(simulator, alt=""))[-1]


@pytest.mark.parametrize("after", [1, 3])
def test_a_connection_that_breaks(simulator: Simulator, after: int) -> None:
    simulator.control("streaming", {"cutAfter": after})
    with pytest.raises(httpx.TransportError):
        whole(simulator)
    call = last_call(simulator)
    assert (call["eventsSent"], call["outcome"]) == (after, "failed")


def test_the_mirror_does_not_hold_a_stream_back(simulator: Simulator) -> None:
    simulator.control("reflect", {"enabled": True})
    simulator.control("streaming", {"events": 2, "delaySeconds": 60})
    with stream(simulator) as answer:
        assert answer.headers["x-debug-key"] == simulator.first_key
        texts = answer.iter_text()
        (event,) = events(next(texts))
        assert event["debugKey"] == simulator.first_key
    simulator.control("streaming", {"delaySeconds": 0, "errorAfter": 1})
    assert simulator.first_key in str(events(whole(simulator))[-1])


def test_settings_are_shown_and_reset(simulator: Simulator) -> None:
    settings = {
        "events": 5,
        "delaySeconds": 0.5,
        "bytesPerEvent": 7,
        "errorAfter": 1,
        "cutAfter": 2,
    }
    assert simulator.control("streaming", settings) == settings
    assert simulator.control("streaming") == settings
    assert simulator.control("streaming", {"errorAfter": None})["errorAfter"] is None
    assert simulator.http.post("/_simulator/streaming", json={"events": 0}).status_code == 400
    simulator.control("reset", {})
    assert simulator.control("streaming")["events"] == 3
