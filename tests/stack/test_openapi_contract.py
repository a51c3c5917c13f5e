"""Both APIs against their OpenAPI documents: generated requests, right ones and wrong ones."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from admin_api import AdminApi, new_id
from local_stack import LocalStack, StackTenant
from model_calls import MODEL, generate, prompt, uploaded
from openapi_contract import Run, run_contract
from resumable import started
from store_uploads import new_store, started_document

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "openapi"
SHORT: Mapping[str, Any] = {
    "seed": 1,
    "generation": {"max-examples": 1, "mode": "all", "database": "none"},
    "phases": {"stateful": {"max-steps": 4}},
}
LONG: Mapping[str, Any] = {
    "generation": {"max-examples": 10, "mode": "all", "database": "none"},
    "phases": {"stateful": {"max-steps": 8}},
}
LINKS: Mapping[str, Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "media.upload": {
        "session": (
            "session",
            "$response.header.X-Goog-Upload-URL#regex:/sessions/(.+)$",
            ("media.chunk", "media.chunkPut"),
        ),
        "file": ("file", "$response.body#/file/name#regex:files/(.+)$", ()),
    },
    "files.create": {
        "file": (
            "file",
            "$response.body#/file/name#regex:files/(.+)$",
            ("files.get", "files.delete", "files.download", "files.downloadBytes"),
        )
    },
    "media.uploadToFileSearchStore": {
        "session": (
            "session",
            "$response.header.X-Goog-Upload-URL#regex:/storeSessions/(.+)$",
            ("media.chunkOfDocument", "media.chunkOfDocumentPut"),
        )
    },
    "fileSearchStores.create": {
        "store": (
            "store",
            "$response.body#/name#regex:fileSearchStores/(.+)$",
            (
                "fileSearchStores.get",
                "fileSearchStores.uploadToFileSearchStore",
                "fileSearchStores.documents.list",
                "media.uploadToFileSearchStore",
                "fileSearchStores.delete",
            ),
        )
    },
    "cachedContents.create": {
        "cache": (
            "cachedContent",
            "$response.body#/name#regex:cachedContents/(.+)$",
            ("cachedContents.get", "cachedContents.patch", "cachedContents.delete"),
        )
    },
}
"""Where an answer leads. Not in the document: OpenAPI's expressions cannot take an id out of a
name, which schemathesis's can."""


def described(name: str) -> dict[str, Any]:
    """A document, without what lets any answer pass; the first of them with links."""
    document: dict[str, Any] = json.loads((DOCUMENTS / name).read_text())
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("default", None)
            for what, (parameter, value, targets) in LINKS.get(
                operation["operationId"], {}
            ).items():
                links = operation["responses"]["200"].setdefault("links", {})
                for target in targets:
                    links[f"{what} {target}"] = {
                        "operationId": target,
                        "parameters": {f"path.{parameter}": value},
                    }
    return document


def judge(run: Run, document: Mapping[str, Any], never: frozenset[str] = frozenset()) -> None:
    """Check that a run tried everything, and found nothing.

    `never` are operations that cannot succeed in it.
    """
    shown = "\n\n".join(run.failures[:5])
    assert not run.failures, f"{len(run.failures)} failures, among them:\n{shown}"
    operations = {
        one["operationId"] for path in document["paths"].values() for one in path.values()
    }
    for mode in ("positive", "negative"):
        assert {name for name, kind in run.modes if kind == mode} == operations, mode
    assert operations - set(run.succeeded) <= never


def held(tenant: StackTenant, stack: LocalStack) -> dict[str, list[str]]:
    """What a tenant has: by path parameter, and by `spare` what may be deleted."""
    with tenant.http() as http:

        def made(path: str, body: object) -> str:
            name: str = http.post(path, json=body).raise_for_status().json()["name"]
            return name.rpartition("/")[2]

        contents = {"contents": prompt()["contents"]}
        cache = {"model": f"models/{MODEL}", "ttl": "3600s", **contents}
        requests = {"requests": {"requests": [{"request": contents}]}}
        batch = {"batch": {"displayName": "x", "inputConfig": requests}}
        batches = f"/v1beta/models/{MODEL}:batchGenerateContent"
        store = new_store(tenant)
        document = f"/v1beta/{store}:uploadToFileSearchStore"
        operations = [made(document, {"displayName": "x"}) for _ in range(4)]
        documents = http.get(f"/v1beta/{store}/documents").raise_for_status().json()["documents"]
        ids = [str(one["name"]).rpartition("/")[2] for one in documents]
        imported = made(f"/v1beta/{store}:importFile", {"fileName": f"files/{uploaded(tenant)}"})
        answer = generate(tenant, prompt(text="please generate a file")).json()
        part = answer["candidates"][0]["content"]["parts"][-1]
        blob = {"store": store, "index": 0, "mimeType": "text/plain", "text": "cited"}
        media = str(stack.simulator("POST", "/media", blob)["name"]).rpartition("/")[2]
        return {
            "file": [uploaded(tenant)],
            "spareFile": [uploaded(tenant) for _ in range(5)],
            "generatedFile": [str(part["fileData"]["fileUri"]).rpartition("/")[2]],
            "cachedContent": [made("/v1beta/cachedContents", cache)],
            "spareCachedContent": [made("/v1beta/cachedContents", cache) for _ in range(5)],
            "batch": [made(batches, batch)],
            "spareBatch": [made(batches, batch) for _ in range(5)],
            "store": [store.rpartition("/")[2]],
            "spareStore": [new_store(tenant).rpartition("/")[2] for _ in range(5)],
            "document": ids[:1],
            "spareDocument": ids[1:],
            "operation": [*operations[:1], imported],
            "media": [media],
            "model": [MODEL, "gemini-embedding-001"],
            "session": [started(tenant, 3).rpartition("/")[2]],
            "spareStoreSession": [
                started_document(tenant, store, 3).rpartition("/")[2],
            ],
        }


