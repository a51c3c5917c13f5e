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
    TenantShort,
)
from filegate.records import FileRecord, State

STORAGE = (1_000, 700)
CAPACITY = 1_400
SIZES = st.integers(min_value=0, max_value=900)


class LedgerMachine(RuleBasedStateMachine):
    """Two tenants on one project; the model is two dictionaries and a sum."""

    table: ClassVar[AtomicTable]
    records = Bundle("records")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.table.table)
        self.project = self.table.project(CAPACITY)
        self.tenants = [self.table.tenant(self.project, storage) for storage in STORAGE]
        self.model: dict[tuple[str, str], FileRecord] = {}

    def held(self, tenant: str | None = None) -> int:
        return sum(
            record.bytes
            for record in self.model.values()
            if tenant is None or record.tenant == tenant
        )

    def fits(self, tenant: str, more: int) -> bool:
        storage = STORAGE[self.tenants.index(tenant)]
        return self.held(tenant) + more <= storage and self.held() + more <= CAPACITY

    @rule(target=records, who=st.integers(0, 1), name=st.sampled_from("abc"), size=SIZES)
    def reserve(self, who: int, name: str, size: int) -> FileRecord:
        tenant = self.tenants[who]
        record = reservation(tenant, self.project, size, file_id=name)
        key = (tenant, name)
        # A file larger than the tenant's own file limit is refused before the ledger is asked.
        size_allowed = size <= STORAGE[who]
        try:
            self.ledger.reserve(record)
        except NameTaken:
            assert key in self.model
        except (TenantShort, ProjectShort):
            assert key not in self.model
            assert not self.fits(tenant, size)
        else:
            assert size_allowed
            assert key not in self.model
            assert self.fits(tenant, size)
            self.model[key] = record
        return record

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
        for tenant, storage in zip(self.tenants, STORAGE, strict=True):
            assert self.table.tenant_available(tenant) == storage - self.held(tenant)
            found = {record.file_id: record for record in self.ledger.records(tenant)}
            expected = {
                name: record for (owner, name), record in self.model.items() if owner == tenant
            }
            assert found == expected


def _same(current: FileRecord | None, record: FileRecord) -> bool:
    """Whether a transition aimed at `record` meets it as it stands."""
    return current is not None and (
        (current.reservation, current.state, current.bytes)
        == (record.reservation, record.state, record.bytes)
    )


@pytest.mark.timeout(600)
def test_ledger_agrees_with_the_model(table: AtomicTable) -> None:
    LedgerMachine.table = table
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
