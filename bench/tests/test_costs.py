"""The arithmetic of dollars, with figures that can be followed by hand."""

import json

import pytest

from bench import prices
from bench.cost_report import bill_of, declared, tables
from bench.costs import (
    ALTERNATIVES,
    CHUNK,
    REQUESTS,
    WAITS,
    Declared,
    Measured,
    Run,
    Servers,
    database,
    http_requests,
    idle,
    operations,
    relayed,
    request,
    upload,
)
from bench.recorder import Cost
from bench.report import RESULTS
from filegate_local.stack import template_path

SETTLES = "first get after the upload (settles)"
DIRECT = "start, straight to upstream"
MEASURED = Measured(
    calls={
        "get": Cost(reads=1, rru=1),
        "list of 10": Cost(reads=1, rru=2),
        "start": Cost(transactions=1, wru=7, upstream=1),
        DIRECT: Cost(writes=1, transactions=1, wru=10, upstream=1),
        "plain chunk": Cost(),
        "last chunk": Cost(writes=1, wru=3),
        SETTLES: Cost(reads=1, transactions=1, rru=1, wru=10, upstream=2),
        "delete": Cost(reads=1, writes=1, transactions=1, rru=1, wru=12, upstream=1),
        "generateContent": Cost(writes=1, wru=1, upstream=1),
        "janitor, nothing due": Cost(reads=20, rru=12),
        "janitor, closes 10 hours": Cost(reads=50, transactions=10, rru=42, wru=90),
    },
    cpu={
        "get": 3,
        "list of 10": 5,
        "start": 7,
        "delete": 10,
        "generateContent": 8,
        "plain chunk": 0.4,
        "last chunk": 2.5,
    },
    memory={
        "FilesFunction": 512,
        "GenerateFunction": 512,
        "SessionsFunction": 256,
        "JanitorFunction": 512,
    },
)


def test_a_run_pays_for_its_share_of_a_core_and_for_waiting() -> None:
    run = Run(cpu=10, waits=100, memory=512)
    assert run.billed == 135  # 10 × 1769 / 512 = 34.6, rounded up with the waiting
    assert run.dollars.functions == pytest.approx(0.2e-6 + 0.135 * 0.5 * 0.0000133334)


def test_a_whole_core_is_no_faster_than_itself() -> None:
    assert Run(cpu=10, waits=0, memory=3538).billed == 10


def test_a_million_requests_cost_what_the_price_list_says() -> None:
    million = request(answered=0).times(1e6)
    assert million.gateway == pytest.approx(3.5)
    assert million.total == million.gateway
    assert database(Cost(rru=1, wru=2)).times(1e6).total == pytest.approx(0.125 + 1.25)
    assert relayed(10**9).total == pytest.approx(0.09)


def test_an_operation_is_its_request_its_run_and_its_units() -> None:
    get = operations(MEASURED)["get"]
    run = Run(3, WAITS.read, 512)
    assert get.database == pytest.approx(0.125e-6)
    assert get.functions == pytest.approx(run.dollars.functions)
    assert get.gateway == pytest.approx(3.5e-6)
    assert get.total == pytest.approx(
        get.database + get.functions + get.gateway + get.traffic + get.logs
    )


@pytest.mark.parametrize(("size", "chunks"), [(10**6, 1), (10**8, 12), (2 * 10**9, 239)])
def test_an_upload_has_a_request_for_each_chunk_and_three_more(size: int, chunks: int) -> None:
    through = upload(MEASURED, size, direct=False)
    assert through.gateway == pytest.approx((chunks + 3) * 3.5e-6)
    assert through.database == pytest.approx((2 * 0.125 + 32 * 0.625) * 1e-6)
    assert through.traffic == pytest.approx(size * 0.09e-9 + 3 * 1000 * 0.09e-9)


@pytest.mark.parametrize("size", [10**6, 2 * 10**9])
def test_straight_to_upstream_costs_the_same_whatever_the_size(size: int) -> None:
    straight = upload(MEASURED, size, direct=True)
    assert straight.gateway == pytest.approx(3 * 3.5e-6)
    assert straight.database == pytest.approx((2 * 0.125 + 32 * 0.625) * 1e-6)
    assert straight.traffic == pytest.approx(3 * 1000 * 0.09e-9)


def test_an_http_api_counts_by_512_kib() -> None:
    assert http_requests(CHUNK) == 16
    assert http_requests(CHUNK + 1) == 17
    assert http_requests(0) == 0


def test_a_stack_that_nobody_calls_is_not_for_nothing() -> None:
    lines = idle(MEASURED, Declared(3, 12, 5, 512), get_item_cpu=2.0)
    rounds = 730 * 60
    assert lines["3 secrets"] == pytest.approx((1.2, 1.2))
    assert lines["12 alarms (10 are free)"] == pytest.approx((1.2, 0.2))
    assert lines["5 metrics (10 are free)"] == pytest.approx((1.5, 0))
    reads = lines[f"{rounds:,} rounds of the janitor: DynamoDB"][0]
    assert reads == pytest.approx(rounds * 12 * 0.125e-6)
    run = Run(40, 100, 512).dollars.functions
    assert lines[f"{rounds:,} rounds of the janitor: Lambda (free)"][0] == pytest.approx(
        rounds * run
    )


def test_servers_cost_the_same_idle_and_more_when_they_are_busy() -> None:
    servers = Servers("s", prices.SMALL, 2, 0.8, 0.04, cpu=10)
    hourly = 2 * 0.0336 + 0.032 + 0.0225 + 4 * 0.005
    assert servers.idle() == pytest.approx(hourly * 730 + 2 * 20 * 0.08 + 20 * 0.115)
    assert servers.month(0) == servers.idle()
    # What fits into the baseline costs only what leaves; beyond it, each vCPU-hour.
    assert servers.month(10**6) == pytest.approx(servers.idle() + 1.0 * (0.008 + 0.09))
    hours = 4 * 10**8 * 0.010 / 3600 - 0.8 * 730
    assert servers.month(4 * 10**8) == pytest.approx(
        servers.idle() + 400 * (0.008 + 0.09) + hours * 0.04
    )
    with pytest.raises(ValueError, match="bears"):
        servers.month(servers.most * 1.01)


def test_the_template_is_counted() -> None:
    found = declared(template_path())
    assert (found.secrets, found.janitor_metrics) == (3, 6)
    assert found.alarms >= 13


def test_the_bill_is_made_of_the_kept_figures() -> None:
    """The tables of the README come from results.json alone, and where costs meet is where."""
    found = bill_of(json.loads(RESULTS.read_text()))
    assert set(tables(found)) == {
        "costs assumed",
        "costs operations",
        "costs uploads",
        "costs idle",
        "costs alternatives",
        "prices",
    }
    fixed = sum(full for full, _ in found.idle.values())
    each = found.operations["get"].total
    for servers in ALTERNATIVES:
        even = found.even[servers.name]
        if even <= servers.most:
            assert servers.month(even) == pytest.approx(fixed + even * each, rel=0.01)
    assert len(found.months["Filegate"]) == len(REQUESTS)


def test_no_price_is_written_elsewhere() -> None:
    assert len({one.what for one in prices.ALL}) == len(prices.ALL)
    assert all(one.dollars > 0 and one.source for one in prices.ALL)
