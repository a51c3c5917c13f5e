"""The emulator: MiniStack, taught the one condition key of the template that it does not know.

`dynamodb:LeadingKeys` is the partition keys that a request names. MiniStack leaves it out, and what
a request does not have satisfies every `ForAllValues` condition (AWS: IAM, set operators): without
this a function could write anywhere and no test would see it. Of a transaction all keys count for
each item's action, which is never more generous than AWS.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ministack.app import main  # type: ignore[import-untyped]
from ministack.core import iam_actions  # type: ignore[import-untyped]

LEADING_KEYS: Final = "dynamodb:LeadingKeys"
_PARTITION_KEY: Final = "pk"
_EQUALS: Final = re.compile(r"#?\w+\s*=\s*(:\w+)")

_theirs: Final = iam_actions.dynamodb_service_context


def service_context(body: bytes) -> dict[str, Any]:
    """What of a DynamoDB request can stand in a policy's condition."""
    context: dict[str, Any] = _theirs(body)
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return context
    if isinstance(request, dict) and (keys := sorted(set(leading_keys(request)))):
        context[LEADING_KEYS] = keys
    return context


def leading_keys(request: Mapping[str, Any]) -> Iterator[str]:
    """Partition keys that a request names, in whichever of DynamoDB's calls."""
    for place in (request.get("Key"), request.get("Item")):
        if place:
            yield place[_PARTITION_KEY]["S"]
    if condition := request.get("KeyConditionExpression"):
        # The partition key is the one that is compared by `=` (AWS: Query); of an index, its own.
        for value in _EQUALS.findall(condition)[:1]:
            yield request["ExpressionAttributeValues"][value]["S"]
    for asked in request.get("RequestItems", {}).values():
        # A list of writes in BatchWriteItem, the keys to read in BatchGetItem.
        yield from _each(asked) if isinstance(asked, list) else _keys(asked["Keys"])
    yield from _each(request.get("TransactItems", ()))


def _keys(keys: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for key in keys:
        yield key[_PARTITION_KEY]["S"]


def _each(writes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for write in writes:
        for request in write.values():
            yield from leading_keys(request)


def run() -> None:
    """Run MiniStack as its own command does."""
    iam_actions.dynamodb_service_context = service_context
    main()


if __name__ == "__main__":
    run()
