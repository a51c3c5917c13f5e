"""The simulation: it uses the product's own rules, and the same seed gives the same figures."""

import re
from dataclasses import replace

import pytest

from bench.pictures import bars, chart
from bench.simulation.agenda import Agenda, Bucket
from bench.simulation.contention import fleet, one_project
from bench.simulation.parameters import CLOSING, EXPIRY, Parameters
from bench.simulation.population import Population, Slow, place_all
from bench.simulation.rounds import Manner, capacity, day
from filegate import janitor
from filegate.records import DUE_SHARDS

SMALL = replace(Parameters(), tenants=2_000, projects=20)


def test_the_parameters_are_the_products_own() -> None:
    assert Parameters().shards == DUE_SHARDS
    assert Parameters().at_once == janitor._AT_ONCE  # noqa: SLF001
    assert Parameters().batch == janitor._BATCH  # noqa: SLF001


def test_tenants_are_placed_as_the_product_places_them() -> None:
    limits = [(1, 5, 20)[number * 7 % 3] for number in range(300)]
    slow = Slow(7)
    assert place_all(limits, 7)[0] == [slow.book(limit) for limit in limits]


def test_placement_evens_out_what_was_promised() -> None:
    population = Population.of(SMALL)
    mean = sum(population.promised) / len(population.promised)
    assert max(population.promised) / mean < 1.2
    assert sum(population.loads) == pytest.approx(1)
    assert 0 < population.busiest < 1


def test_things_happen_in_order_of_time() -> None:
    agenda, seen = Agenda(), []
    agenda.at(2, lambda now: seen.append(("late", now)))
    agenda.at(1, lambda now: agenda.at(now, lambda again: seen.append(("early", again))))
    agenda.run()
    assert seen == [("early", 1), ("late", 2)]


def test_a_bucket_bears_its_rate_and_no_more() -> None:
    bucket = Bucket(10)
    assert sum(bucket.take(1, 0.0) for _ in range(20)) == 10
    assert sum(bucket.take(1, 0.5) for _ in range(20)) == 5
    assert bucket.taken == 15


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (one_project(SMALL, 10, 20) for _ in range(2))
    assert first == second
    assert first != one_project(replace(SMALL, seed=1), 10, 20)


def test_more_starts_on_one_item_meet_more_often() -> None:
    found = [one_project(SMALL, rate, 20) for rate in (1, 10, 30)]
    assert [one.conflicts for one in found] == sorted(one.conflicts for one in found)
    assert found[0].conflicts < 0.1 < found[2].conflicts
    assert found[0].refused == 0


def test_transactions_that_hold_nothing_never_meet() -> None:
    found = one_project(replace(SMALL, window=0.0), 10, 20)
    assert (found.conflicts, found.refused) == (0, 0)


def test_the_wall_of_a_partition_holds() -> None:
    """Half the units there are for two in a second, and nobody in anybody's way."""
    low = replace(SMALL, window=0.0, write_wall=20.0)
    found = one_project(low, 10, 60)
    assert (
        found.hottest_project <= 20 * 64 / 60
    )  # A second's worth at first, and patience of three at last.
    assert found.conflicts > 0.1


def test_many_projects_carry_what_one_cannot() -> None:
    even = replace(SMALL, skew=0.0)
    spread = fleet(Population.of(even), even, 100, 10)
    assert spread.conflicts < 0.2 < one_project(even, 100, 10).conflicts


@pytest.mark.parametrize("errand", [EXPIRY, CLOSING])
def test_memory_makes_rounds_faster_only_where_a_core_is_missing(errand: object) -> None:
    assert isinstance(errand, type(EXPIRY))
    assert capacity(SMALL, 1769, errand) > capacity(SMALL, 512, errand)
    idle = replace(SMALL, call_cpu=0.0, upstream_cpu=0.0)
    assert capacity(idle, 1769, errand) == capacity(idle, 512, errand)


def test_a_day_ends_with_nothing_left_where_there_is_time_enough() -> None:
    found = day(SMALL, 500, Manner("as it is"), hours=4, per_day=10)
    assert (found.left, found.untold) == (0, 0)
    assert found.file_most < 120


def test_hours_that_fall_due_at_once_keep_files_waiting_and_spread_ones_do_not() -> None:
    at_once = day(SMALL, 20_000, Manner("at once"), hours=4, per_day=10)
    spread = day(SMALL, 20_000, Manner("spread", spread=True, rotating=True), hours=4, per_day=10)
    assert at_once.file_most > 300
    assert spread.file_most < 60
    assert at_once.left == spread.left == 0


def test_shards_in_turn_are_all_come_to_where_time_is_short() -> None:
    """More than can be done: in order, what is in the last shards waits for ever."""
    in_order, in_turn = (
        day(SMALL, 60_000, Manner("x", rotating=rotating), hours=6, per_day=120)
        for rotating in (False, True)
    )
    assert in_order.left > 0
    assert in_turn.file_most < in_order.file_most
    assert max(in_turn.lags) < max(in_order.lags)


def test_a_picture_is_the_same_for_the_same_data() -> None:
    lines = {"a": [(1.0, 2.0), (10.0, 30.0)], "b <c>": [(1.0, 1.0)]}
    first = chart("t", "x", "y", lines, log_across=True, wall=("w", 50.0))
    assert first == chart("t", "x", "y", lines, log_across=True, wall=("w", 50.0))
    assert "b &lt;c&gt;" in first
    assert first.startswith("<svg")


def test_bars_are_as_long_as_their_values() -> None:
    picture = bars("title", "unit", {"a <b>": 0.5, "c": 2.0}, {"c": 1.5})
    widths = [float(width) for width in re.findall(r'width="([0-9.]+)" height="18"', picture)]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    for text in ("title", "a &lt;b&gt;", "0.50", "2.00", "1 = unit"):
        assert f">{text}</text>" in picture
