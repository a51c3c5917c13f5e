"""The small form of what `python -m bench.scale` measures."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.recorder import Cost
from bench.scale import SMALL, Operation, Scale, Shards, Sweep, tables


@pytest.fixture(scope="module")
def scale() -> Scale:
    """In a process of its own: it loads functions, which set its environment."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.scale", "--small"],
        check=True,
        timeout=240,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return Scale(
        **{
            **found,
            "operations": [
                Operation(one["name"], Cost(**one["few"]), Cost(**one["many"]))
                for one in found["operations"]
            ],
            "sweeps": [Sweep(**{**one, "cost": Cost(**one["cost"])}) for one in found["sweeps"]],
            "shards": Shards(**found["shards"]),
        }
    )


@pytest.mark.parametrize("name", ["list of 10", "get", "start", "delete"])
def test_an_operation_costs_the_same_however_much_there_is(scale: Scale, name: str) -> None:
    [found] = [one for one in scale.operations if one.name == name]
    assert found.few == found.many


def test_a_sweep_costs_what_is_due_and_not_what_there_is(scale: Scale) -> None:
    few = {one.due: one for one in scale.sweeps if one.existing < SMALL.records}
    many = {one.due: one for one in scale.sweeps if one.existing >= SMALL.records}
    assert set(few) == set(SMALL.due[:-1])
    assert set(many) == set(SMALL.due)
    for due, sweep in few.items():
        assert many[due].cost == sweep.cost
    for sweep in scale.sweeps:
        if sweep.due:
            assert (sweep.each["reads"], sweep.each["transactions"]) == (1, 1)
            # One unit more as the tenant's hour of usage enters the index.
            assert sweep.each["wru"] * sweep.due == pytest.approx(9 * sweep.due + 1)
            # Its record, and some of its place in the index: 4 KB of keys to a unit.
            assert 1 <= sweep.each["rru"] <= 1.5


def test_records_spread_over_all_shards(scale: Scale) -> None:
    assert scale.shards.records >= SMALL.records
    # One of a million is above it, with 15 degrees of freedom.
    assert scale.shards.chi_square < 56.5


def test_shards_that_are_not_even_are_seen() -> None:
    assert Shards.of({f"DUE#{number:02d}": 100 for number in range(16)}).chi_square == 0
    skewed = Shards.of({f"DUE#{number:02d}": 200 * (number % 2) for number in range(16)})
    assert (skewed.least, skewed.most, skewed.ratio) == (0, 200, 2)
    assert skewed.chi_square == 1600


def test_every_table_has_its_rows(scale: Scale) -> None:
    found = tables(scale)
    assert len(found["scale operations"].splitlines()) == 2 + 4
    assert len(found["scale janitor"].splitlines()) == 2 + len(scale.sweeps)
