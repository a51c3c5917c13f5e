"""What a body names: every reference is found and read, and what cannot be read is refused."""

import json

import pytest

from filegate.errors import StatusError
from filegate.references import (
    DEEPEST,
    MOST_REFERENCES,
    Target,
    find_references,
    place,
    read_document,
    write_document,
)

ID = "k3j2h1g00mbq0x1y2a1b2c3d4"
URI = f"https://generativelanguage.googleapis.com/v1beta/files/{ID}"


def references(document: object) -> list[tuple[str, str, str]]:
    """Target, id and place of each reference in a document."""
    found = find_references(read_document(json.dumps(document).encode()))
    return [(str(one.target), one.id, place(one.path)) for one in found]


def refusal(document: object) -> str:
    with pytest.raises(StatusError) as caught:
        references(document)
    assert caught.value.status.code == 400
    return caught.value.status.message


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (
            {"contents": [{"parts": [{"text": "x"}, {"fileData": {"fileUri": URI}}]}]},
            "contents[0].parts[1].fileData.fileUri",
        ),
        (
            {"contents": [{"parts": [{"file_data": {"file_uri": URI}}]}]},
            "contents[0].parts[0].file_data.file_uri",
        ),
        (
            {"systemInstruction": {"parts": [{"fileData": {"file_uri": URI}}]}},
            "systemInstruction.parts[0].fileData.file_uri",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"parts": [{"fileUri": URI}]}}]}]},
            "contents[0].parts[0].functionResponse.parts[0].fileUri",
        ),
        (
            {"batch": {"inputConfig": {"requests": {"requests": [{"request": {"fileUri": URI}}]}}}},
            "batch.inputConfig.requests.requests[0].request.fileUri",
        ),
        ({"batch": {"input_config": {"file_name": f"files/{ID}"}}}, "batch.input_config.file_name"),
        ({"fileName": f"files/{ID}"}, "fileName"),
        ({"fileName": ID}, "fileName"),
        ({"video": {"uri": f"{URI}:download?alt=media"}}, "video.uri"),
        ({"input": [{"uri": URI}]}, "input[0].uri"),
        ({"whatever": f"files/{ID}"}, "whatever"),
    ],
)
def test_a_file_is_found_wherever_it_is_named(document: object, where: str) -> None:
    assert references(document) == [("files", ID, where)]


@pytest.mark.parametrize(
    "value",
    [
        URI,
        URI.replace("v1beta", "v1"),
        URI.replace("v1beta", "v9alpha3"),
        URI.replace("https", "HTTP"),
        URI.replace("googleapis.com", "googleapis.com:443"),
        URI.replace("generativelanguage", "GenerativeLanguage"),
        URI.replace("googleapis.com", "googleapis.com."),
        URI.replace("https://", "https://user:pass@"),
        URI.replace("https://", "//"),
        URI.replace("files", "%66iles"),
        URI.replace("/files/", "%2Ffiles%2F"),
        URI.replace("/files/", "%252Ffiles%252f"),
        URI.replace("files/", "files//"),
        URI.replace("/", "\\"),
        URI.replace("files", "files"),
        URI.replace("files", "fi\u200bles"),
        URI.replace("files", "FILES"),
        URI.upper(),
        f" {URI}\n",
        f"{URI}/",
        f"{URI}?alt=json#x",
        f"{URI}:download?alt=media",
        f"https://gateway.example/live/v1beta/files/{ID}",
        f"http://127.0.0.1:8080/v1/files/{ID}",
        f"https://elsewhere.example/files/{ID}",
        f"files/{ID}",
        f"/v1beta/files/{ID}",
        ID,
    ],
)
@pytest.mark.parametrize("key", ["fileUri", "file_uri", "FileURI", "file-uri"])
def test_a_file_is_read_in_its_most_generous_sense(key: str, value: str) -> None:
    [(target, file_id, _)] = references({"part": {key: value}})
    assert (target, file_id) == ("files", ID)


@pytest.mark.parametrize(
    "value",
    [
        "https://www.youtube.com/watch?v=9hE5-98ZeCg",
        "https://example.com/files/report.pdf",
        "https://storage.googleapis.com/generativeai-downloads/images/jetpack.jpg",
        "http://example.com:8080/a%20b?x=[1]&y=files/a",
        "",
    ],
)
def test_a_public_url_is_left_alone(value: str) -> None:
    assert references({"fileData": {"fileUri": value}}) == []


@pytest.mark.parametrize(
    "value",
    [
        "file:///etc/passwd",
        "data:text/plain,hello",
        "https://generativelanguage.googleapis.com/v1beta/tunedModels/x",
        "https://generativelanguage.googleapis.com/v1beta/myfiles/x",
        "https://user@example.com/x",
        "https://exämple.com/x",
        "https://example.com/a b",
        "https:\\\\example.com\\x",
        "not/a uri",
        "%25" * 40,
        "%" + "25" * 40,
    ],
)
def test_a_file_uri_that_is_not_understood_is_refused(value: str) -> None:
    assert "fileData.fileUri" in refusal({"fileData": {"fileUri": value}})


@pytest.mark.parametrize("key", ["fileUri", "gcsUri", "uri"])
def test_cloud_storage_has_to_be_registered_first(key: str) -> None:
    assert "files:register" in refusal({"fileData": {key: "gs://bucket/secret.pdf"}})


