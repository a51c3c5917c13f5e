"""Fields: one value each, and what is given twice is refused before anything is decided by it."""

import pytest

from filegate.edge.fields import read_headers, read_parameters
from filegate.errors import StatusError

ONCE = [
    *("x-goog-api-key", "X-Goog-Api-Key", "Authorization", "Content-Type", "Origin"),
    *("X-Goog-Upload-Command", "X-Goog-Upload-Offset", "X-Goog-Upload-Protocol"),
    *("X-Goog-Upload-Header-Content-Length", "Idempotency-Key", "x-filegate-admin-key"),
]


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize("second", ["one", "two", ""])
def test_what_decides_comes_once(name: str, second: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        with pytest.raises(StatusError) as refusal:
            read_headers([(name, "one"), ("Accept", "x"), (spelled, second)])

        status = refusal.value.status
        assert (status.code, status.status) == (400, "INVALID_ARGUMENT")
        assert repr(name.lower()) in status.message
        assert "one" not in status.message.replace("once", "").replace("one value", "")


@pytest.mark.parametrize("name", ["Accept", "Via", "Forwarded", "X-Forwarded-For", "Cache-Control"])
def test_what_proxies_add_to_is_a_list(name: str) -> None:
    assert read_headers([(name, "a"), (name.lower(), "b")]) == {name.lower(): "a, b"}


@pytest.mark.parametrize(
    "encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip", "x" * 5000]
)
def test_an_encoded_body_is_not_guessed(encoding: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_headers([("Content-Encoding", encoding)])

    assert refusal.value.status.code == 400
    assert "Content-Encoding" in refusal.value.status.message


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_body_as_it_is_passes(encoding: str) -> None:
    assert read_headers([("content-encoding", encoding)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("key", "key"), ("pageToken", "pageToken"), ("pageSize", "pageSize"), ("x", "x")),
        *(("uploadType", "uploadType"), ("upload_id", "upload_id"), ("pageSize", "page_size")),
        *(("upload_protocol", "uploadProtocol"), ("key", "KEY")),
    ],
)
def test_a_parameter_comes_once(first: str, second: str) -> None:
    for value in ("one", "two"):
        with pytest.raises(StatusError) as refusal:
            read_parameters([(first, "one"), ("alt", "sse"), (second, value)])

        assert refusal.value.status.code == 400
        assert repr(second) in refusal.value.status.message


def test_parameters_keep_their_spelling() -> None:
    assert read_parameters([("page_size", "1"), ("key", "k")]) == {"page_size": "1", "key": "k"}
