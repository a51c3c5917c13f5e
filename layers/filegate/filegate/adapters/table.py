"""The DynamoDB table: the only module that speaks DynamoDB's attribute format and error codes.

Writes are values (`Put`, `Update`, `Delete`), so that the ledger can say what one transaction is
and this module can carry it out. Numbers are integers throughout.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias, cast
from uuid import uuid4

from filegate.adapters.aws_service import (
    DYNAMODB,
    JITTER,
    AwsRefused,
    AwsService,
    AwsUnavailable,
)

Value: TypeAlias = "str | int | bool | None"
Item: TypeAlias = Mapping[str, Value]

_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_TRANSIENT: Final = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)
_BATCH: Final = 100
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.3


class TableUnavailable(Exception):
    """DynamoDB did not answer or refused the call; whether a write took effect is unknown.

    `unsent`: it is known, as the call never got there.
    """

    def __init__(self, reason: str = "", *, unsent: bool = False) -> None:
        super().__init__(reason)
        self.unsent: Final = unsent


class TableBusy(Exception):
    """Throttled, or other writers kept touching the same items; nothing was written."""


class ConditionsFailed(Exception):
    """Conditions did not hold; nothing was written.

    `items` maps the position of each write whose condition failed to the item as it stands, None
    where there is none. (`ReturnValuesOnConditionCheckFailure=ALL_OLD`: costs no read.)
    """

    def __init__(self, items: Mapping[int, Item | None]) -> None:
        super().__init__("condition failed")
        self.items: Final = items


@dataclass(frozen=True)
class Key:
    """Primary key of an item."""

    pk: str
    sk: str


@dataclass(frozen=True)
class Put:
    """Write a whole item, if `condition` holds."""

    item: Item
    condition: str | None = None
    values: Item = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """Change an item by an update expression, if `condition` holds.

    Attribute names are written as `#name`; they are filled in from the expressions themselves.
    """

    key: Key
    expression: str
    condition: str | None = None
    values: Item = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Attributes that stand in the expressions under another name, as `#alias`."""


@dataclass(frozen=True)
class Delete:
    """Remove an item, if `condition` holds."""

    key: Key
    condition: str | None = None
    values: Item = field(default_factory=dict)


Write: TypeAlias = Put | Update | Delete


@dataclass(frozen=True)
class Page:
    """One answer to a query; `last` is the key to continue after, None at the end."""

    items: Sequence[Item]
    last: Key | None


def create_client() -> AwsService:
    """DynamoDB, with deadlines that leave a Lambda time to answer truthfully.

    It tries once: which call may be sent again, Table knows. Raises TableUnavailable.
    """
    try:
        return AwsService.connect(DYNAMODB, connect_timeout=1, read_timeout=3)
    except AwsUnavailable as failure:
        raise TableUnavailable(str(failure), unsent=True) from None


