"""Limits beyond bytes: requests per minute, open uploads, lifetime, models, and storage alerts."""

import io
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from google.genai import errors

from bus_listener import listening
from filegate.instants import parse_rfc3339
from local_stack import LocalStack, StackTenant
from model_calls import GENERATE, MODEL, generate, prompt, uploaded, uri
from refusals import refused, unchanged
from resumable import send, start, started
from store_uploads import new_store, start_document

CLIENTS = 64
MINUTE = 60_000
OTHER = "gemini-2.5-pro"


def new_minute(stack: LocalStack) -> None:
    """Move to the first second of a minute."""
    stack.advance((MINUTE - stack.now() % MINUTE) / 1_000 + 0.1)


def details(answer: httpx.Response) -> Mapping[str, Mapping[str, Any]]:
    """The typed details of a refusal, by their type."""
    return {one["@type"].rsplit(".", 1)[1]: one for one in answer.json()["error"]["details"]}


def rate_items(stack: LocalStack, tenant: StackTenant) -> list[int]:
    """The counts of a tenant's minutes."""
    items = stack.table.query(f"TENANT#{tenant.id}", "RATE#").items
    return [int(item["count"] or 0) for item in items]


def at_once(actions: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Run each action in a thread of its own."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def requests_seen(stack: LocalStack) -> list[str]:
    """Paths that reached upstream."""
    return [request["path"] for request in stack.simulator("GET", "/requests")["requests"]]


# -- requests per minute


def test_a_tenant_without_a_rate_is_not_counted(stack: LocalStack, tenant: StackTenant) -> None:
    generate(tenant, prompt()).raise_for_status()
    assert rate_items(stack, tenant) == []


def test_a_rate_holds_across_all_functions_and_ends_with_the_minute(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=3)
    new_minute(stack)
    with tenant.http() as http:
        assert http.get("/v1beta/files").status_code == 200
        assert http.get("/v1beta/fileSearchStores").status_code == 200
        assert generate(tenant, prompt()).status_code == 200
        stack.simulator("DELETE", "/requests")
        over = [
            http.get("/v1beta/files"),
            http.get("/v1beta/fileSearchStores"),
            generate(tenant, prompt()),
            http.post("/v1beta/tokens", json={}),
            http.get("/v1beta/models"),
        ]
        assert [one for one in requests_seen(stack) if "generateContent" in one] == []
        for answer in over:
            message = refused(answer, 429, status="RESOURCE_EXHAUSTED")
            assert "3 requests a minute" in message
            wait = int(details(answer)["RetryInfo"]["retryDelay"].removesuffix("s"))
            assert answer.headers["retry-after"] == str(wait)
            assert 1 <= wait <= 60
            [violation] = details(answer)["QuotaFailure"]["violations"]
            assert violation["quotaId"] == "RequestsPerMinutePerTenant"
            assert violation["quotaValue"] == "3"
        assert rate_items(stack, tenant) == [3]
        stack.advance(int(over[-1].headers["retry-after"]))
        assert http.get("/v1beta/files").status_code == 200
    assert sorted(rate_items(stack, tenant)) == [1, 3]


def test_the_sdk_shows_a_rate_as_429(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=1)
    new_minute(stack)
    tenant.sdk.files.list()
    with pytest.raises(errors.ClientError) as over:
        tenant.sdk.files.list()
    assert (over.value.code, over.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_chunks_are_not_requests(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=1)
    new_minute(stack)
    url = started(tenant, 3)
    assert send(url, "query", offset=None).status_code == 200
    assert send(url, "upload, finalize", b"abc").status_code == 200
    assert start(tenant, 3).status_code == 429
    assert rate_items(stack, tenant) == [1]


def test_what_is_over_the_rate_changes_nothing(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=1)
    new_minute(stack)
    file_id = uploaded(tenant)
    with tenant.http() as http, unchanged(stack, tenant):
        assert http.delete(f"/v1beta/files/{file_id}").status_code == 429
        answer = start(tenant, 10)
        refused(answer, 429, final=True)
    assert f"files/{file_id}" in stack.upstream_files()


def test_no_request_at_all(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=0)
    with tenant.http() as http:
        refused(http.get("/v1beta/files"), 429)
    assert rate_items(stack, tenant) == []


def test_64_clients_make_exactly_as_many_requests_as_they_may(stack: LocalStack) -> None:
    tenant = stack.tenant(requests_per_minute=20)

    def ask(number: int) -> Callable[[], httpx.Response]:
        def list_something() -> httpx.Response:
            with tenant.http() as http:
                return http.get(
                    ("/v1beta/files", "/v1beta/fileSearchStores", "/v1beta/batches")[number % 3]
                )

        return list_something

    new_minute(stack)
    codes = [answer.status_code for answer in at_once([ask(number) for number in range(CLIENTS)])]
    # More than a minute passes only on a machine that does a request a second.
    assert rate_items(stack, tenant) == [20]
    assert (codes.count(200), codes.count(429)) == (20, CLIENTS - 20)


# -- open uploads


def test_open_uploads_are_refused_with_what_to_do(stack: LocalStack) -> None:
    tenant = stack.tenant(open_sessions=2)
    first, second = started(tenant, 3), started(tenant, 3)
    stack.simulator("DELETE", "/requests")
    answer = start(tenant, 3)
    message = refused(answer, 429, status="RESOURCE_EXHAUSTED", final=True)
    assert "2 are open" in message
    assert "may have 2 at once" in message
    assert "cancel it" in message
    assert "The first ends by itself at 20" in message
    assert [one for one in requests_seen(stack) if one.endswith("/files")] == []
    # Half an hour, and two minutes for the last chunk (sessions.session_time).
    assert 1_800 < _wait(answer) <= 1_921
    [violation] = details(answer)["QuotaFailure"]["violations"]
    assert violation["quotaId"] == "OpenUploadSessionsPerTenant"
    # What has just ended makes room at once, however it ended.
    assert send(first, "upload, finalize", b"abc").status_code == 200
    third = started(tenant, 3)
    assert send(second, "cancel", offset=None).status_code == 200
    fourth = started(tenant, 3)
    again = start(tenant, 3)
    assert again.status_code == 429
    assert len({first, second, third, fourth}) == 4
    # And what is past its time.
    stack.advance(_wait(again))
    assert start(tenant, 3).status_code == 200


def _wait(refusal: httpx.Response) -> int:
    """Seconds until the first open upload ends by itself."""
    return int(details(refusal)["RetryInfo"]["retryDelay"].removesuffix("s"))


def test_documents_and_whole_files_count_too(stack: LocalStack) -> None:
    tenant = stack.tenant(open_sessions=1)
    store = new_store(tenant)
    assert start_document(tenant, store, 3).status_code == 200
    refused(start(tenant, 3), 429)
    refused(start_document(tenant, store, 3), 429, final=True)
    with tenant.http() as http:
        refused(http.post("/upload/v1beta/files", content=b"abc"), 429)


def test_one_after_the_other_needs_one_session(stack: LocalStack) -> None:
    tenant = stack.tenant(open_sessions=1)
    for number in range(5):
        content = io.BytesIO(b"x" * (number + 1))
        tenant.sdk.files.upload(file=content, config={"mime_type": "text/plain"})
    assert len(list(tenant.sdk.files.list())) == 5


def test_64_clients_open_exactly_as_many_uploads_as_they_may(stack: LocalStack) -> None:
    tenant = stack.tenant(open_sessions=10)

    def open_one() -> httpx.Response:
        while (answer := start(tenant, 100)).status_code == 503:
            assert "RetryInfo" in answer.text
        return answer

    codes = [answer.status_code for answer in at_once([open_one] * CLIENTS)]
    assert (codes.count(200), codes.count(429)) == (10, CLIENTS - 10)
    [own] = [item for item in stack.tenant_items(tenant.id) if item["sk"] == "TENANT"]
    assert own["openSessions"] == 10


# -- lifetime


def test_a_file_ends_when_its_tenants_lifetime_does(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000, lifetime=3_600)
    file_id = uploaded(tenant, b"x" * 600)
    with tenant.http() as http:
        whole = http.post("/upload/v1beta/files", content=b"y" * 300).json()["file"]
        shown = http.get(f"/v1beta/files/{file_id}").json()
        listed = http.get("/v1beta/files").json()["files"]
        fresh = http.get(f"/v1beta/files/{file_id}", headers={"cache-control": "no-cache"}).json()
        for file in (shown, whole, fresh, *listed):
            ends, made = (parse_rfc3339(file[name]) for name in ("expirationTime", "createTime"))
            assert ends - made == 3_600_000
        refusal = start(tenant, 200)
        wait = int(details(refusal)["RetryInfo"]["retryDelay"].removesuffix("s"))
        assert wait <= 3_600
        stack.advance(3_601)
        refused(http.get(f"/v1beta/files/{file_id}"), 403)
        assert http.get("/v1beta/files").json() == {}
        refused(generate(tenant, prompt(uri(file_id))), 403)
    stack.run_janitor()
    assert stack.available(tenant) == 1_000
    assert stack.records(tenant) == []
    assert not {f"files/{file_id}", whole["name"]} & set(stack.upstream_files())


def test_upstreams_own_end_comes_first_where_it_is_earlier(stack: LocalStack) -> None:
    tenant = stack.tenant(lifetime=90 * 24 * 3_600)
    file_id = uploaded(tenant)
    with tenant.http() as http:
        file = http.get(f"/v1beta/files/{file_id}").json()
    ends, made = (parse_rfc3339(file[name]) for name in ("expirationTime", "createTime"))
    assert round((ends - made) / 1_000) == 48 * 3_600


# -- models


REQUEST = {"contents": [{"parts": [{"text": "hello"}]}]}
BATCH = {"batch": {"inputConfig": {"requests": {"requests": [{"request": REQUEST}]}}}}


def naming(model: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Every way to call a model that is named in the path, and a body for it."""
    content = {"content": {"parts": [{"text": "hello"}]}}
    return [
        (f"/v1beta/models/{model}:generateContent", REQUEST),
        (f"/v1beta/models/{model}:streamGenerateContent?alt=sse", REQUEST),
        (f"/v1beta/models/{model}:countTokens", REQUEST),
        (f"/v1beta/models/{model}:embedContent", content),
        (f"/v1beta/models/{model}:batchEmbedContents", {"requests": []}),
        (f"/v1beta/models/{model}:batchGenerateContent", BATCH),
        (f"/v1beta/models/{model}:asyncBatchEmbedContent", {"batch": {}}),
        ("/v1beta/cachedContents", {"model": f"models/{model}", **REQUEST}),
    ]


IN_A_BODY: list[tuple[str, Mapping[str, Any]]] = [
    (
        f"/v1beta/models/{MODEL}:countTokens",
        {"generateContentRequest": {"model": f"models/{OTHER}", **REQUEST}},
    ),
    (
        f"/v1beta/models/{MODEL}:countTokens",
        {"generate_content_request": {"model": f"models/{OTHER}", **REQUEST}},
    ),
    (GENERATE, {"model": f"models/{OTHER}", **REQUEST}),
    (GENERATE, {"model": 7, **REQUEST}),
    (
        f"/v1beta/models/{MODEL}:batchEmbedContents",
        {"requests": [{"model": f"models/{MODEL}"}, {"model": f"models/{OTHER}"}]},
    ),
    (
        f"/v1beta/models/{MODEL}:batchGenerateContent",
        {"batch": {"model": f"models/{OTHER}", **BATCH["batch"]}},
    ),
    (
        f"/v1beta/models/{MODEL}:batchGenerateContent",
        {
            "batch": {
                "input_config": {
                    "requests": {"requests": [{"request": {"model": OTHER, **REQUEST}}]}
                }
            }
        },
    ),
]


def test_only_listed_models_can_be_called(stack: LocalStack) -> None:
    tenant = stack.tenant(models=(MODEL, "text-embedding-004"))
    stack.simulator("DELETE", "/requests")
    for path, body in [*naming(OTHER), *IN_A_BODY]:
        message = refused(generate(tenant, body, path), 403, status="PERMISSION_DENIED")
        assert f"{MODEL}, text-embedding-004" in message, path
    seen = requests_seen(stack)
    assert [one for one in seen if "/models/" in one or "cachedContents" in one] == []


def test_listed_models_can_be_called(stack: LocalStack) -> None:
    tenant = stack.tenant(models=(f"models/{MODEL}",))
    # What a tenant writes about models is no call of one.
    schema = {"type": "OBJECT", "properties": {"model": {"type": "STRING"}}}
    body = {
        "contents": [
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "f", "args": {"model": OTHER}}}],
            }
        ],
        "generationConfig": {"responseSchema": schema},
    }
    assert generate(tenant, body).status_code == 200
    assert generate(tenant, {"model": f"models/{MODEL}", **REQUEST}).status_code == 200
    counted = generate(tenant, REQUEST, f"/v1beta/models/{MODEL}:countTokens")
    assert counted.status_code == 200
    answer = generate(tenant, BATCH, f"/v1beta/models/{MODEL}:batchGenerateContent")
    assert answer.status_code == 200, answer.text


def test_lines_of_a_batch_name_models_too(stack: LocalStack) -> None:
    tenant = stack.tenant(models=(MODEL,))

    def run(model: str) -> httpx.Response:
        line = json.dumps({"key": "1", "request": {"model": f"models/{model}", **REQUEST}})
        file_id = uploaded(tenant, line.encode(), "application/jsonl")
        body = {"batch": {"inputConfig": {"fileName": f"files/{file_id}"}}}
        return generate(tenant, body, f"/v1beta/models/{MODEL}:batchGenerateContent")

    assert run(MODEL).status_code == 200
    refused(run(OTHER), 400)


# -- alerts


def test_each_threshold_is_told_of_once(stack: LocalStack) -> None:
    with listening(stack, "dev.filegate.tenant.storage.v1") as listener:
        tenant = stack.tenant(storage=1_000)

        def heard() -> list[tuple[int, int, int]]:
            return sorted(
                (data["percent"], data["storedBytes"], data["storageBytes"])
                for event in listener.heard.values()
                if (data := event["detail"]["data"])["tenant"] == tenant.id
            )

        ids = [uploaded(tenant, b"x" * 100) for _ in range(7)]
        last = [uploaded(tenant, b"x" * size) for size in (99, 1, 160, 40)]
        stack.run_janitor()
        listener.until(lambda: len(heard()) >= 3)
        assert heard() == [(80, 800, 1_000), (95, 960, 1_000), (100, 1_000, 1_000)]
        with tenant.http() as http:
            for file_id in (*last, *ids[:2]):
                assert http.delete(f"/v1beta/files/{file_id}").status_code == 200
        uploaded(tenant, b"x" * 299)
        uploaded(tenant, b"x" * 1)
        stack.run_janitor()
        listener.until(lambda: len(heard()) >= 4)
        assert heard()[0:2] == [(80, 800, 1_000), (80, 800, 1_000)]
        assert len(heard()) == 4
