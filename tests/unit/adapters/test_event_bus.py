"""The event bus: whole CloudEvents, and what was not taken is said."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from filegate.adapters.event_bus import EventBus, EventBusUnavailable


class Client:
    """Answers as it is told, or fails."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[Sequence[Mapping[str, Any]]] = []

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803
        self.asked.append(Entries)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


EVENT = '{"id":"1","type":"dev.filegate.usage.hour.v1","data":{}}'


def test_an_event_is_published_whole_under_its_type() -> None:
    client = Client({"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]})
    assert EventBus(client, "billing").publish([EVENT]) == [True]
    assert client.asked == [
        [
            {
                "EventBusName": "billing",
                "Source": "filegate",
                "DetailType": "dev.filegate.usage.hour.v1",
                "Detail": EVENT,
            }
        ]
    ]


def test_events_that_were_not_taken_are_told_apart() -> None:
    entries = [{"EventId": "x"}, {"ErrorCode": "ThrottlingException"}, {"EventId": "y"}]
    bus = EventBus(Client({"FailedEntryCount": 1, "Entries": entries}), "billing")
    assert bus.publish([EVENT] * 3) == [True, False, True]


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="https://events.test"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents"),
    ],
)
def test_a_bus_that_does_not_answer_is_unavailable(failure: Exception) -> None:
    with pytest.raises(EventBusUnavailable, match=type(failure).__name__):
        EventBus(Client(failure), "billing").publish([EVENT])
