"""AWS's examples and edges, rule by rule."""

from collections.abc import Mapping
from typing import Any

import pytest

from bench.units import Index, Item, Units, get_units, item_size, query_units, write_units

DUE = Index(frozenset({"dueShard", "dueAt"}), frozenset({"pk", "sk", "dueShard", "dueAt"}))


def item(size: int, **attributes: Mapping[str, str]) -> Item:
    """An item of exactly `size` bytes, with these attributes in it."""
    given: Item = {"pk": {"S": "p"}, "sk": {"S": "s"}, **attributes}
    return {**given, "x": {"S": "y" * (size - item_size(given) - 1)}}


def due(at: int, size: int = 500) -> Item:
    """A record with an appointment."""
    return item(size, dueShard={"S": "DUE#01"}, dueAt={"N": str(at)})


@pytest.mark.parametrize(
    ("attribute", "size"),
    [
        ({"S": "abc"}, 3),
        ({"S": "ü"}, 2),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "-27"}, 2),
        ({"N": "123"}, 3),
        ({"N": "1200000"}, 2),
        ({"N": "0.0015"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
    ],
)
def test_an_item_is_its_names_and_values(attribute: dict[str, Any], size: int) -> None:
    assert item_size({"name": attribute}) == 4 + size


def test_a_type_without_a_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="SS"):
        item_size({"name": {"SS": ["a"]}})


@pytest.mark.parametrize(
    ("size", "strong", "eventual"), [(100, 1, 0.5), (4096, 1, 0.5), (4097, 2, 1), (8192, 2, 1)]
)
def test_a_read_is_rounded_up_to_4_kib(size: int, strong: float, eventual: float) -> None:
    assert get_units(item(size), consistent=True) == Units(reads=strong)
    assert get_units(item(size), consistent=False) == Units(reads=eventual)


def test_what_is_not_there_is_billed() -> None:
    assert get_units(None, consistent=True) == Units(reads=1)
    assert query_units([], consistent=False) == Units(reads=0.5)


def test_a_query_rounds_the_sum_and_not_each_item() -> None:
    assert query_units([item(1000)] * 5, consistent=True) == Units(reads=2)


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (3000, 3)])
def test_a_write_is_rounded_up_to_1_kib(size: int, units: int) -> None:
    assert write_units(None, item(size), transaction=False) == Units(writes=units)
    assert write_units(None, item(size), transaction=True) == Units(writes=2 * units)


def test_a_write_is_billed_by_the_larger_of_before_and_after() -> None:
    assert write_units(item(1025), item(100), transaction=False) == Units(writes=2)
    assert write_units(item(1025), None, transaction=False) == Units(writes=2)
    assert write_units(None, None, transaction=False) == Units(writes=1)


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        (None, due(1), 1),
        (due(1), None, 1),
        (due(1), due(2), 2),
        (due(1), due(1, size=900), 0),
        (item(100), item(200), 0),
        (None, None, 0),
    ],
    ids=["put", "delete", "key changed", "not projected", "never in the index", "nothing"],
)
def test_an_index_is_written_when_its_entry_changes(
    before: Item | None, after: Item | None, writes: int
) -> None:
    assert DUE.write_units(before, after) == Units(writes=writes)


def test_a_projected_attribute_that_changes_is_one_write() -> None:
    everything = Index(DUE.keys, None)
    assert everything.write_units(due(1), due(1, size=900)) == Units(writes=1)


def test_an_index_is_read_from_its_declaration() -> None:
    declared = {
        "KeySchema": [
            {"AttributeName": "dueShard", "KeyType": "HASH"},
            {"AttributeName": "dueAt", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    assert Index.declared(["pk", "sk"], declared) == DUE


def test_prices_are_for_a_million() -> None:
    assert (Units(reads=1) + Units(writes=2)).dollars == pytest.approx(0.125 + 1.25)
