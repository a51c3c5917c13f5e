"""EventBridge: where billing systems listen. The only module that knows its wire."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BATCH: Final = 10
"""Events in one call (AWS: PutEvents)."""
_SOURCE: Final = "filegate"


class EventBusUnavailable(Exception):
    """EventBridge did not answer, or refused the call: whether it took the events is unknown."""


class EventBridgeClient(Protocol):
    """What of boto3's client is used."""

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803
        """Put events on buses (AWS: PutEvents)."""


def create_client() -> EventBridgeClient:
    """An EventBridge client with short deadlines."""
    client: EventBridgeClient = boto3.client(
        "events",
        config=Config(
            connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
        ),
    )
    return client


class EventBus:
    """Publishes CloudEvents on one bus: the whole event in `detail`, its type in `detail-type`."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
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
            answer = self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise EventBusUnavailable(type(error).__name__) from error
        return ["ErrorCode" not in entry for entry in answer["Entries"]]
