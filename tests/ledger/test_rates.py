"""Many instances at once never let one request more through than a minute may have."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from atomic_table import NOW, AtomicTable
from filegate.adapters.table import Key
from filegate.errors import StatusError
from filegate.limits import Limits
from filegate.rates import Rates
from filegate.tenants import Tenant

INSTANCES = 64
MINUTE = 60_000


@pytest.mark.parametrize("most", [1, 20, 63])
def test_64_instances_let_exactly_as_many_through(table: AtomicTable, most: int) -> None:
    tenant_id = table.tenant(table.project(1_000), 500, requests_per_minute=most)
    limits = Limits(requests_per_minute=most)
    tenant = Tenant(tenant_id, "acme0001", "p1", active=True, max_file_bytes=1, limits=limits)

    def ask(rates: Rates) -> bool:
        try:
            rates.take(tenant, NOW)
        except StatusError:
            return False
        return True

    with ThreadPoolExecutor(INSTANCES) as pool:
        instances = [Rates(table.patient()) for _ in range(INSTANCES)]
        assert sum(pool.map(ask, instances)) == most
    item = table.table.get(Key(f"TENANT#{tenant_id}", f"RATE#{NOW // MINUTE}"))
    assert item is not None
    assert item["count"] == most
