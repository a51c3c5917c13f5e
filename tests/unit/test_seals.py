"""Seals: what was sealed opens as it was, and nothing else opens."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from filegate.seals import KeyRing, KeyRingInvalid, SealBroken, Sealer

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
OLD = KeyRing("k1", {"k1": "a" * 32})
BOTH = KeyRing("k2", {"k1": "a" * 32, "k2": "b" * 32})
NEW = KeyRing("k2", {"k2": "b" * 32})

texts = st.text(max_size=200)


class Rings:
    """A source of key rings that counts how often it was asked."""

    def __init__(self, *rings: KeyRing) -> None:
        self._rings = list(rings)
        self.asked = 0

    def __call__(self) -> KeyRing:
        self.asked += 1
        return self._rings[min(self.asked, len(self._rings)) - 1]


def sealer(ring: KeyRing = BOTH, fresh: Callable[[], KeyRing] | None = None) -> Sealer:
    return Sealer("purpose", lambda: ring, fresh or (lambda: ring))


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(sealed: str) -> bytes:
    return urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))


def assert_broken(sealed: str, by: Sealer) -> None:
    with pytest.raises(SealBroken):
        by.open(sealed)


@given(texts)
def test_what_was_sealed_opens(text: str) -> None:
    sealed = sealer().seal(text)

    assert sealer().open(sealed) == text
    assert re.fullmatch("[A-Za-z0-9_-]+", sealed)


def test_a_seal_says_nothing_of_its_text() -> None:
    text = "upload_id=AHxI1nMk"
    sealed = sealer().seal(text)

    assert text.encode() not in decode(sealed)
    assert sealed != sealer().seal(text)


@given(texts, st.data())
def test_any_flipped_bit_breaks_it(text: str, data: st.DataObject) -> None:
    raw = bytearray(decode(sealer().seal(text)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))

    assert_broken(encode(bytes(raw)), sealer())


@given(texts, st.data())
def test_any_other_character_breaks_it(text: str, data: st.DataObject) -> None:
    sealed = sealer().seal(text)
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.one_of(st.sampled_from(ALPHABET), st.characters()))
    assume(other != sealed[at])

    assert_broken(sealed[:at] + other + sealed[at + 1 :], sealer())


@pytest.mark.parametrize("text", ["", "a", "ab", "abc"])
def test_no_other_spelling_of_the_same_bytes_opens(text: str) -> None:
    sealed = sealer().seal(text)
    others = [sealed[:-1] + last for last in ALPHABET if last != sealed[-1]]
    same = [one for one in others if decode(one) == decode(sealed)]

    assert same or len(sealed) % 4 == 0
    for spelling in (*same, sealed + "=", sealed + "\n"):
        assert_broken(spelling, sealer())


@given(texts, st.data())
def test_any_truncation_breaks_it(text: str, data: st.DataObject) -> None:
    sealed = sealer().seal(text)

    assert_broken(sealed[: data.draw(st.integers(0, len(sealed) - 1))], sealer())


@given(texts, st.text(st.sampled_from(ALPHABET + "=\n "), min_size=1, max_size=8), st.booleans())
def test_any_addition_breaks_it(text: str, more: str, before: bool) -> None:
    sealed = sealer().seal(text)

    assert_broken(more + sealed if before else sealed + more, sealer())


@given(st.one_of(st.text(), st.text(ALPHABET), st.binary().map(encode)))
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    assert_broken(text, sealer())


@given(texts)
def test_another_purpose_does_not_open_it(text: str) -> None:
    sealed = sealer().seal(text)

    assert_broken(sealed, Sealer("other purpose", lambda: BOTH, lambda: BOTH))


def test_another_secret_of_that_name_does_not_open_it() -> None:
    assert_broken(sealer(KeyRing("k2", {"k2": "c" * 32})).seal("text"), sealer())


def test_after_a_rotation_old_seals_open_and_new_ones_use_the_new_key() -> None:
    rings = Rings(OLD, BOTH)
    rotating = Sealer("purpose", rings, rings)
    before = rotating.seal("text")
    after = rotating.seal("text")

    assert rotating.open(before) == "text"
    assert sealer(OLD).open(before) == "text"
    assert sealer(NEW).open(after) == "text"


def test_a_retired_key_opens_nothing() -> None:
    assert_broken(sealer(OLD).seal("text"), sealer(NEW))


def test_an_unknown_key_asks_once_for_a_fresh_ring() -> None:
    fresh = Rings(BOTH)

    assert sealer(OLD, fresh).open(sealer(NEW).seal("text")) == "text"
    assert fresh.asked == 1


def test_a_key_that_is_nowhere_asks_once_and_breaks() -> None:
    fresh = Rings(NEW)

    assert_broken(sealer(OLD).seal("text"), sealer(NEW, fresh))
    assert fresh.asked == 1


def test_a_known_key_asks_for_no_fresh_ring() -> None:
    fresh = Rings(BOTH)
    by = sealer(BOTH, fresh)

    by.open(by.seal("text"))
    assert_broken(by.seal("text")[:-1] + "*", by)

    assert fresh.asked == 0


def test_another_version_does_not_open() -> None:
    raw = decode(sealer().seal("text"))

    assert_broken(encode(b"\x02" + raw[1:]), sealer())


def test_a_ring_is_read() -> None:
    text = json.dumps({"primary": "k2", "k1": "a" * 32, "k2": "b" * 32})

    assert KeyRing.parse(text) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        *("", "k1", "null", "[]", "1", "{}", '{"primary": null}', '{"primary": "k1"}'),
        json.dumps({"k1": "a" * 32}),
        json.dumps({"primary": "k2", "k1": "a" * 32}),
        json.dumps({"primary": "primary", "k1": "a" * 32}),
        json.dumps({"primary": "k1", "k1": "a" * 31}),
        json.dumps({"primary": "k1", "k1": 5}),
        json.dumps({"primary": "k1", "k1": "a" * 32, "k2": "short"}),
        json.dumps({"primary": "", "": "a" * 32}),
        json.dumps({"primary": "é" * 128, "é" * 128: "a" * 32}),
    ],
)
def test_what_is_no_ring(text: str) -> None:
    with pytest.raises(KeyRingInvalid):
        KeyRing.parse(text)


def test_a_bad_ring_does_not_show_its_secrets() -> None:
    secret = "not-long-enough-but-secret"

    with pytest.raises(KeyRingInvalid) as invalid:
        KeyRing.parse(json.dumps({"primary": "k1", "k1": secret}))

    assert secret not in str(invalid.value)


def test_a_key_name_may_have_255_bytes() -> None:
    name = "k" * 255
    ring = KeyRing.parse(json.dumps({"primary": name, name: "a" * 32}))

    assert sealer(ring).open(sealer(ring).seal("text")) == "text"


@pytest.mark.parametrize("primary", ["[]", "{}", "null", "1", "true"])
def test_a_ring_whose_primary_is_no_name(primary: str) -> None:
    with pytest.raises(KeyRingInvalid):
        KeyRing.parse(f'{{"primary": {primary}, "k1": "{"a" * 32}"}}')


def test_a_ring_with_a_name_that_cannot_be_written() -> None:
    with pytest.raises(KeyRingInvalid):
        KeyRing.parse(json.dumps({"primary": "\ud800", "\ud800": "a" * 32}))
