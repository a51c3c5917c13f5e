"""Redaction: a learnt secret leaves in none of its forms."""

import json
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st

from filegate.redaction import REDACTED, Redactor

KEY = "AIzaSyD-EXAMPLE_0123456789abcdefghijkl"

secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60)
words = st.text(max_size=30)


def knowing(*known: str) -> Redactor:
    redactor = Redactor()
    for secret in known:
        redactor.learn(secret)
    return redactor


@given(secrets, words, words)
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    redactor = knowing(secret)

    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert form not in redactor.redact(before + form + after).replace(REDACTED, "")


@given(secrets, st.dictionaries(words, words, max_size=3))
def test_no_json_line_carries_a_secret(secret: str, fields: dict[str, str]) -> None:
    line = knowing(secret).redact(json.dumps({**fields, "trace": f"<{secret}>"}))

    assert json.loads(line)["trace"] == f"<{REDACTED}>"


def test_a_key_is_struck_out_of_what_it_appears_in() -> None:
    redactor = knowing(KEY)
    texts = [
        f"https://upstream.test/v1beta/files?{urlencode({'key': KEY})}&upload_id=x",
        f"x-goog-api-key: {KEY}",
        json.dumps({"error": {"message": f"API key {KEY} not valid"}}),
        repr({"headers": {"x-goog-api-key": KEY}}),
        quote_plus(f"key={KEY}"),
        KEY * 3,
    ]

    for text in texts:
        assert KEY not in redactor.redact(text)
        assert REDACTED in redactor.redact(text)


@given(words)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert knowing(KEY).redact(text) == text
    assert knowing().redact(text) == text


def test_every_secret_learnt_is_known() -> None:
    redactor = knowing("first-secret", "second-secret", "first-secret")

    assert redactor.redact("first-secret, second-secret") == f"{REDACTED}, {REDACTED}"


def test_what_is_too_short_strikes_out_nothing() -> None:
    redactor = knowing("", "a", "7 chars")

    assert redactor.redact("a 7 chars text") == "a 7 chars text"
    assert knowing("8 chars!").redact("an 8 chars! text") == f"an {REDACTED} text"


def test_of_two_secrets_that_begin_alike_the_longer_leaves_no_tail() -> None:
    redactor = knowing("AIzaSyABCDEF", "AIzaSyABCDEF-tail-of-key")
    assert redactor.redact("AIzaSyABCDEF-tail-of-key") == REDACTED


def test_json_that_keeps_its_letters() -> None:
    secret = 'quo"te-é-secret'
    text = json.dumps({"a": secret}, ensure_ascii=False)
    assert knowing(secret).redact(text) == json.dumps({"a": REDACTED})


@given(
    st.lists(st.one_of(st.binary(max_size=20), st.just(KEY.encode())), max_size=6),
    st.lists(st.integers(1, 12), min_size=1, max_size=40),
)
def test_a_stream_is_redacted_however_it_is_cut(parts: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(parts)
    stream = knowing(KEY).stream()
    passed, rest, turn = b"", whole, 0
    while rest:
        size = sizes[turn % len(sizes)]
        passed += stream.feed(rest[:size])
        rest, turn = rest[size:], turn + 1
    passed += stream.finish()

    assert KEY.encode() not in passed
    assert passed == whole.replace(KEY.encode(), REDACTED.encode())


def test_a_stream_holds_back_only_what_may_begin_a_secret() -> None:
    stream = knowing(KEY).stream()

    assert stream.feed(b"data: {}\r\n\r\n") == b"data: {}\r\n\r\n"
    assert stream.feed(b"x AIza") == b"x "
    assert stream.feed(b"tec") == b"AIzatec"
    assert stream.feed(b"x AI") == b"x "
    assert stream.finish() == b"AI"
    assert stream.finish() == b""
