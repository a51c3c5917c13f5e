"""Whatever is sent, a parser reads it or refuses it in its own words; nothing else comes out."""

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate import grants, pages, sessions, tokens
from filegate.chunks import Chunk, SessionRefused, admit
from filegate.edge.admin_bodies import LimitsBody, NewKeyBody, NewTenantBody
from filegate.edge.audit_queries import AuditQuery
from filegate.errors import StatusError
from filegate.grants import Grant
from filegate.limits import Limits
from filegate.models import require_model
from filegate.pages import open_position, read_page_size, seal_position
from filegate.references import find_references, read_document, write_document
from filegate.registrations import _read_token
from filegate.seals import KeyRing, SealBroken, Sealer
from filegate.sessions import Session
from filegate.store_requests import (
    read_document_start,
    read_force,
    read_import,
    read_page,
    read_store,
)
from filegate.tenants import Credential, Tenant
from filegate.token_requests import read_token_request
from filegate.tokens import Token
from filegate.upload_requests import protocol_of, read_start, whole_request
from filegate.usage_reports import Span, Step
from filegate.wire import read_message, read_metadata

NOW = 1_790_000_000_000
RING = KeyRing("k2", {"k1": "a" * 32, "k2": "b" * 32})
OTHER_RING = KeyRing("k1", {"k1": "b" * 32, "k2": "a" * 32})
PURPOSES = (sessions.PURPOSE, pages.PURPOSE, tokens.PURPOSE, grants.PURPOSE)
SESSION = Session("acme", "acme0001abc", "r", "p1", "upload-id", 2**24, NOW + 60_000)
TOKEN = Token("id", "acme", "0" * 64, ("files:write",), 10, 1, (), None, NOW + 60_000)
GRANT = Grant("acme", "p1", "acme0001abc", NOW + 60_000)

words = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            *("٣", "²", "+5", "1_000", " 5", "5 ", "1e3", "0x10", "-0", "9" * 5_000, "NaN", "1.0"),
            *(
                "resumable",
                "start",
                "upload, finalize",
                "files/",
                "a/b",
                "\ud800",
                "\0",
                "\r\nA: b",
            ),
            *(
                "gs://b/o",
                "https://x/files/y",
                "%2525252525",
                "2026-11-01",
                "0001-01-01T00:00:00+23:59",
            ),
        ]
    ),
)
keys = st.one_of(
    st.sampled_from(
        [
            *("file", "name", "displayName", "display_name", "sizeBytes", "size_bytes", "mimeType"),
            *("fileData", "fileUri", "file_uri", "contents", "parts", "text", "model", "requests"),
            *("cachedContent", "fileSearchStoreNames", "customMetadata", "key", "numericValue"),
            *(
                "stringListValue",
                "values",
                "chunkingConfig",
                "whiteSpaceConfig",
                "maxTokensPerChunk",
            ),
            *(
                "uris",
                "scopes",
                "byteBudget",
                "ttl",
                "origin",
                "limits",
                "storageBytes",
                "id",
                "label",
            ),
        ]
    ),
    words,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        words,
        st.just(10**400),
        st.just(2**63),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
RAW = [
    b"[" * 100_000,
    b'{"file":' * 100_000,
    b"{'file':" * 8_000,
    b'{"a":' * 990 + b"1" + b"}" * 990,
    b"[" * 5_000 + b"]" * 5_000,
    b'{"file": NaN}',
    b'{"file": {"sizeBytes": Infinity}}',
    b'{"file": {"sizeBytes": -Infinity}}',
    b'{"file": {}, "file": {}}',
    b'{"file": {"name": "a", "name": "b"}}',
    b"{'file': {'name': 'a', 'name': 'b'}}",
    b'{"file": {"display_name": "a", "displayName": "b"}}',
    rb'{"file": {"displayName": "\ud800"}}',
    rb'{"\ud800": {"\udfff": "\ud800"}}',
    b'{"file": {"sizeBytes": 1e400}}',
    b'{"file": {"sizeBytes": ' + b"9" * 60_000 + b"}}",
    b"\x1f\x8b\x08\x00" + b"\0" * 100,
    b"PK\x03\x04" + b"\0" * 100,
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"\xed\xa0\x80",
    b"{" + b" " * 60_000,
    b"null",
    b'"',
    b"'",
]
bodies = st.one_of(
    st.sampled_from(RAW),
    st.binary(max_size=80),
    values.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value).replace('"', "'").encode()),
    words.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
