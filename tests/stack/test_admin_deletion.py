"""Deleting a tenant: everything it has upstream goes, every byte comes back, its usage stays."""

import time

from admin_api import AdminApi, Json, new_id, refused_admin
from filegate.projects import project_key
from filegate.tenants import tenant_key
from local_stack import LocalStack, StackTenant
from model_calls import MODEL, generate, prompt, uploaded, uri
from refusals import refused
from resumable import send, start, started
from store_uploads import new_store, started_document


def deleted(stack: LocalStack, admin: AdminApi, tenant: str) -> Json:
    """Delete a tenant to the end; answers the last answer."""
    deadline = time.monotonic() + 60
    while not (answer := admin.got("DELETE", f"/tenants/{tenant}"))["done"]:
        assert "usage" not in answer
        assert answer["filesLeft"] or answer["resourcesLeft"]
        assert time.monotonic() < deadline
        stack.advance(61)
    assert (answer["filesLeft"], answer["resourcesLeft"]) == (0, 0)
    return answer


def own(stack: LocalStack, tenant: StackTenant) -> list[str]:
    """Where a tenant's records are, but for its usage."""
    kept = ("USAGE#", "REQUESTS#", "RATE#")
    found = [str(item["sk"]) for item in stack.tenant_items(tenant.id)]
    return [sk for sk in found if not sk.startswith(kept)]


def test_a_tenant_goes_with_all_it_has(stack: LocalStack, admin: AdminApi) -> None:
    project = stack.project()
    body = {"id": new_id(), "project": project}
    before = admin.get(f"/projects/{project}")
    tenant = admin.issue(str(admin.post("/tenants", body)["id"]))
    files = [uploaded(tenant, b"x" * 10) for _ in range(3)]
    cache = generate(
        tenant, {"model": f"models/{MODEL}", **prompt(uri(files[0]))}, "/v1beta/cachedContents"
    )
    assert cache.status_code == 200, cache.text
    requests = {"requests": [{"request": prompt()}]}
    batch = generate(
        tenant,
        {"batch": {"displayName": "b", "inputConfig": {"requests": requests}}},
        f"/v1beta/models/{MODEL}:batchGenerateContent",
    )
    assert batch.status_code == 200, batch.text
    store = new_store(tenant)
    document = started_document(tenant, store, 4)
    assert send(document, "upload, finalize", b"text").status_code == 200
    open_document = started_document(tenant, store, 9)
    open_upload = started(tenant, 1_000)
    assert admin.get(f"/projects/{project}")["availableBytes"] < before["availableBytes"]

    first = admin.got("DELETE", f"/tenants/{tenant.id}")
    # What began less than a minute ago may be a request that is still on its way.
    assert (first["done"], first["resourcesLeft"]) == (False, 0)
    assert admin.get(f"/tenants/{tenant.id}")["state"] == "DELETING"
    assert tenant.id in [str(one["id"]) for one in admin.pages("/tenants", "tenants")]
    answer = deleted(stack, admin, tenant.id)

    upstream = stack.simulator("GET", "/projects")["projects"][stack.simulated(project)]
    assert upstream["files"] == []
    assert upstream["stores"] == []
    assert not upstream.get("caches")
    assert not upstream.get("batches")
    assert admin.get(f"/projects/{project}") == {
        **before,
        "health": admin.get(f"/projects/{project}")["health"],
    }
    assert own(stack, tenant) == ["TENANT"]
    assert tenant.id not in [str(one["id"]) for one in admin.pages("/tenants", "tenants")]
    shown = admin.get(f"/tenants/{tenant.id}")
    assert shown["state"] == "DELETED"
    assert shown["usage"]["storedBytes"] == 0
    for url in (open_upload, open_document):
        assert send(url, "upload, finalize", b"z").status_code >= 400
    usage = answer["usage"]
    assert (usage["uploads"], usage["bytesIn"], usage["releases"]) == (3, 30, 3)
    assert (usage["cachesCreated"], usage["batchesCreated"], usage["storesCreated"]) == (1, 1, 1)
    assert usage["byteSeconds"] >= 0
    assert usage["complete"] is True
    stack.assert_conserved()
    assert admin.actions(f"tenants/{tenant.id}")[-2:] == ["tenants.delete", "tenants.deleted"]
    admin.post(f"/projects/{project}:drain")


