"""Tokens: sealed whole, opened whole; what an upload with one has to keep to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import StatusError
from filegate.seals import KeyRing, SealBroken, Sealer
from filegate.tokens import PREFIX, PURPOSE, Token, is_token

RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(PURPOSE, lambda: RING, lambda: RING)
TOKEN = Token(
    id="0123456789abcdef",
    tenant="acme",
    key_sha256="f" * 64,
    scopes=("files:write",),
    byte_budget=1_000,
    file_count=2,
    mime_types=("video/*", "application/pdf"),
    origin="https://app.example.com",
    expires_at=1_739_572_413_000,
)


@pytest.mark.parametrize("token", [TOKEN, replace(TOKEN, origin=None, mime_types=(), scopes=())])
def test_a_token_comes_back_as_it_was_sealed(token: Token) -> None:
    text = token.seal(SEALER)

    assert is_token(text)
    assert Token.open(text, SEALER) == token
    assert text != token.seal(SEALER)


def test_a_token_tells_nothing() -> None:
    text = TOKEN.seal(SEALER)

    assert text.removeprefix(PREFIX).replace("-", "").replace("_", "").isalnum()
    for part in ("acme", "f" * 64, TOKEN.id):
        assert part not in text


@given(st.text(max_size=300))
def test_what_is_no_token(text: str) -> None:
    for candidate in (text, PREFIX + text):
        with pytest.raises(SealBroken):
            Token.open(candidate, SEALER)


@pytest.mark.parametrize(
    "mime_type",
    [
        "video/mp4",
        "VIDEO/MP4",
        "video/quicktime; codecs=x",
        "application/pdf",
        " application/pdf;a",
    ],
)
def test_a_type_it_is_for(mime_type: str) -> None:
    TOKEN.check_upload(mime_type, 5)


@pytest.mark.parametrize(
    "mime_type", [None, "", "text/plain", "videos/mp4", "application/pdfx", "application", "*/*"]
)
def test_a_type_it_is_not_for(mime_type: str | None) -> None:
    with pytest.raises(StatusError) as refusal:
        TOKEN.check_upload(mime_type, 5)

    assert refusal.value.status.code == 403
    assert "video/*, application/pdf only" in refusal.value.status.message


@pytest.mark.parametrize("mime_type", [None, "text/plain", "video/mp4"])
def test_without_a_list_any_type_goes(mime_type: str | None) -> None:
    replace(TOKEN, mime_types=()).check_upload(mime_type, 5)


def test_a_size_nobody_knows_has_no_budget() -> None:
    with pytest.raises(StatusError) as refusal:
        TOKEN.check_upload("video/mp4", None)

    assert refusal.value.status.code == 400


def test_more_than_it_ever_had_is_refused_without_a_look() -> None:
    with pytest.raises(StatusError) as refusal:
        TOKEN.spend(1_001)

    assert refusal.value.status.code == 429
    assert "needs 1,001 bytes, and 1,000 of 1,000 bytes" in refusal.value.status.message
    assert TOKEN.spend(1_000).values[":bytes"] == 1_000


def test_its_count_outlives_it() -> None:
    garbage_at = TOKEN.spend(1).values[":garbage"]

    assert garbage_at is not None
    assert int(garbage_at) * 1_000 > TOKEN.expires_at
