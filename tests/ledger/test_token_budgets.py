"""Budgets of browser tokens: counted down with the reservation or not at all, by many at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from atomic_table import HOUR, NOW, AtomicTable, reservation, settle
from filegate.adapters.table import Item, Key
from filegate.ledger import DoesNotFit, Ledger, NameTaken, TenantShort, TokenShort
from filegate.tokens import ANY_COUNT, Token

THREADS = 32


def token_of(tenant: str, budget: int, count: int = ANY_COUNT) -> Token:
    """A token with a budget in bytes."""
    scopes = ("files:write",)
    return Token(uuid4().hex, tenant, "0" * 64, scopes, budget, count, (), None, NOW + HOUR)


def count_of(table: AtomicTable, token: Token) -> Item | None:
    """What is left of a token, by its count."""
    return table.table.get(Key(f"TOKENUSE#{token.id}", "TOKENUSE"))


def left(table: AtomicTable, token: Token) -> tuple[int, int]:
    """Bytes and uploads left of a token that was used."""
    item = count_of(table, token)
    assert item is not None
    return int(item["bytesLeft"] or 0), int(item["filesLeft"] or 0)


@pytest.mark.parametrize(("budget", "count"), [(700 + 99, ANY_COUNT), (10**6, 7)])
def test_as_many_as_fit_get_in_the_first_included(
    table: AtomicTable, budget: int, count: int
) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 10**6)
    token = token_of(tenant, budget, count)
    ledger = Ledger(table.patient())

    def reserve(_: int) -> str:
        try:
            ledger.reserve(reservation(tenant, project, 100), token.spend(100))
        except TokenShort:
            return "short"
        return "reserved"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(reserve, range(THREADS)))

    assert outcomes.count("reserved") == 7
    assert outcomes.count("short") == THREADS - 7
    assert left(table, token) == (budget - 700, count - 7)
    assert table.tenant_available(tenant) == 10**6 - 700
    table.assert_conserved()


def test_what_is_not_reserved_is_not_spent(table: AtomicTable) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 150)
    token = token_of(tenant, 1_000)
    ledger = Ledger(table.table)
    record = reservation(tenant, project, 100)

    with pytest.raises(TenantShort):
        ledger.reserve(reservation(tenant, project, 151), token.spend(151))
    assert count_of(table, token) is None
    ledger.reserve(record, token.spend(100))
    with pytest.raises(NameTaken):
        ledger.reserve(record, token.spend(100))

    assert left(table, token) == (900, ANY_COUNT - 1)


def test_what_is_not_spent_is_not_reserved(table: AtomicTable) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 10**6)
    token = token_of(tenant, 150)
    ledger = Ledger(table.table)
    ledger.reserve(reservation(tenant, project, 100), token.spend(100))

    with pytest.raises(TokenShort) as short:
        ledger.reserve(reservation(tenant, project, 51), token.spend(51))

    assert short.value.count is not None
    assert short.value.count["bytesLeft"] == 50
    assert left(table, token) == (50, ANY_COUNT - 1)
    assert table.tenant_available(tenant) == 10**6 - 100
    table.assert_conserved()


def test_an_upload_that_never_began_is_undone_once(table: AtomicTable) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 10**6)
    token = token_of(tenant, 100, 1)
    ledger = Ledger(table.table)
    record = reservation(tenant, project, 100)
    ledger.reserve(record, token.spend(100))

    ledger.abandon(record, token.give_back(100))

    assert left(table, token) == (100, 1)
    assert table.tenant_available(tenant) == 10**6
    ledger.reserve(reservation(tenant, project, 100), token.spend(100))
    assert left(table, token) == (0, 0)


def test_more_than_was_paid_for_is_not_stored(table: AtomicTable) -> None:
    project = table.project(10**9)
    tenant = table.tenant(project, 10**6)
    ledger = Ledger(table.table)
    record = reservation(tenant, project, 100, token="t1")
    ledger.reserve(record, token_of(tenant, 100).spend(100))

    with pytest.raises(DoesNotFit):
        settle(ledger, record, 101)

    assert ledger.find(tenant, record.file_id) == record
    assert settle(ledger, record, 100).token == "t1"
