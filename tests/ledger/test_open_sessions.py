"""Open uploads of a tenant: counted with its bytes, and held to a limit exactly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from atomic_table import NOW, AtomicTable, reservation, settle
from filegate.ledger import Ledger, ProjectShort, RecordChanged, SessionsFull, TenantShort

THREADS = 64


@pytest.fixture
def project(table: AtomicTable) -> str:
    """A project of 10,000 bytes."""
    return table.project(10_000)


def opened(table: AtomicTable, tenant: str) -> int | None:
    return table.number(tenant, "openSessions")


def test_every_transition_of_a_reservation_counts_once(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    file, other = reservation(tenant, project, 100), reservation(tenant, project, 100)
    document = reservation(tenant, project, 100, store="s-1")
    for number, record in enumerate((file, other, document), 1):
        ledger.reserve(record)
        assert opened(table, tenant) == number
    settled = settle(ledger, file, 60)
    assert opened(table, tenant) == 2
    with pytest.raises(RecordChanged):
        settle(ledger, file, 60)
    ledger.abandon(other)
    with pytest.raises(RecordChanged):
        ledger.abandon(other)
    assert opened(table, tenant) == 1
    ledger.settle_document(document, 100, NOW)
    assert opened(table, tenant) == 0
    ledger.release(settled, NOW)
    assert opened(table, tenant) == 0


def test_a_larger_file_than_announced_ends_its_session_too(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000)
    record = reservation(tenant, project, 100)
    ledger.reserve(record)
    settle(ledger, record, 150)
    assert (opened(table, tenant), table.tenant_available(tenant)) == (0, 850)


def test_one_more_than_may_be_open_is_refused_and_says_how_many_are(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000, open_sessions=2)
    records = [reservation(tenant, project, 1) for _ in range(2)]
    for record in records:
        ledger.reserve(record)
    with pytest.raises(SessionsFull) as full:
        ledger.reserve(reservation(tenant, project, 1))
    assert (full.value.open, full.value.most) == (2, 2)
    assert table.tenant_available(tenant) == 998
    settle(ledger, records[0], 1)
    ledger.reserve(reservation(tenant, project, 1, store="s-1"))
    with pytest.raises(SessionsFull):
        ledger.reserve(reservation(tenant, project, 1))


def test_no_session_may_be_open_at_all(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 1_000, open_sessions=0)
    with pytest.raises(SessionsFull):
        ledger.reserve(reservation(tenant, project, 1))


def test_what_is_short_is_named_one_at_a_time(table: AtomicTable, ledger: Ledger) -> None:
    small = table.project(50)
    tenant = table.tenant(small, 100, open_sessions=0)
    with pytest.raises(TenantShort):
        ledger.reserve(reservation(tenant, small, 101))
    with pytest.raises(SessionsFull):
        ledger.reserve(reservation(tenant, small, 100))
    table.set(tenant, maxOpenSessions=None)
    with pytest.raises(ProjectShort):
        ledger.reserve(reservation(tenant, small, 100))
    assert opened(table, tenant) == 0


def test_a_changed_limit_holds_at_once(table: AtomicTable, ledger: Ledger, project: str) -> None:
    tenant = table.tenant(project, 1_000)
    records = [reservation(tenant, project, 1) for _ in range(3)]
    for record in records:
        ledger.reserve(record)
    table.set(tenant, maxOpenSessions=2)
    with pytest.raises(SessionsFull) as full:
        ledger.reserve(reservation(tenant, project, 1))
    assert (full.value.open, full.value.most) == (3, 2)
    table.set(tenant, maxOpenSessions=4)
    ledger.reserve(reservation(tenant, project, 1))


def test_a_tenant_from_before_they_were_counted(
    table: AtomicTable, ledger: Ledger, project: str
) -> None:
    tenant = table.tenant(project, 1_000, open_sessions=1)
    before = reservation(tenant, project, 1)
    ledger.reserve(before)
    table.set(tenant, openSessions=None)
    ledger.abandon(before)
    assert opened(table, tenant) == 0
    table.set(tenant, openSessions=None)
    first = reservation(tenant, project, 1)
    ledger.reserve(first)
    assert opened(table, tenant) == 1
    with pytest.raises(SessionsFull):
        ledger.reserve(reservation(tenant, project, 1))
    settle(ledger, first, 1)
    assert opened(table, tenant) == 0


def test_64_at_once_open_exactly_as_many_as_may_be(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 10**6, open_sessions=10)
    ledger = Ledger(table.patient())

    def attempt() -> str:
        try:
            ledger.reserve(reservation(tenant, project, 100))
        except SessionsFull:
            return "full"
        return "open"

    outcomes = at_once([attempt] * THREADS)
    assert (outcomes.count("open"), outcomes.count("full")) == (10, THREADS - 10)
    assert opened(table, tenant) == 10


def test_none_is_lost_while_64_open_and_end_them(table: AtomicTable) -> None:
    project = table.project(10**6)
    tenant = table.tenant(project, 10**6, open_sessions=THREADS)
    ledger = Ledger(table.patient())

    def live(number: int) -> Callable[[], str]:
        def life() -> str:
            record = reservation(tenant, project, 100)
            ledger.reserve(record)
            if number % 2:
                ledger.abandon(record)
            else:
                settle(ledger, record, 90 + number % 20)
            return "lived"

        return life

    assert at_once([live(number) for number in range(THREADS)]) == ["lived"] * THREADS
    assert opened(table, tenant) == 0


def at_once(actions: list[Callable[[], str]]) -> list[str]:
    """Run actions in as many threads and answer what each one says."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]
