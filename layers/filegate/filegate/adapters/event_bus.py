"""EventBridge: where billing systems listen. The only module that knows its wire."""

import json
from collections.abc import Sequence
from typing import Final

from filegate.adapters.aws_service import EVENTBRIDGE, AwsRefused, AwsService, AwsUnavailable

BATCH: Final = 10
"""Events in one call (AWS: PutEvents)."""
_SOURCE: Final = "filegate"


class EventBusUnavailable(Exception):
    """EventBridge did not answer, or refused the call: whether it took the events is unknown."""


def create_client() -> AwsService:
    """EventBridge, with short deadlines. Raises EventBusUnavailable."""
    try:
        return AwsService.connect(EVENTBRIDGE, connect_timeout=1, read_timeout=3, attempts=2)
    except AwsUnavailable as failure:
        raise EventBusUnavailable(str(failure)) from None


class EventBus:
    """Publishes CloudEvents on one bus: the whole event in `detail`, its type in `detail-type`."""

    def __init__(self, client: AwsService, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, events: Sequence[str]) -> Sequence[bool]:
        """Put up to BATCH events, each a CloudEvent's JSON; says of each whether it was taken.

        EventBridge takes some of a batch and leaves others (AWS: PutEvents). Raises
        EventBusUnavailable.
        """
        entries = [
            {
                "EventBusName": self._name,
                "Source": _SOURCE,
                "DetailType": json.loads(event)["type"],
                "Detail": event,
            }
            for event in events
        ]
        try:
            answer = self._client.call("PutEvents", {"Entries": entries})
        except AwsRefused as error:
            raise EventBusUnavailable(error.code) from error
        except AwsUnavailable as error:
            raise EventBusUnavailable(str(error)) from error
        return ["ErrorCode" not in entry for entry in answer["Entries"]]
