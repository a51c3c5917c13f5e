"""Projects by the admin API: added, changed, drained, compared with upstream."""

import time

import pytest

from admin_api import AdminApi, new_id, refused_admin
from filegate.limits import STORAGE_BYTES
from filegate.names import random_characters
from local_stack import LocalStack
from resumable import send, started

GIB = 1024**3


def test_a_project_is_added_and_used(stack: LocalStack, admin: AdminApi) -> None:
    project = new_id()
    made = admin.post("/projects", {"id": project})
    assert made == {
        "id": project,
        "secret": f"local/projects/{project}",
        "capacityBytes": STORAGE_BYTES,
        "availableBytes": STORAGE_BYTES,
        "promisedBytes": 0,
        "tenants": 0,
        "draining": False,
        "health": {},
        "createTime": made["createTime"],
    }
    assert admin.get(f"/projects/{project}") == made
    key = f"AIza{random_characters(35)}"
    stack.simulator("POST", "/projects", {"key": key})
    stack.secrets.create_secret(Name=str(made["secret"]), SecretString=key)
    tenant_id = str(admin.post("/tenants", {"id": new_id(), "project": project})["id"])
    tenant = admin.issue(tenant_id)
    assert send(started(tenant, 3), "upload, finalize", b"abc").status_code == 200
    assert len(list(tenant.sdk.files.list())) == 1
    used = admin.get(f"/projects/{project}")
    assert (used["tenants"], used["promisedBytes"]) == (1, STORAGE_BYTES)
    assert used["availableBytes"] == STORAGE_BYTES - 3
    assert used["health"]["ok"] is True
    admin.post(f"/projects/{project}:drain")
    assert admin.actions(f"projects/{project}") == ["projects.create", "projects.drain"]


def test_a_refused_key_is_seen_in_the_projects_health(stack: LocalStack, admin: AdminApi) -> None:
    project = stack.project()
    tenant = stack.tenant(project=project)
    stack.secrets.put_secret_value(
        SecretId=f"local/projects/{project}", SecretString=f"AIza{random_characters(35)}"
    )
    with tenant.http() as http:
        # What the function remembers of the key is the right one, if it remembers any.
        http.get("/v1beta/models")
    health = admin.get(f"/projects/{project}")["health"]
    assert "AIza" not in str(health)
    assert isinstance(health.get("ok"), bool)
    admin.post(f"/projects/{project}:drain")


def test_capacity_and_overcommit_are_changed(admin: AdminApi) -> None:
    project = new_id()
    body = {"id": project, "capacityBytes": 100, "overcommitPercent": 150}
    made = admin.post("/projects", body)
    assert (made["capacityBytes"], made["overcommitPercent"]) == (100, 150)
    path = f"/projects/{project}"
    changed = admin.patch(path, {"capacityBytes": 250})
    assert (changed["capacityBytes"], changed["availableBytes"]) == (250, 250)
    assert changed["overcommitPercent"] == 150
    lower = admin.patch(path, {"capacityBytes": 40, "overcommitPercent": None})
    assert (lower["capacityBytes"], lower["availableBytes"]) == (40, 40)
    assert "overcommitPercent" not in lower
    assert admin.patch(path, {}) == lower
    assert admin.patch(path, {"capacityBytes": None})["capacityBytes"] == STORAGE_BYTES
    assert admin.actions(f"projects/{project}") == ["projects.create", *["projects.change"] * 3]
    entry = admin.get("/audit", subject=f"projects/{project}")["entries"][1]
    assert entry["details"] == {
        "before": {"capacityBytes": 250, "overcommitPercent": 150},
        "after": {"capacityBytes": 40, "overcommitPercent": None},
    }
    admin.post(f"{path}:drain")