HEADERS = [
    *("x-goog-upload-protocol", "x-goog-upload-command", "x-goog-upload-header-content-length"),
    *("x-goog-upload-header-content-type", "content-type", "authorization"),
]
headers = st.fixed_dictionaries({}, optional=dict.fromkeys(HEADERS, words))
queries = st.dictionaries(
    st.sampled_from(
        ["uploadType", "upload_protocol", "pageSize", "page_size", "pageToken", "force"]
    ),
    words,
)
MODELS = Tenant(
    "acme", "acme0001", "p1", active=True, max_file_bytes=1, limits=Limits(models=("m",))
)
quickly = settings(max_examples=120)


def refused_in_words(action: Callable[[], object]) -> None:
    """Nothing but a refusal comes out, and it can be written as JSON in ASCII."""
    try:
        action()
    except StatusError as refusal:
        status = refusal.status
        assert 400 <= status.code < 500
        assert status.message
        json.dumps(status.body()).encode("ascii")


def walk(body: bytes) -> None:
    document = read_document(body)
    found = find_references(document)
    write_document(document, {reference.path: "files/x" for reference in found})


@quickly
@given(headers, queries, bodies)
def test_starts(sent: Mapping[str, str], query: Mapping[str, str], body: bytes) -> None:
    refused_in_words(lambda: protocol_of(sent, query))
    started = {"x-goog-upload-command": "start", **sent}
    refused_in_words(lambda: read_start(started, body))
    refused_in_words(lambda: read_document_start(started, body))
    refused_in_words(
        lambda: whole_request(read_metadata(body), sent.get("content-type"), len(body))
    )
    refused_in_words(lambda: _read_token(sent.get("authorization")))


@quickly
@given(bodies)
def test_bodies(body: bytes) -> None:
    for read in (read_metadata, read_store, read_import, read_token_request, walk):
        refused_in_words(lambda read=read: read(body))  # type: ignore[misc]
    for message in (LimitsBody, NewKeyBody, NewTenantBody):
        refused_in_words(lambda message=message: read_message(body, message))  # type: ignore[misc]
    refused_in_words(lambda: require_model(MODELS, None, body))


@pytest.mark.parametrize("body", RAW, ids=range(len(RAW)))
def test_known_bad_bodies(body: bytes) -> None:
    for read in (read_metadata, read_store, read_import, read_token_request, walk):
        refused_in_words(lambda read=read: read(body[: 2**16]))  # type: ignore[misc]
    refused_in_words(lambda: require_model(MODELS, None, body))


@pytest.mark.parametrize("body", [raw for raw in RAW if b'"name": "b"' in raw or b"NaN" in raw])
def test_two_answers_to_one_question_are_refused(body: bytes) -> None:
    with pytest.raises(StatusError) as refusal:
        read_metadata(body)

    assert refusal.value.status.code == 400


@quickly
@given(queries, words, words, words)
def test_queries(query: Mapping[str, str], one: str, two: str, three: str) -> None:
    refused_in_words(lambda: read_page_size(one))
    refused_in_words(lambda: read_page(query))
    refused_in_words(lambda: read_force(query))
    refused_in_words(lambda: AuditQuery.read(one, two, three, NOW))
    refused_in_words(lambda: Span.read(one, two, three, NOW, tuple(Step)))


@pytest.mark.parametrize(
    "text", ["٣", "²", "+5", "1_000", " 5", "5 ", "1e3", "-1", "0x5", "9" * 20]
)
def test_numbers_are_digits(text: str) -> None:
    sealed = SESSION.seal(_sealer(sessions.PURPOSE))
    chunk = Chunk("v1beta", sealed, "upload, finalize", text, Credential(None))

    # Blanks around a header's value are no part of it.
    size = text if text == text.strip() else f"1{text}1"
    start = {"x-goog-upload-command": "start", "x-goog-upload-header-content-length": size}
    readers: list[Callable[[], object]] = [
        lambda: read_page_size(text),
        lambda: read_start(start, b""),
        lambda: _admit(chunk),
    ]
    for read in readers:
        with pytest.raises(StatusError) as refusal:
            read()
        assert refusal.value.status.code == 400


