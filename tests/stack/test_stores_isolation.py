"""Two tenants' stores: one project upstream, and nothing in common."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from local_stack import LocalStack, StackTenant
from refusals import essence, refused, unchanged
from resumable import send
from store_uploads import metered, new_store, started_document

Ask = Callable[[httpx.Client, str], httpx.Response]

START = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}


def to_store(path: str, **request: object) -> Ask:
    return lambda http, name: http.post(path.format(name), **request)  # type: ignore[arg-type]


WAYS: dict[str, Ask] = {
    "get": lambda http, name: http.get(f"/v1beta/fileSearchStores/{name}"),
    "get-v1": lambda http, name: http.get(f"/v1/fileSearchStores/{name}"),
    "delete": lambda http, name: http.delete(f"/v1beta/fileSearchStores/{name}?force=true"),
    "delete-with-body": lambda http, name: http.request(
        "DELETE", f"/v1beta/fileSearchStores/{name}?force=True", json={}
    ),
    "documents": lambda http, name: http.get(f"/v1beta/fileSearchStores/{name}/documents"),
    "document": lambda http, name: http.get(f"/v1beta/fileSearchStores/{name}/documents/d"),
    "delete-document": lambda http, name: http.delete(
        f"/v1beta/fileSearchStores/{name}/documents/d?force=true"
    ),
    "operation": lambda http, name: http.get(f"/v1beta/fileSearchStores/{name}/operations/o"),
    "upload-operation": lambda http, name: http.get(
        f"/v1beta/fileSearchStores/{name}/upload/operations/o"
    ),
    "start": to_store("/upload/v1beta/fileSearchStores/{}:uploadToFileSearchStore", headers=START),
    "rag-start": to_store("/upload/v1beta/ragStores/{}:uploadToRagStore", headers=START),
    "whole": to_store(
        "/upload/v1beta/fileSearchStores/{}:uploadToFileSearchStore?uploadType=media", content=b"x"
    ),
    "metadata": to_store("/v1beta/fileSearchStores/{}:uploadToFileSearchStore"),
    "rag-metadata": to_store("/v1beta/ragStores/{}:uploadToRagStore"),
    "import": to_store(
        "/v1beta/fileSearchStores/{}:importFile", json={"fileName": "files/whatever"}
    ),
}


@dataclass
class Neighbours:
    """Two tenants; one has a store with a document in it."""

    owner: StackTenant
    other: StackTenant
    store: str
    document: str
    operation: str


@pytest.fixture
def neighbours(stack: LocalStack, tenant: StackTenant) -> Neighbours:
    store = new_store(tenant, displayName="Secret plans")
    answer = send(started_document(tenant, store, 3), "upload, finalize", b"abc").json()
    stack.advance(6)
    stack.run_janitor()
    return Neighbours(
        tenant,
        stack.tenant(),
        store.partition("/")[2],
        answer["response"]["documentName"],
        answer["name"],
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_foreign_store_is_a_missing_store(
    stack: LocalStack, neighbours: Neighbours, way: str
) -> None:
    foreign = neighbours.store
    missing = "x" * len(foreign)
    stack.simulator("DELETE", "/requests")
    with unchanged(stack, neighbours.owner, neighbours.other), neighbours.other.http() as http:
        on_foreign, on_missing = WAYS[way](http, foreign), WAYS[way](http, missing)
    refused(on_foreign, 403, status="PERMISSION_DENIED")
    assert foreign in on_foreign.text
    status, headers, body = essence(on_missing)
    assert essence(on_foreign) == (
        status,
        headers,
        body.replace(missing.encode(), foreign.encode()),
    )
    asked = [one["path"] for one in stack.simulator("GET", "/requests")["requests"]]
    assert [path for path in asked if foreign in path or missing in path] == []
    metered(stack, neighbours.owner, b"abc")


def test_what_is_in_a_foreign_store_is_out_of_reach(
    stack: LocalStack, neighbours: Neighbours
) -> None:
    with unchanged(stack, neighbours.owner), neighbours.other.http() as http:
        for name in (neighbours.document, neighbours.operation):
            refused(http.get(f"/v1beta/{name}"), 403, status="PERMISSION_DENIED")
        refused(http.delete(f"/v1beta/{neighbours.document}?force=true"), 403)
    with neighbours.owner.http() as http:
        for name in (neighbours.document, neighbours.operation):
            assert http.get(f"/v1beta/{name}").status_code == 200


def test_a_foreign_document_is_not_reached_through_an_own_store(neighbours: Neighbours) -> None:
    own = new_store(neighbours.other)
    document = neighbours.document.rpartition("/")[2]
    operation = neighbours.operation.rpartition("/")[2]
    ways = [
        f"{own}/documents/{document}",
        f"{own}/upload/operations/{operation}",
        f"{own}/documents/..%2F..%2F{neighbours.store}%2Fdocuments%2F{document}",
        f"{own}/documents/%2e%2e",
        f"{own}/operations/..%2F..%2F..%2Ffiles",
        f"{own}%2F..%2F{neighbours.store}/documents",
    ]
    with neighbours.other.http() as http:
        for path in ways:
            refused(http.get(f"/v1beta/{path}"), {403, 404})


def test_a_list_shows_ones_own(stack: LocalStack, neighbours: Neighbours) -> None:
    theirs = [new_store(neighbours.other) for _ in range(3)]
    for tenant, names in (
        (neighbours.owner, [f"fileSearchStores/{neighbours.store}"]),
        (neighbours.other, sorted(theirs)),
    ):
        assert [one.name for one in tenant.sdk.file_search_stores.list()] == names
    with neighbours.other.http() as http:
        text = http.get("/v1beta/fileSearchStores?pageSize=20").text
    assert neighbours.store not in text
    assert "Secret" not in text
    assert len(stack.simulator("GET", "/projects")["projects"][0]["stores"]) >= 4


def test_a_page_token_is_good_where_it_was_made(neighbours: Neighbours) -> None:
    owner, other = neighbours.owner, neighbours.other
    for tenant in (owner, other):
        for _ in range(2):
            new_store(tenant)
            with tenant.http() as http:
                http.post("/upload/v1beta/files?uploadType=media", content=b"x")
    with owner.http() as http, other.http() as other_http:
        stores = http.get("/v1beta/fileSearchStores?pageSize=1").json()["nextPageToken"]
        files = http.get("/v1beta/files?pageSize=1").json()["nextPageToken"]
        assert http.get(f"/v1beta/fileSearchStores?pageToken={stores}").status_code == 200
        for client, token in (
            (other_http, stores),
            (http, files),
            (http, stores[:-2]),
            (http, neighbours.store),
        ):
            answer = client.get(f"/v1beta/fileSearchStores?pageToken={token}")
            assert "page token" in refused(answer, 400, status="INVALID_ARGUMENT")


def test_a_foreign_file_is_not_imported(stack: LocalStack, neighbours: Neighbours) -> None:
    with neighbours.owner.http() as http:
        answer = http.post("/upload/v1beta/files?uploadType=media", content=b"secret")
        foreign = answer.json()["file"]["name"].removeprefix("files/")
    own = new_store(neighbours.other)
    missing = "x" * len(foreign)
    with unchanged(stack, neighbours.other), neighbours.other.http() as http:
        answers = [
            http.post(f"/v1beta/{own}:importFile", json={"file_name": f"files/{file_id}"})
            for file_id in (foreign, missing)
        ]
    message = refused(answers[0], 403, status="PERMISSION_DENIED")
    assert message == (
        f"You do not have permission to access the File {foreign} or it may not exist."
    )
    assert answers[0].text == answers[1].text.replace(missing, foreign)
    assert [n for n in stack.upstream_documents() if n.startswith(own)] == []


@pytest.mark.parametrize("where", ["header", "query"])
def test_another_tenants_key_closes_a_session(
    stack: LocalStack, neighbours: Neighbours, where: str
) -> None:
    owner, other = neighbours.owner, neighbours.other
    url = started_document(owner, f"fileSearchStores/{neighbours.store}", 3)
    keyed = url + (f"?key={other.key}" if where == "query" else "")
    headers = {"x-goog-api-key": other.key} if where == "header" else {}
    with unchanged(stack, owner):
        for command in ("upload, finalize", "query", "cancel"):
            answer = send(keyed, command, b"abc", 0, **headers)
            refused(answer, 403, status="PERMISSION_DENIED", final=True)


def test_a_key_without_the_scope_reaches_no_store(stack: LocalStack, tenant: StackTenant) -> None:
    store = new_store(tenant)
    key = stack.registry.issue_key(tenant.id, "no stores", stack.now(), ("files:read", "generate"))
    weak = StackTenant(tenant.id, key, tenant.base_url)
    with weak.http() as http, unchanged(stack, tenant):
        for way in WAYS.values():
            message = refused(way(http, store.partition("/")[2]), 403, status="PERMISSION_DENIED")
            assert "`stores` scope" in message
        refused(http.get("/v1beta/fileSearchStores"), 403)
        refused(http.post("/v1beta/fileSearchStores", json={}), 403)
