"""Quota: the first moment at which enough bytes are back, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.quota import free_at
from filegate.records import FileRecord, State


def record(
    size: int, deadline: int = 0, expires_at: int | None = None, state: State = State.RESERVED
) -> FileRecord:
    return FileRecord(
        tenant="acme",
        file_id="acme0001abc",
        reservation="r",
        project="default",
        state=state,
        bytes=size,
        created_at=0,
        deadline=deadline,
        due_at=deadline,
        expires_at=expires_at,
    )


def stored(size: int, expires_at: int | None, deadline: int = 10**6) -> FileRecord:
    return record(size, deadline, expires_at, State.STORED)


FILES = [stored(10, 300), stored(20, 100), record(5, 200)]


@pytest.mark.parametrize(
    ("missing", "moment"),
    [(1, 100), (20, 100), (21, 200), (25, 200), (26, 300), (35, 300), (36, None)],
)
def test_bytes_come_back_in_the_order_they_end(missing: int, moment: int | None) -> None:
    assert free_at(FILES, missing) == moment


def test_of_nothing_nothing_comes_back() -> None:
    assert free_at([], 1) is None


def test_a_file_without_an_expiry_ends_at_its_deadline() -> None:
    assert free_at([stored(10, None, deadline=7)], 10) == 7


def test_an_open_upload_ends_at_its_deadline_whatever_it_says_of_expiry() -> None:
    assert free_at([record(10, deadline=7, expires_at=3)], 10) == 7


def test_empty_files_free_nothing() -> None:
    assert free_at([stored(0, 1), stored(1, 2)], 1) == 2


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.booleans()), max_size=12),
    st.integers(1, 400),
)
def test_the_moment_is_the_earliest_at_which_enough_is_back(
    files: list[tuple[int, int, bool]], missing: int
) -> None:
    records = [
        stored(size, moment) if is_stored else record(size, moment)
        for size, moment, is_stored in files
    ]

    def back_by(moment: int) -> int:
        return sum(size for size, ends, _ in files if ends <= moment)

    expected = next((moment for moment in range(21) if back_by(moment) >= missing), None)
    assert free_at(iter(records), missing) == expected
