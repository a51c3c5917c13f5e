"""Chunks: what may pass to upstream, case by case; what is refused writes nothing."""

from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import pages, sessions, tokens
from filegate.adapters.table import Key, TableUnavailable
from filegate.chunks import Admission, Chunk, SessionRefused, admit
from filegate.errors import StatusError
from filegate.ledger import Ledger, RecordChanged
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.seals import KeyRing, Sealer
from filegate.sessions import GRANULARITY, Session
from filegate.tenants import Credential
from filegate.tokens import Token

NOW = 1_739_572_413_000
EXPIRES = NOW + 60_000
RESERVED = 2 * GRANULARITY + 5

RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(sessions.PURPOSE, lambda: RING, lambda: RING)
OTHER_PURPOSE = Sealer(pages.PURPOSE, lambda: RING, lambda: RING)
FORGER_RING = KeyRing("k1", {"k1": "b" * 32})
FORGER = Sealer(sessions.PURPOSE, lambda: FORGER_RING, lambda: FORGER_RING)

TOKENS = Sealer(tokens.PURPOSE, lambda: RING, lambda: RING)

SESSION = Session(
    tenant="acme",
    file_id="acme0001abc",
    reservation="reservation-1",
    project="default",
    upload_id="AHxI1nMk",
    reserved=RESERVED,
    expires_at=EXPIRES,
)
SEALED = SESSION.seal(SEALER)
TO_STORE = replace(SESSION, store="reports-abc123")
SEALED_TO_STORE = TO_STORE.seal(SEALER)
RECORD = FileRecord(
    tenant="acme",
    file_id="acme0001abc",
    reservation="reservation-1",
    project="default",
    state=State.STORED,
    bytes=RESERVED,
    created_at=NOW,
    deadline=EXPIRES,
    due_at=EXPIRES,
)

Marked = tuple[Key, str, str, int, int]


@dataclass
class FakeLedger:
    """Notes what it is asked to mark, and refuses if told to."""

    refusal: Exception | None = None
    marked: list[Marked] = field(default_factory=list)

    def mark_closing(self, key: Key, reservation: str, session: str, now: int, due_at: int) -> None:
        self.marked.append((key, reservation, session, now, due_at))
        if self.refusal is not None:
            raise self.refusal


def chunk(
    command: str | None = "upload",
    offset: str | None = "0",
    *,
    sealed: str = SEALED,
    version: str = "v1beta",
    key: str | None = None,
    origin: str | None = None,
    to_store: bool = False,
) -> Chunk:
    return Chunk(version, sealed, command, offset, Credential(key, origin), to_store)


def attempt(what: Chunk, ledger: FakeLedger, now: int = NOW) -> Admission:
    return admit(what, SEALER, TOKENS, lambda: cast("Ledger", ledger), now)


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


# The command and the offset as they came, as upstream is to read them, and whether they end it.
ALLOWED = [
    # The sequences of wire 3.4: 16777221 bytes in three chunks.
    ("upload", "0", "upload", 0, False),
    ("upload", str(GRANULARITY), "upload", GRANULARITY, False),
    ("upload, finalize", str(2 * GRANULARITY), "upload, finalize", 2 * GRANULARITY, True),
    # One chunk, an empty file, Go's trailing empty chunk at the very end.
    ("upload, finalize", "0", "upload, finalize", 0, True),
    ("upload, finalize", str(RESERVED), "upload, finalize", RESERVED, True),
    # Spellings.
    ("upload,finalize", "0", "upload, finalize", 0, True),
    (" Upload ,  FINALIZE ", "0", "upload, finalize", 0, True),
    ("finalize, upload", "0", "upload, finalize", 0, True),
    ("UPLOAD", "0", "upload", 0, False),
    ("upload", "00", "upload", 0, False),
    # No bytes, so no offset.
    ("finalize", None, "finalize", None, True),
    ("finalize", "nonsense", "finalize", None, True),
    ("query", None, "query", None, False),
    ("query", "", "query", None, False),
    ("cancel", None, "cancel", None, True),
    ("Cancel", "99", "cancel", None, True),
]


@pytest.mark.parametrize(("command", "offset", "read", "at", "closes"), ALLOWED)
def test_what_passes(
    ledger: FakeLedger, command: str, offset: str | None, read: str, at: int | None, closes: bool
) -> None:
    assert attempt(chunk(command, offset), ledger) == Admission(SESSION, read, at)

    key = Key("TENANT#acme", "FILE#acme0001abc")
    mark = (key, "reservation-1", SEALED, NOW, NOW + CLOSING_LOOK)
    assert ledger.marked == ([mark] if closes else [])


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_every_version_passes(ledger: FakeLedger, version: str) -> None:
    assert attempt(chunk(version=version), ledger).session == SESSION


@pytest.mark.parametrize(
    "command",
    [
        *(None, "", " ", ",", "start", "start, upload", "start, upload, finalize", "upload,"),
        *("upload; finalize", "upload finalize", "uploads", "finalize, query", "cancel, upload"),
        *("upload, cancel", "query, upload", "upload\x00", "upload, finalize, cancel"),
    ],
)
def test_other_commands_are_refused(ledger: FakeLedger, command: str | None) -> None:
    with pytest.raises(StatusError) as refusal:
        attempt(chunk(command), ledger)

    assert refusal.value.status.code == 400
    assert "X-Goog-Upload-Command" in refusal.value.status.message
    assert ledger.marked == []


