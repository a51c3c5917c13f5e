"""What store routes do not understand: refused in Google's shape, and nothing has changed."""

import json
from collections.abc import Mapping

import httpx
import pytest

from local_stack import LocalStack, StackTenant
from refusals import refused, unchanged
from store_uploads import new_store, start_document

BAD_DOCUMENTS: Mapping[str, tuple[object, str]] = {
    "513 tokens": (
        {"chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 513}}},
        "from 1 to 512",
    ),
    "overlap": (
        {
            "chunking_config": {
                "white_space_config": {"max_tokens_per_chunk": 9, "max_overlap_tokens": 9}
            }
        },
        "less than the 9 tokens",
    ),
    "21 entries": ({"customMetadata": [{"key": "k", "numericValue": 1}] * 21}, "at most 20"),
    "two values": (
        {"customMetadata": [{"key": "k", "numericValue": 1, "string_value": "x"}]},
        "exactly one of",
    ),
    "long name": ({"displayName": "x" * 513}, "512 is the most"),
    "no type": ({"mimeType": "text"}, "type/subtype"),
    "unknown": ({"chunkingConfig": {"semantic": {}}}, "Cannot find field"),
    "a file's body": ({"file": {"displayName": "d"}}, "Cannot find field"),
    "no object": ([1], "one JSON object"),
}


@pytest.fixture
def store(tenant: StackTenant) -> str:
    return new_store(tenant)


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
def test_a_document_that_is_not_understood(
    stack: LocalStack, tenant: StackTenant, store: str, case: str
) -> None:
    body, sentence = BAD_DOCUMENTS[case]
    rag = store.replace("fileSearchStores", "ragStores")
    content = json.dumps(body).encode()
    parts = b"--B\r\n\r\n" + content + b"\r\n--B\r\n\r\nx\r\n--B--"
    with unchanged(stack, tenant), tenant.http() as http:
        answers = [
            start_document(tenant, store, 3, body=body),
            start_document(tenant, rag, 3, action="uploadToRagStore", body=body),
            http.post(
                f"/upload/v1beta/{store}:uploadToFileSearchStore",
                headers={"Content-Type": "multipart/related; boundary=B"},
                content=parts,
            ),
        ]
        for answer in answers:
            assert sentence in refused(answer, 400, status="INVALID_ARGUMENT", final=True)
        for path in (f"{store}:uploadToFileSearchStore", f"{rag}:uploadToRagStore"):
            answer = http.post(f"/v1beta/{path}", json=body)
            assert sentence in refused(answer, 400, status="INVALID_ARGUMENT", final=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"fileName": ""}',
        b'{"fileName": 1}',
        b'{"fileName": "files/a", "file_name": "files/b"}',
        b'{"fileName": "files/a", "displayName": "d"}',
        b'{"fileName": "files/a", "chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk":0}}}',
        b"\xff",
        b"{" * 10_000,
    ],
)
def test_an_import_that_is_not_understood(
    stack: LocalStack, tenant: StackTenant, store: str, body: bytes
) -> None:
    with unchanged(stack, tenant), tenant.http() as http:
        answer = http.post(f"/v1beta/{store}:importFile", content=body)
        refused(answer, 400, status="INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "body", [{"displayName": "x" * 513}, {"name": "fileSearchStores/mine"}, {"displayName": [1]}]
)
def test_a_store_that_is_not_understood(
    stack: LocalStack, tenant: StackTenant, body: object
) -> None:
    with unchanged(stack, tenant), tenant.http() as http:
        refused(http.post("/v1beta/fileSearchStores", json=body), 400, status="INVALID_ARGUMENT")


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/{}:nonsense",
        "/v1beta/{}:uploadToRagStore",
        "/v1beta/{}:uploadToFileSearchStore:importFile",
        "/v1beta/{}:",
        "/upload/v1beta/{}",
        "/upload/v1beta/{}:importFile",
        "/upload/v1beta/{}:uploadToRagStore",
        "/v2/{}",
        "/v2/{}:importFile",
        "/v1beta/{}/documents:x",
        "/v1beta/{}/documents/d:x",
        "/v1beta/{}/operations/o:cancel",
        "/v1beta/{}/nonsense",
        "/v1beta/{rag}",
        "/v1beta/{rag}:uploadToFileSearchStore",
        "/v1beta/{rag}:importFile",
        "/v1beta/ragStores",
    ],
)
def test_a_path_that_is_none(
    stack: LocalStack, tenant: StackTenant, store: str, method: str, path: str
) -> None:
    rag = store.replace("fileSearchStores", "ragStores")
    with unchanged(stack, tenant), tenant.http() as http:
        answer = http.request(method, path.format(store, rag=rag), json={"fileName": "files/a"})
        refused(answer, {403, 404})


