"""Every transition with a DynamoDB that refuses, stalls and forgets to answer: true, and once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from atomic_table import HOUR, NOW, AtomicTable, reservation, settle, stored
from faulty_wire import (
    Fault,
    FaultyWire,
    PatientClock,
    broken_after,
    conflicted,
    lost_after,
    lost_before,
    refused,
)
from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Item, Key, Table, TableBusy, TableUnavailable, create_client
from filegate.edge.statuses import refusal_headers, status_of
from filegate.instants import hour_of
from filegate.ledger import Ledger, NameTaken, RecordChanged
from filegate.projects import project_key
from filegate.records import FileRecord, State
from filegate.tenants import tenant_key
from filegate.usage import GRACE, SPREAD, ModelUsage, Tokens, closing_at, usage_key
from filegate.usage_hours import UsageHours, is_usage_key
from filegate_local import aws

STORAGE = 10_000


@dataclass(frozen=True)
class Scene:
    """A tenant alone on a project, and a record to act on."""

    table: AtomicTable
    tenant: str
    project: str
    record: FileRecord

    def look(self) -> tuple[object, ...]:
        """All that is counted, without what differs from scene to scene."""
        tenant = self.table.table.get(tenant_key(self.tenant)) or {}
        project = self.table.table.get(project_key(self.project)) or {}
        items = self.table.table.query(tenant_key(self.tenant).pk).items
        others = [_counted(item) for item in items if item["sk"] != "TENANT"]
        # Below 80 % of its storage there is nothing to tell.
        told = self.table.alerts(self.tenant) if int(tenant["available"] or 0) < 2_000 else []
        return tenant["available"], tenant["openSessions"], project["available"], others, told


def _counted(item: Item) -> Item:
    own = {"pk", "reservation", "project", "dueShard"}
    counted = {name: value for name, value in item.items() if name not in own}
    if is_usage_key(Key(str(item["pk"]), str(item["sk"]))) and "dueAt" in item:
        # Each tenant's hour is closed at a minute of its own.
        tenant = str(item["pk"]).partition("#")[2]
        counted["dueAt"] = int(item["dueAt"] or 0) - closing_at(tenant, 0)
    return counted


def nothing(_ledger: Ledger, record: FileRecord) -> FileRecord:
    return record


def reserved(ledger: Ledger, record: FileRecord) -> FileRecord:
    ledger.reserve(record)
    return record


def is_stored(ledger: Ledger, record: FileRecord) -> FileRecord:
    return settle(ledger, reserved(ledger, record), 400)


def close_hour(table: Table, record: FileRecord) -> None:
    key = usage_key(record.tenant, hour_of(NOW))
    UsageHours(table, tell=True).close(key, NOW + HOUR + GRACE + SPREAD, lambda: True)


Prepare = Callable[[Ledger, FileRecord], FileRecord]
Act = Callable[[Table, FileRecord], object]

SEALED = "sealed"

TRANSACTIONS: dict[str, tuple[Prepare, Act]] = {
    "reserve": (nothing, lambda table, record: Ledger(table).reserve(record)),
    "reserve, and tell of it": (
        lambda _ledger, record: replace(record, bytes=9_600),
        lambda table, record: Ledger(table).reserve(record),
    ),
    "adopt": (
        lambda _ledger, record: replace(record, bytes=0, state=State.STORED),
        lambda table, record: Ledger(table).adopt(record, NOW, "generated", exclusive=True),
    ),
    "settle with less": (reserved, lambda table, record: settle(Ledger(table), record, 400)),
    "settle with more": (reserved, lambda table, record: settle(Ledger(table), record, 900)),
    "settle a document": (
        lambda ledger, record: reserved(ledger, replace(record, store="s-1")),
        lambda table, record: Ledger(table).settle_document(record, 400, NOW),
    ),
    "release": (is_stored, lambda table, record: Ledger(table).release(record, NOW + 1_000)),
    "abandon": (reserved, lambda table, record: Ledger(table).abandon(record)),
    "close an hour": (is_stored, close_hour),
}
CHANGES: dict[str, tuple[Prepare, Act]] = {
    "mark closing": (
        reserved,
        lambda table, record: Ledger(table).mark_closing(
            record.key, record.reservation, SEALED, NOW, NOW + 5
        ),
    ),
    "keep a session": (
        reserved,
        lambda table, record: Ledger(table).keep_session(record, SEALED, NOW + 5, 1),
    ),
    "note an end": (
        reserved,
        lambda table, record: Ledger(table).note_ended(record, NOW, NOW + 5),
    ),
    "appoint": (reserved, lambda table, record: Ledger(table).appoint(record, NOW + 5, 1)),
    "refresh": (
        is_stored,
        lambda table, record: Ledger(table).refresh(record, stored(400), NOW + 5, 1),
    ),
    "mark checked": (
        reserved,
        lambda table, record: Ledger(table).mark_checked(
            record.tenant, record.file_id, record.reservation, "00"
        ),
    ),
}
COUNTS: dict[str, tuple[Prepare, Act]] = {
    "count": (nothing, lambda table, record: Ledger(table).count(record.tenant, NOW, imports=1)),
    "count tokens": (
        nothing,
        lambda table, record: ModelUsage(table).add(
            record.tenant, "m", "generateContent", Tokens(prompt=7, total=7), NOW
        ),
    ),
}
"""What adds and is guarded by nothing: sent once, if it may have arrived."""
ALL = {**TRANSACTIONS, **CHANGES, **COUNTS}
every = pytest.mark.parametrize("name", ALL)
moving = pytest.mark.parametrize("name", TRANSACTIONS)


class Faults:
    """Scenes, and a table whose wire fails as it is told."""

    def __init__(self, table: AtomicTable, client: AwsService, clock: PatientClock) -> None:
        self.table = table
        self.wire = FaultyWire()
        self.wire.attach(client)
        self.faulty = Table(client, aws.TABLE_NAME)
        self.clock = clock

    def scene(self, name: str) -> Scene:
        project = self.table.project(STORAGE)
        tenant = self.table.tenant(project, STORAGE)
        record = reservation(tenant, project, 700, file_id="f")
        prepared = ALL[name][0](Ledger(self.table.table), record)
        return Scene(self.table, tenant, project, prepared)

    def act(self, name: str, scene: Scene) -> None:
        ALL[name][1](self.faulty, scene.record)

    def current(self, scene: Scene) -> FileRecord | None:
        return Ledger(self.table.table).find_at(scene.record.key)

    def done(self, name: str) -> tuple[object, ...]:
        """What stands there once all went well."""
        scene = self.scene(name)
        self.wire.set()
        self.act(name, scene)
        return scene.look()


@pytest.fixture(scope="module")
def client(engine: AtomicTable) -> Iterator[AwsService]:
    """The product's own client; what all scenes of an engine left is checked at the end."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in aws.LocalAws(engine.endpoint).environment.items():
            environment.setenv(name, value)
        made = create_client()
    yield made
    made.close()
    engine.assert_conserved()


