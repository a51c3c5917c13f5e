"""Units: what DynamoDB bills for a call, by AWS's own rules.

The local engine counts capacity in its own way (no index writes), so it is computed here from the
items themselves. Sources, in the Amazon DynamoDB Developer Guide:

- "DynamoDB item sizes and formats" (CapacityUnitCalculations): the size of an item.
- "DynamoDB read and write operations" (read-write-operations): 4 KB a read unit, half of it when
  eventually consistent; a batch rounds up each item, a query the sum of its items, and what is not
  there is billed all the same; 1 KB a write unit of the larger of the item before and after;
  twice that in a transaction.
- "Using Global Secondary Indexes" (GSI.html#GSI.ThroughputConsiderations): the index's own writes.
  They follow the table's asynchronously, so a transaction is taken not to double them; the guide
  does not say it in so many words.

Dollars are those of prices.py.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bench import prices

Item: TypeAlias = Mapping[str, Mapping[str, Any]]
"""An item as DynamoDB's API writes it: `{"pk": {"S": "…"}}`."""

READ_BYTES: Final = 4096
WRITE_BYTES: Final = 1024


@dataclass(frozen=True)
class Units:
    """Billed request units: `reads` in RRU, `writes` in WRU."""

    reads: float = 0
    writes: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.reads + other.reads, self.writes + other.writes)

    @property
    def dollars(self) -> float:
        """Dollars for a million times these units."""
        return self.reads * prices.READS.dollars + self.writes * prices.WRITES.dollars


def item_size(item: Item) -> int:
    """Bytes of an item: its attributes' names and values. Without the 100 that storage adds."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(content)
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case _:
            raise ValueError(f"no rule for the size of an attribute of type {kind}")


def _number_size(text: str) -> int:
    """About one byte per two significant digits and one more; zeros at both ends are trimmed."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1


def get_units(item: Item | None, *, consistent: bool) -> Units:
    """GetItem, and each item of a BatchGetItem; None for an item that is not there."""
    return _read(0 if item is None else item_size(item), consistent=consistent)


def query_units(items: Iterable[Item], *, consistent: bool) -> Units:
    """Query, on the table or on an index: the items' sum is rounded up, not each item."""
    return _read(sum(map(item_size, items)), consistent=consistent)


def _read(size: int, *, consistent: bool) -> Units:
    return Units(reads=max(1, math.ceil(size / READ_BYTES)) * (1 if consistent else 0.5))


def write_units(before: Item | None, after: Item | None, *, transaction: bool) -> Units:
    """A put, an update or a delete on the table itself; None where there is no item."""
    size = max(item_size(item) if item else 0 for item in (before, after))
    return Units(writes=max(1, math.ceil(size / WRITE_BYTES)) * (2 if transaction else 1))


@dataclass(frozen=True)
class Index:
    """A global secondary index: its key attributes and all that it projects, keys included.

    `projected` None projects everything.
    """

    keys: frozenset[str]
    projected: frozenset[str] | None

    @classmethod
    def declared(cls, table_keys: Iterable[str], index: Mapping[str, Any]) -> "Index":
        """An index as CreateTable describes it."""
        keys = frozenset(key["AttributeName"] for key in index["KeySchema"])
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return cls(keys, None)
        return cls(keys, keys.union(table_keys, projection.get("NonKeyAttributes", ())))

    def entry(self, item: Item | None) -> Item | None:
        """What the index holds of an item; None if the item lacks a key of the index."""
        if item is None or not self.keys <= item.keys():
            return None
        if self.projected is None:
            return item
        return {name: value for name, value in item.items() if name in self.projected}

    def write_units(self, before: Item | None, after: Item | None) -> Units:
        """What a write on the table costs on this index."""
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return Units()
        if old is not None and new is not None and any(old[key] != new[key] for key in self.keys):
            # A changed index key is a delete and a put.
            return self._write(old) + self._write(new)
        return self._write(*(entry for entry in (old, new) if entry is not None))

    @staticmethod
    def _write(*entries: Item) -> Units:
        return Units(writes=math.ceil(max(map(item_size, entries)) / WRITE_BYTES))
