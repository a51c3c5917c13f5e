"""A file's appointment where nobody here sees its upload end, and where its life is shortened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.upstream import DocumentUpload, UploadState, Upstream
from filegate.appointments import CannotKeep, Keeper, shortened, stored_from
from filegate.instants import HOUR, MINUTE, format_rfc3339
from filegate.ledger import DoesNotFit, Ledger, Stored
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.sessions import Session

NOW = 1_790_000_000_000
OPEN = FileRecord(
    tenant="acme",
    file_id="acme0001abc",
    reservation="r1",
    project="p1",
    state=State.RESERVED,
    bytes=100,
    created_at=NOW,
    deadline=NOW + HOUR,
    due_at=NOW + MINUTE,
    session="sealed",
    direct=True,
    looks=4,
)
REFUSED = UpstreamRefused(403, "PERMISSION_DENIED", "no", None)
WEEK = 7 * 24 * HOUR


def file(size: int = 70, lasts: int = 48 * HOUR) -> Mapping[str, Any]:
    return {
        "name": "files/acme0001abc",
        "sizeBytes": str(size),
        "state": "ACTIVE",
        "createTime": format_rfc3339(NOW),
        "expirationTime": format_rfc3339(NOW + lasts),
    }


@dataclass
class FakeLedger:
    """Notes what it is told."""

    did: list[tuple[object, ...]] = field(default_factory=list)
    full: bool = False

    def abandon(self, record: FileRecord) -> None:
        self.did.append(("abandon", record))

    def settle(self, record: FileRecord, stored: Stored, due_at: int, looks: int) -> FileRecord:
        assert looks == 0
        if self.full:
            raise DoesNotFit
        self.did.append(("settle", stored.bytes, stored.expires_at, due_at))
        return replace(record, state=State.STORED, snapshot=stored.snapshot)

    def refresh(self, record: FileRecord, stored: Stored, due_at: int, looks: int) -> FileRecord:
        self.did.append(("refresh", stored.expires_at, due_at, looks))
        return replace(record, snapshot=stored.snapshot)

    def release(self, record: FileRecord, now: int, deleted_at: int | None = None) -> None:
        assert record.state is State.STORED
        self.did.append(("release", now, deleted_at))

    def appoint(self, record: FileRecord, due_at: int, looks: int = 0) -> FileRecord:
        self.did.append(("appoint", due_at, looks))
        return replace(record, due_at=due_at, looks=looks)

    def note_ended(self, record: FileRecord, now: int, due_at: int) -> FileRecord:
        self.did.append(("ended", now, due_at))
        return replace(record, closing_since=now, due_at=due_at, looks=0)


@dataclass
class FakeUpstream:
    """Says one thing of the upload and one of the file."""

    state: UploadState | Exception = UploadState.ACTIVE
    has: Mapping[str, Any] | None = None
    asked: list[str] = field(default_factory=list)

    def _say(self, what: str) -> UploadState:
        self.asked.append(what)
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    def query_upload(self, _upload_id: str) -> UploadState:
        return self._say("query")

    def cancel_upload(self, _upload_id: str, _store: str | None = None) -> UploadState:
        return self._say("cancel")

    def query_document(self, _store: str, _upload_id: str) -> DocumentUpload:
        return DocumentUpload(self._say("query"))

    def get_file(self, _project: str, _file_id: str) -> Mapping[str, Any] | None:
        self.asked.append("get")
        return self.has

    def delete_file(self, _project: str, _file_id: str) -> int | None:
        self.asked.append("delete")
        return NOW


def keep(record: FileRecord, upstream: FakeUpstream, now: int) -> list[tuple[object, ...]]:
    ledger = FakeLedger()
    session = Session("acme", "acme0001abc", "r1", "p1", "AHx", 100, NOW + HOUR)
    keeper = Keeper(cast("Ledger", ledger), cast("Upstream", upstream), lambda _: session)
    keeper.keep(record, now)
    return ledger.did


def test_it_may_end_at_any_moment() -> None:
    assert OPEN.closing
    assert not replace(OPEN, direct=False).closing
    # Its start never came to an end: nobody has the URL.
    assert not replace(OPEN, session=None).closing
    assert not replace(OPEN, state=State.STORED).closing


def test_one_that_goes_on_is_looked_at_later_and_later() -> None:
    for looks, seconds in ((4, 80), (5, 160), (6, 300), (60, 300)):
        did = keep(replace(OPEN, looks=looks), FakeUpstream(), NOW + MINUTE)
        assert did == [("appoint", NOW + MINUTE + seconds * 1_000, looks + 1)]


def test_one_that_nobody_knows_of_ends_at_its_deadline() -> None:
    record = replace(OPEN, session=None)
    assert keep(record, FakeUpstream(), NOW) == [("appoint", record.deadline, 0)]
    upstream = FakeUpstream()
    assert keep(record, upstream, record.deadline) == [("abandon", record)]
    assert upstream.asked == ["get"]


def test_one_that_is_there_is_settled() -> None:
    did = keep(OPEN, FakeUpstream(UploadState.FINAL, file()), NOW + MINUTE)
    assert did == [("settle", 70, NOW + 48 * HOUR, NOW + 48 * HOUR)]


def test_one_that_has_ended_without_its_file_has_a_minute_from_when_that_was_seen() -> None:
    ended = FakeUpstream(UploadState.FINAL)
    late = NOW + 30 * MINUTE
    assert keep(OPEN, ended, late) == [("ended", late, late + CLOSING_LOOK)]
    seen = replace(OPEN, closing_since=late)
    assert keep(seen, ended, late + MINUTE - 1)[0][0] == "appoint"
    assert keep(seen, ended, late + MINUTE) == [("abandon", seen)]
    assert keep(seen, FakeUpstream(UploadState.FINAL, file()), late + MINUTE)[0][0] == "settle"


def test_one_that_is_past_its_deadline_is_ended_upstream() -> None:
    upstream = FakeUpstream(UploadState.CANCELLED)
    assert keep(OPEN, upstream, OPEN.deadline) == [("abandon", OPEN)]
    assert upstream.asked == ["cancel", "get"]
    # It had just ended well.
    did = keep(OPEN, FakeUpstream(UploadState.FINAL), OPEN.deadline)
    assert did == [("ended", OPEN.deadline, OPEN.deadline + CLOSING_LOOK)]


def test_no_byte_is_given_back_while_an_upload_that_cannot_be_ended_may_go_on() -> None:
    with pytest.raises(CannotKeep):
        keep(OPEN, FakeUpstream(REFUSED), NOW + WEEK - 1)
    assert keep(OPEN, FakeUpstream(REFUSED), NOW + WEEK) == [("abandon", OPEN)]
    through = replace(OPEN, direct=False, closing_since=NOW)
    assert keep(through, FakeUpstream(REFUSED), OPEN.deadline) == [("abandon", through)]


def test_the_same_for_documents() -> None:
    document = replace(OPEN, store="s-1")
    did = keep(document, FakeUpstream(), NOW + MINUTE)
    assert did == [("appoint", NOW + MINUTE + 80_000, 5)]
    with pytest.raises(CannotKeep):
        keep(document, FakeUpstream(REFUSED), NOW + WEEK - 1)
    assert keep(document, FakeUpstream(REFUSED), NOW + WEEK) == [("abandon", document)]


SHORT = replace(OPEN, lifetime=HOUR)


def test_a_shorter_life_is_what_counts_and_what_is_shown() -> None:
    did = keep(SHORT, FakeUpstream(UploadState.FINAL, file()), NOW + MINUTE)
    assert did == [("settle", 70, NOW + HOUR, NOW + HOUR)]
    stored = stored_from(file(), NOW, "{}")
    shown = json.loads(shortened(SHORT, stored, file()).snapshot)
    assert shown == {**file(), "expirationTime": format_rfc3339(NOW + HOUR)}


def test_upstreams_own_end_counts_where_it_is_earlier() -> None:
    did = keep(SHORT, FakeUpstream(UploadState.FINAL, file(lasts=HOUR - 1)), NOW + MINUTE)
    assert did == [("settle", 70, NOW + HOUR - 1, NOW + HOUR - 1)]


@pytest.mark.parametrize("off", [-365 * 24 * HOUR, 365 * 24 * HOUR])
def test_a_clock_that_is_far_off_neither_ends_nor_keeps_a_file(off: int) -> None:
    resource = {
        **file(),
        "createTime": format_rfc3339(NOW + off),
        "expirationTime": format_rfc3339(NOW + 365 * 24 * HOUR + 48 * HOUR),
    }
    ends = shortened(SHORT, stored_from(resource, NOW, "{}"), resource).expires_at
    assert NOW + HOUR - MINUTE <= ends <= SHORT.deadline + 2 * HOUR


def test_a_look_at_a_stored_file_keeps_its_end_and_the_end_is_kept() -> None:
    stored = replace(
        SHORT, state=State.STORED, session=None, direct=False, expires_at=NOW + HOUR, looks=1
    )
    assert keep(stored, FakeUpstream(has=file()), NOW + MINUTE) == [
        ("refresh", NOW + HOUR, NOW + HOUR, 0)
    ]
    upstream = FakeUpstream(has=file())
    assert keep(stored, upstream, NOW + HOUR)[0][0] == "release"
    assert upstream.asked == ["get", "delete"]


def test_a_record_is_read_as_it_was_written() -> None:
    for record in (OPEN, SHORT, replace(OPEN, direct=False)):
        assert FileRecord.from_item(record.item()) == record
    assert "direct" not in replace(OPEN, direct=False).item()
    assert "lifetime" not in OPEN.item()


class Undeletable(FakeUpstream):
    """Does not answer a delete."""

    def delete_file(self, _project: str, _file_id: str) -> int | None:
        raise UpstreamUnavailable


def test_what_does_not_fit_is_gone_upstream_before_its_bytes_are_free() -> None:
    session = Session("acme", "acme0001abc", "r1", "p1", "AHx", 100, NOW + HOUR)

    def keep_on(ledger: FakeLedger, upstream: FakeUpstream) -> None:
        keeper = Keeper(cast("Ledger", ledger), cast("Upstream", upstream), lambda _: session)
        keeper.keep(OPEN, NOW + MINUTE)

    still_there, gone = FakeLedger(full=True), FakeLedger(full=True)
    with pytest.raises(CannotKeep):
        keep_on(still_there, Undeletable(UploadState.FINAL, file(size=101)))
    assert still_there.did == []
    keep_on(gone, FakeUpstream(UploadState.FINAL, file(size=101)))
    assert gone.did == [("abandon", OPEN)]