def test_a_deletion_repeated_says_the_same(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    answer = deleted(stack, admin, tenant.id)
    assert admin.got("DELETE", f"/tenants/{tenant.id}") == answer
    assert admin.actions(f"tenants/{tenant.id}").count("tenants.deleted") == 1


def test_its_keys_are_dead_at_once(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    assert start(tenant, 5).status_code == 200
    other = admin.issue(tenant.id)
    answer = admin.got("DELETE", f"/tenants/{tenant.id}")
    assert answer["done"] is False
    # A key that no instance has seen is unknown; one that is remembered starts no upload.
    refused(start(other, 1), 400)
    refused(start(tenant, 1), range(400, 404))
    assert [
        item for item in stack.items() if item["sk"] == "KEY" and item["tenant"] == tenant.id
    ] == []
    for method, path in (
        ("PATCH", ""),
        ("POST", ":suspend"),
        ("POST", ":resume"),
        ("POST", "/keys"),
    ):
        body = {"label": "x"} if path == "/keys" else {"limits": {"openSessions": 1}}
        sent = body if method == "PATCH" or path == "/keys" else None
        answer_to = admin.ask(method, f"/tenants/{tenant.id}{path}", sent)
        refused_admin(answer_to, 400, "FAILED_PRECONDITION")
    deleted(stack, admin, tenant.id)


def test_neither_its_id_nor_its_tag_is_given_away(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    tag = str(admin.get(f"/tenants/{tenant.id}")["tag"])
    deleted(stack, admin, tenant.id)
    answer = admin.ask("POST", "/tenants", {"id": tenant.id})
    assert "deleted" in refused_admin(answer, 409, "ALREADY_EXISTS")
    [mark] = [item for item in stack.items() if item["pk"] == f"TAG#{tag}"]
    assert mark["tenant"] == tenant.id


def test_an_upload_that_has_just_ended_goes_too(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    url = started(tenant, 5)
    assert send(url, "upload, finalize", b"hello").status_code == 200
    stack.advance(61)
    # Nobody has looked at it yet: the ledger has a reservation, upstream has a file.
    usage = deleted(stack, admin, tenant.id)["usage"]
    assert (usage["uploads"], usage["bytesIn"], usage["releases"]) == (1, 5, 1)
    assert not [
        name
        for name in stack.upstream_files()
        if str(admin.get(f"/tenants/{tenant.id}")["tag"]) in name
    ]


def test_an_expired_file_is_no_obstacle(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    uploaded(tenant, b"x" * 7)
    list(tenant.sdk.files.list())
    stack.advance(49 * 3600)
    assert deleted(stack, admin, tenant.id)["usage"]["releases"] == 1
    assert own(stack, tenant) == ["TENANT"]


def test_no_byte_is_lost_while_upstream_is_out_of_reach(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    names = [uploaded(tenant, b"x" * 10) for _ in range(2)]
    list(tenant.sdk.files.list())
    with stack.fault({"kind": "status", "status": 503}, times=50, path="v1beta/files"):
        answer = admin.ask("DELETE", f"/tenants/{tenant.id}")
    refused_admin(answer, 503, "UNAVAILABLE")
    assert len(stack.records(tenant)) == 2
    assert admin.get(f"/tenants/{tenant.id}")["usage"]["storedBytes"] == 20
    deleted(stack, admin, tenant.id)
    assert not {f"files/{name}" for name in names} & set(stack.upstream_files())


def test_one_file_that_will_not_go_does_not_keep_the_others(
    stack: LocalStack, admin: AdminApi
) -> None:
    tenant = admin.tenant()
    names = [uploaded(tenant, b"x" * 10) for _ in range(4)]
    list(tenant.sdk.files.list())
    with stack.fault({"kind": "status", "status": 503}, times=50, path=f"files/{names[0]}"):
        answer = admin.got("DELETE", f"/tenants/{tenant.id}")
    assert (answer["done"], answer["filesLeft"]) == (False, 1)
    deleted(stack, admin, tenant.id)


def test_many_files_go_in_steps(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    for _ in range(70):
        uploaded(tenant, b"x")
    assert len(list(tenant.sdk.files.list(config={"page_size": 100}))) == 70
    usage = deleted(stack, admin, tenant.id)["usage"]
    assert (usage["uploads"], usage["releases"]) == (70, 70)


def test_a_suspended_tenant_is_deleted(stack: LocalStack, admin: AdminApi) -> None:
    tenant = admin.tenant()
    uploaded(tenant, b"x")
    admin.post(f"/tenants/{tenant.id}:suspend")
    stack.advance(61)
    assert deleted(stack, admin, tenant.id)["usage"]["uploads"] == 1


def test_less_is_promised_afterwards(stack: LocalStack, admin: AdminApi) -> None:
    before = stack.table.get(project_key("default"))
    tenant = admin.tenant(storageBytes=123)
    deleted(stack, admin, tenant.id)
    after = stack.table.get(project_key("default"))
    assert before is not None
    assert after is not None
    assert (after["promised"], after["tenants"]) == (before["promised"], before["tenants"])
    record = stack.table.get(tenant_key(tenant.id))
    assert record is not None
    assert record["available"] == record["limit"] == 123