def _own(operation: str, parameter: str, dictionary: str) -> Mapping[str, Any]:
    """Let an operation have values of its own."""
    return {
        "include-operation-id": operation,
        "parameters": {f"path.{parameter}": {"dictionary": dictionary, "probability": 0.6}},
    }


OPERATIONS = [
    _own("files.delete", "file", "spareFile"),
    _own("files.download", "file", "generatedFile"),
    _own("files.downloadBytes", "file", "generatedFile"),
    _own("cachedContents.delete", "cachedContent", "spareCachedContent"),
    _own("batches.delete", "batch", "spareBatch"),
    _own("fileSearchStores.delete", "store", "spareStore"),
    _own("fileSearchStores.documents.delete", "document", "spareDocument"),
    _own("media.chunkOfDocument", "session", "spareStoreSession"),
    _own("media.chunkOfDocumentPut", "session", "spareStoreSession"),
    {
        # It leaves out the tenant's key together with the Google token, and then the answer is
        # Google's for no key, 403. A missing token alone is 401 (test_registrations.py).
        "include-operation-id": "files.register",
        "checks": {"missing_required_header": {"enabled": False}},
    },
]


def run_files(stack: LocalStack, tenant: StackTenant, settings: Mapping[str, Any]) -> None:
    """The API that tenants speak, and what the tenant has afterwards."""
    keys = {
        "tenantKey": {"api_key": tenant.key},
        "tenantKeyInQuery": {"api_key": tenant.key},
        "browserToken": {"api_key": tenant.key},
        "googleToken": {"bearer": "ya29.a-google-token"},
    }
    document, known = described("files.json"), held(tenant, stack)
    run = run_contract(document, stack.base_url, keys, known, settings, OPERATIONS)
    print(f"files: {run.cases} requests")  # noqa: T201 - a figure for docs/reliability.md
    judge(run, document)
    # All that was begun ends by itself, and all that it held comes back.
    stack.advance(3 * 24 * 3600)
    stack.catch_up()
    # Registered objects live for a month, and hold no bytes.
    left = [(record["state"], record["bytes"]) for record in stack.records(tenant)]
    assert set(left) <= {("STORED", 0)}
    assert stack.documents_on_their_way(tenant) == []
    [own] = [item for item in stack.tenant_items(tenant.id) if item["sk"] == "TENANT"]
    assert own["available"] == own["limit"]


def run_admin(stack: LocalStack, admin: AdminApi, settings: Mapping[str, Any]) -> None:
    """The operator's API, in a gateway with a tenant that has files, which it must leave whole."""
    bystander = stack.tenant()
    uploaded(bystander)
    tenants = [new_id() for _ in range(4)]
    for one in tenants:
        admin.post("/tenants", {"id": one, "limits": {}, "project": "default"})
    issued = [admin.post(f"/tenants/{tenants[0]}/keys", {"label": "x"})["id"] for _ in range(3)]
    project = stack.project()
    keys = {
        "adminKey": {"api_key": admin.key},
        "tenantKey": {"api_key": bystander.key},
    }
    known = {
        "tenant": tenants[:1],
        "spareTenant": tenants[1:],
        "key": issued,
        "project": [project],
    }
    operations = [
        _own("tenants.delete", "tenant", "spareTenant"),
        {
            # A project that was made and not compared yet has no report: 404, and how to get one.
            "include-operation-id": "projects.reconciliation",
            "checks": {"ensure_resource_availability": {"enabled": False}},
        },
    ]
    document = described("admin.json")
    run = run_contract(document, stack.base_url, keys, known, settings, operations)
    print(f"admin: {run.cases} requests")  # noqa: T201 - a figure for docs/reliability.md
    judge(run, document)
    assert len(stack.records(bystander)) == 1


def test_the_api_of_tenants_is_as_described(stack: LocalStack, tenant: StackTenant) -> None:
    run_files(stack, tenant, SHORT)


def test_the_admin_api_is_as_described(stack: LocalStack, admin: AdminApi) -> None:
    run_admin(stack, admin, SHORT)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_the_api_of_tenants_is_as_described_at_length(
    stack: LocalStack, tenant: StackTenant
) -> None:
    run_files(stack, tenant, LONG)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_the_admin_api_is_as_described_at_length(stack: LocalStack, admin: AdminApi) -> None:
    run_admin(stack, admin, LONG)
