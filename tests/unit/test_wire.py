"""Wire: everything upstream reads is read, and everything else is a 400 and nothing worse."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import StatusError
from filegate.wire import MAX_DISPLAY_NAME, FileState, NewFile, read_file, read_metadata


def refuse(body: bytes) -> StatusError:
    with pytest.raises(StatusError) as refusal:
        read_metadata(body)
    assert refusal.value.status.code == 400
    return refusal.value


FULL = {"name": "files/my-name", "display_name": "d", "mime_type": "text/plain", "size_bytes": 9}


@pytest.mark.parametrize(
    "body",
    [
        # Python, JS, and the curl samples' single quotes (wire 3.1)
        (
            b'{"file": {"name": "files/my-name", "display_name": "d", "mime_type": "text/plain",'
            b' "size_bytes": 9}}'
        ),
        (
            b'{"file":{"mimeType":"text/plain","name":"files/my-name","displayName":"d",'
            b'"sizeBytes":"9"}}'
        ),
        (
            b"{'file': {'name': 'files/my-name', 'display_name': 'd', 'mime_type': 'text/plain',"
            b" 'size_bytes': '9'}}"
        ),
        (
            b"\r\n {'file': {'name': 'files/my-name', 'displayName': 'd', 'mimeType': 'text/plain',"
            b" 'sizeBytes': 9}}\n"
        ),
    ],
)
def test_the_spellings_of_the_sdks(body: bytes) -> None:
    assert read_metadata(body) == NewFile.model_validate(FULL)


@pytest.mark.parametrize(
    "body", [b"", b" \r\n\t", b"{}", b'{"file":{}}', b"{'file':{}}", b'{"other":1}']
)
def test_nothing_said_is_nothing_known(body: bytes) -> None:
    file = read_metadata(body)

    assert (file.name, file.display_name, file.mime_type, file.size_bytes) == (None,) * 4


def test_null_is_nothing_said() -> None:
    body = b'{"file":{"name":null,"displayName":null,"mimeType":null,"sizeBytes":null}}'

    assert read_metadata(body).size_bytes is None


def test_go_ends_its_body_with_a_newline() -> None:
    body = b'{"file":{"displayName":"d","mimeType":"text/plain; charset=utf-8"}}\n'

    assert read_metadata(body).mime_type == "text/plain; charset=utf-8"


def test_unknown_fields_are_no_error() -> None:
    assert (
        read_metadata(b'{"file":{"displayName":"d","video":{"a":[1]}},"x":1}').display_name == "d"
    )


sizes = st.integers(0, 2**63 - 1)


@given(sizes, st.booleans(), st.booleans())
def test_int64_as_number_and_as_string(size: int, camel: bool, as_text: bool) -> None:
    name = "sizeBytes" if camel else "size_bytes"
    body = json.dumps({"file": {name: str(size) if as_text else size}}).encode()

    assert read_metadata(body).size_bytes == size


@given(st.text(max_size=MAX_DISPLAY_NAME).filter(str.isprintable), st.booleans())
def test_any_display_name_is_read_exactly(text: str, ascii_only: bool) -> None:
    body = json.dumps({"file": {"displayName": text}}, ensure_ascii=ascii_only).encode()

    assert read_metadata(body).display_name == text


@given(st.text(max_size=100))
def test_single_quoted_text_is_read_exactly(text: str) -> None:
    quoted = json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    body = f"{{'file': {{'display_name': '{quoted}'}}}}".encode()

    assert read_metadata(body).display_name == text


@pytest.mark.parametrize(
    "value",
    [
        *("-1", "1e3", "10.0", "NaN", "Infinity", "-Infinity", "1e400", "true", "[]", "{}"),
        *('"-1"', '"+1"', '""', '" 1"', '"1.0"', '"0x10"', '"1_0"', '"\\u0663"', '"NaN"'),
        *("9223372036854775808", '"9223372036854775808"', '"' + "9" * 5_000 + '"', "9" * 5_000),
    ],
)
def test_what_is_no_byte_count(value: str) -> None:
    refuse(f'{{"file":{{"sizeBytes":{value}}}}}'.encode())


@pytest.mark.parametrize("size", [0, 2**63 - 1])
def test_the_ends_of_int64(size: int) -> None:
    assert read_metadata(f'{{"file":{{"sizeBytes":"{size}"}}}}'.encode()).size_bytes == size


@pytest.mark.parametrize("field", ["name", "displayName", "mimeType"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["a"]])
def test_wrong_types_are_named(field: str, value: object) -> None:
    status = refuse(json.dumps({"file": {field: value}}).encode()).status

    assert f'"file.{field}"' in status.message
    assert status.details[0]["fieldViolations"][0]["field"] == f"file.{field}"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"null",
            b"1",
            b'"x"',
            b"[]",
            b'[{"file":{}}]',
            b"NaN",
            b"x",
            b"file=x",
            b"{",
            b"{'file'",
        ),
        *(b'{"file":1}', b'{"file":"x"}', b'{"file":[]}', b"{'file': (1,)}", b"{'file': {1, 2}}"),
        *(b"\xff\xfe", b"\xef\xbb\xbf{}", b"\x00", b"{'a':\x00}", b"{[]: 1}", b"{1: 2}"),
        *(b"{'file': {1: 2}}", b"{'file': {None: 1}}", b"{'file': {(1, 2): 1}}", b"{**{}}"),
        *(b"__import__('os')", b"{'file': open('x')}", b"{'file': f'{1}'}", b"{'file': ...}"),
        *(b"{'file': {'size_bytes': 1j}}", b"{'file': {'name': true}}", b"--X\r\n\r\n{}"),
        *(b'{"file":{"name":"\\ud800"}}', b'{"\\ud800":1}', b'{"file":{"\\ud800":1}}'),
    ],
)
def test_what_is_no_metadata(body: bytes) -> None:
    refuse(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 60_000, b'{"a":' * 10_000, b"(" * 60_000, b"{" * 60_000, b"-" * 60_000 + b"1"),
        *(b"{'a':" + b"-" * 3_000 + b"1}", b"1" + b"+1" * 30_000, b"not " * 15_000 + b"1"),
        *(b"1" + b"**1" * 20_000, b"a" + b"[1]" * 20_000, b"{'a':" * 6_000 + b"1" + b"}" * 6_000),
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    refuse(body)


@pytest.mark.parametrize("spare", [0, 1])
def test_metadata_has_64_kib_at_most(spare: int) -> None:
    body = b"{}".ljust(64 * 1024 + spare)

    if spare:
        assert "64 KiB" in refuse(body).status.message
    else:
        assert read_metadata(body) == NewFile()


def test_a_long_display_name_is_refused_with_its_numbers() -> None:
    assert read_metadata(json.dumps({"file": {"displayName": "é" * 512}}).encode()).display_name

    message = refuse(json.dumps({"file": {"displayName": "é" * 513}}).encode()).status.message

    assert "513" in message
    assert "512" in message


@pytest.mark.parametrize(("field", "most"), [("name", 1024), ("mimeType", 256)])
def test_other_fields_have_their_lengths(field: str, most: int) -> None:
    read_metadata(json.dumps({"file": {field: "a" * most}}).encode())

    refuse(json.dumps({"file": {field: "a" * (most + 1)}}).encode())


def check_only_refusals(body: bytes) -> None:
    try:
        file = read_metadata(body)
    except StatusError as refusal:
        assert refusal.status.code == 400
        json.dumps(refusal.status.body(), ensure_ascii=False).encode()
    else:
        assert file.size_bytes is None or 0 <= file.size_bytes < 2**63
        assert file.display_name is None or len(file.display_name) <= MAX_DISPLAY_NAME


scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**301),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["file", "name", "displayName", "display_name", "sizeBytes", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(values)
def test_no_json_breaks_the_reader(value: object) -> None:
    check_only_refusals(json.dumps(value).encode())


@given(values)
def test_no_file_breaks_the_reader(value: object) -> None:
    check_only_refusals(json.dumps({"file": value}).encode())


@given(values)
def test_no_literal_breaks_the_reader(value: object) -> None:
    check_only_refusals(repr({"file": value}).encode("utf-8", "replace"))


@given(st.one_of(st.binary(), st.text("{}[]()'\":,\\-+*0aeflinu# \n").map(str.encode)))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    check_only_refusals(body)


UPSTREAM_FILE = {
    "name": "files/x27lu0k9zc2k",
    "displayName": "Sample audio",
    "mimeType": "audio/mpeg",
    "sizeBytes": "41762063",
    "createTime": "2025-02-14T22:33:33.377817Z",
    "expirationTime": "2025-02-16T22:33:33.359672295Z",
    "sha256Hash": "MGU3ZmFm",
    "uri": "https://generativelanguage.googleapis.com/v1beta/files/x27lu0k9zc2k",
    "state": "ACTIVE",
    "source": "UPLOADED",
}


def test_an_upstream_file_is_read() -> None:
    file = read_file(UPSTREAM_FILE)

    assert file.name == "files/x27lu0k9zc2k"
    assert file.size_bytes == 41_762_063
    assert file.create_time == 1_739_572_413_377
    assert file.expiration_time == 1_739_745_213_359
    assert not file.processing


@pytest.mark.parametrize(
    ("state", "processing"), [(str(state), state == "PROCESSING") for state in FileState]
)
def test_only_processing_is_processing(state: str, processing: bool) -> None:
    assert read_file({"name": "files/a", "state": state}).processing is processing


def test_proto3_leaves_out_what_is_zero() -> None:
    file = read_file({"name": "files/a"})

    assert (file.size_bytes, file.expiration_time, file.processing) == (0, None, False)


def test_a_state_of_tomorrow_is_no_error() -> None:
    assert not read_file({"name": "files/a", "state": "ARCHIVED"}).processing


@pytest.mark.parametrize(
    "resource",
    [
        *(None, 1, "files/a", [], {}, {"name": None}, {"name": 1}),
        *({"name": "files/a", "sizeBytes": size} for size in (-1, "-1", 1.5, "x", True, 2**63)),
        *({"name": "files/a", "expirationTime": text} for text in ("soon", "2025-02-14", "")),
        {"name": "files/a", "expirationTime": 1_739_745_213},
        {"name": "files/a", "state": 1},
    ],
)
def test_what_is_no_file(resource: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_file(resource)


@pytest.mark.parametrize("field", ["displayName", "name", "mimeType"])
def test_half_a_character_is_refused_before_anything_is_reserved(field: str) -> None:
    assert "Unicode" in refuse(f'{{"file":{{"{field}":"\\ud800"}}}}'.encode()).status.message


def test_a_file_that_is_null_says_nothing() -> None:
    assert read_metadata(b'{"file":null}') == NewFile()
