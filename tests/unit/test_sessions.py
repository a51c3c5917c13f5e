"""Sessions: an upload URL holds the session, and shows none of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import pages, sessions
from filegate.seals import KeyRing, SealBroken, Sealer
from filegate.sessions import Session

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


@pytest.mark.parametrize("fields", [[], ["acme"], ["acme"] * 6, ["acme"] * 8])
def test_a_session_of_another_shape_is_broken(fields: list[str]) -> None:
    with pytest.raises(SealBroken):
        Session.open(SEALER.seal(json.dumps(fields)), SEALER)


def test_a_page_token_is_no_session() -> None:
    token_sealer = Sealer(pages.PURPOSE, lambda: RING, lambda: RING)
    session = Session("acme", "acme0001abc", "f" * 32, "default", "AHxI1nMk", 1, 1)

    with pytest.raises(SealBroken):
        Session.open(session.seal(token_sealer), SEALER)


@given(st.text(max_size=100))
def test_what_is_no_session(text: str) -> None:
    with pytest.raises(SealBroken):
        Session.open(text, SEALER)
