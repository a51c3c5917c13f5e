"""Storage alerts: an event each time a tenant's storage fills up to 80, 95 and 100 percent.

What a tenant has used is what its limit leaves `available`, open uploads included. A crossing has
to be noticed in the write that makes it, and that write must not cost more for it. So the tenant's
item says how far the next alert is, and the condition that guards the quota guards that as well:

* `alertRoom`: bytes that can be taken before the next alert; moves with `available`, as DynamoDB's
  conditions have no arithmetic (aws-facts 4);
* `rearmAbove`: with more than this available, storage is below the last alert again;
* `alertLevel`: the percentage last told of, 0 for none;
* `alertLimit`: the limit that all this was worked out for.

Only where that condition fails are they worked out anew, from the item the failure shows.
"""

from dataclasses import dataclass
from typing import Final

from filegate.adapters.table import Item, Put, Value
from filegate.instants import Instant
from filegate.outbox import put_event

THRESHOLDS: Final = (80, 95, 100)
"""Percent of a tenant's storage at which it is told."""
STORAGE_FILLED: Final = "dev.filegate.tenant.storage.v1"
"""Type of the event; its data are `tenant`, `percent`, `storedBytes` and `storageBytes`."""

QUIET: Final = "#alertRoom >= :bytes AND #available <= #rearmAbove AND #alertLimit = #limit"
"""Condition on a tenant's item: taking `:bytes` crosses nothing, and nothing is to be armed."""
TAKE: Final = "#alertRoom = #alertRoom - :bytes"
GIVE_BACK: Final = "#alertRoom = if_not_exists(#alertRoom, :none) + :spare"
"""`:none` is 0, for items from before there were alerts: `alertLimit` tells that it says nothing.
"""


def watch(limit: int, available: int) -> dict[str, Value]:
    """Attributes of a tenant's item with so many bytes left of its limit, and all of it told."""
    level = _reached(limit, available)
    following = next((percent for percent in THRESHOLDS if percent > level), None)
    next_mark = -1 if following is None else _mark(limit, following)
    return {
        "alertLevel": level,
        "alertRoom": available - next_mark - 1,
        "rearmAbove": _mark(limit, level) if level else limit,
        "alertLimit": limit,
    }


@dataclass(frozen=True)
class Crossing:
    """Taking `size` bytes from a tenant whose item is `item`, where QUIET does not hold."""

    item: Item
    size: int

    @classmethod
    def of(cls, item: Item | None, size: int) -> "Crossing | None":
        """The crossing that taking bytes would be; None if it is none, as far as is known."""
        if item is None or _is_quiet(item, size):
            return None
        return cls(item, size)

    @property
    def _limit(self) -> int:
        return _number(self.item, "limit")

    @property
    def _available(self) -> int:
        return _number(self.item, "available")

    @property
    def condition(self) -> str:
        """That the tenant's item is as it was seen, with what `values` says."""
        level = "attribute_not_exists(#alertLevel)"
        if self.item.get("alertLevel") is not None:
            level = "#alertLevel = :seenLevel"
        return f"#available = :seenAvailable AND #limit = :seenLimit AND {level}"

    @property
    def setting(self) -> str:
        """The part of an update expression that works all out anew."""
        return ", ".join(f"#{name} = :{name}" for name in watch(0, 0))

    @property
    def values(self) -> dict[str, Value]:
        """The values of `condition` and `setting`."""
        seen: dict[str, Value] = {":seenAvailable": self._available, ":seenLimit": self._limit}
        if self.item.get("alertLevel") is not None:
            seen[":seenLevel"] = _number(self.item, "alertLevel")
        after = watch(self._limit, self._available - self.size)
        return {**seen, **{f":{name}": value for name, value in after.items()}}

    def events(self, tenant: str, cause: str, now: Instant) -> list[Put]:
        """What is to be told, for the same transaction; `cause` names the taking, for ever.

        Several if it crosses several, none if storage was only below the last alert again.
        """
        limit, left = self._limit, self._available - self.size
        # What is below its threshold now is armed, whatever was told before.
        told = min(_number(self.item, "alertLevel"), _reached(limit, self._available))
        reached = _reached(limit, left)
        return [
            put_event(
                STORAGE_FILLED,
                f"tenants/{tenant}",
                {
                    "tenant": tenant,
                    "percent": percent,
                    "storedBytes": limit - left,
                    "storageBytes": limit,
                },
                f"storage/{tenant}/{cause}/{percent}",
                now,
            )
            for percent in THRESHOLDS
            if told < percent <= reached
        ]


def _mark(limit: int, percent: int) -> int:
    """The most bytes left once `percent` is reached; of no storage -1, and so never."""
    return limit * (100 - percent) // 100 if limit > 0 else -1


def _reached(limit: int, available: int) -> int:
    return max((percent for percent in THRESHOLDS if available <= _mark(limit, percent)), default=0)


def _is_quiet(item: Item, size: int) -> bool:
    """What QUIET says of an item, also in that nothing compares with what is not there."""
    if any(item.get(name) is None for name in ("alertRoom", "rearmAbove", "alertLimit")):
        return False
    return (
        _number(item, "alertRoom") >= size
        and _number(item, "available") <= _number(item, "rearmAbove")
        and _number(item, "alertLimit") == _number(item, "limit")
    )


def _number(item: Item, name: str) -> int:
    return int(item.get(name) or 0)