@pytest.fixture
def faults(
    engine: AtomicTable, client: AwsService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faults]:
    clock = PatientClock()
    monkeypatch.setattr("filegate.adapters.table.time", clock)
    faults = Faults(engine, client, clock)
    yield faults
    faults.wire.detach(client)


@every
def test_an_answer_that_is_lost_once_counts_once(faults: Faults, name: str) -> None:
    done = faults.done(name)
    for fault in (lost_before, lost_after, broken_after):
        scene = faults.scene(name)
        faults.wire.set(fault)
        if name in COUNTS and fault is not lost_before:
            with pytest.raises(TableUnavailable):
                faults.act(name, scene)
        else:
            faults.act(name, scene)

        assert scene.look() == done
        assert not faults.wire.faults


@every
def test_an_answer_that_is_lost_for_good_is_no_answer(faults: Faults, name: str) -> None:
    done, scene = faults.done(name), faults.scene(name)

    faults.wire.set(lost_after, for_ever=True)
    with pytest.raises(TableUnavailable) as failure:
        faults.act(name, scene)

    assert_retry_info(failure.value)
    assert scene.look() == done
    if name in COUNTS:
        return
    # Who tries again after that counts nothing twice.
    faults.wire.set()
    try:
        faults.act(name, scene)
    except NameTaken:
        assert name.startswith("reserve")
    except RecordChanged as change:
        assert change.current == faults.current(scene)
    assert scene.look() == done


@every
def test_a_call_that_never_arrives_changes_nothing(faults: Faults, name: str) -> None:
    scene = faults.scene(name)
    before = scene.look()

    faults.wire.set(lost_before, for_ever=True)
    with pytest.raises(TableUnavailable) as failure:
        faults.act(name, scene)

    assert_retry_info(failure.value)
    assert scene.look() == before
    assert faults.wire.writes == 2


@every
def test_a_collision_is_tried_again_and_counts_once(faults: Faults, name: str) -> None:
    done = faults.done(name)
    for times in (1, 4):
        scene = faults.scene(name)
        faults.wire.set(*[_collision(name)] * times)
        faults.act(name, scene)

        assert scene.look() == done
        assert len(faults.clock.slept) >= times


@every
def test_who_collides_for_ever_is_told_so_and_makes_no_storm(faults: Faults, name: str) -> None:
    scene = faults.scene(name)
    before = scene.look()
    for fault in (
        _collision(name),
        refused("ThrottlingException"),
        refused("ProvisionedThroughputExceededException"),
        refused("RequestLimitExceeded"),
    ):
        faults.clock.slept.clear()
        faults.wire.set(fault, for_ever=True)
        with pytest.raises(TableBusy) as failure:
            faults.act(name, scene)

        assert_retry_info(failure.value)
        assert scene.look() == before
        pauses = faults.clock.slept
        assert 5 < faults.wire.writes < 80
        assert sum(pauses) <= 3.0
        assert len({round(pause, 9) for pause in pauses}) > len(pauses) // 2, "no jitter"


@moving
def test_a_transaction_of_which_another_try_is_under_way_is_waited_for(
    faults: Faults, name: str
) -> None:
    done, scene = faults.done(name), faults.scene(name)

    faults.wire.set(lost_after, refused("TransactionInProgressException"))
    faults.act(name, scene)

    assert scene.look() == done


def _collision(name: str) -> Fault:
    return conflicted() if name in TRANSACTIONS else refused("TransactionConflictException")


def assert_retry_info(failure: Exception) -> None:
    """What a client is told: 503, and when to come again."""
    status = status_of(failure)
    assert status.code == 503
    assert status.retry_after
    assert "Retry-After" in refusal_headers(status, upload=False)
    kinds = [detail["@type"].rpartition(".")[2] for detail in status.body()["error"]["details"]]
    assert "RetryInfo" in kinds
