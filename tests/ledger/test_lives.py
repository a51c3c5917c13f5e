"""Whole lives of files, in any order: chunks, clocks, janitors, deletes, limits that move.

The model knows little: who began which upload, what upstream was given, and which files were ever
seen stored. What must hold of the ledger after every step follows from that.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from atomic_table import HOUR, AtomicTable, reservation
from filegate.adapters.table import Item, Key
from filegate.adapters.upstream import UploadState
from filegate.audit import By
from filegate.errors import StatusError
from filegate.instants import MINUTE, SECOND
from filegate.janitor import Janitor
from filegate.ledger import Ledger, ProjectShort, RecordChanged, TenantShort
from filegate.outbox import Outbox
from filegate.project_registry import ProjectRegistry
from filegate.projects import project_key
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.sessions import LAST_CHUNK
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import tenant_key
from filegate.usage_hours import UsageHours
from little_upstream import LittleUpstream, files_of, keeper_of, read_tenant

if TYPE_CHECKING:
    from filegate.loose_ends import LooseEnds

ADMIN = By("admin")
STORAGE = 1_000
CAPACITY = 1_800
SIZES = st.integers(min_value=0, max_value=900)
SESSION = 30 * MINUTE
JUMPS = (SECOND, 6 * SECOND, MINUTE, 10 * MINUTE, 40 * MINUTE, 12 * HOUR, 48 * HOUR)
WHO = st.integers(0, 2)


class NoHours:
    """Closes no hours of usage: that is a model of its own (test_usage_hours.py)."""

    def close(self, _key: Key, _now: int, _time_is_left: object) -> int:
        """Nothing."""
        return 0


class LivesMachine(RuleBasedStateMachine):
    """Two tenants on one project, one on another; uploads live as chunks and clocks say."""

    table: ClassVar[AtomicTable]
    hours: ClassVar[bool] = False
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.upstream = LittleUpstream()
        self.ledger = Ledger(self.table.table)
        self.files = files_of(self.ledger, self.upstream)
        hours = UsageHours(self.table.table, tell=False) if self.hours else NoHours()
        self.janitor = Janitor(
            self.ledger,
            keeper_of(self.ledger, self.upstream),
            cast("LooseEnds", None),
            cast("UsageHours", hours),
            Outbox(self.table.table, None),
        )
        self.projects = [self.table.project(CAPACITY) for _ in range(2)]
        self.tenants = [self.table.tenant(project, STORAGE, 2_000) for project in self.projects * 2]
        self.project_of = dict(zip(self.tenants, self.projects * 2, strict=True))
        self.tags = {one: read_tenant(self.table, one).tag for one in self.tenants}
        self.stored: dict[str, FileRecord] = {}
        """Every reservation that was ever seen stored."""
        self.records: list[FileRecord] = []
        self.owners: dict[str, Item] = {}
        self.usage: dict[str, list[Item]] = {}
        self.left: dict[str, int] = {}

    @property
    def now(self) -> int:
        return self.upstream.now

    def held(self, owner: str) -> int:
        return sum(one.bytes for one in self.records if owner in {one.tenant, one.project})

    def current(self, record: FileRecord) -> FileRecord | None:
        """How the record stands, as it was last seen."""
        same = (one for one in self.records if one.reservation == record.reservation)
        return next(same, None)

    # -- what tenants do

    @rule(target=uploads, who=WHO, size=SIZES)
    def start(self, who: int, size: int) -> FileRecord:
        tenant = self.tenants[who]
        project = self.project_of[tenant]
        ends = self.now + SESSION
        record = reservation(tenant, project, size, created_at=self.now, deadline=ends, due_at=ends)
        record = replace(record, file_id=f"{self.tags[tenant]}{record.file_id}")
        fits = (
            "tenant"
            if size > self.left[tenant]
            else "project"
            if size > self.left[project]
            else None
        )
        try:
            self.ledger.reserve(record)
        except TenantShort:
            assert fits == "tenant"
        except ProjectShort:
            assert fits == "project"
        else:
            assert fits is None
        return record

    def _chunk(self, record: FileRecord) -> bool:
        """Let a chunk that ends the upload through; False if it is refused."""
        if self.now >= record.deadline - LAST_CHUNK:
            return False  # The session's own seal says so, without a read.
        current = self.current(record)
        try:
            self.ledger.mark_closing(
                record.key,
                record.reservation,
                record.reservation,
                self.now,
                self.now + CLOSING_LOOK,
            )
        except RecordChanged:
            assert current is None or current.state is State.STORED
            return False
        assert current is not None
        assert current.state is State.RESERVED
        return self.upstream.uploads.get(record.reservation) is not UploadState.CANCELLED

    @rule(record=uploads, size=SIZES, processing=st.booleans())
    def send_the_last_chunk(self, record: FileRecord, size: int, processing: bool) -> None:
        finished = self.upstream.uploads.get(record.reservation) is UploadState.FINAL
        if self._chunk(record) and not finished:
            self.upstream.finish(record, size, processing=processing)

    @rule(record=uploads)
    def lose_the_last_chunk(self, record: FileRecord) -> None:
        self._chunk(record)

    @rule(record=uploads)
    def cancel(self, record: FileRecord) -> None:
        if self._chunk(record):
            self.upstream.cancel_upload(record.reservation)

    @rule(who=WHO, record=uploads, fresh=st.booleans())
    def get(self, who: int, record: FileRecord, fresh: bool) -> None:
        tenant = read_tenant(self.table, self.tenants[who])
        try:
            found = self.files.get(tenant, record.file_id, self.now, from_upstream=fresh)
        except StatusError:
            current = self.current(record)
            assert tenant.id != record.tenant or not self._is_there(current)
        else:
            assert found.tenant == tenant.id == record.tenant
            assert found.reservation == record.reservation
            assert found.alive(self.now)

    def _is_there(self, current: FileRecord | None) -> bool:
        return (
            current is not None
            and current.alive(self.now)
            and self.upstream.get_file(current.project, current.file_id) is not None
        )

    @rule(who=WHO, record=uploads)
    def delete(self, who: int, record: FileRecord) -> None:
        tenant = read_tenant(self.table, self.tenants[who])
        before = len(self.upstream.deleted)
        file = self.upstream.files.get((record.project, record.file_id), {})
        try:
            self.files.delete(tenant, record.file_id, self.now)
        except StatusError:
            if tenant.id != record.tenant:
                assert len(self.upstream.deleted) == before
        else:
            assert tenant.id == record.tenant
            assert self.upstream.get_file(record.project, record.file_id) is None
            assert self.ledger.find(record.tenant, record.file_id) is None
            # An upload that had just ended is settled first: stored, though nobody saw it so.
            size = int(file.get("sizeBytes", record.bytes))
            self.stored.setdefault(record.reservation, replace(record, bytes=size))

    # -- what happens

    @rule(record=consumes(uploads))
    def vanish(self, record: FileRecord) -> None:
        """Upstream loses a file by itself."""
        self.upstream.files.pop((record.project, record.file_id), None)

    @rule(record=uploads)
    def work_is_done(self, record: FileRecord) -> None:
        file = self.upstream.files.get((record.project, record.file_id))
        if file is not None:
            file["state"] = "ACTIVE"

    @rule(jump=st.sampled_from(JUMPS))
    def time_passes(self, jump: int) -> None:
        self.upstream.now += jump

    @rule(down=st.booleans())
    def the_janitor_comes(self, down: bool) -> None:
        self.upstream.down = down
        done = self.janitor.make_round(self.now, lambda: True, lambda: True)
        self.upstream.down = False
        assert done.complete
        self.records = self._read()
        for record in self.records:
            assert record.due_at > self.now, "an appointment was not kept"
            # So every reservation ends: past its deadline it is looked at every few minutes.
            if record.state is State.RESERVED:
                assert record.due_at <= max(record.deadline, self.now + 5 * MINUTE)

    # -- what operators do

    @rule(who=WHO, storage=st.integers(0, 2_000))
    def change_storage(self, who: int, storage: int) -> None:
        tenant = self.tenants[who]
        TenantRegistry(self.table.table).change_limits(
            tenant, {"storage": max(storage, 1)}, self.now, ADMIN
        )
        self.left.pop(tenant, None)

    @rule(which=st.integers(0, 1), capacity=st.integers(1, 3_000))
    def change_capacity(self, which: int, capacity: int) -> None:
        project = self.projects[which]
        ProjectRegistry(self.table.table).change(project, {"capacity": capacity}, self.now, ADMIN)
        self.left.pop(project, None)

    # -- what must hold

    def _read(self) -> list[FileRecord]:
        """All records, by a query a tenant; with them all else that tenants and projects have."""
        pages = {one: self.table.table.query(tenant_key(one).pk).items for one in self.tenants}
        projects = self.table.table.get_many([project_key(one) for one in self.projects])
        self.owners = {one: item or {} for one, item in zip(self.projects, projects, strict=True)}
        self.usage = {}
        records = []
        for tenant, items in pages.items():
            by_kind = [(str(item["sk"]).partition("#")[0], item) for item in items]
            [self.owners[tenant]] = [item for kind, item in by_kind if kind == "TENANT"]
            self.usage[tenant] = [item for kind, item in by_kind if kind == "USAGE"]
            records += [FileRecord.from_item(item) for kind, item in by_kind if kind == "FILE"]
        return records

    @invariant()
    def every_byte_is_accounted_for(self) -> None:
        self.records = self._read()
        for owner, item in self.owners.items():
            left = int(item["available"] or 0)
            total = int(item["limit" if owner in self.tenants else "capacity"] or 0)
            assert total == left + self.held(owner)
            # Only an operator who lowers a limit may bring it below zero; no upload goes on there.
            assert left >= 0 or left >= self.left.get(owner, left), f"{owner} oversubscribed"
            self.left[owner] = left

    @invariant()
    def every_record_is_its_owners(self) -> None:
        for record in self.records:
            assert record.project == self.project_of[record.tenant]
            assert record.file_id.startswith(self.tags[record.tenant])

    @invariant()
    def every_upload_is_counted_once(self) -> None:
        there = {one.reservation: one for one in self.records if one.state is State.STORED}
        self.stored |= {name: one for name, one in there.items() if name not in self.stored}
        for tenant in self.tenants:
            ever = [one for one in self.stored.values() if one.tenant == tenant]
            now = [one for one in there.values() if one.tenant == tenant]
            assert self._used(tenant) == {
                "uploads": len(ever),
                "bytesIn": sum(one.bytes for one in ever),
                "releases": len(ever) - len(now),
                "heldBytes": sum(one.bytes for one in now),
            }

    def _used(self, tenant: str) -> dict[str, int]:
        names = ("uploads", "bytesIn", "releases", "heldBytes")
        return {name: sum(int(one.get(name) or 0) for one in self.usage[tenant]) for name in names}

    def teardown(self) -> None:
        """With nobody's help but the janitor's, everything ends, here and upstream."""
        for _ in range(6):
            if not self._read():
                break
            self.upstream.now += 49 * HOUR
            self.janitor.make_round(self.now, lambda: True, lambda: True)
            self.every_byte_is_accounted_for()
            self.every_upload_is_counted_once()
        assert not self._read(), "a record does not end"
        alive = [one for one in self.upstream.files.values() if one["ends"] > self.now]
        assert not alive, "upstream has files that nobody knows of"
        for tenant in self.tenants:
            assert self._used(tenant)["heldBytes"] == 0


def run(table: AtomicTable, examples: int, steps: int, *, hours: bool) -> None:
    LivesMachine.table, LivesMachine.hours = table, hours
    run_state_machine_as_test(
        LivesMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(600)
def test_lives_agree_with_what_must_hold(table: AtomicTable) -> None:
    run(table, examples=4, steps=30, hours=False)


@pytest.mark.prove
@pytest.mark.timeout(3_600)
def test_many_long_lives_agree_with_what_must_hold(table: AtomicTable) -> None:
    run(table, examples=30, steps=50, hours=True)
