"""A document's appointment: what upstream says of its upload, and what becomes of its bytes."""

from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.upstream import DocumentUpload, UploadState, Upstream
from filegate.appointments import CannotKeep, Keeper
from filegate.instants import HOUR, MINUTE
from filegate.ledger import Ledger, RecordChanged
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.seals import SealBroken
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
    due_at=NOW + HOUR,
    store="s-1",
)
CLOSING = replace(OPEN, closing_since=NOW, session="sealed", due_at=NOW + CLOSING_LOOK)
LATE = NOW + HOUR
REFUSED = UpstreamRefused(403, "PERMISSION_DENIED", "no", None)


@dataclass
class FakeLedger:
    """Notes what it is told, and refuses if told to."""

    did: list[tuple[object, ...]] = field(default_factory=list)
    refusal: Exception | None = None

    def abandon(self, record: FileRecord) -> None:
        self._do("abandon", record)

    def settle_document(self, record: FileRecord, size: int, now: int) -> None:
        self._do("settle", record, size, now)

    def appoint(self, record: FileRecord, due_at: int, looks: int = 0) -> FileRecord:
        self._do("appoint", due_at, looks)
        return replace(record, due_at=due_at, looks=looks)

    def _do(self, *what: object) -> None:
        self.did.append(what)
        if self.refusal is not None:
            raise self.refusal


@dataclass
class FakeUpstream:
    """Says one thing of the upload; notes what it is asked."""

    says: DocumentUpload | Exception
    cancelling: Exception | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def query_document(self, store: str, upload_id: str) -> DocumentUpload:
        self.asked.append(("query", store, upload_id))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def cancel_upload(self, upload_id: str, store: str | None = None) -> UploadState:
        self.asked.append(("cancel", str(store), upload_id))
        if self.cancelling is not None:
            raise self.cancelling
        return UploadState.CANCELLED

    def delete_document(self, project: str, store: str, document: str) -> None:
        self.asked.append(("delete", project, store, document))


def open_session(sealed: str) -> Session:
    if sealed == "of a retired key":
        raise SealBroken
    return Session("acme", "acme0001abc", "r1", "p1", "AHx", 100, NOW + HOUR, "s-1")


def keep(
    record: FileRecord, upstream: FakeUpstream, now: int, ledger: FakeLedger
) -> FileRecord | None:
    keeper = Keeper(cast("Ledger", ledger), cast("Upstream", upstream), open_session)
    return keeper.keep(record, now)


def final(size: int | None = 70, document: str | None = "d") -> DocumentUpload:
    return DocumentUpload(UploadState.FINAL, size, document)


@pytest.mark.parametrize(
    ("says", "did"),
    [
        (final(70), ("settle", CLOSING, 70, NOW)),
        (final(0), ("settle", CLOSING, 0, NOW)),
        (final(100), ("settle", CLOSING, 100, NOW)),
        (final(None), ("settle", CLOSING, 100, NOW)),
        (final(101, None), ("settle", CLOSING, 101, NOW)),
        (DocumentUpload(UploadState.CANCELLED), ("abandon", CLOSING)),
    ],
)
def test_an_upload_that_has_ended(says: DocumentUpload, did: tuple[object, ...]) -> None:
    ledger, upstream = FakeLedger(), FakeUpstream(says)
    assert keep(CLOSING, upstream, NOW, ledger) is None
    assert ledger.did == [did]
    assert upstream.asked == [("query", "s-1", "AHx")]


def test_a_document_larger_than_was_reserved_is_deleted_first() -> None:
    ledger, upstream = FakeLedger(), FakeUpstream(final(101))
    assert keep(CLOSING, upstream, NOW, ledger) is None
    assert upstream.asked[-1] == ("delete", "p1", "s-1", "d")
    assert ledger.did == [("abandon", CLOSING)]


@pytest.mark.parametrize(("looks", "pause"), [(0, 5_000), (1, 10_000), (20, 5 * MINUTE)])
def test_an_upload_that_goes_on_is_looked_at_later(looks: int, pause: int) -> None:
    ledger = FakeLedger()
    upstream = FakeUpstream(DocumentUpload(UploadState.ACTIVE))
    kept = keep(replace(CLOSING, looks=looks), upstream, NOW, ledger)
    assert kept is not None
    assert ledger.did == [("appoint", NOW + pause, looks + 1)]


def test_nobody_is_asked_about_an_upload_that_cannot_have_ended() -> None:
    ledger, upstream = FakeLedger(), FakeUpstream(AssertionError())
    assert keep(OPEN, upstream, NOW, ledger) is not None
    assert ledger.did == [("appoint", OPEN.deadline, 0)]
    assert upstream.asked == []


@pytest.mark.parametrize("record", [OPEN, replace(CLOSING, session="of a retired key")])
def test_past_its_deadline_an_upload_nobody_can_ask_about_is_over(record: FileRecord) -> None:
    ledger, upstream = FakeLedger(), FakeUpstream(AssertionError())
    assert keep(record, upstream, LATE, ledger) is None
    assert ledger.did == [("abandon", record)]
    assert upstream.asked == []


@pytest.mark.parametrize("cancelling", [None, REFUSED])
@pytest.mark.parametrize(
    ("says", "did"),
    [
        (final(70), ("settle", CLOSING, 70, LATE)),
        (DocumentUpload(UploadState.CANCELLED), ("abandon", CLOSING)),
        (DocumentUpload(UploadState.ACTIVE), ("abandon", CLOSING)),
        (REFUSED, ("abandon", CLOSING)),
    ],
)
def test_past_its_deadline_an_upload_is_ended_and_then_asked_about(
    says: DocumentUpload | Exception, did: tuple[object, ...], cancelling: Exception | None
) -> None:
    ledger, upstream = FakeLedger(), FakeUpstream(says, cancelling)
    assert keep(CLOSING, upstream, LATE, ledger) is None
    assert ledger.did == [did]
    assert upstream.asked == [("cancel", "s-1", "AHx"), ("query", "s-1", "AHx")]


@pytest.mark.parametrize("now", [NOW, LATE])
def test_upstream_out_of_reach_changes_nothing(now: int) -> None:
    ledger = FakeLedger()
    with pytest.raises(CannotKeep):
        keep(CLOSING, FakeUpstream(UpstreamUnavailable("timeout")), now, ledger)
    assert ledger.did == []


def test_an_upload_out_of_reach_is_not_ended_unseen() -> None:
    ledger = FakeLedger()
    upstream = FakeUpstream(final(), UpstreamUnavailable("timeout"))
    with pytest.raises(CannotKeep):
        keep(CLOSING, upstream, LATE, ledger)
    assert ledger.did == []


def test_a_refusal_before_the_deadline_says_nothing() -> None:
    ledger = FakeLedger()
    with pytest.raises(CannotKeep):
        keep(CLOSING, FakeUpstream(REFUSED), NOW, ledger)
    assert ledger.did == []


@pytest.mark.parametrize("current", [None, replace(CLOSING, looks=3)])
def test_what_another_did_meanwhile_stands(current: FileRecord | None) -> None:
    ledger = FakeLedger(refusal=RecordChanged(current))
    assert keep(CLOSING, FakeUpstream(final()), NOW, ledger) == current
