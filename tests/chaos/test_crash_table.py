"""The crash table: end the process before and after every call of every operation.

The points are not listed here: an operation runs once to count its calls, then once for each. A new
call is a new row by itself, and has to be in docs/crashes.md. An ordinary run tries some of the
rows; `make test-slow` and `make prove` try all, and `FILEGATE_WRITE_DOCS=1` lets them write the
document anew.
"""

import os
import sys
from collections.abc import Iterator

import pytest

from crash_gateway import functions
from crash_operations import OPERATIONS
from crash_rows import DOCUMENT, CrashTable, Row, read_document, written
from crash_world import Desk
from filegate import files, janitor, outbox, records, tenant_deletion
from in_process import Loop, dynamodb

ONE_OF = 7
"""Of so many crashes an ordinary run tries one; in the next operation another one."""


@pytest.fixture(scope="module")
def table() -> Iterator[CrashTable]:
    loop = Loop()
    client = dynamodb()
    with functions() as imported, pytest.MonkeyPatch.context() as patch:
        # One thing after the other, so that an operation makes its calls in the same order each
        # time; parts of an index and of the outbox only spread what is the same.
        patch.setattr(janitor, "_AT_ONCE", 1)
        patch.setattr(tenant_deletion, "_AT_ONCE", 1)
        patch.setattr(files, "_SETTLED_AT_ONCE", 1)
        patch.setattr(records, "DUE_SHARDS", 1)
        patch.setattr(janitor, "DUE_SHARDS", 1)
        patch.setattr(outbox, "SHARDS", outbox.SHARDS[:1])
        yield CrashTable(Desk.lay(client, loop), imported)
    client.close()
    loop.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_byte_is_accounted_for_wherever_the_process_ends(
    table: CrashTable, name: str
) -> None:
    first = list(OPERATIONS).index(name) * 3
    rows = table.rows(name, lambda number: (number + first) % ONE_OF == 0)
    assert rows
    known = read_document().get(name, [])
    assert [row.call for row in rows] == [row.call for row in known], "make prove writes it anew"
    for row, expected in zip(rows, known, strict=True):
        assert row.before in {None, expected.before}, row
        assert row.after in {None, expected.after}, row


@pytest.mark.prove
@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_all_rows_of_the_table(table: CrashTable) -> None:
    whole: dict[str, list[Row]] = {}
    for name in OPERATIONS:
        whole[name] = table.rows(name, lambda _: True)
        for row in whole[name]:
            _say(f"{name:40} {row.call:70} {row.before} / {row.after}")
    count = sum(len(rows) for rows in whole.values())
    _say(f"{len(whole)} operations, {count} calls, {count + len(whole)} ends")
    if os.environ.get("FILEGATE_WRITE_DOCS") == "1":
        DOCUMENT.write_text(written(whole))
    assert DOCUMENT.read_text() == written(whole), "FILEGATE_WRITE_DOCS=1 writes it anew"


def _say(line: str) -> None:
    """Print, past the handlers' own output, which is dropped."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(line + "\n")
