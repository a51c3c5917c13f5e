"""The table: all or nothing, refusals with what stands there, patience with a bound."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.wires import OneAnswer, Script, refused, service

from filegate.adapters.aws_service import DYNAMODB, AwsRefused, AwsService, AwsUnavailable, Reply
from filegate.adapters.table import (
    ConditionsFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    TableUnavailable,
    Update,
    Value,
    Write,
)

A, B, C = (Key("TENANT#acme", f"FILE#{letter}") for letter in "abc")
ABSENT = "attribute_not_exists(pk)"
TAKE = "SET #available = #available - :n"
ENOUGH = "#available >= :n"

TRANSIENT_REASONS = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
TRANSIENT_CODES = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
]


def item(key: Key, **fields: Value) -> Item:
    return {"pk": key.pk, "sk": key.sk, **fields}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(seconds, 0.001)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("filegate.adapters.table.time", clock)
    return clock


@pytest.fixture
def table(dynamodb: AwsService) -> Table:
    return Table(dynamodb, "filegate")


@pytest.fixture
def script(dynamodb: AwsService) -> Script:
    script = Script()
    dynamodb.wire = script
    return script


def cancel(script: Script, *reasons: Mapping[str, Any]) -> None:
    """The next transaction is cancelled for these reasons."""
    script.refuse(
        "TransactWriteItems", "TransactionCanceledException", CancellationReasons=list(reasons)
    )


LOST = AwsUnavailable("ReadTimeoutError")
UNSENT = AwsUnavailable("ConnectTimeoutError", unsent=True)
NONE = {"Code": "None"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
WRITES: list[Write] = [Put(item(A), ABSENT), Delete(B)]


def down(reply: Reply | AwsUnavailable) -> tuple[Table, OneAnswer]:
    wire = OneAnswer(reply)
    return Table(service(DYNAMODB, wire), "filegate"), wire


OPERATIONS: dict[str, Callable[[Table], object]] = {
    "get": lambda table: table.get(A),
    "get_many": lambda table: table.get_many([A, B]),
    "query": lambda table: table.query("TENANT#acme", "FILE#"),
    "due": lambda table: list(table.due("DUE#00", 1)),
    "put": lambda table: table.put(Put(item(A))),
    "update": lambda table: table.update(Update(A, "SET #x = :x", ABSENT, {":x": 1})),
    "transact": lambda table: table.transact(WRITES),
}
operations = pytest.mark.parametrize("call", OPERATIONS.values(), ids=OPERATIONS.keys())


class TestReading:
    """`get`, `get_many`, `query`, `due`."""

    @pytest.mark.parametrize("value", ["", "text", "é😀", 0, -1, 2**63, 10**37, True, False, None])
    def test_an_item_comes_back_as_it_was(self, table: Table, value: Value) -> None:
        table.put(Put(item(A, field=value)))

        read = table.get(A)

        assert read == item(A, field=value)
        assert read is not None
        assert type(read["field"]) is type(value)

    def test_what_is_not_there_is_none(self, table: Table) -> None:
        assert table.get(A) is None

    def test_many_come_in_the_order_asked_for(self, table: Table) -> None:
        for key in (A, C):
            table.put(Put(item(key)))

        assert table.get_many([C, B, A]) == [item(C), None, item(A)]

    def test_unprocessed_keys_are_asked_for_again(
        self, table: Table, script: Script, clock: Clock
    ) -> None:
        raw = {"pk": {"S": A.pk}, "sk": {"S": A.sk}}
        rest = {"pk": {"S": B.pk}, "sk": {"S": B.sk}}
        script.answer(
            "BatchGetItem",
            {
                "Responses": {"filegate": [raw]},
                "UnprocessedKeys": {"filegate": {"Keys": [rest], "ConsistentRead": True}},
            },
        )
        script.answer(
            "BatchGetItem",
            {"Responses": {"filegate": [rest]}},
            {"RequestItems": {"filegate": {"Keys": [rest], "ConsistentRead": True}}},
        )

        assert table.get_many([B, A]) == [item(B), item(A)]
        assert len(clock.slept) == 1
        script.assert_done()

    def test_keys_that_stay_unprocessed_are_no_answer(
        self, dynamodb: AwsService, script: Script, clock: Clock
    ) -> None:
        rest = {"filegate": {"Keys": [{"pk": {"S": A.pk}, "sk": {"S": A.sk}}]}}
        for _ in range(200):
            script.answer("BatchGetItem", {"Responses": {}, "UnprocessedKeys": rest})

        with pytest.raises(TableBusy):
            Table(dynamodb, "filegate", patience=1.0).get_many([A])
        assert sum(clock.slept) <= 1.0

    def test_a_query_has_one_prefix_of_one_partition(self, table: Table) -> None:
        for key in (A, B, Key("TENANT#acme", "TENANT"), Key("TENANT#acme2", "FILE#x")):
            table.put(Put(item(key)))

        page = table.query("TENANT#acme", "FILE#")

        assert list(page.items) == [item(A), item(B)]
        assert page.last is None

    def test_a_query_may_begin_with_the_newest(self, table: Table) -> None:
        for key in (B, A, C):
            table.put(Put(item(key)))

        assert list(table.query(A.pk, "FILE#", newest_first=True).items) == [
            item(C),
            item(B),
            item(A),
        ]

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_pages_join_without_a_gap(self, table: Table, newest_first: bool) -> None:
        keys = [Key("TENANT#acme", f"FILE#{number:02d}") for number in range(7)]
        for key in keys:
            table.put(Put(item(key)))
        seen: list[Item] = []
        after: Key | None = None
        while True:
            page = table.query(A.pk, "FILE#", after=after, limit=3, newest_first=newest_first)
            assert len(page.items) <= 3
            seen += page.items
            after = page.last
            if after is None:
                break

        assert seen == [item(key) for key in (reversed(keys) if newest_first else keys)]

    def test_a_page_may_go_on_after_what_is_gone(self, table: Table) -> None:
        for key in (A, C):
            table.put(Put(item(key)))

        assert list(table.query(A.pk, "FILE#", after=B).items) == [item(C)]

    @pytest.mark.parametrize(
        "call",
        [
            lambda table: table.get(A),
            lambda table: table.query(A.pk, "FILE#"),
            lambda table: table.get_many([A]),
        ],
        ids=["get", "query", "get_many"],
    )
    def test_reads_are_strongly_consistent(self, call: Callable[[Table], object]) -> None:
        table, wire = down(Reply(200, b'{"Items": [], "Responses": {}}'))

        call(table)

        asked = wire.sent[0].get("RequestItems", {"": wire.sent[0]})
        assert [entry["ConsistentRead"] for entry in asked.values()] == [True]


class TestDue:
    """`due`: what a shard has until a moment, earliest first."""

    @pytest.fixture(autouse=True)
    def _appointments(self, table: Table) -> None:
        for key, shard, moment in ((A, "DUE#01", 300), (B, "DUE#01", 100), (C, "DUE#02", 100)):
            table.put(Put(item(key, dueShard=shard, dueAt=moment)))
        table.put(Put(item(Key("TENANT#acme", "TENANT"))))

    @pytest.mark.parametrize(
        ("shard", "until", "keys"),
        [
            ("DUE#01", 99, []),
            ("DUE#01", 100, [B]),
            ("DUE#01", 300, [B, A]),
            ("DUE#02", 300, [C]),
            ("DUE#03", 300, []),
        ],
    )
    def test_the_due_ones_are_found(
        self, table: Table, shard: str, until: int, keys: list[Key]
    ) -> None:
        assert list(table.due(shard, until)) == keys

    def test_every_page_is_read(self, table: Table, script: Script) -> None:
        raw = [{"pk": {"S": key.pk}, "sk": {"S": key.sk}} for key in (A, B, C)]
        script.answer("Query", {"Items": raw[:1], "LastEvaluatedKey": raw[0]})
        script.answer("Query", {"Items": [], "LastEvaluatedKey": raw[1]})
        script.answer("Query", {"Items": raw[2:]})

        assert list(table.due("DUE#01", 1)) == [A, C]
        script.assert_done()


class TestTransact:
    """`transact`: all writes or none, and why not."""

    def test_all_writes_are_done(self, table: Table) -> None:
        table.put(Put(item(A, available=10)))
        table.put(Put(item(B)))

        table.transact([Update(A, TAKE, ENOUGH, {":n": 10}), Delete(B), Put(item(C), ABSENT)])

        assert [table.get(key) for key in (A, B, C)] == [item(A, available=0), None, item(C)]

    def test_one_failed_condition_undoes_all(self, table: Table) -> None:
        table.put(Put(item(A, available=10)))

        with pytest.raises(ConditionsFailed) as failure:
            table.transact([Put(item(B), ABSENT), Update(A, TAKE, ENOUGH, {":n": 11})])

        assert failure.value.items == {1: item(A, available=10)}
        assert table.get(A) == item(A, available=10)
        assert table.get(B) is None

    def test_every_failed_condition_has_its_position(self, table: Table) -> None:
        table.put(Put(item(A, x="a")))
        table.put(Put(item(C, available=1)))

        with pytest.raises(ConditionsFailed) as failure:
            table.transact(
                [
                    Put(item(A), ABSENT),
                    Delete(B, "attribute_exists(pk)"),
                    Update(C, TAKE, ENOUGH, {":n": 2}),
                    Put(item(Key("X", "X")), ABSENT),
                ]
            )

        assert failure.value.items == {0: item(A, x="a"), 1: None, 2: item(C, available=1)}

    def test_names_are_filled_in_from_both_expressions(self, table: Table) -> None:
        table.put(Put(item(A, status="ACTIVE", bytes=1)))

        table.transact(
            [
                Update(
                    A,
                    "SET #bytes = #bytes + :n ADD #count2 :n",
                    "#status = :status AND #bytes >= :n",
                    {":n": 1, ":status": "ACTIVE"},
                )
            ]
        )

        assert table.get(A) == item(A, status="ACTIVE", bytes=2, count2=1)

    @pytest.mark.parametrize("code", TRANSIENT_REASONS)
    def test_a_collision_is_tried_again(
        self, table: Table, script: Script, clock: Clock, code: str
    ) -> None:
        for _ in range(3):
            cancel(script, NONE, {"Code": code})
        script.answer("TransactWriteItems", {})

        table.transact(WRITES)

        script.assert_done()
        assert len(clock.slept) == 3

    @pytest.mark.parametrize("code", TRANSIENT_CODES)
    def test_throttling_is_waited_out(
        self, table: Table, script: Script, clock: Clock, code: str
    ) -> None:
        script.refuse("TransactWriteItems", code)
        script.answer("TransactWriteItems", {})

        table.transact(WRITES)

        script.assert_done()
        assert len(clock.slept) == 1

    def test_the_same_writes_are_sent_again(
        self, table: Table, script: Script, clock: Clock
    ) -> None:
        cancel(script, CONFLICT, NONE)
        script.answer("TransactWriteItems", {})

        table.transact(WRITES)

        assert len(script.sent) == 2
        assert script.sent[0] == script.sent[1]
        assert clock.slept

    def test_patience_has_a_bound(self, dynamodb: AwsService, script: Script, clock: Clock) -> None:
        for _ in range(2_000):
            cancel(script, CONFLICT, NONE)

        with pytest.raises(TableBusy):
            Table(dynamodb, "filegate", patience=2.0).transact(WRITES)

        assert 1.0 < sum(clock.slept) <= 2.0
        assert max(clock.slept) <= 0.3
        assert clock.slept[0] <= 0.01
        assert len(set(clock.slept)) > 1

    def test_a_condition_counts_more_than_a_collision(
        self, table: Table, script: Script, clock: Clock
    ) -> None:
        raw = {"pk": {"S": B.pk}, "sk": {"S": B.sk}, "available": {"N": "3"}}
        cancel(script, CONFLICT, {**FAILED, "Item": raw})

        with pytest.raises(ConditionsFailed) as failure:
            table.transact(WRITES)

        assert failure.value.items == {1: item(B, available=3)}
        assert clock.slept == []

    def test_a_collision_may_end_in_a_failed_condition(
        self, table: Table, script: Script, clock: Clock
    ) -> None:
        cancel(script, CONFLICT, NONE)
        cancel(script, FAILED, NONE)

        with pytest.raises(ConditionsFailed) as failure:
            table.transact(WRITES)

        assert failure.value.items == {0: None}
        assert len(clock.slept) == 1

    @pytest.mark.parametrize("reasons", [[NONE, {"Code": "ValidationError"}], [NONE, NONE], [NONE]])
    def test_other_reasons_are_not_ours_to_judge(
        self, table: Table, script: Script, clock: Clock, reasons: list[Mapping[str, Any]]
    ) -> None:
        cancel(script, *reasons)

        with pytest.raises(AwsRefused, match="TransactionCanceledException"):
            table.transact(WRITES)
        assert clock.slept == []

    def test_racing_writers_never_take_more_than_there_is(self, table: Table) -> None:
        table.put(Put(item(A, available=7)))
        barrier = threading.Barrier(4)

        def take(number: int) -> int:
            barrier.wait()
            taken = 0
            for round_ in range(4):
                key = Key("TAKEN", f"BY#{number}-{round_}")
                try:
                    table.transact([Put(item(key), ABSENT), Update(A, TAKE, ENOUGH, {":n": 1})])
                except ConditionsFailed:
                    continue
                taken += 1
            return taken

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(take, range(4))) == 7
        assert table.get(A) == item(A, available=0)
        assert len(table.query("TAKEN", "BY#").items) == 7


class TestUpdate:
    """`update` and `put`: one item."""

    def test_an_update_changes_its_item(self, table: Table) -> None:
        table.put(Put(item(A, available=5)))

        table.update(Update(A, TAKE, ENOUGH, {":n": 5}))

        assert table.get(A) == item(A, available=0)

    def test_an_update_makes_an_item_unless_it_must_exist(self, table: Table) -> None:
        table.update(Update(A, "SET #x = :x", values={":x": None}))
        with pytest.raises(ConditionsFailed) as failure:
            table.update(Update(B, "SET #x = :x", "attribute_exists(pk)", {":x": 1}))

        assert table.get(A) == item(A, x=None)
        assert failure.value.items == {0: None}

    def test_a_failed_condition_shows_the_item(self, table: Table) -> None:
        table.put(Put(item(A, available=5)))

        with pytest.raises(ConditionsFailed) as failure:
            table.update(Update(A, TAKE, ENOUGH, {":n": 6}))

        assert failure.value.items == {0: item(A, available=5)}

    def test_a_put_takes_no_place_that_is_taken(self, table: Table) -> None:
        table.put(Put(item(A, x=1), ABSENT))

        with pytest.raises(ConditionsFailed) as failure:
            table.put(Put(item(A, x=2), ABSENT))

        assert failure.value.items == {0: item(A, x=1)}
        assert table.get(A) == item(A, x=1)

    def test_a_put_may_ask_for_what_it_replaces(self, table: Table) -> None:
        table.put(Put(item(A, x=1)))

        table.put(Put(item(A, x=2), "#x = :old", {":old": 1}))
        with pytest.raises(ConditionsFailed):
            table.put(Put(item(A, x=3), "#x = :old", {":old": 1}))

        assert table.get(A) == item(A, x=2)

    @pytest.mark.parametrize("code", TRANSIENT_CODES)
    def test_a_collision_is_tried_again(
        self, table: Table, script: Script, clock: Clock, code: str
    ) -> None:
        script.refuse("UpdateItem", code)
        script.answer("UpdateItem", {})

        table.update(Update(A, "SET #x = :x", values={":x": 1}))

        script.assert_done()
        assert len(clock.slept) == 1

    def test_patience_has_a_bound(self, dynamodb: AwsService, script: Script, clock: Clock) -> None:
        for _ in range(2_000):
            script.refuse("UpdateItem", "TransactionConflictException")

        with pytest.raises(TableBusy):
            Table(dynamodb, "filegate", patience=1.0).update(
                Update(A, "SET #x = :x", values={":x": 1})
            )
        assert 0.4 < sum(clock.slept) <= 1.0


class TestOutOfReach:
    """Every method, when DynamoDB does not answer or refuses the call."""

    @operations
    @pytest.mark.parametrize(
        "error",
        [
            LOST,
            UNSENT,
        ],
        ids=str,
    )
    def test_no_answer(
        self, call: Callable[[Table], object], error: AwsUnavailable, clock: Clock
    ) -> None:
        table, client = down(error)

        with pytest.raises(TableUnavailable, match=str(error)):
            call(table)
        assert client.calls == 2
        assert max(clock.slept) <= 0.3

    @pytest.mark.parametrize(
        ("error", "calls"),
        [
            (LOST, 1),
            (refused("InternalServerError", 500), 1),
            (UNSENT, 2),
        ],
        ids=str,
    )
    def test_what_adds_is_sent_again_only_if_it_never_arrived(
        self, error: Reply | AwsUnavailable, calls: int, clock: Clock
    ) -> None:
        table, client = down(error)

        with pytest.raises(TableUnavailable):
            table.update(Update(A, "ADD #n :n", values={":n": 1}))
        assert client.calls == calls == len(clock.slept) + 1

    @operations
    @pytest.mark.parametrize("status", [500, 503])
    def test_an_error_of_the_service(
        self, call: Callable[[Table], object], status: int, clock: Clock
    ) -> None:
        table, client = down(refused("InternalServerError", status))

        with pytest.raises(TableUnavailable, match="InternalServerError"):
            call(table)
        assert client.calls == len(clock.slept) + 1 == 2

    @operations
    @pytest.mark.parametrize(
        "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
    )
    def test_an_error_of_ours_is_not_hidden(
        self, call: Callable[[Table], object], code: str
    ) -> None:
        table, client = down(refused(code, 400))

        with pytest.raises(AwsRefused, match=code):
            call(table)
        assert client.calls == 1

    @pytest.mark.parametrize("name", ["update", "transact", "put"])
    def test_throttling_with_a_status_of_the_service_is_waited_out(
        self, name: str, clock: Clock
    ) -> None:
        table, client = down(refused("ThrottlingException", 503))

        with pytest.raises(TableBusy):
            OPERATIONS[name](table)
        assert client.calls == len(clock.slept) + 1 > 5


def test_a_failure_names_its_items() -> None:
    items: Mapping[int, Item | None] = {1: None}
    failure = ConditionsFailed(items)

    assert failure.items is items
    assert str(failure) == "condition failed"


def test_a_page_is_a_sequence(table: Table) -> None:
    assert isinstance(table.query("nobody", "FILE#").items, Sequence)


@pytest.mark.parametrize("code", TRANSIENT_CODES)
def test_a_throttled_read_is_busy_and_no_mystery(code: str) -> None:
    table, _ = down(refused(code))

    with pytest.raises(TableBusy):
        table.get(A)