# -- what is sealed


def _sealer(purpose: str, ring: KeyRing = RING) -> Sealer:
    return Sealer(purpose, lambda: ring, lambda: ring)


def _admit(chunk: Chunk) -> object:
    ledger: Any = None
    return admit(chunk, _sealer(sessions.PURPOSE), _sealer(tokens.PURPOSE), lambda: ledger, NOW)


def _open(text: str) -> list[Callable[[], object]]:
    """Each way a caller's text is opened."""
    chunk = Chunk("v1beta", text, "query", None, Credential(None))
    key = Chunk(
        "v1beta", SESSION.seal(_sealer(sessions.PURPOSE)), "query", None, Credential(f"fgt_{text}")
    )
    return [
        lambda: _admit(chunk),
        lambda: _admit(key),
        lambda: open_position("acme", "files", text, _sealer(pages.PURPOSE)),
        lambda: Token.open(f"fgt_{text}", _sealer(tokens.PURPOSE)),
        lambda: Grant.open(text, _sealer(grants.PURPOSE)),
    ]


def _broken(text: str) -> None:
    for opened in _open(text):
        with pytest.raises((SealBroken, SessionRefused, StatusError)):
            opened()


def _sealed(ring: KeyRing = RING) -> dict[str, str]:
    return {
        sessions.PURPOSE: SESSION.seal(_sealer(sessions.PURPOSE, ring)),
        pages.PURPOSE: seal_position("acme", "files", "acme0001abc", _sealer(pages.PURPOSE, ring)),
        tokens.PURPOSE: TOKEN.seal(_sealer(tokens.PURPOSE, ring)).removeprefix("fgt_"),
        grants.PURPOSE: GRANT.seal(_sealer(grants.PURPOSE, ring)),
    }


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_bit_counts(purpose: str) -> None:
    raw = _bytes(_sealed()[purpose])
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            with pytest.raises(SealBroken):
                _sealer(purpose).open(_text(bytes(changed)))
    for length in range(len(raw)):
        with pytest.raises(SealBroken):
            _sealer(purpose).open(_text(raw[:length]))


@quickly
@given(st.data())
def test_nothing_spliced_truncated_or_longer_opens(data: st.DataObject) -> None:
    one, two = (_sealed()[data.draw(st.sampled_from(PURPOSES))] for _ in range(2))
    at = data.draw(st.integers(1, len(one) - 1))
    spliced = one[:at] + two[at:]
    if spliced not in {one, two}:
        _broken(spliced)
    _broken(one[:at])
    _broken(one + data.draw(st.text(min_size=1, max_size=5)))
    _broken(data.draw(st.text(max_size=80)))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_seal_serves_one_purpose_and_one_key(purpose: str) -> None:
    sealed = _sealed()[purpose]
    for other in PURPOSES:
        if other != purpose:
            with pytest.raises(SealBroken):
                _sealer(other).open(sealed)
    raw = _bytes(sealed)
    assert raw[2:4] == b"k2"
    confused = _text(raw[:2] + b"k1" + raw[4:])
    for ring in (RING, OTHER_RING):
        with pytest.raises(SealBroken):
            _sealer(purpose, ring).open(confused)
    with pytest.raises(SealBroken):
        _sealer(purpose).open(_sealed(OTHER_RING)[purpose])


def test_a_page_token_is_one_tenants_and_one_lists() -> None:
    sealer = _sealer(pages.PURPOSE)
    token = seal_position("acme", "files", "x", sealer)
    for tenant, listed in (("rival", "files"), ("acme", "batches"), ("", "files"), ("acme", "")):
        with pytest.raises(StatusError):
            open_position(tenant, listed, token, sealer)


@given(st.floats())
def test_a_number_of_metadata_is_finite(number: float) -> None:
    entry = {"key": "k", "numericValue": number}
    body = json.dumps({"displayName": "d", "customMetadata": [entry]}).encode()
    sent = {"x-goog-upload-command": "start"}
    if math.isfinite(number):
        read_document_start(sent, body)
    else:
        with pytest.raises(StatusError):
            read_document_start(sent, body)
