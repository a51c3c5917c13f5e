"""Records: when a file lives, and what of it is paid for."""

from dataclasses import replace

import pytest

from filegate.instants import HOUR, MINUTE
from filegate.records import FileRecord, State

NOW = 1_790_000_000_000
FILE = FileRecord(
    tenant="acme",
    file_id="acme0001abc",
    reservation="r1",
    project="p1",
    state=State.STORED,
    bytes=100,
    created_at=NOW,
    deadline=NOW + HOUR,
    due_at=NOW + 48 * HOUR,
    stored_at=NOW + 5,
    expires_at=NOW + 48 * HOUR,
)


@pytest.mark.parametrize(("after", "alive"), [(-1, True), (0, False), (1, False)])
def test_a_file_is_gone_from_the_moment_it_expires(after: int, alive: bool) -> None:
    assert FILE.alive(NOW + 48 * HOUR + after) is alive


def test_what_is_only_promised_is_not_alive() -> None:
    assert not replace(FILE, state=State.RESERVED).alive(NOW)


def test_a_file_of_which_no_end_is_known_lives() -> None:
    assert replace(FILE, expires_at=None).alive(NOW + 1_000 * HOUR)


def test_nobody_pays_for_a_file_after_its_end_or_before_its_beginning() -> None:
    assert FILE.stored_until(NOW + HOUR) == NOW + HOUR
    assert FILE.stored_until(NOW + 100 * HOUR) == NOW + 48 * HOUR
    assert FILE.stored_until(NOW - HOUR) == NOW + 5


def test_upstreams_clock_is_believed_within_the_upload_and_no_further() -> None:
    assert FILE.stored_since == NOW + 5
    assert replace(FILE, stored_at=NOW - 5 * MINUTE).stored_since == NOW - MINUTE
    assert replace(FILE, stored_at=NOW + 9 * HOUR).stored_since == NOW + 2 * HOUR
    assert replace(FILE, stored_at=None).stored_since == NOW


def test_a_record_is_read_back_as_it_was_written() -> None:
    whole = replace(
        FILE,
        closing_since=NOW,
        session="sealed",
        direct=True,
        looks=3,
        processing=True,
        snapshot="{}",
        checked_sha256="ab",
        store="s1",
        token="t1",
        lifetime=HOUR,
    )
    assert FileRecord.from_item(whole.item()) == whole
    assert FileRecord.from_item(FILE.item()) == FILE
