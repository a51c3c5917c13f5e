"""Answers: tokens and generated files are read beside the stream, however it is cut."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import answers
from filegate.answers import AnswerReader
from filegate.usage import Tokens

SSE = "text/event-stream"
JSON = "application/json; charset=UTF-8"
URI = "https://generativelanguage.googleapis.com/v1beta/files/gen123"


def response(tokens: int | None = None, *uris: str, text: str = "x") -> Mapping[str, Any]:
    parts = [{"text": text}, *({"fileData": {"fileUri": uri}} for uri in uris)]
    value: dict[str, Any] = {"candidates": [{"content": {"parts": parts}}]}
    if tokens is not None:
        value["usageMetadata"] = {"promptTokenCount": tokens, "totalTokenCount": tokens + 1}
    return value


def events(*values: Mapping[str, Any], end: str = "\r\n\r\n") -> bytes:
    return "".join(f"data: {json.dumps(value)}{end}" for value in values).encode()


def read(content_type: str, body: bytes, size: int = 7) -> tuple[AnswerReader, list[str]]:
    reader = AnswerReader(content_type)
    found: list[str] = []
    for start in range(0, len(body), size):
        found.extend(reader.feed(body[start : start + size]))
    found.extend(reader.finish())
    return reader, found


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 10**6), st.text(max_size=30)), max_size=6),
    st.integers(1, 200),
    st.sampled_from(["\r\n\r\n", "\n\n"]),
)
def test_the_last_count_of_a_stream_holds(
    said: list[tuple[int | None, str]], size: int, end: str
) -> None:
    values = [response(tokens, text=text) for tokens, text in said]
    counts = [tokens for tokens, _ in said if tokens is not None]
    expected = Tokens(prompt=counts[-1], total=counts[-1] + 1) if counts else None

    assert read(SSE, events(*values, end=end), size)[0].tokens == expected
    if values:
        assert read(JSON, json.dumps(values).encode(), size)[0].tokens == expected


def test_one_object_is_read_at_its_end() -> None:
    reader, found = read(JSON, json.dumps(response(5, URI)).encode())

    assert reader.tokens == Tokens(prompt=5, total=6)
    assert found == ["gen123"]


def test_a_generated_file_is_known_with_the_piece_that_ends_its_event() -> None:
    body = events(response(None, URI), response(3))
    reader = AnswerReader(SSE)
    first = body.index(b"\r\n\r\n") + 4

    assert list(reader.feed(body[: first - 1])) == []
    assert list(reader.feed(body[first - 1 : first])) == ["gen123"]
    assert list(reader.feed(body[first:])) == []


def test_an_event_without_its_blank_line_still_counts() -> None:
    assert read(SSE, events(response(4)).rstrip())[0].tokens == Tokens(prompt=4, total=5)


@pytest.mark.parametrize(
    "value",
    [
        {"candidates": [{"content": {"parts": [{"text": URI}]}}]},
        {
            "candidates": [
                {"content": {"parts": [{"functionCall": {"args": {"fileData": {"fileUri": URI}}}}]}}
            ]
        },
        {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": ["files/gen123"]}}]}}]},
        {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": "gs://b/files/gen1"}}]}}]},
        {"candidates": {"content": 1}, "usageMetadata": None},
        {"fileData": {"fileUri": URI}},
    ],
)
def test_what_a_model_writes_names_no_file(value: object) -> None:
    assert read(JSON, json.dumps(value).encode())[1] == []


def test_tokens_that_a_model_writes_are_not_counted() -> None:
    part = {"functionCall": {"args": {"usageMetadata": {"totalTokenCount": 1}}}}
    value = {"candidates": [{"content": {"parts": [part]}}]}

    assert read(SSE, events(value))[0].tokens is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"data: {", b'data: "usageMetadata"\n\n', b"[1]"])
@pytest.mark.parametrize("content_type", [SSE, JSON, ""])
def test_whatever_comes_is_no_error(body: bytes, content_type: str) -> None:
    reader, found = read(content_type, body)

    assert (reader.tokens, found, reader.complete) == (None, [], True)


def test_between_events_another_one_could_follow() -> None:
    reader = AnswerReader(SSE)
    seen = []
    for piece in (b"", b"data: {}\r\n\r\n", b"data: {", b"}\n\n"):
        reader.feed(piece)
        seen.append(reader.between_events)

    assert seen == [True, True, False, True]
    assert not AnswerReader(JSON).between_events


@pytest.mark.parametrize("content_type", [SSE, JSON])
def test_what_is_too_long_to_be_read_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    monkeypatch.setattr(answers, "LARGEST_READ", 100)
    long = response(7, text="x" * 200)
    body = events(long) if content_type == SSE else json.dumps(long).encode()

    reader, _ = read(content_type, body)

    assert not reader.complete
    assert not reader.between_events


def test_an_event_after_one_too_long_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_READ", 150)
    body = events(response(None, text="x" * 300), response(9))

    reader, _ = read(SSE, body)

    assert reader.tokens == Tokens(prompt=9, total=10)
    assert not reader.complete
