"""Start: the headers and the body of an upload, in every spelling clients use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import StatusError
from filegate.upload_requests import (
    Protocol,
    UploadRequest,
    protocol_of,
    read_start,
    whole_request,
)
from filegate.wire import NewFile

START = {"x-goog-upload-command": "start"}
LENGTH = "x-goog-upload-header-content-length"
TYPE = "x-goog-upload-header-content-type"


@pytest.mark.parametrize(
    ("headers", "query", "protocol"),
    [
        ({"x-goog-upload-protocol": "resumable"}, {}, Protocol.RESUMABLE),
        ({"x-goog-upload-protocol": " Resumable "}, {}, Protocol.RESUMABLE),
        ({}, {"upload_protocol": "resumable"}, Protocol.RESUMABLE),
        ({"x-goog-upload-protocol": "multipart"}, {}, Protocol.MULTIPART),
        ({"x-goog-upload-protocol": "raw"}, {}, Protocol.RAW),
        ({}, {"upload_protocol": "raw"}, Protocol.RAW),
        ({}, {"uploadType": "media"}, Protocol.RAW),
        ({}, {"uploadType": "multipart"}, Protocol.MULTIPART),
        ({}, {}, Protocol.RAW),
        ({"content-type": "multipart/related; boundary=x"}, {}, Protocol.MULTIPART),
        ({"content-type": "Multipart/Related; boundary=x"}, {}, Protocol.MULTIPART),
        ({"content-type": "multipart/related"}, {"uploadType": "media"}, Protocol.RAW),
        (
            {"content-type": "multipart/related", "x-goog-upload-protocol": "raw"},
            {},
            Protocol.RAW,
        ),
        (
            {"x-goog-upload-protocol": "resumable"},
            {"uploadType": "resumable"},
            Protocol.RESUMABLE,
        ),
    ],
)
def test_protocols(headers: dict[str, str], query: dict[str, str], protocol: Protocol) -> None:
    assert protocol_of(headers, query) is protocol


@pytest.mark.parametrize(
    ("headers", "query", "said"),
    [
        ({"x-goog-upload-protocol": "tus"}, {}, "'tus'"),
        ({}, {"uploadType": "other"}, "'other'"),
        ({}, {"uploadType": "resumable"}, "X-Goog-Upload-Protocol: resumable"),
        ({"x-goog-upload-protocol": "x" * 1_000}, {}, repr("x" * 40)),
    ],
)
def test_unknown_protocols_are_named(
    headers: dict[str, str], query: dict[str, str], said: str
) -> None:
    with pytest.raises(StatusError) as refusal:
        protocol_of(headers, query)

    assert refusal.value.status.code == 400
    assert said in refusal.value.status.message
    assert len(refusal.value.status.message) < 300


def test_pythons_start() -> None:
    headers = START | {LENGTH: "9000000", TYPE: "text/plain"}
    body = (
        b'{"file": {"name": "files/my-name", "display_name": "d", "mime_type": "text/plain",'
        b' "size_bytes": 9000000}}'
    )

    assert read_start(headers, body) == UploadRequest("files/my-name", "d", "text/plain", 9_000_000)


def test_gos_reader_knows_no_size() -> None:
    headers = START | {TYPE: "text/plain; charset=utf-8"}

    request = read_start(headers, b'{"file":{"displayName":"d"}}\n')

    assert request.size is None
    assert request.mime_type == "text/plain; charset=utf-8"


def test_the_least_there_is() -> None:
    assert read_start(START, b"") == UploadRequest(None, None, None, None)


def test_an_empty_name_is_none() -> None:
    assert read_start(START, b'{"file":{"name":""}}').name is None


def test_the_bodys_type_wins() -> None:
    headers = START | {TYPE: "text/plain"}

    assert read_start(headers, b'{"file":{"mimeType":"a/b"}}').mime_type == "a/b"
    assert read_start(headers, b'{"file":{"mimeType":""}}').mime_type == "text/plain"


@pytest.mark.parametrize("body", [b"", b'{"file":{"sizeBytes":"0"}}'])
def test_zero_bytes_are_a_size(body: bytes) -> None:
    assert read_start(START | {LENGTH: "0"}, body).size == 0


def test_the_size_may_be_in_the_body_alone() -> None:
    assert read_start(START, b'{"file":{"sizeBytes":"0"}}').size == 0
    assert read_start(START, b'{"file":{"sizeBytes":7}}').size == 7


@pytest.mark.parametrize(("announced", "said"), [(0, 1), (1, 0), (10, 11)])
def test_two_sizes_are_refused(announced: int, said: int) -> None:
    body = f'{{"file":{{"sizeBytes":{said}}}}}'.encode()

    with pytest.raises(StatusError) as refusal:
        read_start(START | {LENGTH: str(announced)}, body)

    assert f"{announced} bytes" in refusal.value.status.message
    assert f"{said} in file.sizeBytes" in refusal.value.status.message


@given(st.integers(0, 10**19 - 1))
def test_any_size_is_read(size: int) -> None:
    assert read_start(START | {LENGTH: f" {size} "}, b"").size == size


@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.0", "1e3", "0x1", "1_0", "٣", "²", "abc", "9" * 20, "9" * 5_000]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_start(START | {LENGTH: text}, b"")

    assert refusal.value.status.code == 400
    assert "X-Goog-Upload-Header-Content-Length" in refusal.value.status.message
    assert len(refusal.value.status.message) < 300


@pytest.mark.parametrize("command", [" START ", "Start"])
def test_start_in_any_case(command: str) -> None:
    assert read_start({"x-goog-upload-command": command}, b"").size is None


@pytest.mark.parametrize("command", ["", "upload", "start, upload, finalize", "query", "x" * 999])
def test_other_commands_are_refused(command: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_start({"x-goog-upload-command": command}, b"")

    assert refusal.value.status.code == 400
    assert repr(command[:40]) in refusal.value.status.message


MIME_TYPES = [
    "text/plain",
    "a/b",
    "text/plain; charset=utf-8",
    "video/x.y+z",
    "application/vnd.a",
    "jsonl",
]
NO_MIME_TYPES = [
    "text",
    "/plain",
    "text/",
    "/",
    "text\\plain",
    "tëxt/plain",
    "a/b\r\nx: y",
    "a/b\0",
]


@pytest.mark.parametrize("text", MIME_TYPES)
def test_mime_types(text: str) -> None:
    assert read_start(START | {TYPE: text}, b"").mime_type == text
    assert whole_request(NewFile(mime_type=text), None, 1).mime_type == text


@pytest.mark.parametrize("text", NO_MIME_TYPES)
def test_what_is_no_mime_type(text: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_start(START | {TYPE: text}, b"")
    assert refusal.value.status.code == 400

    with pytest.raises(StatusError):
        whole_request(NewFile(mime_type=text), None, 1)


@given(st.text(max_size=40))
def test_no_mime_type_carries_a_header_of_its_own(text: str) -> None:
    try:
        mime_type = read_start(START | {TYPE: text}, b"").mime_type
    except StatusError:
        return
    assert mime_type is None or (mime_type.isascii() and mime_type.isprintable())


def test_a_whole_request_has_the_size_of_its_content() -> None:
    metadata = NewFile(name="files/a", display_name="d")

    assert whole_request(metadata, "a/b", 5) == UploadRequest("files/a", "d", "a/b", 5)
    assert whole_request(NewFile(size_bytes=5), "a/b", 5).size == 5
    assert whole_request(NewFile(size_bytes=0), None, 0).size == 0


@pytest.mark.parametrize(("said", "sent"), [(0, 1), (1, 0), (5, 6)])
def test_a_whole_request_of_another_size_is_refused(said: int, sent: int) -> None:
    with pytest.raises(StatusError) as refusal:
        whole_request(NewFile(size_bytes=said), None, sent)

    assert f"{said} bytes" in refusal.value.status.message
    assert f"{sent} were sent" in refusal.value.status.message


def test_a_chunk_that_lost_its_way_is_not_stored_as_a_file() -> None:
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    assert protocol_of(headers, {"upload_id": "abc"}) is Protocol.RESUMABLE
    with pytest.raises(StatusError, match="begins with `start`"):
        read_start(headers, b"content")
