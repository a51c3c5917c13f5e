"""The event bus: whole CloudEvents, and what was not taken is said."""

import json

import pytest
from tests.unit.wires import OneAnswer, Script, refused, service

from filegate.adapters.aws_service import EVENTBRIDGE, AwsUnavailable, Reply
from filegate.adapters.event_bus import EventBus, EventBusUnavailable

EVENT = '{"id":"1","type":"dev.filegate.usage.hour.v1","data":{}}'


def test_an_event_is_published_whole_under_its_type() -> None:
    script = Script()
    script.answer("PutEvents", {"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]})
    assert EventBus(service(EVENTBRIDGE, script), "billing").publish([EVENT]) == [True]
    entry = {
        "EventBusName": "billing",
        "Source": "filegate",
        "DetailType": "dev.filegate.usage.hour.v1",
        "Detail": EVENT,
    }
    assert script.sent == [("PutEvents", {"Entries": [entry]})]


def test_events_that_were_not_taken_are_told_apart() -> None:
    entries = [{"EventId": "x"}, {"ErrorCode": "ThrottlingException"}, {"EventId": "y"}]
    answer = Reply(200, json.dumps({"FailedEntryCount": 1, "Entries": entries}).encode())
    bus = EventBus(service(EVENTBRIDGE, OneAnswer(answer)), "billing")
    assert bus.publish([EVENT] * 3) == [True, False, True]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (AwsUnavailable("NewConnectionError", unsent=True), "NewConnectionError"),
        (refused("AccessDeniedException"), "AccessDeniedException"),
        (refused("InternalFailure", 500), "InternalFailure"),
    ],
)
def test_a_bus_that_does_not_answer_is_unavailable(
    failure: Reply | AwsUnavailable, reason: str
) -> None:
    with pytest.raises(EventBusUnavailable, match=reason):
        EventBus(service(EVENTBRIDGE, OneAnswer(failure)), "billing").publish([EVENT])
