"""Store requests: what is understood, how upstream is told, and the sentence for all else."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import StatusError
from filegate.store_requests import (
    MOST_METADATA,
    MOST_TOKENS,
    NewDocument,
    document_request,
    read_document,
    read_document_start,
    read_force,
    read_import,
    read_page,
    read_store,
)
from filegate.wire import WireModel

START = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
CANONICAL = {
    "displayName": "dn",
    "customMetadata": [
        {"key": "a", "stringValue": "b"},
        {"key": "n", "numericValue": 1.5},
        {"key": "l", "stringListValue": {"values": ["x", "y"]}},
    ],
    "chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 200, "maxOverlapTokens": 20}},
    "mimeType": "text/plain; charset=utf-8",
}


def refusal(read: Callable[[bytes], WireModel], body: object) -> str:
    with pytest.raises(StatusError) as refused:
        read(json.dumps(body).encode())
    status = refused.value.status
    assert (status.code, status.status) == (400, "INVALID_ARGUMENT")
    return status.message


def chunking(**fields: object) -> Mapping[str, object]:
    return {"chunkingConfig": {"whiteSpaceConfig": fields}}


def metadata(*entries: object) -> Mapping[str, object]:
    return {"customMetadata": list(entries)}


@pytest.mark.parametrize(
    "body",
    [
        # wire 9.2: Python mixes the spellings, JS and Go do not.
        (
            b'{"displayName": "dn", "customMetadata": [{"key": "a", "string_value": "b"},'
            b' {"key": "n", "numeric_value": 1.5},'
            b' {"key": "l", "string_list_value": {"values": ["x", "y"]}}],'
            b' "chunkingConfig": {"white_space_config": {"max_tokens_per_chunk": 200,'
            b' "max_overlap_tokens": 20}}, "mimeType": "text/plain; charset=utf-8"}'
        ),
        json.dumps(CANONICAL).encode(),
        json.dumps(CANONICAL).encode() + b"\n",
        (
            b'{"display_name":"dn","mime_type":"text/plain; charset=utf-8","custom_metadata":['
            b'{"key":"a","stringValue":"b"},{"key":"n","numericValue":"1.5"},'
            b'{"key":"l","stringListValue":{"values":["x","y"]}}],"chunking_config":'
            b'{"whiteSpaceConfig":{"maxTokensPerChunk":"200","maxOverlapTokens":"20"}}}'
        ),
        json.dumps(CANONICAL).replace('"', "'").encode(),
    ],
    ids=["python", "javascript", "go", "snake and strings", "single quotes"],
)
def test_every_spelling_becomes_one(body: bytes) -> None:
    assert read_document(body).canonical() == CANONICAL
    assert json.loads(read_document(body).body()) == CANONICAL


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"displayName": null}'])
def test_nothing_may_be_said(body: bytes) -> None:
    assert read_document(body).canonical() == {}
    assert read_store(body).canonical() == {}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (chunking(maxTokensPerChunk=513), "maxTokensPerChunk is 513; it must be from 1 to 512"),
        (chunking(max_tokens_per_chunk=10**9), "must be a whole number"),
        (chunking(maxTokensPerChunk=0), "maxTokensPerChunk is 0; it must be from 1 to 512"),
        (chunking(maxTokensPerChunk=-1), "whole number that is not negative"),
        (chunking(maxTokensPerChunk=1.5), "must be a whole number"),
        (chunking(maxTokensPerChunk=True), "must be a whole number"),
        (chunking(maxTokensPerChunk="many"), "must be a whole number"),
        (chunking(maxTokensPerChunk=[200]), "must be a whole number"),
        (
            chunking(maxTokensPerChunk=20, maxOverlapTokens=20),
            "maxOverlapTokens is 20; it must be less than the 20 tokens",
        ),
        (chunking(maxOverlapTokens=512), "less than the 512 tokens"),
        (chunking(maxOverlapTokens=-1), "whole number that is not negative"),
        (chunking(maxTokens=1), 'Unknown name "chunkingConfig.whiteSpaceConfig.maxTokens"'),
        (chunking(maxTokensPerChunk=1, max_tokens_per_chunk=2), "given twice"),
        ({"chunkingConfig": {"other": {}}}, 'Unknown name "chunkingConfig.other"'),
        ({"chunkingConfig": 200}, 'Invalid value at "chunkingConfig"'),
        (metadata({"key": "a"}), "exactly one of stringValue, numericValue and stringListValue"),
        (metadata({"key": "a", "stringValue": "b", "numericValue": 1}), "exactly one of"),
        (metadata({"stringValue": "b"}), 'Invalid value at "customMetadata.0.key"'),
        (metadata({"key": "", "stringValue": "b"}), 'Invalid value at "customMetadata.0.key"'),
        (metadata({"key": "a", "numericValue": "much"}), "must be a number"),
        (metadata({"key": "a", "numericValue": True}), "must be a number"),
        (metadata({"key": "a", "numericValue": "Infinity"}), "must be a number"),
        (metadata({"key": "a", "numericValue": 10**400}), "must be a number"),
        (metadata({"key": "a", "stringValue": 1}), 'Invalid value at "customMetadata.0'),
        (metadata({"key": "a", "stringListValue": ["x"]}), 'Invalid value at "customMetadata.0'),
        (metadata({"key": "a", "stringListValue": {"values": [1]}}), 'at "customMetadata.0'),
        (metadata({"key": "a", "boolValue": True, "stringValue": ""}), "Unknown name"),
        (metadata({"key": "a\ud800", "stringValue": "b"}), "valid Unicode"),
        ({"customMetadata": {"key": "a"}}, 'Invalid value at "customMetadata"'),
        (metadata(*[{"key": "a", "stringValue": "b"}] * 21), "at most 20 items"),
        ({"displayName": "x" * 513}, "the display name has 513 characters; 512 is the most"),
        ({"displayName": 1}, 'Invalid value at "displayName"'),
        ({"displayName": "a", "display_name": "a"}, "displayName is given twice"),
        ({"mimeType": "text"}, "the form type/subtype"),
        ({"mimeType": "text/\u00e9"}, "the form type/subtype"),
        ({"file": {"displayName": "d"}}, 'Unknown name "file"'),
        ({"fileName": "files/a"}, 'Unknown name "fileName"'),
        ({"x" * 5_000: 1}, "Unknown name"),
        ([], "one JSON object"),
        ("text", "one JSON object"),
        (1, "one JSON object"),
    ],
)
def test_what_is_not_understood_is_refused(body: object, sentence: str) -> None:
    message = refusal(read_document, body)
    assert sentence in message
    assert len(message) < 400


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"displayName": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(StatusError):
        read_document(body)


@pytest.mark.parametrize("tokens", [1, 511, MOST_TOKENS])
@pytest.mark.parametrize("overlap", ["none", "most"])
def test_up_to_512_tokens_and_any_overlap_below(tokens: int, overlap: str) -> None:
    fields = {"maxTokensPerChunk": tokens}
    if overlap == "most":
        fields["maxOverlapTokens"] = tokens - 1
    body = chunking(**fields)
    assert read_document(json.dumps(body).encode()).canonical() == body


def test_twenty_entries_of_metadata() -> None:
    body = metadata(*[{"key": f"k{n}", "numericValue": n} for n in range(MOST_METADATA)])
    assert read_document(json.dumps(body).encode()).canonical() == body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "displayName",
                        "customMetadata",
                        "key",
                        "stringValue",
                        "numericValue",
                        "values",
                        "chunkingConfig",
                        "whiteSpaceConfig",
                        "maxTokensPerChunk",
                        "fileName",
                    ]
                )
                | st.text(),
                inner,
            )
        ),
    )
)
def test_any_json_is_understood_or_refused(body: Any) -> None:  # noqa: ANN401
    for read in (read_document, read_import, read_store):
        try:
            message = read(json.dumps(body).encode())
        except StatusError as refused:
            assert refused.status.code == 400
        else:
            assert read(message.body()).canonical() == message.canonical()


def test_an_import_names_its_file() -> None:
    body = {"file_name": "files/abc", "customMetadata": [{"key": "a", "numeric_value": 1.0}]}
    assert read_import(json.dumps(body).encode()).canonical() == {
        "fileName": "files/abc",
        "customMetadata": [{"key": "a", "numericValue": 1.0}],
    }


@pytest.mark.parametrize(
    "body", [{}, {"fileName": ""}, {"fileName": None}, {"fileName": 1}, {"fileName": "f" * 2_000}]
)
def test_an_import_without_a_file_is_refused(body: object) -> None:
    assert "fileName" in refusal(read_import, body)


@pytest.mark.parametrize("field", ["name", "sizeBytes", "createTime", "mimeType"])
def test_a_store_is_only_named_and_given_a_model(field: str) -> None:
    body = b'{"display_name": "s", "embeddingModel": "models/gemini-embedding-001"}'
    assert read_store(body).canonical() == {
        "displayName": "s",
        "embeddingModel": "models/gemini-embedding-001",
    }
    assert f'Unknown name "{field}"' in refusal(read_store, {field: "x"})


@pytest.mark.parametrize(
    ("body", "header", "mime_type"),
    [
        (b"", None, None),
        (b"", "text/plain", "text/plain"),
        (b'{"mimeType": "text/markdown"}', "text/plain", "text/markdown"),
        (b'{"mimeType": ""}', "text/plain", "text/plain"),
    ],
)
def test_the_bodys_type_goes_before_the_headers(
    body: bytes, header: str | None, mime_type: str | None
) -> None:
    headers = START if header is None else {**START, "x-goog-upload-header-content-type": header}
    assert read_document_start(headers, body).mime_type == mime_type


@pytest.mark.parametrize(("text", "size"), [("", None), ("0", 0), ("104857601", 104_857_601)])
def test_the_size_is_what_the_header_says(text: str, size: int | None) -> None:
    headers = {**START, "x-goog-upload-header-content-length": text}
    assert read_document_start(headers, b"").size == size


@pytest.mark.parametrize(
    "headers",
    [
        {**START, "x-goog-upload-command": "upload"},
        {**START, "x-goog-upload-header-content-length": "-1"},
        {**START, "x-goog-upload-header-content-type": "text"},
    ],
)
def test_a_start_that_is_none_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(StatusError):
        read_document_start(headers, b"")


def test_a_part_of_no_type_is_refused() -> None:
    with pytest.raises(StatusError, match="type/subtype"):
        document_request(NewDocument(), "nonsense", 1)


@pytest.mark.parametrize(
    ("text", "force"),
    [("True", True), ("true", True), ("1", True), ("False", False), ("0", False), ("", False)],
)
def test_force_in_every_spelling(text: str, force: bool) -> None:
    assert read_force({"force": text}) is force
    assert read_force({}) is False


@pytest.mark.parametrize("text", ["yes", "2", "truefalse", "null", " true"])
def test_force_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(StatusError, match="true or false"):
        read_force({"force": text})


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, {}),
        ({"pageSize": "5"}, {"pageSize": "5"}),
        ({"page_size": "100", "page_token": "t"}, {"pageSize": "20", "pageToken": "t"}),
        ({"pageSize": "0"}, {"pageSize": "10"}),
        ({"pageToken": "t", "filter": "x", "key": "k", "alt": "media"}, {"pageToken": "t"}),
    ],
)
def test_a_page_by_allow_list(query: Mapping[str, str], page: Mapping[str, str]) -> None:
    assert read_page(query) == page


@pytest.mark.parametrize("query", [{"pageSize": "x"}, {"pageSize": "-1"}])
def test_a_page_that_is_none_is_refused(query: Mapping[str, str]) -> None:
    with pytest.raises(StatusError):
        read_page(query)
