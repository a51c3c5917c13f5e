"""Every deliberate fault turns a test red, and docs/reliability.md says which."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from mutant import ROOT, Survived, caught_by, source_of
from mutations import MUTATIONS, Mutation

DOCUMENT: Final = ROOT / "docs" / "reliability.md"
_TABLE: Final = re.compile(r"(?<=\| --- \| --- \| --- \|\n)(?:\|.*\|\n)*(?=\n<!-- faults end)")
_LEAST: Final = 30
_AT_ONCE: Final = 2


def _row(mutation: Mutation, test: str) -> str:
    path, _, name = test.partition("::")
    return f"| {mutation.fault} | `{mutation.file}` | [`{name}`](../{path}) |\n"


def _rows() -> list[str]:
    table = _TABLE.search(DOCUMENT.read_text())
    assert table is not None
    return table[0].splitlines(keepends=True)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.fault)
def test_a_fault_is_one_place_and_has_its_row(mutation: Mutation) -> None:
    assert source_of(mutation).count(mutation.before) == 1
    rows = [row for row in _rows() if row.startswith(f"| {mutation.fault} | `{mutation.file}` |")]
    assert len(rows) == 1, "FILEGATE_WRITE_DOCS=1 make prove writes it anew"
    named = re.search(r"\[`(\w+)`\]\(\.\./(\S+)\)", rows[0])
    assert named is not None
    assert f"def {named[1]}(" in Path(ROOT / named[2]).read_text()


def test_there_are_as_many_rows_as_faults() -> None:
    assert len({one.fault for one in MUTATIONS}) == len(MUTATIONS) == len(_rows()) >= _LEAST


@pytest.mark.prove
@pytest.mark.timeout(3_600)
def test_every_fault_turns_a_test_red() -> None:
    def catch(mutation: Mutation) -> str | Survived:
        try:
            row = _row(mutation, caught_by(mutation))
        except Survived as survived:
            return survived
        sys.stdout.write(row)
        return row

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(pool.map(catch, MUTATIONS))
    survivors = [str(one) for one in outcomes if isinstance(one, Survived)]
    assert not survivors, "\n\n".join(survivors)
    if os.environ.get("FILEGATE_WRITE_DOCS") == "1":
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(_TABLE.sub(lambda _: "".join(map(str, outcomes)), text))
