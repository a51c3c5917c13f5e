"""Uploads to stores by hand, and the proof of what became of them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import httpx

from local_stack import LocalStack, StackTenant
from refusals import usage


def new_store(tenant: StackTenant, **config: str) -> str:
    """A new store of a tenant's; answers its name, `fileSearchStores/{id}`."""
    with tenant.http() as http:
        answer = http.post("/v1beta/fileSearchStores", json=config).raise_for_status()
    name: str = answer.json()["name"]
    return name


def start_document(
    tenant: StackTenant,
    store: str,
    size: int | None,
    path: str = "/upload/v1beta/{store}",
    action: str = "uploadToFileSearchStore",
    body: object = None,
    **headers: str,
) -> httpx.Response:
    """Announce a document of `size` bytes, or of unknown size."""
    announced = {} if size is None else {"X-Goog-Upload-Header-Content-Length": str(size)}
    with tenant.http() as http:
        return http.post(
            f"{path.format(store=store)}:{action}",
            headers={
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Type": "text/plain",
                **announced,
                **headers,
            },
            json={} if body is None else body,
        )


def started_document(tenant: StackTenant, store: str, size: int | None) -> str:
    """Start an upload to a store and answer the URL for its chunks."""
    answer = start_document(tenant, store, size)
    assert answer.status_code == 200, answer.text
    url: str = answer.headers["x-goog-upload-url"]
    return url


def metered(stack: LocalStack, tenant: StackTenant, *contents: bytes) -> Mapping[str, Any]:
    """Check that a tenant's stores have these documents, counted once each and holding no bytes.

    Answers the documents as upstream has them, by the hash of their content.
    """
    [own] = [item for item in stack.tenant_items(tenant.id) if item["sk"] == "TENANT"]
    stores = {
        str(item["sk"]).replace("#", "/")
        for item in stack.tenant_items(tenant.id)
        if str(item["sk"]).startswith("fileSearchStores#")
    }
    documents = {
        document["sha256"]: document
        for name, document in stack.upstream_documents().items()
        if name.partition("/documents/")[0] in stores
    }
    assert set(documents) == {hashlib.sha256(content).hexdigest() for content in contents}
    assert stack.documents_on_their_way(tenant) == []
    assert own["available"] == int(own["limit"] or 0) - sum(
        int(record["bytes"] or 0) for record in stack.records(tenant)
    )
    counted = usage(stack, tenant)
    assert counted.get("documents", 0) == len(contents)
    assert counted.get("documentBytes", 0) == sum(len(content) for content in contents)
    return documents
