"""Someone who listens on the event bus of a local stack."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import boto3

from filegate.adapters.table import Key
from filegate.outbox import SHARDS
from filegate.usage_hours import is_usage_key
from local_stack import LocalStack, StackTenant

WAIT = 30.0


class Listener:
    """A billing system: a queue that a rule of the bus fills."""

    def __init__(self, sqs: Any, queue: str) -> None:  # noqa: ANN401 - boto3 makes its classes
        self._sqs = sqs
        self.queue = queue
        self.heard: dict[str, Mapping[str, Any]] = {}
        """Events of the bus by the id of the CloudEvent in them: told twice, they are one."""

    def until(self, enough: Callable[[], bool]) -> None:
        """Listen until it was enough."""
        deadline = time.monotonic() + WAIT
        while not enough():
            assert time.monotonic() < deadline, list(self.heard.values())
            answer = self._sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", ()):
                event = json.loads(message["Body"])
                self.heard[event["detail"]["id"]] = event
                receipt = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=receipt)

    def of(self, tenant: StackTenant, kind: str) -> list[Mapping[str, Any]]:
        """The data of the closed hours of a tenant that were heard of."""
        return [
            event["detail"]["data"]
            for event in self.heard.values()
            if event["detail"]["subject"] == f"tenants/{tenant.id}"
            and event["detail"]["data"].get("kind") == kind
        ]


@contextlib.contextmanager
def listening(
    stack: LocalStack, event_type: str = "dev.filegate.usage.hour.v1"
) -> Iterator[Listener]:
    """Listen for events of a type until the block ends."""
    place: dict[str, Any] = {
        "endpoint_url": stack.aws_environment["AWS_ENDPOINT_URL"],
        "region_name": stack.aws_environment["AWS_REGION"],
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    with (
        contextlib.closing(boto3.client("sqs", **place)) as sqs,
        contextlib.closing(boto3.client("events", **place)) as events,
    ):
        name = f"billing-{uuid4().hex}"
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        pattern = {"source": ["filegate"], "detail-type": [event_type]}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        arn = attributes["Attributes"]["QueueArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        try:
            yield Listener(sqs, queue)
        finally:
            events.remove_targets(Rule=name, Ids=["queue"])
            events.delete_rule(Name=name)
            sqs.delete_queue(QueueUrl=queue)


def tell_all(stack: LocalStack, tenant: StackTenant) -> None:
    """Let the janitor work until a tenant's hours that are over are closed, and nothing waits.

    More than one may be at work, as the moved clock calls another: one round is not enough.
    """
    deadline = time.monotonic() + WAIT
    while _open(stack, tenant) or any(stack.table.query(shard).items for shard in SHARDS):
        assert time.monotonic() < deadline, _open(stack, tenant)
        stack.run_janitor()


def _open(stack: LocalStack, tenant: StackTenant) -> list[str]:
    """Hours of a tenant that are due."""
    now = stack.now()
    return [
        str(item["sk"])
        for item in stack.tenant_items(tenant.id)
        if is_usage_key(Key(str(item["pk"]), str(item["sk"])))
        and "dueAt" in item
        and int(item["dueAt"] or 0) <= now
    ]
