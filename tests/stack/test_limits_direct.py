"""Uploads that go straight to upstream: its own URL, and the ledger true all the same."""

import io
from urllib.parse import parse_qs, urlsplit

import pytest

from filegate.adapters.table import Key, Update
from local_stack import LocalStack, StackTenant
from model_calls import generate, prompt, uri
from refusals import refused, settled, usage
from resumable import CHUNK, send, start, started
from store_uploads import metered, new_store, started_document

HOUR = 3_600


@pytest.fixture
def direct(stack: LocalStack) -> StackTenant:
    """A tenant whose chunks go straight to upstream."""
    return stack.tenant(storage=4 * CHUNK, file=3 * CHUNK, upload_mode="direct")


def test_the_python_sdk_sends_its_chunks_to_upstream(
    stack: LocalStack, direct: StackTenant
) -> None:
    content = b"a" * CHUNK + b"b" * CHUNK + b"the end"
    stack.simulator("DELETE", "/requests")
    file = direct.sdk.files.upload(file=io.BytesIO(content), config={"mime_type": "text/plain"})
    sent = [
        {name.lower(): value for name, value in request["headers"]}
        for request in stack.simulator("GET", "/requests")["requests"]
        if "upload_id=" in request["path"]
    ]
    assert len(sent) == 3
    # From the SDK itself: the gateway would have put its own name there.
    assert all("python" in headers["user-agent"].lower() for headers in sent)
    assert settled(stack, direct, content)["name"] == file.name
    answer = direct.sdk.models.generate_content(model="gemini-2.5-flash", contents=["What?", file])
    assert answer.text
    assert file.name is not None
    direct.sdk.files.delete(name=file.name)
    assert stack.available(direct) == 4 * CHUNK


def test_the_url_is_upstreams_own_and_holds_no_key(stack: LocalStack, direct: StackTenant) -> None:
    with stack.reflecting():
        answer = start(direct, 3)
    url = answer.headers["x-goog-upload-url"]
    assert url == answer.headers["x-goog-upload-control-url"]
    assert answer.headers["x-goog-upload-status"] == "active"
    assert answer.headers["x-goog-upload-chunk-granularity"] == str(CHUNK)
    assert url.startswith(f"{stack.upstream_url}/upload/v1beta/files?")
    assert set(parse_qs(urlsplit(url).query)) == {"upload_id", "upload_protocol"}
    assert stack.upstream_key() not in str(answer.headers) + answer.text
    [record] = stack.records(direct)
    [upload_id] = parse_qs(urlsplit(url).query)["upload_id"]
    assert upload_id not in str(record)
    assert record["session"]
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, direct, b"abc")
    [record] = stack.records(direct)
    assert "session" not in record
    assert "direct" not in record


def test_upstream_is_told_which_page_it_is_for(direct: StackTenant) -> None:
    url = started_from(direct, "https://app.example")
    answer = send(url, "query", offset=None)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.usefixtures("unscheduled")
def test_a_gateway_tenants_page_is_the_gateways_business(
    stack: LocalStack, tenant: StackTenant
) -> None:
    stack.simulator("DELETE", "/requests")
    started_from(tenant, "https://app.example")
    [request] = stack.simulator("GET", "/requests")["requests"]
    assert "origin" not in {name.lower() for name, _ in request["headers"]}


def started_from(tenant: StackTenant, origin: str) -> str:
    answer = start(tenant, 3, Origin=origin)
    assert answer.status_code == 200, answer.text
    url: str = answer.headers["x-goog-upload-url"]
    return url


def test_it_is_settled_by_whoever_looks_first(stack: LocalStack, direct: StackTenant) -> None:
    with direct.http() as http:
        url = started(direct, 5)
        [record] = stack.records(direct)
        file_id = str(record["sk"]).removeprefix("FILE#")
        assert http.get("/v1beta/files").json() == {}
        refused(http.get(f"/v1beta/files/{file_id}"), 403)
        assert stack.available(direct) == 4 * CHUNK - 5
        assert send(url, "upload, finalize", b"abcde").status_code == 200
        assert http.get(f"/v1beta/files/{file_id}").json()["sizeBytes"] == "5"
        assert generate(direct, prompt(uri(file_id))).status_code == 200
        assert http.delete(f"/v1beta/files/{file_id}").status_code == 200
    assert stack.available(direct) == 4 * CHUNK
    assert usage(stack, direct)["uploads"] == 1


def test_the_janitor_settles_what_nobody_looks_at(stack: LocalStack, direct: StackTenant) -> None:
    url = started(direct, 100)
    assert send(url, "upload, finalize", b"x" * 100).status_code == 200
    stack.advance(81)
    stack.run_janitor()
    [record] = stack.records(direct)
    assert (record["state"], record["bytes"]) == ("STORED", 100)
    assert usage(stack, direct)["bytesIn"] == 100


