"""Atomic engines for all ledger tests; each test makes tenants and projects of its own."""

from collections.abc import Iterator

import pytest

from atomic_table import AtomicTable, table_on
from engines import ENGINES
from filegate.ledger import Ledger


@pytest.fixture(scope="session", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtomicTable]:
    """Each engine, started once."""
    with (
        ENGINES[request.param](tmp_path_factory.mktemp("engine")) as running,
        table_on(running) as table,
    ):
        yield table


@pytest.fixture
def table(engine: AtomicTable) -> Iterator[AtomicTable]:
    """The engine's table; after each test every byte must still be accounted for."""
    yield engine
    engine.assert_conserved()


@pytest.fixture
def ledger(table: AtomicTable) -> Ledger:
    """A ledger on the atomic table."""
    return Ledger(table.table)
