"""Quota: refused at start, with numbers and the moment it frees up; the SDK raises at once."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.genai import errors

from local_stack import LocalStack, StackTenant
from resumable import CHUNK, send, start, started

GIB = 1024**3
CLIENTS = 64


def uploads_seen(stack: LocalStack) -> int:
    """Starts and chunks that reached upstream; the janitor's own questions do not count."""
    requests = stack.simulator("GET", "/requests")["requests"]
    return sum(request["path"].startswith("/upload/") for request in requests)


def test_the_sdk_raises_at_once_with_the_numbers(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=10_000)
    tenant.sdk.files.upload(file=io.BytesIO(b"x" * 6_000), config={"mime_type": "text/plain"})
    assert len(list(tenant.sdk.files.list())) == 1
    stack.simulator("DELETE", "/requests")
    with pytest.raises(errors.ClientError) as refused:
        tenant.sdk.files.upload(file=io.BytesIO(b"x" * 5_000), config={"mime_type": "text/plain"})
    assert refused.value.code == 429
    assert refused.value.status == "RESOURCE_EXHAUSTED"
    message = str(refused.value.message)
    assert "needs 5,000 bytes" in message
    assert "4,000 of 10,000 bytes are left" in message
    assert "Enough will be free at 20" in message
    assert uploads_seen(stack) == 0


def test_the_refusal_says_when_enough_will_be_free(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=10_000)
    for size in (1_000, 4_000, 5_000):
        tenant.sdk.files.upload(file=io.BytesIO(b"x" * size), config={"mime_type": "text/plain"})
        stack.advance(3_600)
    assert len(list(tenant.sdk.files.list())) == 3
    answer = start(tenant, 2_000)
    assert answer.status_code == 429
    assert answer.headers["x-goog-upload-status"] == "final"
    details = {
        detail["@type"].rsplit(".", 1)[1]: detail for detail in answer.json()["error"]["details"]
    }
    # The first file (1,000 bytes) is not enough; the second, an hour younger, is.
    wait = int(details["RetryInfo"]["retryDelay"].removesuffix("s"))
    assert 46 * 3_600 - 120 <= wait <= 46 * 3_600 + 120
    assert answer.headers["retry-after"] == str(wait)
    [violation] = details["QuotaFailure"]["violations"]
    assert violation["quotaId"] == "FileStorageBytesPerTenant"
    assert violation["quotaValue"] == "10000"
    stack.advance(wait)
    assert start(tenant, 2_000).status_code == 200


def test_what_can_never_fit_says_so_and_names_no_moment(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000)
    answer = start(tenant, 1_001)
    assert answer.status_code == 429
    assert "can never fit" in answer.json()["error"]["message"]
    assert "RetryInfo" not in answer.text


def test_a_file_over_its_limit_is_refused_before_a_byte_is_sent(stack: LocalStack) -> None:
    tenant = stack.tenant()
    stack.simulator("DELETE", "/requests")
    answer = start(tenant, 2 * GIB + 1)
    assert answer.status_code == 400
    assert "2,147,483,649 bytes" in answer.json()["error"]["message"]
    assert "2,147,483,648 bytes at most" in answer.json()["error"]["message"]
    assert uploads_seen(stack) == 0
    assert start(tenant, 2 * GIB).status_code == 200


def test_an_unknown_size_reserves_the_most_and_gives_back_the_rest(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=3 * CHUNK, file=2 * CHUNK)
    url = started(tenant, None)
    assert stack.available(tenant) == CHUNK
    assert send(url, "upload", b"a" * CHUNK).headers["x-goog-upload-status"] == "active"
    assert send(url, "upload, finalize", b"b" * 5, offset=CHUNK).status_code == 200
    assert [file.size_bytes for file in tenant.sdk.files.list()] == [CHUNK + 5]
    assert stack.available(tenant) == 2 * CHUNK - 5


def test_an_unknown_size_that_grows_past_the_limit_is_deleted_again(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=CHUNK, file=CHUNK)
    url = started(tenant, None)
    assert send(url, "upload", b"a" * CHUNK).status_code == 200
    assert send(url, "upload, finalize", b"b" * 5, offset=CHUNK).status_code == 200
    assert list(tenant.sdk.files.list()) == []
    assert stack.available(tenant) == CHUNK
    assert not [name for name in stack.upstream_files() if _tag(stack, tenant) in name]


def test_upstream_refusing_at_finalize_frees_the_bytes(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000)
    stack.simulator("POST", "/limits", {"projectBytes": 0})
    try:
        url = started(tenant, 1_000)
        refused = send(url, "upload, finalize", b"x" * 1_000)
    finally:
        stack.simulator("POST", "/limits", {"projectBytes": 20 * GIB})
    assert refused.status_code == 429
    assert "file_storage_bytes" in refused.text
    # Upstream may show a file late, so the bytes are kept for a minute more.
    stack.advance(6)
    stack.run_janitor()
    assert stack.available(tenant) == 0
    stack.advance(60)
    stack.run_janitor()
    assert stack.available(tenant) == 1_000
    assert stack.records(tenant) == []


def test_64_clients_race_for_the_last_bytes_of_one_tenant(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=10 * 1_000 + 999)
    outcomes = at_once([lambda: upload_outcome(tenant, 1_000)] * CLIENTS)
    assert outcomes.count("stored") == 10
    assert outcomes.count("429 RESOURCE_EXHAUSTED") == CLIENTS - 10
    assert len(list(tenant.sdk.files.list(config={"page_size": 100}))) == 10
    assert stack.available(tenant) == 999


def test_64_clients_of_8_tenants_race_for_the_last_bytes_of_one_project(
    stack: LocalStack,
) -> None:
    project = stack.project(capacity=12 * 1_000 + 1)
    tenants = [stack.tenant(project=project) for _ in range(8)]

    def attempt(tenant: StackTenant) -> Callable[[], str]:
        return lambda: upload_outcome(tenant, 1_000)

    outcomes = at_once([attempt(tenants[number % 8]) for number in range(CLIENTS)])
    assert outcomes.count("stored") == 12
    assert outcomes.count("429 RESOURCE_EXHAUSTED") == CLIENTS - 12
    assert sum(len(list(tenant.sdk.files.list())) for tenant in tenants) == 12


def upload_outcome(tenant: StackTenant, size: int) -> str:
    """Upload with the protocol by hand; a 503 is sent again, as its RetryInfo says."""
    while (answer := start(tenant, size)).status_code == 503:
        assert "RetryInfo" in answer.text
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.json()['error']['status']}"
    done = send(answer.headers["x-goog-upload-url"], "upload, finalize", b"x" * size)
    assert done.status_code == 200, done.text
    return "stored"


def at_once(actions: list[Callable[[], str]]) -> list[str]:
    """Run each action in a thread of its own."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def _tag(stack: LocalStack, tenant: StackTenant) -> str:
    [item] = [
        item
        for item in stack.items()
        if item["pk"] == f"TENANT#{tenant.id}" and item["sk"] == "TENANT"
    ]
    return str(item["tag"])
