"""Uploads to stores by hand: limits, spellings, what is sent twice, and what never ends."""

import json
from urllib.parse import urlsplit

import httpx
import pytest

from local_stack import LocalStack, StackTenant
from refusals import essence, refused, unchanged, usage
from resumable import CHUNK, send, started
from store_uploads import metered, new_store, start_document, started_document

HOUR = 3600
MIB = 1024 * 1024
LIMIT = 104_857_600
LARGE = b"a" * CHUNK + b"the end"


@pytest.fixture
def store(tenant: StackTenant) -> str:
    return new_store(tenant, displayName="s")


def settled(stack: LocalStack) -> None:
    """The janitor comes by once all that has just ended is due."""
    stack.advance(6)
    stack.run_janitor()


def wait_for_all(stack: LocalStack) -> None:
    """Time passes until nothing can be on its way any more."""
    for seconds in (6, 60, HOUR, HOUR):
        stack.advance(seconds)
        stack.run_janitor()


def uploads_seen(stack: LocalStack) -> list[str]:
    requests = stack.simulator("GET", "/requests")["requests"]
    return [request["path"] for request in requests if request["path"].startswith("/upload/")]


def test_one_byte_more_than_100_mib_is_refused_before_a_byte(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    stack.simulator("DELETE", "/requests")
    with unchanged(stack, tenant):
        answer = start_document(tenant, store, LIMIT + 1)
        message = refused(answer, 400, status="INVALID_ARGUMENT", final=True)
    assert "104,857,601 bytes" in message
    assert "may have 104,857,600 bytes at most" in message
    assert "Split it" in message
    assert uploads_seen(stack) == []
    assert start_document(tenant, store, LIMIT).status_code == 200
    [record] = stack.documents_on_their_way(tenant)
    assert record["bytes"] == LIMIT


def test_a_tenants_own_file_limit_holds_if_it_is_smaller(stack: LocalStack) -> None:
    tenant = stack.tenant(file=1_000)
    store = new_store(tenant)
    assert "1,000 bytes at most" in refused(start_document(tenant, store, 1_001), 400, final=True)
    url = started_document(tenant, store, None)
    [record] = stack.documents_on_their_way(tenant)
    assert record["bytes"] == 1_000
    refused(send(url, "upload", bytes(CHUNK)), 400, final=True)
    assert send(url, "upload, finalize", b"x" * 900).status_code == 200
    settled(stack)
    metered(stack, tenant, b"x" * 900)


def test_a_document_larger_than_the_tenant_may_have_does_not_stay(stack: LocalStack) -> None:
    """Its size was not known at start, and a last chunk carries no length to the gateway."""
    tenant = stack.tenant(file=1_000)
    store = new_store(tenant)
    url = started_document(tenant, store, None)
    assert send(url, "upload, finalize", b"x" * 1_001).status_code == 200
    assert len([n for n in stack.upstream_documents() if n.startswith(f"{store}/")]) == 1
    settled(stack)
    metered(stack, tenant)


def test_unknown_size_gives_the_rest_back(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    before = stack.available(tenant)
    url = started_document(tenant, store, None)
    assert stack.available(tenant) == before - LIMIT
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack)
    assert stack.available(tenant) == before
    metered(stack, tenant, LARGE)


def test_a_document_in_flight_takes_a_files_bytes_until_it_has_ended(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=10_000, file=10_000)
    store = new_store(tenant)
    url = started_document(tenant, store, 6_000)
    with tenant.http() as http:
        raw = {"X-Goog-Upload-Protocol": "raw", "Content-Type": "text/plain"}
        answer = http.post("/upload/v1beta/files", headers=raw, content=bytes(5_000))
        message = refused(answer, 429, status="RESOURCE_EXHAUSTED", final=True)
        assert "4,000 of 10,000 bytes are left" in message
        # The same the other way round; and both say when the bytes will be free.
        answer = start_document(tenant, store, 4_001)
        assert "4,000 of 10,000" in refused(answer, 429, status="RESOURCE_EXHAUSTED", final=True)
        assert 0 < int(answer.headers["retry-after"]) <= 33 * 60
        assert send(url, "upload, finalize", b"d" * 6_000).status_code == 200
        # No janitor: the start itself sees that the document has ended and holds nothing.
        answer = http.post("/upload/v1beta/files", headers=raw, content=bytes(10_000))
        assert answer.status_code == 200, answer.text
    metered(stack, tenant, b"d" * 6_000)


@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "cancel"])
@pytest.mark.parametrize("janitor", [False, True], ids=["at once", "after it was settled"])
def test_the_end_of_an_upload_may_be_sent_again(
    stack: LocalStack, tenant: StackTenant, store: str, command: str, *, janitor: bool
) -> None:
    content = {"upload, finalize": b"abc"}.get(command, b"")
    url = started_document(tenant, store, None)
    if command == "finalize":
        assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    first = send(url, command, content)
    assert first.status_code == 200
    if janitor:
        settled(stack)
    again = send(url, command, content)
    if command == "upload, finalize":
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["x-goog-upload-status"] == "final"
    else:
        assert (again.status_code, again.text) == (400, "Upload has already been terminated.")
    wait_for_all(stack)
    stored = {"upload, finalize": [b"abc"], "finalize": [LARGE[:CHUNK]], "cancel": []}
    metered(stack, tenant, *stored[command])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "drop-before"},
        {"kind": "drop-after"},
        {"kind": "no-status-header"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_last_chunk_that_was_lost_heals(
    stack: LocalStack, tenant: StackTenant, store: str, fault: dict[str, object]
) -> None:
    url = started_document(tenant, store, len(LARGE))
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    with stack.fault(fault, path="upload_id=", command="finalize"):
        answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
        assert "x-goog-upload-status" not in answer.headers
    answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    assert answer.json()["response"]["sizeBytes"] == str(len(LARGE))
    wait_for_all(stack)
    metered(stack, tenant, LARGE)


def test_a_last_chunk_whose_answer_nobody_saw_is_counted(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    url = started_document(tenant, store, 3)
    with stack.fault({"kind": "drop-after"}, path="upload_id=", command="finalize"):
        send(url, "upload, finalize", b"abc")
    settled(stack)
    metered(stack, tenant, b"abc")


@pytest.mark.parametrize("begun", [False, True])
def test_an_abandoned_upload_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant, store: str, *, begun: bool
) -> None:
    before = stack.available(tenant)
    url = started_document(tenant, store, 3 * CHUNK)
    if begun:
        assert send(url, "upload", bytes(CHUNK)).status_code == 200
    assert stack.available(tenant) == before - 3 * CHUNK
    stack.advance(30 * 60)
    stack.run_janitor()
    assert stack.available(tenant) == before - 3 * CHUNK
    stack.advance(10 * 60)
    stack.run_janitor()
    assert stack.available(tenant) == before
    metered(stack, tenant)
    refused(send(url, "query"), 400, status="FAILED_PRECONDITION", final=True)


def test_an_upload_that_breaks_off_at_its_end_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    before = stack.available(tenant)
    url = started_document(tenant, store, 3)
    answer = send(url, "upload, finalize", b"ab")
    assert (answer.status_code, answer.headers["x-goog-upload-status"]) == (400, "active")
    settled(stack)
    assert len(stack.documents_on_their_way(tenant)) == 1
    wait_for_all(stack)
    assert stack.available(tenant) == before
    metered(stack, tenant)


def test_a_document_that_upstream_refuses_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    before = stack.available(tenant)
    url = started_document(tenant, store, 3)
    with tenant.http() as http:
        assert http.delete(f"/v1beta/{store}").status_code == 200
    answer = send(url, "upload, finalize", b"abc")
    assert "access the FileSearchStore" in refused(answer, 403, final=True)
    settled(stack)
    assert stack.documents_on_their_way(tenant) == []
    assert stack.available(tenant) == before
    assert usage(stack, tenant) == {"storesCreated": 1}


def test_an_upload_that_upstream_does_not_open_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    before = stack.available(tenant)
    with stack.fault({"kind": "status", "status": 500}, path="uploadToFileSearchStore"):
        refused(start_document(tenant, store, 3), range(500, 600), final=False)
    assert stack.documents_on_their_way(tenant) == []
    assert stack.available(tenant) == before


def other_route(url: str) -> str:
    """The same session on the other of the two chunk routes."""
    if "/storeSessions/" in url:
        return url.replace("/storeSessions/", "/sessions/")
    return url.replace("/sessions/", "/storeSessions/")


@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "query", "cancel", "nonsense"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_session_on_the_wrong_route_is_a_forged_one(
    stack: LocalStack, tenant: StackTenant, store: str, command: str, method: str
) -> None:
    urls = [started(tenant, 3), started_document(tenant, store, 3)]
    stack.simulator("DELETE", "/requests")
    with unchanged(stack, tenant):
        for url in urls:
            wrong = other_route(url)
            headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": "0"}
            answer = httpx.request(method, wrong, headers=headers, content=b"abc")
            forged = wrong.rpartition("/")[0] + "/x"
            assert essence(answer) == essence(
                httpx.request(method, forged, headers=headers, content=b"abc")
            )
            refused(answer, 403, status="PERMISSION_DENIED", final=True)
    assert uploads_seen(stack) == []
    for url in urls:
        assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack)
    metered(stack, tenant, b"abc")


