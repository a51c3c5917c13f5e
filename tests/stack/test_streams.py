"""Streams: events pass one by one, end as upstream ends them, and end when the client leaves."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from google.genai import errors

from local_stack import LocalStack, StackTenant
from model_calls import MODEL, STREAM, calls, generate, model_usage, prompt, streaming, watching

DEADLINE = 20.0
SSE = f"{STREAM}?alt=sse"


@contextmanager
def stream(tenant: StackTenant, path: str = SSE) -> Iterator[httpx.Response]:
    with tenant.http() as http, http.stream("POST", path, json=prompt()) as answer:
        assert answer.status_code == 200
        yield answer


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def events(text: str) -> list[dict[str, Any]]:
    parts = [part for part in text.replace("\r\n", "\n").split("\n\n") if part]
    assert all(part.startswith("data: {") for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def text_of(event: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in event["candidates"][0]["content"]["parts"])


def test_the_first_event_arrives_before_upstream_has_finished(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, events=2, delaySeconds=60), watching(stack), stream(tenant) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        # An iterator that is dropped closes the connection.
        texts = answer.iter_text()
        assert text_of(events(next(texts))[0])
        [call] = calls(stack)
        assert (call["eventsSent"], call["outcome"]) == (1, None)


def test_a_client_that_leaves_ends_the_call_upstream(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, events=2, delaySeconds=60), watching(stack):
        with stream(tenant) as answer:
            next(answer.iter_text())
        until(lambda: calls(stack)[0]["outcome"] == "cancelled", "the call goes on")
    until(lambda: model_usage(stack, tenant) != {}, "the call is not counted")
    assert model_usage(stack, tenant) == {"requests": 1, "streamGenerateContent": 1}


def test_a_client_that_leaves_a_silent_upstream_ends_the_call_too(
    stack: LocalStack, tenant: StackTenant
) -> None:
    """Before the first byte there is nothing whose sending could fail."""
    with (
        stack.fault({"kind": "latency", "seconds": 60}, path="streamGenerateContent"),
        tenant.http() as http,
        pytest.raises(httpx.ReadTimeout),
    ):
        http.post(SSE, json=prompt(), timeout=1)
    # The one environment of the function is free again, long before the minute is over.
    until(lambda: generate(tenant, prompt()).status_code == 200, "still busy")


@pytest.mark.parametrize("path", [SSE, STREAM, f"{STREAM}?alt=json"])
def test_tokens_of_a_stream_are_counted(stack: LocalStack, tenant: StackTenant, path: str) -> None:
    with stream(tenant, path) as answer:
        text = answer.read().decode()
    sent = events(text) if "alt=sse" in path else json.loads(text)
    used = sent[-1]["usageMetadata"]
    assert model_usage(stack, tenant) == {
        "requests": 1,
        "streamGenerateContent": 1,
        "promptTokens": used["promptTokenCount"],
        "candidatesTokens": used["candidatesTokenCount"],
        "totalTokens": used["totalTokenCount"],
    }


def test_fifteen_megabytes_arrive_intact(stack: LocalStack, tenant: StackTenant) -> None:
    each, count = 150_000, 100
    with streaming(stack, events=count, bytesPerEvent=each), stream(tenant) as answer:
        text = answer.read().decode()
    assert len(text) > 15_000_000
    assert text.endswith("\r\n\r\n")
    sent = events(text)
    assert [len(text_of(event)) for event in sent] == [each] * count
    assert "usageMetadata" in sent[-1]


def test_an_error_in_the_middle_is_the_sdks_own_exception(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, errorAfter=2):
        chunks = tenant.sdk.models.generate_content_stream(model=MODEL, contents="x")
        assert next(chunks).text
        assert next(chunks).text
        with pytest.raises(errors.ServerError) as caught:
            next(chunks)
    assert caught.value.code == 503
    assert caught.value.message is not None
    assert "overloaded" in caught.value.message


def test_an_upstream_cut_between_events_is_the_sdks_own_exception(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, cutAfter=1):
        chunks = tenant.sdk.models.generate_content_stream(model=MODEL, contents="x")
        assert next(chunks).text
        with pytest.raises(errors.ServerError) as caught:
            next(chunks)
    assert caught.value.code == 503
    assert caught.value.message is not None
    assert "could not be reached or did not answer" in caught.value.message


@pytest.mark.parametrize("cut", [1, 2])
def test_of_a_stream_that_breaks_what_it_said_is_counted(
    stack: LocalStack, tenant: StackTenant, cut: int
) -> None:
    """The client has the events that came, and then the error; the tokens they told are counted."""
    with streaming(stack, events=3, cutAfter=cut), stream(tenant) as answer:
        sent = events(answer.read().decode())
    assert [text_of(event) != "" for event in sent[:-1]] == [True] * cut
    assert sent[-1]["error"]["status"] == "UNAVAILABLE"
    said = [event["usageMetadata"] for event in sent if "usageMetadata" in event]
    counted = model_usage(stack, tenant)
    assert (counted["requests"], counted["streamGenerateContent"]) == (1, 1)
    assert counted.get("totalTokens", 0) == (said[-1]["totalTokenCount"] if said else 0)
    # It holds nothing back: the tenant's next call goes through, and is counted for itself.
    assert generate(tenant, prompt()).status_code == 200
    assert model_usage(stack, tenant)["requests"] == 2


def test_of_an_answer_that_breaks_in_a_json_array_the_call_is_counted(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, events=3, cutAfter=1), pytest.raises(httpx.HTTPError):
        generate(tenant, prompt(), STREAM)
    until(lambda: model_usage(stack, tenant) != {}, "the call is not counted")
    assert model_usage(stack, tenant) == {"requests": 1, "streamGenerateContent": 1}


def test_half_an_answer_is_not_taken_for_a_whole_one(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with streaming(stack, cutAfter=1), pytest.raises(httpx.HTTPError):
        generate(tenant, prompt(), STREAM)
    # The environment survives it.
    assert generate(tenant, prompt()).status_code == 200


def test_answers_side_by_side_do_not_mix(stack: LocalStack) -> None:
    tenants = [stack.tenant() for _ in range(3)]
    with streaming(stack, events=5, delaySeconds=0.05):
        open_chunks = [
            one.sdk.models.generate_content_stream(model=MODEL, contents="x" * (number + 1))
            for number, one in enumerate(tenants)
        ]
        texts = ["".join(str(chunk.text) for chunk in chunks) for chunks in open_chunks]
    assert texts == [f"I saw 0 files; {n} characters of text." for n in (1, 2, 3)]


def test_every_stream_has_the_headers_a_browser_needs(tenant: StackTenant) -> None:
    with stream(tenant) as answer:
        answer.read()
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-goog-api-key" not in answer.headers
