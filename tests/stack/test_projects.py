"""Several upstream projects: each with its own key, its own files and its own troubles."""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from filegate.adapters.table import Update
from filegate.projects import Project, project_key
from filegate.tenants import tenant_key
from local_stack import LocalStack, StackTenant
from model_calls import GENERATE, calls, generate, prompt, uploaded, uri, watching
from refusals import refused, unchanged
from resumable import send, start, started


def upstream_project(stack: LocalStack, project: str) -> Mapping[str, Any]:
    """What the simulator has of a project."""
    found: Mapping[str, Any] = stack.simulator("GET", "/projects")["projects"][
        stack.simulated(project)
    ]
    return found


def record(stack: LocalStack, project: str) -> Project:
    item = stack.table.get(project_key(project))
    assert item is not None
    return Project.from_item(item)


def change(stack: LocalStack, project: str, **fields: bool) -> None:
    """Change a project as its operator does."""
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in fields)
    values = {f":{name}": value for name, value in fields.items()}
    stack.table.update(Update(project_key(project), expression, None, values))


def move(stack: LocalStack, tenant: StackTenant, project: str) -> StackTenant:
    """Place a tenant elsewhere by hand, as no API does; answers it with a key nobody has cached."""
    stack.table.update(Update(tenant_key(tenant.id), "SET #project = :to", None, {":to": project}))
    key = stack.registry.issue_key(tenant.id, "moved", stack.now())
    return StackTenant(tenant.id, key, tenant.base_url)


def put_key(stack: LocalStack, project: str, key: str) -> None:
    stack.secrets.put_secret_value(SecretId=f"local/projects/{project}", SecretString=key)


@pytest.mark.usefixtures("unscheduled")
def test_each_projects_files_are_made_and_used_with_its_own_key(stack: LocalStack) -> None:
    projects = [stack.project() for _ in range(2)]
    keys = [stack.upstream_key(project) for project in projects]
    for project, key in zip(projects, keys, strict=True):
        tenant = stack.tenant(project=project)
        stack.simulator("DELETE", "/requests")
        file_id = uploaded(tenant)
        assert generate(tenant, prompt(uri(file_id))).status_code == 200
        with tenant.http() as http:
            fresh = {"cache-control": "no-cache"}
            assert http.get(f"/v1beta/files/{file_id}", headers=fresh).status_code == 200
            assert [file["name"] for file in upstream_project(stack, project)["files"]] == [
                f"files/{file_id}"
            ]
            assert http.delete(f"/v1beta/files/{file_id}").status_code == 200
        assert upstream_project(stack, project)["files"] == []
        sent = [
            value
            for request in stack.simulator("GET", "/requests")["requests"]
            for name, value in request["headers"]
            if name == "x-goog-api-key"
        ]
        assert set(sent) == {key}


def test_two_tenants_of_one_name_on_two_projects_do_not_meet(stack: LocalStack) -> None:
    first, second = (stack.tenant(project=stack.project()) for _ in range(2))
    mine = uploaded(first)
    for answer in (generate(second, prompt(uri(mine))), generate(second, prompt(f"files/{mine}"))):
        refused(answer, 403, status="PERMISSION_DENIED")


def test_a_request_that_mixes_projects_is_refused_before_the_call(stack: LocalStack) -> None:
    old, new = stack.project(), stack.project()
    before = stack.tenant(project=old)
    there = uploaded(before)
    tenant = move(stack, before, new)
    here = uploaded(tenant)
    with watching(stack) as seen, unchanged(stack, tenant):
        for uris in ([uri(there), uri(here)], [uri(here), uri(there)], [uri(there)]):
            answer = generate(tenant, prompt(*uris))
            message = refused(answer, 400, status="FAILED_PRECONDITION")
            assert f"files/{there} is on {old}" in message
            assert (f"files/{here} is on {new}" in message) == (uri(here) in uris)
            [details] = answer.json()["error"]["details"]
            assert details["@type"].endswith("google.rpc.PreconditionFailure")
            assert [one["subject"] for one in details["violations"]] == [f"files/{there}"]
    assert seen == []
    # What is together goes on.
    assert generate(tenant, prompt(uri(here))).status_code == 200


def test_a_cache_a_batch_and_a_store_elsewhere_are_told_apart_too(stack: LocalStack) -> None:
    old, new = stack.project(), stack.project()
    before = stack.tenant(project=old)
    there = uploaded(before)
    model = "models/gemini-2.5-flash"
    with before.http() as http:
        made = http.post("/v1beta/cachedContents", json={"model": model, **prompt(uri(there))})
        cache: str = made.raise_for_status().json()["name"]
        made = http.post("/v1beta/fileSearchStores", json={"displayName": "s"})
        store: str = made.raise_for_status().json()["name"]
        requests = {"requests": {"requests": [{"request": prompt()}]}}
        made = http.post(
            f"/v1beta/{model}:batchGenerateContent", json={"batch": {"inputConfig": requests}}
        )
        batch: str = made.raise_for_status().json()["name"]
    tenant = move(stack, before, new)
    here = uploaded(tenant)
    search = {"tools": [{"fileSearch": {"fileSearchStoreNames": [store]}}]}
    inlined = {"requests": {"requests": [{"request": prompt(uri(there))}]}}
    with tenant.http() as http:
        # Settles what was uploaded: importing a file would do it too.
        assert http.get("/v1beta/files").status_code == 200
    with tenant.http() as http, watching(stack) as seen, unchanged(stack, tenant):
        for path, body, name in (
            (GENERATE, {**prompt(), "cachedContent": cache}, cache),
            (GENERATE, {**prompt(), **search}, store),
            ("/v1beta/cachedContents", {"model": model, **prompt(uri(there))}, f"files/{there}"),
            (
                f"/v1beta/{model}:batchGenerateContent",
                {"batch": {"inputConfig": inlined}},
                f"files/{there}",
            ),
            (f"/v1beta/{store}:importFile", {"fileName": f"files/{here}"}, store),
        ):
            message = refused(http.post(path, json=body), 400, status="FAILED_PRECONDITION")
            assert f"{name} is on {old}" in message, message
        assert f"files/{here} is on {new}" in message
    assert seen == []
    with tenant.http() as http:
        # Each is still to be seen and to be deleted, where it is.
        for name in (cache, store, batch):
            assert http.get(f"/v1beta/{name}").status_code == 200
            assert http.delete(f"/v1beta/{name}").status_code == 200


