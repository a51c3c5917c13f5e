"""Janitor: keeps every appointment that is due, so that nothing waits for a visitor.

Due are records of files, hours of usage that are over, and caches, batches and stores whose making
or deleting stopped halfway. What is to be told of waits in the outbox, and is published at the end
of each round, also of one whose time ran out before all that is due was done.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

from filegate.adapters.table import Key, TableBusy
from filegate.appointments import CannotKeep, Keeper, pause
from filegate.instants import MINUTE, SECOND, Instant
from filegate.ledger import Ledger, RecordChanged
from filegate.loose_ends import LooseEnds, is_loose_end
from filegate.outbox import Outbox
from filegate.records import DUE_SHARDS, shard_name
from filegate.usage_hours import UsageHours, is_usage_key

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
    hours: int = 0
    """Records of usage that were closed."""
    events: int = 0
    """Events that were published."""
    untold: int = 0
    """Events that the bus did not take."""

    def __add__(self, other: "Round") -> "Round":
        return Round(
            self.kept + other.kept,
            self.failed + other.failed,
            max(self.lag, other.lag),
            self.complete and other.complete,
            self.hours + other.hours,
            self.events + other.events,
            self.untold + other.untold,
        )


class Janitor:
    """Makes rounds. Two at once do no harm: each keeping is guarded by the record's state."""

    def __init__(
        self,
        ledger: Ledger,
        keeper: Keeper,
        loose_ends: LooseEnds,
        hours: UsageHours,
        outbox: Outbox,
    ) -> None:
        self._ledger = ledger
        self._keeper = keeper
        self._loose_ends = loose_ends
        self._hours = hours
        self._outbox = outbox

    def make_round(
        self,
        now: Instant,
        time_is_left: Callable[[], bool],
        time_to_publish: Callable[[], bool],
    ) -> Round:
        """Keep what is due as long as `time_is_left`, then publish as long as `time_to_publish`.

        An appointment that cannot be kept, because upstream does not answer, is moved a little, so
        that it does not stand in the way of the others. One that collides with other writers for
        too long waits for the next round. Raises TableUnavailable.
        """
        kept = self._keep_due(now, time_is_left)
        published = self._outbox.publish(time_to_publish)
        return kept + Round(events=published.events, untold=published.failed)

    def _keep_due(self, now: Instant, time_is_left: Callable[[], bool]) -> Round:
        """Keep what is due, shard by shard."""

        def keep(key: Key) -> Round:
            # Asked for each: where upstream hangs, a batch lasts as long as several timeouts.
            if not time_is_left():
                return Round(complete=False)
            try:
                if is_usage_key(key):
                    return self.close_now(key, now, time_is_left)
                if is_loose_end(key):
                    return self.tie_now(key, now)
                return self.keep_now(key, now)
            except TableBusy:
                return Round(failed=1)

        total = Round()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # Each round begins with another shard: where time is short, none is left out for good.
            first = now // MINUTE % DUE_SHARDS
            for number in range(DUE_SHARDS):
                due = self._ledger.due(shard_name((first + number) % DUE_SHARDS), now)
                while batch := list(islice(due, _BATCH)):
                    if not time_is_left():
                        return total + Round(complete=False)
                    for done in pool.map(keep, batch):
                        total += done
        return total

    def close_now(self, key: Key, now: Instant, time_is_left: Callable[[], bool]) -> Round:
        """Close the hour of usage at a key, if it is due."""
        return Round(hours=self._hours.close(key, now, time_is_left))

    def keep_now(self, key: Key, now: Instant) -> Round:
        """Keep the appointment of the record at a key, if there is one and it is due."""
        record = self._ledger.find_at(key)
        if record is None or record.due_at > now:
            return Round()
        lag = (now - record.due_at) // SECOND
        try:
            self._keeper.keep(record, now)
        except CannotKeep as obstacle:
            later = now + max(pause(record.looks), obstacle.wait)
            try:
                self._ledger.appoint(record, later, record.looks + 1)
            except RecordChanged:
                return Round(kept=1, lag=lag)
            return Round(failed=1, lag=lag)
        return Round(kept=1, lag=lag)

    def tie_now(self, key: Key, now: Instant) -> Round:
        """Tie the loose end at a key, if there is one and it is due."""
        end = self._loose_ends.find(key, now)
        if end is None:
            return Round()
        lag = (now - (end.due_at or now)) // SECOND
        try:
            self._loose_ends.tie(end)
        except CannotKeep as obstacle:
            self._loose_ends.put_off(end, now + max(pause(end.looks), obstacle.wait))
            return Round(failed=1, lag=lag)
        return Round(kept=1, lag=lag)
