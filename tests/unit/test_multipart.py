"""Multipart: the bytes of a part come out exactly as they went in."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from filegate.errors import StatusError
from filegate.multipart import read_boundary, read_parts

BOUNDARY_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=?"

boundaries = st.text(BOUNDARY_CHARACTERS, min_size=1, max_size=70)
contents = st.one_of(
    st.binary(max_size=300),
    # What a careless parser trips over.
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n-", b"\r\n--", b"B", b"\0"]),
        max_size=40,
    ).map(b"".join),
)


def related(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    mark = b"--" + boundary.encode()
    body = b""
    for headers, content in parts:
        body += mark + b"\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"
    return body + mark + b"--"


METADATA = ("Content-Type: application/json; charset=utf-8", b'{"file":{"displayName":"d"}}')
TEXT = ("Content-Type: text/plain", b"hello")
X = 'multipart/related; boundary="X"'


@given(boundaries, contents, contents)
def test_any_bytes_survive_exactly(boundary: str, first: bytes, second: bytes) -> None:
    mark = b"\r\n--" + boundary.encode()
    assume(all(mark not in b"\r\n" + content + b"\r\n" for content in (first, second)))
    assume(not mark.startswith(b"\r\n" + first) and not mark.startswith(b"\r\n" + second))
    body = related(boundary, ("Content-Type: a/b", first), ("content-type:  c/d ", second))

    one, two = read_parts(f'multipart/related; boundary="{boundary}"', body)

    assert bytes(one.content) == first
    assert bytes(two.content) == second
    assert one.headers == {"content-type": "a/b"}
    assert two.headers == {"content-type": "c/d"}


@given(st.dictionaries(st.sampled_from(["displayName", "name", "x"]), st.text()), st.binary())
def test_the_body_of_the_legacy_js_sdk(metadata: dict[str, str], content: bytes) -> None:
    boundary = "8472364872364"
    assume(boundary.encode() not in content)
    text = json.dumps({"file": metadata}, ensure_ascii=False).encode()
    body = related(
        boundary,
        ("Content-Type: application/json; charset=utf-8", text),
        ("Content-Type: text/plain", content),
    )

    one, two = read_parts(f"multipart/related; boundary={boundary}", body)

    assert json.loads(bytes(one.content)) == {"file": metadata}
    assert bytes(two.content) == content


def test_megabytes_survive() -> None:
    content = (b"\r\n--" + bytes(range(256))) * 8_000

    _, part = read_parts(X, related("X", METADATA, ("Content-Type: a/b", content)))

    assert bytes(part.content) == content


def test_a_part_may_have_no_headers_and_no_content() -> None:
    body = b"--X\r\n\r\n{}\r\n--X\r\n\r\n\r\n--X--\r\n"

    one, two = read_parts(X, body)

    assert (one.headers, bytes(one.content)) == ({}, b"{}")
    assert (two.headers, bytes(two.content)) == ({}, b"")


def test_header_names_are_in_lower_case() -> None:
    headers = "Content-Type: A/B\r\nMIME-Version: 1.0"

    one, _ = read_parts(X, related("X", (headers, b""), TEXT))

    assert one.headers == {"content-type": "A/B", "mime-version": "1.0"}


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=X", "X"),
        ('multipart/related; boundary="a b"', "a b"),
        ("multipart/related; type=x; Boundary=X", "X"),
        ('multipart/related; boundary="==="', "==="),
        ("multipart/related; boundary=" + "x" * 70, "x" * 70),
    ],
)
def test_boundaries(content_type: str, boundary: str) -> None:
    assert read_boundary(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "x", "multipart/related", "multipart/related; boundary", 'a/b; boundary=""'),
        *("multipart/related; boundary=" + "x" * 71, "multipart/related; boundary*=utf-8''X"),
    ],
)
def test_no_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_parts(content_type, related("X", METADATA, TEXT))

    assert refusal.value.status.code == 400
    assert "boundary" in refusal.value.status.message


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"hello", b"--X", b"--X--", b"--X\r\n", b"--Y\r\n\r\n{}\r\n--Y--"),
        related("X"),
        related("X", METADATA),
        related("X", METADATA, TEXT, TEXT),
        related("X", METADATA, TEXT)[:-2],
        related("X", METADATA, TEXT)[:-6],
        related("X", METADATA, ("no header line", b"")),
        b"preamble" + related("X", METADATA, TEXT),
    ],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(StatusError) as refusal:
        read_parts(X, body)

    assert refusal.value.status.code == 400
    assert "two parts" in refusal.value.status.message


@given(
    st.one_of(st.just(X), st.text(max_size=50).map("multipart/related; boundary={}".format)),
    st.one_of(st.binary(max_size=100), contents.map(lambda more: b"--X\r\n" + more)),
)
def test_nothing_but_refusals(content_type: str, body: bytes) -> None:
    try:
        read_parts(content_type, body)
    except StatusError as refusal:
        assert refusal.status.code == 400


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-gzip"])
def test_a_content_part_whose_bytes_are_encoded_is_refused(encoding: str) -> None:
    body = (
        "--X\r\nContent-Type: application/json\r\n\r\n{}\r\n"
        f"--X\r\nContent-Transfer-Encoding: {encoding}\r\n\r\nYWJj\r\n--X--"
    )
    with pytest.raises(StatusError, match="as binary"):
        read_parts("multipart/related; boundary=X", body.encode())
