"""Tables as they stand in the README."""

import pytest

from bench.recorder import Cost
from bench.report import README, Figures, calls_table, fill, tables


def test_a_table_is_aligned_markdown() -> None:
    lines = calls_table({"get": Cost(reads=1, rru=1)}).splitlines()
    assert lines[0].startswith("| operation | reads |")
    assert lines[1].startswith("|-----------|------:|")
    assert len({len(line) for line in lines}) == 1


def test_markers_are_filled_and_stay() -> None:
    text = "a\n<!-- calls -->\nold\n<!-- end calls -->\nb"
    filled = fill(text, {"calls": "new \\1"})
    assert filled == "a\n<!-- calls -->\nnew \\1\n<!-- end calls -->\nb"
    assert fill(filled, {"calls": "new \\1"}) == filled


def test_a_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="calls"):
        fill("no markers", {"calls": "table"})


def test_every_table_has_its_place_in_the_readme() -> None:
    assert fill(README.read_text(), tables(Figures()))
