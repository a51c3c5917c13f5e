"""The outbox: told at least once, under one id, and forgotten only then."""

import json
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from atomic_table import NOW, AtomicTable
from filegate.adapters.event_bus import BATCH, EventBus, EventBusUnavailable
from filegate.names import random_characters
from filegate.outbox import SHARDS, Outbox, Published, put_event

TYPE = "dev.filegate.test.v1"


class Bus:
    """Takes what it likes; remembers what it took."""

    def __init__(self, likes: Callable[[str], bool] = lambda _: True) -> None:
        self.likes = likes
        self.down = False
        self.taken: list[str] = []
        self.asked: list[int] = []

    def publish(self, events: Sequence[str]) -> Sequence[bool]:
        if self.down:
            raise EventBusUnavailable("down")
        self.asked.append(len(events))
        ids = [str(json.loads(event)["id"]) for event in events]
        self.taken.extend(one for one in ids if self.likes(one))
        return [self.likes(one) for one in ids]


def outbox(table: AtomicTable, bus: Bus | None) -> Outbox:
    return Outbox(table.table, cast("EventBus | None", bus))


def always() -> bool:
    return True


@pytest.fixture
def ids(table: AtomicTable) -> list[str]:
    """Ids of 25 events that wait, and nothing else does."""
    outbox(table, Bus()).publish(always)
    ids = [f"{random_characters(8)}/{number}" for number in range(25)]
    for number, event_id in enumerate(ids):
        put = put_event(TYPE, "tenants/acme", {"number": number}, event_id, NOW + number)
        table.table.put(put)
    return ids


def test_an_event_is_a_cloud_event(table: AtomicTable) -> None:
    item = put_event(TYPE, "tenants/acme", {"bytes": 1}, "once", NOW).item
    assert item["pk"] in SHARDS
    assert json.loads(str(item["event"])) == {
        "specversion": "1.0",
        "id": "once",
        "source": "/filegate",
        "type": TYPE,
        "subject": "tenants/acme",
        "time": "2027-01-15T08:00:00Z",
        "datacontenttype": "application/json",
        "data": {"bytes": 1},
    }
    assert table is not None


def test_what_waits_is_told_once_in_batches_and_forgotten(
    table: AtomicTable, ids: list[str]
) -> None:
    bus = Bus()
    assert outbox(table, bus).publish(always) == Published(25, 0)
    assert sorted(bus.taken) == sorted(ids)
    assert max(bus.asked) <= BATCH
    assert outbox(table, bus).publish(always) == Published(0, 0)


def test_what_the_bus_did_not_take_is_told_again(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus(lambda event_id: not event_id.endswith(("/3", "/7")))
    assert outbox(table, bus).publish(always) == Published(23, 2)
    bus.likes = lambda _: True
    assert outbox(table, bus).publish(always) == Published(2, 0)
    assert sorted(bus.taken) == sorted(ids)


def test_while_the_bus_is_down_everything_waits(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus()
    bus.down = True
    done = outbox(table, bus).publish(always)
    assert done.events == 0
    assert done.failed > 0
    bus.down = False
    outbox(table, bus).publish(always)
    assert sorted(bus.taken) == sorted(ids)


def test_an_event_put_twice_before_it_is_told_is_told_once(table: AtomicTable) -> None:
    bus = Bus()
    outbox(table, Bus()).publish(always)
    for _ in range(2):
        table.table.put(put_event(TYPE, "tenants/acme", {}, "same", NOW))
    outbox(table, bus).publish(always)
    assert bus.taken == ["same"]


def test_without_a_bus_and_without_time_nothing_is_told(table: AtomicTable, ids: list[str]) -> None:
    bus = Bus()
    assert outbox(table, None).publish(always) == Published()
    assert outbox(table, bus).publish(lambda: False) == Published()
    outbox(table, bus).publish(always)
    assert sorted(bus.taken) == sorted(ids)
