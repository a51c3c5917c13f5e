"""Outbox: what is still to be told to the world, written in the transaction of what it tells of.

Each is a CloudEvent 1.0 in its JSON format (https://github.com/cloudevents/spec, v1.0.2). The
janitor publishes it and only then deletes it, so it is told at least once; its id stays the same,
so that whoever listens can leave out what it was told before.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from filegate.adapters.event_bus import BATCH, EventBus, EventBusUnavailable
from filegate.adapters.table import Delete, Item, Key, Put, Table
from filegate.instants import HOUR, SECOND, Instant, format_rfc3339

SHARDS: Final = tuple(f"OUTBOX#{number}" for number in range(4))
"""Partitions of the table that events wait in."""
KEPT: Final = 14 * 24 * HOUR
"""How long an event waits before TTL may collect it, in milliseconds."""
SOURCE: Final = "/filegate"


def cloud_event(
    event_type: str, subject: str, data: Mapping[str, Any], event_id: str, now: Instant
) -> dict[str, Any]:
    """A CloudEvent: of a type, e.g. `dev.filegate.tenant.storage.v1`, about a subject.

    `event_id` names the fact, not the telling: told again it has to be the same.
    """
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": event_type,
        "subject": subject,
        "time": format_rfc3339(now),
        "datacontenttype": "application/json",
        "data": data,
    }


def put_event(
    event_type: str, subject: str, data: Mapping[str, Any], event_id: str, now: Instant
) -> Put:
    """The write that leaves an event to be published, for the transaction of what it tells of.

    The same event put twice, before it is published, is one.
    """
    event = cloud_event(event_type, subject, data, event_id, now)
    shard = SHARDS[crc32(event_id.encode()) % len(SHARDS)]
    return Put(
        {
            "pk": shard,
            "sk": f"{now:013d}#{event_id}",
            "event": json.dumps(event, separators=(",", ":")),
            "garbageAt": (now + KEPT) // SECOND,
        }
    )


@dataclass(frozen=True)
class Published:
    """What one round of publishing did."""

    events: int = 0
    failed: int = 0
    """Events that the bus did not take; they wait for the next round."""


class Outbox:
    """Publishes what waits. Two at once do no harm but tell some events twice.

    Raises TableUnavailable and TableBusy.
    """

    def __init__(self, table: Table, bus: EventBus | None) -> None:
        """`bus` None publishes nothing: what waits is collected by TTL."""
        self._table = table
        self._bus = bus

    def publish(self, time_is_left: Callable[[], bool]) -> Published:
        """Publish what waits, oldest first in each shard, as long as `time_is_left`.

        An event is deleted once the bus has it. A bus that does not answer ends the round.
        """
        done = Published()
        if self._bus is None:
            return done
        # In turn: where time is short, a full shard must not keep the others waiting for good.
        waiting: deque[tuple[str, Key | None]] = deque((shard, None) for shard in SHARDS)
        while waiting and time_is_left():
            shard, after = waiting.popleft()
            page = self._table.query(shard, after=after, limit=BATCH)
            if not page.items:
                continue
            try:
                taken = self._bus.publish([str(item["event"]) for item in page.items])
            except EventBusUnavailable:
                return Published(done.events, done.failed + len(page.items))
            self._forget([item for item, ok in zip(page.items, taken, strict=True) if ok])
            done = Published(done.events + sum(taken), done.failed + len(taken) - sum(taken))
            if page.last is not None:
                waiting.append((shard, page.last))
        return done

    def _forget(self, items: Sequence[Item]) -> None:
        if items:
            self._table.transact([Delete(Key(str(item["pk"]), str(item["sk"]))) for item in items])
