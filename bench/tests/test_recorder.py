"""What of a call is counted, told from its arguments and its answer."""

import pytest

from bench.recorder import Cost, read_units, written
from bench.units import Units

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}


def test_a_batch_is_billed_for_every_key_it_asks() -> None:
    arguments = {"RequestItems": {"t": {"Keys": [KEY, KEY, KEY], "ConsistentRead": True}}}
    answer = {"Responses": {"t": [KEY]}}
    assert read_units("BatchGetItem", arguments, answer) == Units(reads=3)


def test_a_read_is_eventually_consistent_unless_it_says_otherwise() -> None:
    assert read_units("GetItem", {}, {"Item": KEY}) == Units(reads=0.5)
    assert read_units("Query", {"ConsistentRead": True}, {"Items": []}) == Units(reads=1)


def test_every_item_of_a_transaction_is_found() -> None:
    arguments = {
        "TransactItems": [
            {"Put": {"TableName": "t", "Item": {**KEY, "x": {"S": "y"}}}},
            {"Update": {"TableName": "t", "Key": {"pk": {"S": "q"}, "sk": {"S": "s"}}}},
        ]
    }
    assert written("TransactWriteItems", arguments) == [("t", ("p", "s")), ("t", ("q", "s"))]


def test_a_call_nobody_taught_it_is_an_error_and_not_free() -> None:
    with pytest.raises(ValueError, match="BatchWriteItem"):
        written("BatchWriteItem", {})


def test_costs_add_up() -> None:
    total = Cost(reads=1, rru=1) + Cost(transactions=1, wru=7, upstream=1)
    assert total == Cost(reads=1, transactions=1, rru=1, wru=7, upstream=1)
    assert total.dollars == pytest.approx(0.125 + 7 * 0.625)
