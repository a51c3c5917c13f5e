"""Requests per minute: counted exactly, refused with the moment they may go on."""

from typing import Any

import pytest
from tests.unit.conftest import TABLE

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Key, Table
from filegate.errors import StatusError
from filegate.limits import Limits
from filegate.rates import Rates
from filegate.tenants import Tenant

MINUTE = 60_000
NOW = 1_790_000_040_000 - 1_790_000_040_000 % MINUTE
"""The beginning of a minute."""


class CountingTable(Table):
    """A table that counts what it is asked."""

    asked = 0

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        self.asked += 1
        return super()._call(operation, **arguments)


def tenant(most: int | None, name: str = "acme") -> Tenant:
    limits = Limits(requests_per_minute=most)
    return Tenant(name, "acme0001", "p1", active=True, max_file_bytes=1, limits=limits)


@pytest.fixture
def table(dynamodb: AwsService) -> CountingTable:
    return CountingTable(dynamodb, TABLE)


def taken(rates: Rates, most: int | None, now: int, name: str = "acme") -> bool:
    try:
        rates.take(tenant(most, name), now)
    except StatusError as refused:
        assert refused.status.code == 429
        return False
    return True


def test_without_a_limit_the_table_is_not_asked(table: CountingTable) -> None:
    rates = Rates(table)
    assert all(taken(rates, None, NOW) for _ in range(10))
    assert table.asked == 0


def test_so_many_a_minute_and_again_in_the_next(table: CountingTable) -> None:
    rates = Rates(table)
    moments = [NOW, NOW + 1, NOW + 30_000, NOW + MINUTE - 1, NOW + MINUTE, NOW + MINUTE]
    assert [taken(rates, 3, moment) for moment in moments] == [True] * 3 + [False] + [True] * 2
    item = table.get(Key("TENANT#acme", f"RATE#{NOW // MINUTE}"))
    assert item is not None
    assert item["count"] == 3
    assert int(item["garbageAt"] or 0) > (NOW + MINUTE) // 1_000


def test_a_minute_that_is_full_costs_nothing_more(table: CountingTable) -> None:
    rates = Rates(table)
    assert [taken(rates, 1, NOW) for _ in range(2)] == [True, False]
    asked = table.asked
    assert not any(taken(rates, 1, NOW + number) for number in range(50))
    assert table.asked == asked
    # Another tenant, another limit and another minute are none of it.
    assert taken(rates, 1, NOW, "rival")
    assert taken(rates, 2, NOW)
    assert taken(rates, 1, NOW + MINUTE)


def test_instances_count_together(table: CountingTable) -> None:
    here, there = Rates(table), Rates(table)
    assert [taken(one, 2, NOW) for one in (here, there, here, there)] == [True, True, False, False]


def test_none_at_all(table: CountingTable) -> None:
    assert not taken(Rates(table), 0, NOW)
    assert table.asked == 0


@pytest.mark.parametrize(("into", "wait"), [(0, 60), (1, 60), (59_000, 1), (59_999, 1)])
def test_the_refusal_says_when(table: CountingTable, into: int, wait: int) -> None:
    with pytest.raises(StatusError) as refused:
        Rates(table).take(tenant(0), NOW + into)
    status = refused.value.status
    assert (status.code, status.status, status.retry_after) == (429, "RESOURCE_EXHAUSTED", wait)
    assert "0 requests a minute" in status.message
    retry = status.body()["error"]["details"][-1]
    assert retry == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}


def test_what_is_remembered_has_an_end(table: CountingTable) -> None:
    rates = Rates(table)
    rates._full = {f"t{number}": (NOW, 1) for number in range(4_096)}  # noqa: SLF001
    assert [taken(rates, 1, NOW) for _ in range(2)] == [True, False]
    assert len(rates._full) == 1  # noqa: SLF001