@pytest.mark.parametrize(
    "query",
    ["pageSize=x", "pageSize=-1", "pageSize=1.5", "pageToken=nonsense", "page_token=%00"],
)
def test_a_page_that_is_none(tenant: StackTenant, store: str, query: str) -> None:
    with tenant.http() as http:
        refused(http.get(f"/v1beta/fileSearchStores?{query}"), 400, status="INVALID_ARGUMENT")
        refused(http.get(f"/v1beta/{store}/documents?{query}"), 400, status="INVALID_ARGUMENT")


def test_force_is_true_or_false(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    with tenant.http() as http, unchanged(stack, tenant):
        for place in (store, f"{store}/documents/d"):
            for force in ("yes", "2", "tru"):
                answer = http.delete(f"/v1beta/{place}?force={force}")
                assert "true or false" in refused(answer, 400, status="INVALID_ARGUMENT")


@pytest.mark.parametrize("force", ["True", "true", "1"])
def test_force_in_every_spelling(tenant: StackTenant, store: str, force: str) -> None:
    with tenant.http() as http:
        url = f"/upload/v1beta/{store}:uploadToFileSearchStore?uploadType=media"
        assert http.post(url, content=b"x").status_code == 200
        for without in ("", "?force=false", "?force=False", "?force=0"):
            refused(http.delete(f"/v1beta/{store}{without}"), 400, status="FAILED_PRECONDITION")
        assert http.delete(f"/v1beta/{store}?force={force}").json() == {}


def test_ids_no_store_has(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    stack.simulator("DELETE", "/requests")
    with tenant.http() as http, unchanged(stack, tenant):
        for odd in ("%20", "a%2Fb", "..%2Ffiles", "%C3%A9", "A" * 500, "a.b", "%00", "x%0A"):
            for answer in (
                http.get(f"/v1beta/fileSearchStores/{odd}"),
                http.get(f"/v1beta/fileSearchStores/{odd}/documents"),
                http.get(f"/v1beta/{store}/documents/{odd}"),
                http.get(f"/v1beta/{store}/operations/{odd}"),
            ):
                refused(answer, {403, 404})
    asked = [one["path"] for one in stack.simulator("GET", "/requests")["requests"]]
    assert [path for path in asked if "fileSearchStores" in path] == []


def test_no_key_is_refused_everywhere(stack: LocalStack, store: str) -> None:
    with stack.http() as http:
        for answer in (
            http.get("/v1beta/fileSearchStores"),
            http.post("/v1beta/fileSearchStores", json={}),
            http.get(f"/v1beta/{store}"),
            http.delete(f"/v1beta/{store}"),
            http.post(f"/upload/v1beta/{store}:uploadToFileSearchStore"),
            http.get(f"/v1beta/{store}/documents"),
        ):
            refused(answer, 403, status="PERMISSION_DENIED")


def test_upstream_out_of_reach_is_no_tenants_fault(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    def ask(http: httpx.Client) -> list[httpx.Response]:
        return [
            http.get("/v1beta/fileSearchStores"),
            http.get(f"/v1beta/{store}"),
            http.get(f"/v1beta/{store}/documents"),
        ]

    with tenant.http() as http, unchanged(stack, tenant):
        with stack.fault({"kind": "drop-before"}, times=100, path="fileSearchStores"):
            for answer in (*ask(http), http.post("/v1beta/fileSearchStores", json={})):
                refused(answer, 503, status="UNAVAILABLE")
        for answer in ask(http):
            assert answer.status_code == 200