def test_an_upload_that_goes_on_for_long_is_looked_at_less_and_less(
    stack: LocalStack, direct: StackTenant
) -> None:
    url = started(direct, 2 * CHUNK)
    assert send(url, "upload", b"a" * CHUNK).status_code == 200
    for seconds in (81, 161, 301, 301):
        before = stack.now()
        stack.advance(seconds)
        stack.run_janitor()
        [record] = stack.records(direct)
        assert record["state"] == "RESERVED"
        assert int(record["dueAt"] or 0) > stack.now()
    # The last look was after the clock had moved, and the next is five minutes after that.
    assert int(record["dueAt"] or 0) >= before + 600_000
    answer = send(url, "upload, finalize", b"b" * CHUNK, offset=CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, direct, b"a" * CHUNK + b"b" * CHUNK)


def test_what_is_cancelled_upstream_gives_its_bytes_back(
    stack: LocalStack, direct: StackTenant
) -> None:
    url = started(direct, 100)
    assert send(url, "cancel", offset=None).headers["x-goog-upload-status"] == "cancelled"
    with direct.http() as http:
        assert http.get("/v1beta/files").json() == {}
    assert stack.records(direct) == []
    assert stack.available(direct) == 4 * CHUNK


def test_what_is_abandoned_ends_upstream_too(stack: LocalStack, direct: StackTenant) -> None:
    url = started(direct, 100)
    stack.advance(HOUR)
    stack.run_janitor()
    assert stack.records(direct) == []
    assert stack.available(direct) == 4 * CHUNK
    # The client still has the URL, and can do nothing with it.
    late = send(url, "upload, finalize", b"x" * 100)
    assert late.status_code >= 400 or late.headers["x-goog-upload-status"] == "cancelled"
    assert usage(stack, direct).get("uploads", 0) == 0
    with direct.http() as http:
        assert http.get("/v1beta/files").json() == {}


def test_quota_and_size_are_enforced_at_start_and_at_settlement(
    stack: LocalStack, direct: StackTenant
) -> None:
    refused(start(direct, 3 * CHUNK + 1), 400, final=True)
    url = started(direct, 3 * CHUNK)
    refused(start(direct, CHUNK + 1), 429, final=True)
    assert send(url, "cancel", offset=None).status_code == 200
    # Of unknown size, and larger than the tenant may have one.
    url = started(direct, None)
    assert stack.available(direct) == CHUNK
    for number in range(3):
        assert send(url, "upload", b"a" * CHUNK, offset=number * CHUNK).status_code == 200
    assert send(url, "upload, finalize", b"b", offset=3 * CHUNK).status_code == 200
    with direct.http() as http:
        assert http.get("/v1beta/files").json() == {}
    assert stack.available(direct) == 4 * CHUNK
    assert stack.records(direct) == []
    assert usage(stack, direct).get("uploads", 0) == 0


def test_an_upload_that_upstream_does_not_open_gives_its_bytes_back(
    stack: LocalStack, direct: StackTenant
) -> None:
    with stack.fault({"kind": "status", "status": 503}, path="/upload/"):
        assert start(direct, 100).status_code == 503
    assert stack.records(direct) == []
    assert stack.available(direct) == 4 * CHUNK


def test_open_uploads_are_counted_here_too(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000, upload_mode="direct", open_sessions=1)
    url = started(tenant, 100)
    refused(start(tenant, 100), 429)
    assert send(url, "upload, finalize", b"x" * 100).status_code == 200
    assert start(tenant, 100).status_code == 200


def test_a_file_of_requests_is_read_on_its_way_as_ever(
    stack: LocalStack, direct: StackTenant
) -> None:
    answer = start(direct, 3, **{"X-Goog-Upload-Header-Content-Type": "application/jsonl"})
    url = answer.headers["x-goog-upload-url"]
    assert url.startswith(f"{direct.base_url}/upload/v1beta/batchSessions/")
    assert send(url, "upload, finalize", b"{}\n").status_code == 200
    settled(stack, direct, b"{}\n")


def test_an_open_upload_ends_as_it_began_whatever_the_mode_is_by_then(
    stack: LocalStack, direct: StackTenant
) -> None:
    url = started(direct, 3)
    gateway = Update(
        Key(f"TENANT#{direct.id}", "TENANT"), "SET #uploadMode = :mode", None, {":mode": "gateway"}
    )
    stack.table.update(gateway)
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, direct, b"abc")


def test_documents_go_straight_too(stack: LocalStack, direct: StackTenant) -> None:
    store = new_store(direct)
    url = started_document(direct, store, 5)
    assert url.startswith(f"{stack.upstream_url}/upload/v1beta/{store}:uploadToFileSearchStore?")
    assert stack.available(direct) == 4 * CHUNK - 5
    assert send(url, "upload, finalize", b"abcde").status_code == 200
    stack.advance(81)
    stack.run_janitor()
    metered(stack, direct, b"abcde")
    url = started_document(direct, store, 5)
    stack.advance(HOUR)
    stack.run_janitor()
    metered(stack, direct, b"abcde")
    assert stack.available(direct) == 4 * CHUNK
    assert send(url, "upload, finalize", b"fghij").status_code >= 400


def test_the_python_sdk_sends_documents_to_upstream(stack: LocalStack, direct: StackTenant) -> None:
    store = new_store(direct)
    direct.sdk.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=io.BytesIO(b"a document"),
        config={"mime_type": "text/plain"},
    )
    stack.advance(81)
    stack.run_janitor()
    metered(stack, direct, b"a document")
