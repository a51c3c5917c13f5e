"""References are read as leniently as any upstream might read them."""

from __future__ import annotations

import json

import pytest

from gemini_simulator.references import file_ids, read_references


@pytest.mark.parametrize(
    "value",
    [
        "files/abc",
        "FILES/ABC",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "http://elsewhere.example/v9/files/abc:download?alt=media",
        "https://h.example/v1/files/abc?key=x#y",
        "files%2Fabc",
        "https%3A%2F%2Fh%2Fv1%2Ffiles%252Fabc",
        "%2566iles%2F%61bc",
        "  files//abc/ ",
        "files\\abc",
        "fi\nles/abc",
        "ﬁles/ａbc",  # noqa: RUF001 - a ligature and a fullwidth letter are the case
    ],
)
def test_odd_names_of_a_file(value: str) -> None:
    assert file_ids(value) == ["abc"]


@pytest.mark.parametrize(
    "value",
    ["https://youtu.be/abc", "gs://bucket/object", "https://h.example/a.pdf", "", "abc"],
)
def test_external_uris_name_no_file(value: str) -> None:
    assert file_ids(value) == []


def test_all_files_of_a_path_count() -> None:
    assert file_ids("https://h/v1/files/own/../files/foreign") == ["own", "foreign"]


@pytest.mark.parametrize(
    "key", ["fileUri", "file_uri", "FILE-URI", "fileName", "file_name", "filename", "name", "uri"]
)
def test_spellings_of_a_field(key: str) -> None:
    body = {"deep": [{"er": {key: "files/abc"}}, [{key: ["files/def"]}]]}
    assert read_references(json.dumps(body)).files == ["abc", "def"]


def test_every_value_of_a_repeated_key_counts() -> None:
    assert read_references('{"fileUri": "files/own", "fileUri": "files/foreign"}').files == [
        "own",
        "foreign",
    ]


def test_an_escaped_key_is_the_same_key() -> None:
    assert read_references(r'{"file\u0055ri": "files\/abc"}').files == ["abc"]


def test_caches_stores_and_texts() -> None:
    body = {
        "cached_content": "cachedContents/x",
        "tools": [{"fileSearch": {"file_search_store_names": ["fileSearchStores/a-1", "b"]}}],
        "contents": [{"parts": [{"text": "two words"}]}],
        "system_instruction": {"parts": [{"text": "one"}]},
        "displayName": "files/abc",
    }
    found = read_references(json.dumps(body))
    assert (found.files, found.caches, found.stores) == ([], ["x"], ["a-1", "b"])
    assert (found.characters, found.words) == (12, 3)