@pytest.mark.parametrize("command", ["upload", "upload, finalize"])
@pytest.mark.parametrize(
    "offset",
    [None, "", " 0", "0 ", "-1", "+1", "1.0", "1e3", "0x0", "1_0", "٣", "²", "x", "9" * 20],
)
def test_what_is_no_offset(ledger: FakeLedger, command: str, offset: str | None) -> None:
    with pytest.raises(StatusError) as refusal:
        attempt(chunk(command, offset), ledger)

    assert refusal.value.status.code == 400
    assert "X-Goog-Upload-Offset" in refusal.value.status.message
    assert ledger.marked == []


@pytest.mark.parametrize("offset", [1, GRANULARITY // 2, GRANULARITY - 1, GRANULARITY + 1])
def test_an_offset_between_chunks_is_refused(ledger: FakeLedger, offset: int) -> None:
    with pytest.raises(StatusError) as refusal:
        attempt(chunk("upload", str(offset)), ledger)

    assert refusal.value.status.code == 400
    assert str(offset) in refusal.value.status.message
    assert str(GRANULARITY) in refusal.value.status.message


@pytest.mark.parametrize(
    ("command", "offset"),
    [
        ("upload", 2 * GRANULARITY),
        ("upload", GRANULARITY + 6),
        ("upload", 10**18),
        ("upload, finalize", RESERVED + 1),
        ("upload, finalize", 10**18),
    ],
)
def test_a_chunk_past_the_reservation_is_refused(
    ledger: FakeLedger, command: str, offset: int
) -> None:
    with pytest.raises(StatusError) as refusal:
        attempt(chunk(command, str(offset)), ledger)

    assert refusal.value.status.code == 400
    assert str(offset) in refusal.value.status.message
    assert str(RESERVED) in refusal.value.status.message
    assert ledger.marked == []


@pytest.mark.parametrize(
    ("reserved", "offset", "passes"),
    [
        (0, 0, False),
        (GRANULARITY - 1, 0, False),
        (GRANULARITY, 0, True),
        (2 * GRANULARITY - 1, GRANULARITY, False),
        (2 * GRANULARITY, GRANULARITY, True),
        (2 * GRANULARITY, 2 * GRANULARITY, False),
    ],
)
def test_a_chunk_that_does_not_end_the_upload_is_a_full_one(
    ledger: FakeLedger, reserved: int, offset: int, passes: bool
) -> None:
    sealed = replace(SESSION, reserved=reserved).seal(SEALER)

    if passes:
        attempt(chunk("upload", str(offset), sealed=sealed), ledger)
    else:
        with pytest.raises(StatusError):
            attempt(chunk("upload", str(offset), sealed=sealed), ledger)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_plain_chunk_passes_that_cannot_fit(chunks: int, reserved: int) -> None:
    sealed = replace(SESSION, reserved=reserved * 1_000).seal(SEALER)
    offset = chunks * GRANULARITY
    fits = offset + GRANULARITY <= reserved * 1_000

    if fits:
        attempt(chunk("upload", str(offset), sealed=sealed), FakeLedger())
    else:
        with pytest.raises(StatusError):
            attempt(chunk("upload", str(offset), sealed=sealed), FakeLedger())


def token_of(tenant: str, expires_at: int = EXPIRES) -> Token:
    return Token("t1", tenant, "0" * 64, ("files:write",), 1, 1, (), None, expires_at)


ACME_KEY = "fg_acme_" + "a" * 43
ACME_TOKEN = token_of("acme").seal(TOKENS)
PAGE = "https://app.example.com"
OF_A_PAGE = replace(SESSION, origins=f"https://www.example.com {PAGE}")
GLOBEX_KEY = "fg_globex_" + "a" * 43


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(chunk(sealed=""), id="nothing"),
        pytest.param(chunk(sealed="x" * 200), id="invented"),
        pytest.param(chunk(sealed=SEALED[:-1]), id="truncated"),
        pytest.param(chunk(sealed=SEALED + "A"), id="extended"),
        pytest.param(chunk(sealed=SEALED[:40] + "_" + SEALED[41:]), id="changed"),
        pytest.param(chunk(sealed=SEALED + "="), id="padded"),
        pytest.param(chunk(sealed=SEALED + "é"), id="not ASCII"),
        pytest.param(chunk(sealed=SESSION.seal(FORGER)), id="forged"),
        pytest.param(chunk(sealed=SESSION.seal(OTHER_PURPOSE)), id="page token"),
        pytest.param(chunk(key=GLOBEX_KEY), id="another tenant's key"),
        pytest.param(chunk(key="AIzaSyA"), id="no tenant's key"),
        pytest.param(chunk(key=ACME_KEY.upper()), id="key in capitals"),
        pytest.param(chunk(key=token_of("globex").seal(TOKENS)), id="another tenant's token"),
        pytest.param(chunk(key=ACME_TOKEN[:-1]), id="truncated token"),
        pytest.param(chunk(key=token_of("acme").seal(FORGER)), id="forged token"),
        pytest.param(chunk(key=f"fgt_{SEALED}"), id="session as a token"),
        pytest.param(
            chunk(sealed=OF_A_PAGE.seal(SEALER), origin="https://evil.example.com"),
            id="another page",
        ),
        pytest.param(chunk(sealed=OF_A_PAGE.seal(SEALER), origin="null"), id="a page of no origin"),
        pytest.param(
            chunk(sealed=OF_A_PAGE.seal(SEALER), origin=PAGE[:-4]), id="part of an origin"
        ),
        pytest.param(chunk(version="v2"), id="unknown version"),
        pytest.param(chunk(version=""), id="no version"),
        pytest.param(chunk(version="V1"), id="version in capitals"),
        pytest.param(chunk(to_store=True), id="a file's session on the route of stores"),
        pytest.param(chunk(sealed=SEALED_TO_STORE), id="a store's session on the route of files"),
    ],
)
@pytest.mark.parametrize("command", ["upload, finalize", "cancel", "query", "nonsense"])
@pytest.mark.parametrize("now", [NOW, EXPIRES + 1])
def test_one_answer_for_who_has_no_business_here(
    ledger: FakeLedger, what: Chunk, command: str, now: int
) -> None:
    with pytest.raises(SessionRefused) as refusal:
        attempt(replace(what, command=command), ledger, now)

    assert str(refusal.value) == ""
    assert ledger.marked == []


