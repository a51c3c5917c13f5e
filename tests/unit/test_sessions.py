"""Sessions: an upload URL holds the session, and shows none of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import pages, sessions
from filegate.records import FileRecord, State
from filegate.seals import KeyRing, SealBroken, Sealer
from filegate.sessions import Session

NOW = 1_739_572_413_000
RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(sessions.PURPOSE, lambda: RING, lambda: RING)

some_sessions = st.builds(
    Session,
    tenant=st.from_regex("[a-z0-9-]{1,31}", fullmatch=True),
    file_id=st.from_regex("[a-z0-9-]{1,40}", fullmatch=True),
    reservation=st.uuids().map(lambda uuid: uuid.hex),
    project=st.from_regex("[a-z0-9-]{1,31}", fullmatch=True),
    upload_id=st.text(max_size=200),
    reserved=st.integers(0, 2**63 - 1),
    expires_at=st.integers(0, 36**9),
    store=st.none() | st.from_regex("[a-z0-9-]{1,64}", fullmatch=True),
)


@given(some_sessions)
def test_a_session_survives_its_url(session: Session) -> None:
    assert Session.open(session.seal(SEALER), SEALER) == session


def test_a_url_with_a_long_upload_id_stays_short() -> None:
    session = Session("acme", "acme0001" + "x" * 32, "f" * 32, "default", "A" * 250, 2**31, 10**13)

    assert len(session.seal(SEALER)) < 1_000


def test_the_upload_id_is_not_in_the_url() -> None:
    session = Session("acme", "acme0001abc", "f" * 32, "default", "AHxI1nMk", 1, 1)

    assert "AHxI1nMk" not in session.seal(SEALER)


@pytest.mark.parametrize("fields", [[], ["acme"], ["acme"] * 7, ["acme"] * 8, ["acme"] * 10])
def test_a_session_of_another_shape_is_broken(fields: list[str]) -> None:
    with pytest.raises(SealBroken):
        Session.open(SEALER.seal(json.dumps(fields)), SEALER)


@pytest.mark.parametrize("store", [None, "reports-abc123"])
def test_a_session_is_of_the_record_that_reserves_its_bytes(store: str | None) -> None:
    record = FileRecord(
        tenant="acme",
        file_id="acme0001abc",
        reservation="f" * 32,
        project="default",
        state=State.RESERVED,
        bytes=9,
        created_at=NOW,
        deadline=NOW + sessions.session_time(9),
        due_at=NOW,
        store=store,
    )

    session = Session.of(record, "AHxI1nMk", ["https://a.example", "https://b.example"])

    assert (session.tenant, session.file_id, session.reservation) == (
        "acme",
        "acme0001abc",
        "f" * 32,
    )
    assert (session.project, session.upload_id, session.store) == ("default", "AHxI1nMk", store)
    assert session.reserved == 9
    assert session.origins == "https://a.example https://b.example"
    assert session.expires_at == NOW + 30 * 60_000 + 1_000


@pytest.mark.parametrize(
    ("size", "seconds"), [(0, 0), (1, 1), (128 * 1024, 1), (128 * 1024 + 1, 2), (100 * 2**20, 800)]
)
def test_a_session_lasts_half_an_hour_and_a_second_for_every_128_kib(
    size: int, seconds: int
) -> None:
    assert sessions.session_time(size) - sessions.LAST_CHUNK == (30 * 60 + seconds) * 1_000


def test_a_page_token_is_no_session() -> None:
    token_sealer = Sealer(pages.PURPOSE, lambda: RING, lambda: RING)
    session = Session("acme", "acme0001abc", "f" * 32, "default", "AHxI1nMk", 1, 1)

    with pytest.raises(SealBroken):
        Session.open(session.seal(token_sealer), SEALER)


@given(st.text(max_size=100))
def test_what_is_no_session(text: str) -> None:
    with pytest.raises(SealBroken):
        Session.open(text, SEALER)