def test_a_file_name_is_no_url() -> None:
    assert "fileName" in refusal({"fileName": "https://example.com/input.jsonl"})


@pytest.mark.parametrize(
    ("document", "reference"),
    [
        ({"cachedContent": "cachedContents/aB-1"}, ("cachedContents", "aB-1")),
        ({"cached_content": "aB-1"}, ("cachedContents", "aB-1")),
        (
            {"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/my-1"]}}]},
            ("fileSearchStores", "my-1"),
        ),
        (
            {"tools": [{"file_search": {"file_search_store_names": ["ragStores/my-1"]}}]},
            ("fileSearchStores", "my-1"),
        ),
        ({"anything": "fileSearchStores/my-1"}, ("fileSearchStores", "my-1")),
        ({"anything": "cachedContents/x"}, ("cachedContents", "x")),
    ],
)
def test_caches_and_stores_are_found(document: object, reference: tuple[str, str]) -> None:
    [(target, resource_id, _)] = references(document)
    assert (target, resource_id) == reference


@pytest.mark.parametrize(
    "document",
    [
        {"cachedContent": "projects/p/locations/l/cachedContents/x"},
        {"cachedContent": "cachedContents/a/../b"},
        {"fileSearchStoreNames": ["fileSearchStores/a/documents/b"]},
        {"fileSearchStoreNames": ["my-1"]},
        {"fileSearchStoreNames": ["fileSearchStores/A"]},
        {"model": "tunedModels/x"},
        {"name": "batches/x"},
        {"name": "%62atches/x"},
        {"url": "https://generativelanguage.googleapis.com/v1beta/cachedContents"},
    ],
)
def test_what_names_a_resource_in_no_way_we_know_is_refused(document: object) -> None:
    assert refusal(document)


@pytest.mark.parametrize(
    "document",
    [
        {"contents": [{"parts": [{"text": f"files/{ID}"}]}]},
        {"contents": [{"parts": [{"text": URI}]}]},
        {"contents": [{"parts": [{"inlineData": {"data": "files/abc"}}]}]},
        {"tools": [{"functionDeclarations": [{"description": f"Reads {URI} or so."}]}]},
        {"model": "models/gemini-2.5-flash"},
        {"contents": [{"parts": [{"functionCall": {"args": {"path": "files/readme"}}}]}]},
        {"contents": [{"parts": [{"functionResponse": {"response": {"fileName": "a.txt"}}}]}]},
        {"generationConfig": {"responseSchema": {"properties": {"fileUri": {"type": "STRING"}}}}},
        {"title": "profiles/overview"},
    ],
)
def test_what_upstream_never_resolves_is_let_be(document: object) -> None:
    assert references(document) == []


def test_a_file_of_ours_in_free_form_data_still_counts() -> None:
    document = {"functionCall": {"args": {"input": URI}}}
    [reference] = find_references(read_document(json.dumps(document).encode()))
    assert (reference.id, reference.free_form) == (ID, True)
    assert reference.canonical("other") == URI


@pytest.mark.parametrize(
    "body",
    [
        b'{"fileUri": "a", "fileUri": "b"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b"[1]",
        b'"files/x"',
        b"",
        b"\xff\xfe{\x00}\x00",
        "\ufeff{}".encode(),
        '{"fileUri": "x"}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a":' * (DEEPEST + 2) + b"1" + b"}" * (DEEPEST + 2),
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        find_references(read_document(body))
    assert caught.value.status.status == "INVALID_ARGUMENT"


def test_a_body_with_too_many_references_is_refused() -> None:
    assert refusal({"names": [f"files/{ID}"] * (MOST_REFERENCES + 1)})


@pytest.mark.parametrize(
    ("text", "key", "canonical"),
    [
        (URI, "fileUri", URI),
        (f"{URI}:download?alt=media", "uri", f"{URI}:download?alt=media"),
        (URI.replace("v1beta", "v1"), "fileUri", URI.replace("v1beta", "v1")),
        (URI.replace("v1beta", "v7"), "fileUri", URI),
        (f"{URI}?x=1", "fileUri", URI),
        (f"http://127.0.0.1:80/v1/files/{ID}", "fileUri", URI),
        (f"files/{ID}", "fileUri", f"files/{ID}"),
        (ID, "fileUri", URI),
        (ID, "fileName", f"files/{ID}"),
        (f"FILES/{ID}", "fileName", f"files/{ID}"),
    ],
)
def test_a_reference_is_forwarded_in_its_one_spelling(text: str, key: str, canonical: str) -> None:
    [reference] = find_references(read_document(json.dumps({key: text}).encode()))
    assert reference.target is Target.FILE
    assert reference.canonical(ID) == canonical


def test_a_document_is_written_with_other_values() -> None:
    document = read_document('{"a": [{"b": "old"}, 1e2, "é"], "n": 12345678901234567890}'.encode())
    written = write_document(document, {("a", 0, "b"): "new"})
    assert json.loads(written) == {"a": [{"b": "new"}, 100.0, "é"], "n": 12345678901234567890}


def test_a_number_that_cannot_be_written_again_is_refused() -> None:
    with pytest.raises(StatusError):
        write_document(read_document(b'{"a": 1e999}'), {})