@pytest.mark.parametrize(
    "key", [None, "", ACME_KEY, ACME_TOKEN, token_of("acme", NOW - 1).seal(TOKENS)]
)
def test_no_key_or_ones_own(ledger: FakeLedger, key: str | None) -> None:
    assert attempt(chunk(key=key), ledger).session == SESSION


@pytest.mark.parametrize("origin", [None, PAGE, "https://www.example.com"])
def test_a_chunk_comes_from_an_allowed_page_or_from_none(
    ledger: FakeLedger, origin: str | None
) -> None:
    of_a_page = chunk(sealed=OF_A_PAGE.seal(SEALER), origin=origin)

    assert attempt(of_a_page, ledger).session == OF_A_PAGE
    assert attempt(chunk(origin="https://any.example.com"), ledger).session == SESSION


def test_a_session_lasts_until_its_moment(ledger: FakeLedger) -> None:
    assert attempt(chunk(), ledger, EXPIRES - 1).session == SESSION


@pytest.mark.parametrize("now", [EXPIRES, EXPIRES + 1])
@pytest.mark.parametrize("command", ["upload", "upload, finalize", "query", "cancel", "nonsense"])
def test_a_session_expires_at_its_moment(ledger: FakeLedger, now: int, command: str) -> None:
    with pytest.raises(StatusError) as refusal:
        attempt(chunk(command), ledger, now)

    assert refusal.value.status.code == 400
    assert refusal.value.status.status == "FAILED_PRECONDITION"
    assert "2025-02-14T22:34:33Z" in refusal.value.status.message
    assert ledger.marked == []


@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "cancel"])
def test_an_end_sent_again_after_it_was_settled_passes(command: str) -> None:
    ledger = FakeLedger(RecordChanged(RECORD))

    assert attempt(chunk(command), ledger).session == SESSION


@pytest.mark.parametrize(
    "current",
    [
        None,
        replace(RECORD, reservation="reservation-2"),
        replace(RECORD, reservation="reservation-2", state=State.RESERVED),
    ],
    ids=["gone", "another file of that name", "another upload of that name"],
)
@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "cancel"])
def test_an_end_sent_after_all_is_over_is_refused(current: FileRecord | None, command: str) -> None:
    ledger = FakeLedger(RecordChanged(current))

    with pytest.raises(StatusError) as refusal:
        attempt(chunk(command), ledger)

    assert refusal.value.status.code == 400
    assert "already been terminated" in refusal.value.status.message


def test_a_ledger_out_of_reach_lets_no_end_pass() -> None:
    ledger = FakeLedger(TableUnavailable())

    with pytest.raises(TableUnavailable):
        attempt(chunk("upload, finalize"), ledger)
    assert attempt(chunk("upload"), ledger).session == SESSION


def test_a_chunk_to_a_store_marks_the_documents_record(ledger: FakeLedger) -> None:
    what = chunk("upload, finalize", sealed=SEALED_TO_STORE, to_store=True)

    assert attempt(what, ledger) == Admission(TO_STORE, "upload, finalize", 0)

    key = Key("TENANT#acme", "DOCUMENT#acme0001abc")
    assert ledger.marked == [(key, "reservation-1", SEALED_TO_STORE, NOW, NOW + CLOSING_LOOK)]


@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "cancel"])
def test_a_documents_end_sent_again_passes_though_its_record_is_gone(command: str) -> None:
    ledger = FakeLedger(RecordChanged(None))

    what = chunk(command, sealed=SEALED_TO_STORE, to_store=True)
    assert attempt(what, ledger).session == TO_STORE