class Table:
    """Reads and conditional writes on Filegate's one table.

    Every method raises TableUnavailable when DynamoDB cannot be reached, and TableBusy when it is
    asked too much at once.
    """

    def __init__(self, client: AwsService, name: str, patience: float = 3.0) -> None:
        """`patience`: seconds to go on retrying writes that collide with other writers."""
        self._client = client
        self._name = name
        self._patience = patience

    def impatient(self) -> "Table":
        """The same table for what nobody waits for: a write that collides is tried once."""
        return Table(self._client, self._name, patience=0)

    def get(self, key: Key) -> Item | None:
        """Read one item, strongly consistent; None if there is none."""
        answer = self._read(
            "GetItem", TableName=self._name, Key=_marshal_key(key), ConsistentRead=True
        )
        item = answer.get("Item")
        return None if item is None else _unmarshal(item)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read up to 100 items in one call, strongly consistent, in the order of `keys`."""
        found: dict[Key, Item] = {}
        pending: Mapping[str, Any] = {
            self._name: {"Keys": [_marshal_key(key) for key in keys], "ConsistentRead": True}
        }
        for _ in self.tries():
            answer = self._read("BatchGetItem", RequestItems=pending)
            for raw in answer["Responses"].get(self._name, ()):
                item = _unmarshal(raw)
                found[_key_of(item)] = item
            pending = answer.get("UnprocessedKeys") or {}
            if not pending:
                break
        return [found.get(key) for key in keys]

    def get_each(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read any number of items, strongly consistent, in the order of `keys`.

        One call for every hundred different keys (AWS: BatchGetItem).
        """
        distinct = list(dict.fromkeys(keys))
        found: dict[Key, Item | None] = {}
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            found.update(zip(batch, self.get_many(batch), strict=True))
        return [found[key] for key in keys]

    def query(
        self,
        pk: str,
        sk_prefix: str = "",
        *,
        after: Key | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Page:
        """Read one page of a partition's items whose sort key has a prefix, strongly consistent."""
        # AWS takes no empty value for a key: without a prefix there is no condition on it.
        where = " AND begins_with(sk, :sk)" if sk_prefix else ""
        values: Item = {":sk": sk_prefix} if sk_prefix else {}
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk" + where,
            "ExpressionAttributeValues": marshal({":pk": pk, **values}),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if limit is not None:
            arguments["Limit"] = limit
        if after is not None:
            arguments["ExclusiveStartKey"] = _marshal_key(after)
        answer = self._read("Query", **arguments)
        last = answer.get("LastEvaluatedKey")
        return Page(
            [_unmarshal(item) for item in answer["Items"]],
            None if last is None else _key_of(_unmarshal(last)),
        )

    def pages(
        self,
        pk: str,
        sk_prefix: str = "",
        *,
        after: Key | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Page]:
        """The same, page after page: a query for each, made when it is asked for."""
        while True:
            page = self.query(pk, sk_prefix, after=after, limit=limit, newest_first=newest_first)
            yield page
            after = page.last
            if after is None:
                return

    def due(self, shard: str, until: int) -> Iterator[Key]:
        """Keys of appointments due in a shard until a moment (epoch ms), earliest first.

        The index is eventually consistent (AWS: GSI reads), so each key is only a hint.
        """
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": "due",
            "KeyConditionExpression": "dueShard = :shard AND dueAt <= :until",
            "ExpressionAttributeValues": marshal({":shard": shard, ":until": until}),
        }
        while True:
            answer = self._read("Query", **arguments)
            yield from (_key_of(_unmarshal(item)) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def update(self, update: Update) -> None:
        """Change one item. Raises ConditionsFailed (position 0) or TableBusy."""
        arguments = {"TableName": self._name, **_request(update)}
        # What adds without a condition would add twice if the answer to the first was lost.
        repeatable = update.condition is not None
        for _ in self.tries():
            try:
                self._insist("UpdateItem", repeatable=repeatable, **arguments)
            except AwsRefused as error:
                code = error.code
                if code == "ConditionalCheckFailedException":
                    old = error.answer.get("Item")
                    raise ConditionsFailed({0: _unmarshal(old) if old else None}) from None
                if code not in _TRANSIENT:
                    raise
            else:
                return

    def put(self, put: Put) -> None:
        """Write one item. Raises ConditionsFailed (position 0) or TableBusy."""
        self.transact([put])

    def transact(self, writes: Sequence[Write]) -> None:
        """Carry out all writes or none.

        Raises ConditionsFailed if a condition did not hold, TableBusy if other writers kept
        colliding. A collision (`TransactionConflict`, which AWS's own clients do not retry either,
        aws-facts 4) has no effect: the writes are sent again, with jitter and a deadline.
        """
        requests = [{_VERBS[type(write)]: self._named(write)} for write in writes]
        token = uuid4().hex  # One for all tries: a try that took effect unseen is not done again.
        for _ in self.tries():
            try:
                self._insist("TransactWriteItems", TransactItems=requests, ClientRequestToken=token)
            except AwsRefused as error:
                self._raise_unless_transient(error)
            else:
                return

    def tries(self) -> Iterator[None]:
        """A round for each try, with a jittered pause between. Raises TableBusy at patience's end.

        Also for who depends on what others keep changing, and has to look again.
        """
        deadline = time.monotonic() + self._patience
        for pause in pauses():
            yield
            if time.monotonic() + pause > deadline:
                raise TableBusy
            time.sleep(pause)

    def _named(self, write: Write) -> dict[str, Any]:
        return {"TableName": self._name, **_request(write)}

    @staticmethod
    def _raise_unless_transient(error: AwsRefused) -> None:
        code = error.code
        if code != "TransactionCanceledException":
            if code in _TRANSIENT:
                return
            raise error
        reasons = error.answer.get("CancellationReasons", [])
        failed = {
            position: _unmarshal(reason["Item"]) if reason.get("Item") else None
            for position, reason in enumerate(reasons)
            if reason.get("Code") == _CONDITION_FAILED
        }
        if failed:
            raise ConditionsFailed(failed) from None
        if not any(reason.get("Code") in _TRANSIENT for reason in reasons):
            raise error

    def _read(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - DynamoDB's own JSON
        try:
            return self._insist(operation, **arguments)
        except AwsRefused as error:
            if error.code in _TRANSIENT:
                raise TableBusy from error
            raise

    def _insist(
        self,
        operation: str,
        *,
        repeatable: bool = True,
        **arguments: Any,  # noqa: ANN401 - DynamoDB's own JSON
    ) -> Any:  # noqa: ANN401
        """A call that is sent once more if it got no answer, unless that could do it twice."""
        try:
            return self._call(operation, **arguments)
        except TableUnavailable as failure:
            if not repeatable and not failure.unsent:
                raise
        time.sleep(JITTER.uniform(0, _LONGEST_PAUSE))
        return self._call(operation, **arguments)

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - DynamoDB's own JSON
        try:
            return self._client.call(operation, arguments)
        except AwsUnavailable as failure:
            raise TableUnavailable(str(failure), unsent=failure.unsent) from failure
        except AwsRefused as error:
            if error.failed and error.code not in _TRANSIENT:
                raise TableUnavailable(error.code) from error
            raise


def pauses(chance: Random = JITTER) -> Iterator[float]:
    """Seconds to wait between tries of what collides: a share by chance of what doubles to 0.3."""
    ceiling = _FIRST_PAUSE
    while True:
        yield chance.uniform(0, ceiling)
        ceiling = min(ceiling * 2, _LONGEST_PAUSE)


_VERBS: Final[Mapping[type[Write], str]] = {Put: "Put", Update: "Update", Delete: "Delete"}


def _request(write: Write) -> dict[str, Any]:
    request: dict[str, Any] = {}
    expressions = [write.condition or ""]
    if isinstance(write, Put):
        request["Item"] = marshal(write.item)
    else:
        request["Key"] = _marshal_key(write.key)
    if isinstance(write, Update):
        request["UpdateExpression"] = write.expression
        expressions.append(write.expression)
    if write.condition:
        request["ConditionExpression"] = write.condition
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    names = {word for text in expressions for word in _names(text)}
    if names:
        aliases = write.names if isinstance(write, Update) else {}
        request["ExpressionAttributeNames"] = {
            f"#{name}": aliases.get(name, name) for name in sorted(names)
        }
    if write.values:
        request["ExpressionAttributeValues"] = marshal(write.values)
    return request


def _names(expression: str) -> Iterator[str]:
    for part in expression.split("#")[1:]:
        name = ""
        for character in part:
            if not character.isalnum():
                break
            name += character
        yield name


def _marshal_key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _key_of(item: Item) -> Key:
    return Key(str(item["pk"]), str(item["sk"]))


def marshal(item: Item) -> dict[str, Any]:
    """An item as DynamoDB's API writes it."""
    return {name: _marshal_value(value) for name, value in item.items()}


def _marshal_value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    return {"S": value}


def _unmarshal(raw: Mapping[str, Any]) -> Item:
    return {name: _unmarshal_value(value) for name, value in raw.items()}


def _unmarshal_value(raw: Mapping[str, Any]) -> Value:
    [(kind, value)] = raw.items()
    if kind == "N":
        return int(value)
    if kind == "NULL":
        return None
    return cast("str | bool", value)