@pytest.mark.parametrize("version", ["v1", "v1alpha", "v1beta"])
def test_every_version_of_every_path(
    stack: LocalStack, tenant: StackTenant, store: str, version: str
) -> None:
    rag = store.replace("fileSearchStores", "ragStores")
    starts = [
        start_document(tenant, store, 1, f"/upload/{version}/{{store}}"),
        start_document(tenant, store, 1, f"/resumable/upload/{version}/{{store}}"),
        start_document(tenant, rag, 1, f"/upload/{version}/{{store}}", "uploadToRagStore"),
    ]
    for number, answer in enumerate(starts):
        assert answer.status_code == 200, answer.text
        url = answer.headers["x-goog-upload-url"]
        assert url == answer.headers["x-goog-upload-control-url"]
        assert urlsplit(url).path.startswith(f"/upload/{version}/storeSessions/")
        assert answer.headers["x-goog-upload-chunk-granularity"] == str(CHUNK)
        assert send(url, "upload, finalize", b"%d" % number).status_code == 200
    settled(stack)
    metered(stack, tenant, b"0", b"1", b"2")


def test_the_seeds_spelling(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    """`ragStores/*:uploadToRagStore`, both URIs, as the seeds write it, `?key=` included."""
    rag = store.replace("fileSearchStores", "ragStores")
    body = {
        "displayName": "talk",
        "customMetadata": [{"key": "a", "stringValue": "b"}],
        "chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 512}},
        "mimeType": "text/markdown",
    }
    query = {"key": tenant.key}
    with stack.http() as http:
        answer = http.post(f"/v1beta/{rag}:uploadToRagStore", params=query, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"].startswith(f"{store}/upload/operations/")
        answer = http.post(f"/v1beta/{rag}%3AuploadToRagStore", params=query)
        assert answer.status_code == 200, answer.text
        answer = http.post(
            f"/upload/v1beta/{rag}:uploadToRagStore",
            params=query,
            headers={"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"},
            content=json.dumps(body).replace('"', "'").encode(),
        )
        assert answer.status_code == 200, answer.text
    assert send(answer.headers["x-goog-upload-url"], "upload, finalize", b"abc").status_code == 200
    settled(stack)
    counted = usage(stack, tenant)
    assert (counted["documents"], counted["documentBytes"]) == (3, 3)
    [document] = [
        one
        for name, one in stack.upstream_documents().items()
        if f"{store}/documents/talk" in name and one["sizeBytes"] == 3
    ]
    assert document["mimeType"] == "text/markdown"


def test_a_small_document_in_one_request(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    url = f"/upload/v1beta/{store}:uploadToFileSearchStore"
    multipart = (
        b"--B\r\nContent-Type: application/json\r\n\r\n"
        b'{"display_name": "two parts", "custom_metadata": [{"key": "a", "numeric_value": 1}]}\r\n'
        b"--B\r\nContent-Type: text/markdown\r\n\r\n# one\r\n--B--"
    )
    with tenant.http() as http:
        answers = [
            http.post(
                url,
                headers={"Content-Type": "multipart/related; boundary=B"},
                content=multipart,
            ),
            http.post(
                url,
                headers={"X-Goog-Upload-Protocol": "raw", "Content-Type": "text/plain"},
                content=b"two",
            ),
            http.post(f"{url}?uploadType=media", content=b""),
        ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"].startswith(f"{store}/upload/operations/")
    documents = metered(stack, tenant, b"# one", b"two", b"")
    assert {one["mimeType"]: one["displayName"] for one in documents.values()} == {
        "text/markdown": "two parts",
        "text/plain": None,
        "application/octet-stream": None,
    }


def test_a_document_too_large_for_one_request(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    with tenant.http() as http, unchanged(stack, tenant):
        answer = http.post(
            f"/upload/v1beta/{store}:uploadToFileSearchStore?uploadType=media",
            content=bytes(4 * MIB + 1),
        )
        assert "resumable" in refused(answer, 413, final=True)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop-after"}, {"kind": "drop-before"}, {"kind": "status", "status": 503}],
    ids=lambda fault: fault["kind"],
)
def test_a_single_request_of_which_nobody_heard_is_counted_if_it_was_stored(
    stack: LocalStack, tenant: StackTenant, store: str, fault: dict[str, object]
) -> None:
    with tenant.http() as http, stack.fault(fault, path="upload_id=", command="finalize"):
        answer = http.post(
            f"/upload/v1beta/{store}:uploadToFileSearchStore?uploadType=media", content=b"abc"
        )
        refused(answer, 503, status="UNAVAILABLE", final=False)
    wait_for_all(stack)
    metered(stack, tenant, *([b"abc"] if fault["kind"] == "drop-after" else []))


def test_what_upstream_is_told(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    stack.simulator("DELETE", "/requests")
    url = started_document(tenant, store, 3) + "?upload_id=mine&upload_protocol=raw&alt=proto"
    assert send(url, "upload, finalize", b"abc").status_code == 200
    paths = [path.partition("?")[0] for path in uploads_seen(stack)]
    assert paths == [f"/upload/v1beta/{store}:uploadToFileSearchStore"] * 2
    assert "mine" not in str(uploads_seen(stack))
    settled(stack)
    metered(stack, tenant, b"abc")
