"""Janitor: keeps every appointment that is due, so that nothing waits for a visitor."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

from filegate.adapters.table import Key
from filegate.appointments import CannotKeep, Keeper, pause
from filegate.instants import SECOND, Instant
from filegate.ledger import Ledger, RecordChanged
from filegate.records import DUE_SHARDS, shard_name

_AT_ONCE: Final = 16
_BATCH: Final = 64


@dataclass(frozen=True)
class Round:
    """What one round of the janitor did; `lag` is how late its latest appointment was, seconds."""

    kept: int = 0
    failed: int = 0
    lag: int = 0
    complete: bool = True
    """False if time ran out before everything that was due had been kept."""

    def __add__(self, other: "Round") -> "Round":
        return Round(
            self.kept + other.kept,
            self.failed + other.failed,
            max(self.lag, other.lag),
            self.complete and other.complete,
        )


class Janitor:
    """Makes rounds. Two at once do no harm: each keeping is guarded by the record's state."""

    def __init__(self, ledger: Ledger, keeper: Keeper) -> None:
        self._ledger = ledger
        self._keeper = keeper

    def make_round(self, now: Instant, time_is_left: Callable[[], bool]) -> Round:
        """Keep what is due, shard by shard, as long as `time_is_left`.

        An appointment that cannot be kept, because upstream does not answer, is moved a little, so
        that it does not stand in the way of the others. Raises what the ledger raises.
        """
        total = Round()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for number in range(DUE_SHARDS):
                due = self._ledger.due(shard_name(number), now)
                while batch := list(islice(due, _BATCH)):
                    if not time_is_left():
                        return total + Round(complete=False)
                    for done in pool.map(lambda key: self.keep_now(key, now), batch):
                        total += done
        return total

    def keep_now(self, key: Key, now: Instant) -> Round:
        """Keep the appointment of the record at a key, if there is one and it is due."""
        record = self._ledger.find_at(key)
        if record is None or record.due_at > now:
            return Round()
        lag = (now - record.due_at) // SECOND
        try:
            self._keeper.keep(record, now)
        except CannotKeep:
            try:
                self._ledger.appoint(record, now + pause(record.looks), record.looks + 1)
            except RecordChanged:
                return Round(kept=1, lag=lag)
            return Round(failed=1, lag=lag)
        return Round(kept=1, lag=lag)
