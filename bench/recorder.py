"""Recorder: listens to the AWS clients of this process and notes what each call costs."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bench.stack import LocalStack
from bench.units import Index, Item, Units, get_units, query_units, write_units
from filegate.adapters.aws_service import (
    DYNAMODB,
    SECRETS_MANAGER,
    AwsService,
    AwsUnavailable,
    Dialect,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query"})
_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
_TRANSACTION: Final = "TransactWriteItems"

Call: TypeAlias = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
TablePlace: TypeAlias = tuple[str, str]
"""Partition and sort key of an item."""


@dataclass(frozen=True)
class Cost:
    """What an operation does outside of its function: calls, and DynamoDB units billed.

    `reads` and `writes` are DynamoDB calls on their own, `transactions` TransactWriteItems calls;
    `secrets` calls of Secrets Manager; `upstream` requests to the Gemini API.
    """

    reads: int = 0
    writes: int = 0
    transactions: int = 0
    rru: float = 0
    wru: float = 0
    upstream: int = 0
    secrets: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.reads + other.reads,
            self.writes + other.writes,
            self.transactions + other.transactions,
            self.rru + other.rru,
            self.wru + other.wru,
            self.upstream + other.upstream,
            self.secrets + other.secrets,
        )

    @property
    def dollars(self) -> float:
        """Dollars of DynamoDB for a million operations."""
        return Units(self.rru, self.wru).dollars


class Recorder:
    """Counts while `recording`; else the clients run as if it were not there.

    Writes then come one after the other: what one changed is told from the items before and after
    it, and another thread's write in between would be counted twice.
    """

    def __init__(self, stack: LocalStack, table: Mapping[str, Any]) -> None:
        """`table` as CreateTable describes it."""
        keys = [key["AttributeName"] for key in table["KeySchema"]]
        self._indexes: Final[Sequence[Index]] = [
            Index.declared(keys, index) for index in table["GlobalSecondaryIndexes"]
        ]
        self._stack = stack
        self._reader: DynamoDBClient = stack.dynamodb()
        self._active = False
        self._cost = Cost()
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def attach(self) -> None:
        """Listen to every service that a function of this process connects to from now on."""
        connect = AwsService.connect

        def heard(dialect: Dialect, **settings: Any) -> AwsService:  # noqa: ANN401 - as it has them
            service = connect(dialect, **settings)
            if dialect is DYNAMODB:
                vars(service)["call"] = self._listen(service.call)
            elif dialect is SECRETS_MANAGER:
                vars(service)["call"] = self._listen_to_secrets(service.call)
            return service

        setattr(AwsService, "connect", heard)  # noqa: B010 - as tests do; mypy forbids the plain way

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Cost]]:
        """Count what happens in the block; the list holds the cost once it has ended."""
        found: list[Cost] = []
        self._cost = Cost()
        self._stack.forget_requests()
        self._active = True
        try:
            yield found
        finally:
            self._active = False
        found.append(self._cost + Cost(upstream=self._stack.requests_seen()))

    def _listen(self, call: Call) -> Call:
        def heard(operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            if not self._active:
                return call(operation, arguments)
            if operation in _READS:
                answer = call(operation, arguments)
                self._add(Cost(reads=1), read_units(operation, arguments, answer))
                return answer
            places = written(operation, arguments)
            transaction = operation == _TRANSACTION
            with self._writing:
                before = self._items(places)
                try:
                    return call(operation, arguments)
                except AwsUnavailable:
                    places = []
                    raise
                finally:
                    if places:
                        after = self._items(places)
                        units = self._changed_units(before, after, transaction=transaction)
                        self._add(Cost(transactions=1) if transaction else Cost(writes=1), units)

        return heard

    def _listen_to_secrets(self, call: Call) -> Call:
        def heard(operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            if self._active:
                self._add(Cost(secrets=1), Units())
            return call(operation, arguments)

        return heard

    def _add(self, cost: Cost, units: Units) -> None:
        with self._lock:
            self._cost += cost + Cost(rru=units.reads, wru=units.writes)

    def _items(self, places: Sequence[tuple[str, TablePlace]]) -> dict[TablePlace, Item | None]:
        """The items at these places, at once: there are no more than a transaction can have."""
        asked: dict[str, Any] = {}
        for table, (pk, sk) in places:
            read = asked.setdefault(table, {"Keys": [], "ConsistentRead": True})
            read["Keys"].append({"pk": {"S": pk}, "sk": {"S": sk}})
        found: dict[TablePlace, Item] = {}
        while asked:
            answer = self._reader.batch_get_item(RequestItems=asked)
            for items in answer["Responses"].values():
                found.update({(item["pk"]["S"], item["sk"]["S"]): item for item in items})
            asked = dict(answer.get("UnprocessedKeys", {}))
        return {place: found.get(place) for _, place in places}

    def _changed_units(
        self,
        before: Mapping[TablePlace, Item | None],
        after: Mapping[TablePlace, Item | None],
        *,
        transaction: bool,
    ) -> Units:
        """Refused writes are billed as well: nothing has changed then, and the item is sized."""
        units = Units()
        for place, old in before.items():
            new = after[place]
            units += write_units(old, new, transaction=transaction)
            for index in self._indexes:
                units += index.write_units(old, new)
        return units


def read_units(operation: str, arguments: Mapping[str, Any], answer: Mapping[str, Any]) -> Units:
    """What a read is billed, from its arguments and its answer."""
    if operation == "GetItem":
        consistent = bool(arguments.get("ConsistentRead"))
        return get_units(answer.get("Item"), consistent=consistent)
    if operation == "Query":
        return query_units(answer["Items"], consistent=bool(arguments.get("ConsistentRead")))
    units = Units()
    for table, asked in arguments["RequestItems"].items():
        consistent = bool(asked.get("ConsistentRead"))
        found = answer["Responses"].get(table, [])
        for item in found:
            units += get_units(item, consistent=consistent)
        for _missing in range(len(asked["Keys"]) - len(found)):
            units += get_units(None, consistent=consistent)
    return units


def written(operation: str, arguments: Mapping[str, Any]) -> list[tuple[str, TablePlace]]:
    """Table and place of every item a call writes."""
    if operation in _READS:
        return []
    if operation in _WRITES:
        return [_place(arguments)]
    if operation == _TRANSACTION:
        return [_place(action) for entry in arguments["TransactItems"] for action in entry.values()]
    raise ValueError(f"no rule for what {operation} costs: teach bench/recorder.py")


def _place(action: Mapping[str, Any]) -> tuple[str, TablePlace]:
    key = action.get("Key") or action["Item"]
    return str(action["TableName"]), (key["pk"]["S"], key["sk"]["S"])
