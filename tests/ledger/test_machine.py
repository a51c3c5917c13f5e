"""The ledger against a plain reference model: any sequence of transitions, stale ones included."""

from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from atomic_table import NOW, AtomicTable, reservation, settle
from filegate.ledger import (
    DoesNotFit,
    Ledger,
    NameTaken,
    ProjectShort,
    RecordChanged,
    SessionsFull,
    TenantShort,
)
from filegate.records import FileRecord, State
from filegate.tenants import tenant_key

STORAGE = (1_000, 700)
CAPACITY = 1_400
LARGEST_FILE = 2_000
SIZES = st.integers(min_value=0, max_value=900)
THRESHOLDS = (80, 95, 100)


class LedgerMachine(RuleBasedStateMachine):
    """Two tenants on one project, whose limits change.

    The model is dictionaries of files and documents, sums of their bytes, and the percentage that
    each tenant was last told of.
    """

    table: ClassVar[AtomicTable]
    records = Bundle("records")
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.table.table)
        self.project = self.table.project(CAPACITY)
        self.tenants = [
            self.table.tenant(self.project, storage, LARGEST_FILE) for storage in STORAGE
        ]
        self.storage = dict(zip(self.tenants, STORAGE, strict=True))
        self.most_open: dict[str, int | None] = dict.fromkeys(self.tenants)
        self.told = dict.fromkeys(self.tenants, 0)
        self.alerts: dict[str, list[tuple[int, int, int]]] = {one: [] for one in self.tenants}
        self.model: dict[tuple[str, str], FileRecord] = {}
        self.documents: dict[tuple[str, str], FileRecord] = {}
        self.counted = dict.fromkeys(self.tenants, (0, 0))

    def held(self, tenant: str | None = None) -> int:
        return sum(
            record.bytes
            for record in (*self.model.values(), *self.documents.values())
            if tenant is None or record.tenant == tenant
        )

    def open(self, tenant: str) -> int:
        return sum(
            record.tenant == tenant and record.state is State.RESERVED
            for record in (*self.model.values(), *self.documents.values())
        )

    def fits(self, tenant: str, more: int) -> bool:
        storage = self.storage[tenant]
        return self.held(tenant) + more <= storage and self.held() + more <= CAPACITY

    def reached(self, tenant: str, used: int) -> int:
        storage = self.storage[tenant]
        return max((one for one in THRESHOLDS if used * 100 >= storage * one), default=0)

    def take(self, tenant: str, more: int) -> None:
        """What taking bytes tells of; to be called before the model has them."""
        used = self.held(tenant)
        told = min(self.told[tenant], self.reached(tenant, used))
        self.told[tenant] = self.reached(tenant, used + more)
        self.alerts[tenant] += [
            (percent, used + more, self.storage[tenant])
            for percent in THRESHOLDS
            if told < percent <= self.told[tenant]
        ]

    def refusal(
        self, record: FileRecord, model: dict[tuple[str, str], FileRecord]
    ) -> type[Exception] | None:
        """What a reservation has to be refused with."""
        most = self.most_open[record.tenant]
        if (record.tenant, record.file_id) in model:
            return NameTaken
        if self.held(record.tenant) + record.bytes > self.storage[record.tenant]:
            return TenantShort
        if most is not None and self.open(record.tenant) >= most:
            return SessionsFull
        return ProjectShort if self.held() + record.bytes > CAPACITY else None

    def reserve_in(
        self, record: FileRecord, model: dict[tuple[str, str], FileRecord]
    ) -> FileRecord:
        expected = self.refusal(record, model)
        try:
            self.ledger.reserve(record)
        except (NameTaken, TenantShort, SessionsFull, ProjectShort) as refused:
            assert type(refused) is expected
            if isinstance(refused, SessionsFull):
                assert refused.open == self.open(record.tenant)
                assert refused.most == self.most_open[record.tenant]
        else:
            assert expected is None
            self.take(record.tenant, record.bytes)
            model[record.tenant, record.file_id] = record
        return record

    @rule(target=records, who=st.integers(0, 1), name=st.sampled_from("abc"), size=SIZES)
    def reserve(self, who: int, name: str, size: int) -> FileRecord:
        record = reservation(self.tenants[who], self.project, size, file_id=name)
        return self.reserve_in(record, self.model)

    @rule(target=sent, who=st.integers(0, 1), name=st.sampled_from("abc"), size=SIZES)
    def reserve_document(self, who: int, name: str, size: int) -> FileRecord:
        record = reservation(self.tenants[who], self.project, size, file_id=name, store="s-1")
        return self.reserve_in(record, self.documents)

    @rule(who=st.integers(0, 1), storage=st.integers(0, 1_500))
    def change_storage(self, who: int, storage: int) -> None:
        # An operator cannot set less than what is held.
        tenant = self.tenants[who]
        self.storage[tenant] = max(storage, self.held(tenant), 1)
        self.table.set_storage(tenant, self.storage[tenant])

    @rule(who=st.integers(0, 1), most=st.none() | st.integers(0, 4))
    def change_open_sessions(self, who: int, most: int | None) -> None:
        self.most_open[self.tenants[who]] = most
        self.table.set(self.tenants[who], maxOpenSessions=most)

    @rule(record=sent, size=SIZES, accepted=st.booleans())
    def end_document(self, record: FileRecord, size: int, accepted: bool) -> None:
        key = (record.tenant, record.file_id)
        current = self.documents.get(key)
        try:
            if accepted:
                self.ledger.settle_document(record, size, NOW)
            else:
                self.ledger.abandon(record)
        except RecordChanged as change:
            assert change.current == current
            assert not _same(current, record)
            return
        assert _same(current, record)
        del self.documents[key]
        if accepted:
            number, total = self.counted[record.tenant]
            self.counted[record.tenant] = (number + 1, total + size)

    @rule(target=records, record=records, size=SIZES)
    def settle(self, record: FileRecord, size: int) -> FileRecord:
        key = (record.tenant, record.file_id)
        current = self.model.get(key)
        try:
            settled = settle(self.ledger, record, size)
        except RecordChanged as change:
            assert change.current == current
            assert not _same(current, record)
            return record
        except DoesNotFit:
            assert _same(current, record)
            assert not self.fits(record.tenant, size - record.bytes)
            return record
        assert _same(current, record)
        assert self.fits(record.tenant, size - record.bytes)
        if size > record.bytes:
            self.take(record.tenant, size - record.bytes)
        self.model[key] = settled
        return settled

    @rule(record=records)
    def release(self, record: FileRecord) -> None:
        self._drop(record, released=True)

    @rule(record=records)
    def abandon(self, record: FileRecord) -> None:
        self._drop(record, released=False)

    def _drop(self, record: FileRecord, *, released: bool) -> None:
        key = (record.tenant, record.file_id)
        current = self.model.get(key)
        state = State.STORED if released else State.RESERVED
        aimed = replace(record, state=state)
        try:
            if released:
                self.ledger.release(aimed, NOW + 1_000)
            else:
                self.ledger.abandon(aimed)
        except RecordChanged as change:
            assert change.current == current
            assert not _same(current, aimed)
        else:
            assert _same(current, aimed)
            del self.model[key]

    @invariant()
    def every_byte_is_accounted_for(self) -> None:
        assert self.table.project_available(self.project) == CAPACITY - self.held()
        for tenant in self.tenants:
            available = self.storage[tenant] - self.held(tenant)
            assert self.table.tenant_available(tenant) == available
            assert self.table.number(tenant, "openSessions") == self.open(tenant)
            found = list(self.ledger.records(tenant))
            for model, held in (
                (self.model, [record for record in found if record.store is None]),
                (self.documents, [record for record in found if record.store is not None]),
            ):
                expected = {
                    name: record for (owner, name), record in model.items() if owner == tenant
                }
                assert {record.file_id: record for record in held} == expected
            assert self._counted(tenant) == self.counted[tenant]

    def teardown(self) -> None:
        """Every crossing was told of, each once, and nothing else was."""
        for tenant in self.tenants:
            assert self.table.alerts(tenant) == sorted(self.alerts[tenant])

    def _counted(self, tenant: str) -> tuple[int, int]:
        items = self.table.table.query(tenant_key(tenant).pk, "USAGE#").items
        return (
            sum(int(item.get("documents") or 0) for item in items),
            sum(int(item.get("documentBytes") or 0) for item in items),
        )


def _same(current: FileRecord | None, record: FileRecord) -> bool:
    """Whether a transition aimed at `record` meets it as it stands."""
    return current is not None and (
        (current.reservation, current.state, current.bytes)
        == (record.reservation, record.state, record.bytes)
    )


def run(table: AtomicTable, examples: int, steps: int) -> None:
    LedgerMachine.table = table
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(600)
def test_ledger_agrees_with_the_model(table: AtomicTable) -> None:
    run(table, examples=25, steps=30)


@pytest.mark.prove
@pytest.mark.timeout(3_600)
def test_ledger_agrees_with_the_model_for_long(table: AtomicTable) -> None:
    run(table, examples=60, steps=60)