def test_the_files_of_a_moved_tenant_go_on_where_they_are(stack: LocalStack) -> None:
    old, new = stack.project(capacity=1_000), stack.project(capacity=1_000)
    before = stack.tenant(storage=1_000, project=old)
    there, url = uploaded(before, b"1234567"), started(before, 3)
    tenant = move(stack, before, new)
    # Also an upload that had begun, and one that begins with what an instance remembers.
    assert send(url, "upload, finalize", b"abc").status_code == 200
    late = uploaded(before, b"12")
    with tenant.http() as http:
        listed = http.get("/v1beta/files").json()["files"]
        assert len(listed) == 3
        assert {file["name"] for file in upstream_project(stack, new)["files"]} == {f"files/{late}"}
        assert record(stack, old).available == 1_000 - 7 - 3
        for file in listed:
            fresh = {"cache-control": "no-cache"}
            assert http.get(f"/v1beta/{file['name']}", headers=fresh).status_code == 200
            assert http.delete(f"/v1beta/{file['name']}").status_code == 200
        assert http.get(f"/v1beta/files/{there}").status_code == 403
    assert record(stack, old).available == record(stack, new).available == 1_000
    assert stack.available(tenant) == 1_000


def test_a_draining_project_goes_on_for_its_tenants(stack: LocalStack) -> None:
    project = stack.project()
    tenant = stack.tenant(project=project)
    kept = uploaded(tenant)
    change(stack, project, draining=True)
    assert generate(tenant, prompt(uri(kept), uri(uploaded(tenant)))).status_code == 200
    with tenant.http() as http:
        assert http.delete(f"/v1beta/files/{kept}").status_code == 200


def test_the_trouble_of_one_project_is_its_tenants_alone_and_to_be_seen(stack: LocalStack) -> None:
    broken, healthy = stack.project(), stack.project()
    victim, other = stack.tenant(project=broken), stack.tenant(project=healthy)
    uploaded(victim)
    since = record(stack, broken).health.last_ok_at
    assert since is not None
    assert stack.now() - since < 60_000
    assert record(stack, broken).health.last_refusal is None
    # Upstream drops the key, and the operator has no other.
    gone = "AIzaSy" + secrets.token_hex(14)
    stack.simulator("POST", "/rekey", {"index": stack.simulated(broken), "key": gone})
    for _ in range(3):
        refused(start(victim, 3), 503, status="UNAVAILABLE")
        refused(generate(victim, prompt()), 503, status="UNAVAILABLE")
        assert generate(other, prompt(uri(uploaded(other)))).status_code == 200
    sick = record(stack, broken).health
    assert sick.ok is False
    assert sick.last_ok_at == since
    assert sick.last_refused_at is not None
    assert str(sick.last_refusal).startswith("400 INVALID_ARGUMENT: API key not valid.")
    assert record(stack, healthy).health.ok
    assert record(stack, healthy).health.last_refused_at is None
    # The new key heals it, and that is seen at once.
    put_key(stack, broken, gone)
    stack.advance(2)
    deadline = stack.now() + 60_000
    while start(victim, 3).status_code != 200:
        assert stack.now() < deadline
    assert record(stack, broken).health.ok
    assert record(stack, broken).health.last_refused_at == sick.last_refused_at


def test_a_wrong_key_in_the_secret_is_seen_and_does_no_harm(stack: LocalStack) -> None:
    """Whoever puts one there has time to notice: the key before it is tried as well."""
    project = stack.project()
    tenant = stack.tenant(project=project)
    put_key(stack, project, "AIza-a-typo-000000000000")
    for _ in range(3):
        assert generate(tenant, prompt(uri(uploaded(tenant)))).status_code == 200
    health = record(stack, project).health
    assert health.last_refusal is not None
    assert "API key not valid" in health.last_refusal
    assert len(calls(stack)) >= 1


def test_model_calls_alone_show_how_a_project_is(stack: LocalStack) -> None:
    """Their function streams, and writes when the answer has ended."""
    project = stack.project()
    tenant = stack.tenant(project=project)
    assert generate(tenant, prompt()).status_code == 200
    well = record(stack, project).health
    assert well.ok
    gone = "AIzaSy" + secrets.token_hex(14)
    stack.simulator("POST", "/rekey", {"index": stack.simulated(project), "key": gone})
    assert generate(tenant, prompt()).status_code == 503
    sick = record(stack, project).health
    assert sick.ok is False
    assert sick.last_ok_at == well.last_ok_at


def test_health_is_written_once_a_minute_and_costs_no_bytes(stack: LocalStack) -> None:
    project = stack.project()
    tenant = stack.tenant(project=project)
    uploaded(tenant)
    first = record(stack, project).health.last_ok_at
    assert first is not None
    for _ in range(5):
        uploaded(tenant)
    assert record(stack, project).health.last_ok_at == first
    stack.advance(61)
    uploaded(tenant)
    again = record(stack, project).health.last_ok_at
    assert again is not None
    assert again - first >= 60_000