def test_a_full_project_takes_no_tenant_and_a_draining_one_neither(admin: AdminApi) -> None:
    project = new_id()
    admin.post("/projects", {"id": project, "capacityBytes": 100, "overcommitPercent": 100})
    path = f"/projects/{project}"

    def place(storage: int) -> dict[str, object]:
        limits = {"storageBytes": storage, "fileBytes": 1}
        return {"id": new_id(), "project": project, "limits": limits}

    admin.post("/tenants", place(60))
    answer = admin.ask("POST", "/tenants", place(41))
    assert project in refused_admin(answer, 400, "FAILED_PRECONDITION")
    admin.post("/tenants", place(40))
    admin.patch(path, {"overcommitPercent": 200})
    drained = admin.post(f"{path}:drain")
    assert drained["draining"] is True
    assert admin.post(f"{path}:drain") == drained
    answer = admin.ask("POST", "/tenants", place(1))
    assert "draining" in refused_admin(answer, 400, "FAILED_PRECONDITION")
    undrained = admin.post(f"{path}:undrain")
    assert undrained["draining"] is False
    assert admin.post(f"{path}:undrain") == undrained
    admin.post("/tenants", place(1))
    assert admin.post(f"{path}:drain")["tenants"] == 3


def test_projects_come_in_pages(admin: AdminApi) -> None:
    made = [str(admin.post("/projects", {"id": new_id()})["id"]) for _ in range(3)]
    for project in made:
        admin.post(f"/projects/{project}:drain")
    ids = [str(one["id"]) for one in admin.pages("/projects", "projects", pageSize="2")]
    assert ids == sorted(ids)
    assert {"default", *made} <= set(ids)


def test_a_project_is_added_once(admin: AdminApi) -> None:
    answer = admin.ask("POST", "/projects", {"id": "default"})
    refused_admin(answer, 409, "ALREADY_EXISTS")


BAD_PROJECTS: list[tuple[object, str | None]] = [
    ({}, "id"),
    ({"id": "a/b"}, "id"),
    ({"id": "A"}, "id"),
    ({"id": "ok", "capacityBytes": -1}, "capacityBytes"),
    ({"id": "ok", "capacityBytes": "lots"}, "capacityBytes"),
    ({"id": "ok", "overcommitPercent": 0}, "overcommitPercent"),
    ({"id": "ok", "overcommitPercent": "100"}, "overcommitPercent"),
    ({"id": "ok", "key": "AIza"}, "key"),
]


@pytest.mark.parametrize(("body", "field"), BAD_PROJECTS)
def test_what_is_no_project(admin: AdminApi, body: object, field: str) -> None:
    answer = admin.ask("POST", "/projects", body)
    refused_admin(answer, 400, "INVALID_ARGUMENT", field)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", ":drain"),
        ("POST", ":undrain"),
        ("POST", ":reconcile"),
        ("GET", "/reconciliation"),
    ],
)
@pytest.mark.parametrize("project", ["nowhere", "No%20where"])
def test_a_missing_project_is_not_found(
    admin: AdminApi, method: str, path: str, project: str
) -> None:
    refused_admin(admin.ask(method, f"/projects/{project}{path}"), 404, "NOT_FOUND")


def test_a_project_is_compared_with_upstream(stack: LocalStack, admin: AdminApi) -> None:
    project = stack.project()
    path = f"/projects/{project}"
    answer = admin.ask("GET", f"{path}/reconciliation")
    assert ":reconcile" in refused_admin(answer, 404, "NOT_FOUND")
    tenant = stack.tenant(project=project)
    assert send(started(tenant, 3), "upload, finalize", b"abc").status_code == 200
    deadline = time.monotonic() + 30
    while not (report := admin.post(f"{path}:reconcile"))["complete"]:
        assert time.monotonic() < deadline
    assert (report["project"], report["driftBytes"]) == (project, 0)
    assert admin.get(f"{path}/reconciliation") == report
    admin.post(f"{path}:drain")


def test_an_upstream_out_of_reach_is_said_so(stack: LocalStack, admin: AdminApi) -> None:
    project = stack.project()
    with stack.fault({"kind": "status", "status": 503}, times=10, path="v1beta/files"):
        answer = admin.ask("POST", f"/projects/{project}:reconcile")
    refused_admin(answer, 503, "UNAVAILABLE")
    admin.post(f"/projects/{project}:drain")
