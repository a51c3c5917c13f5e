"""The ledger, usage and audit reports of the admin API, and a tenant's own usage."""

import csv
import io
import json

import httpx
import pytest

from admin_api import AdminApi, new_id, refused_admin
from filegate.adapters.table import Update
from filegate.audit import ACCESS_REFUSED
from filegate.edge.admin_resources import UsageResource
from filegate.instants import format_rfc3339, parse_rfc3339
from filegate.projects import project_key
from filegate.tenants import tenant_key
from local_stack import LocalStack, StackTenant
from model_calls import uploaded
from refusals import refused
from resumable import start


def rows(
    admin: AdminApi, **query: str
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """The ledger report: tenants and projects, by id."""
    tenants = admin.pages("/ledger", "tenants", **query)
    page = admin.get("/ledger", **query)
    while "nextPageToken" in page:
        page = admin.get("/ledger", **query, pageToken=str(page["nextPageToken"]))
    return (
        {str(one["tenant"]): dict(one) for one in tenants},
        {str(one["project"]): dict(one) for one in page["projects"]},
    )


def test_the_ledger_adds_up(stack: LocalStack, admin: AdminApi) -> None:
    project = stack.project()
    tenant = stack.tenant(storage=1_000, project=project)
    uploaded(tenant, b"x" * 10)
    list(tenant.sdk.files.list())
    assert start(tenant, 100).status_code == 200
    tenants, projects = rows(admin, pageSize="2")
    assert tenants[tenant.id] == {
        "tenant": tenant.id,
        "limitBytes": 1_000,
        "availableBytes": 890,
        "recordedBytes": 110,
        "differenceBytes": 0,
    }
    assert projects[project]["recordedBytes"] == 110
    assert {row["differenceBytes"] for row in tenants.values()} == {0}
    assert {row["differenceBytes"] for row in projects.values()} == {0}
    assert rows(admin, pageSize="100") == (tenants, projects)
    page = admin.get("/ledger", pageSize="1")
    assert "projects" not in page
    assert page["conserved"] is True
    admin.post(f"/projects/{project}:drain")


def test_a_lost_byte_is_seen(stack: LocalStack, admin: AdminApi) -> None:
    tenant = stack.tenant()
    places = (tenant_key(tenant.id), project_key("default"))

    def move(size: int) -> None:
        for place in places:
            expression = "SET #available = #available + :size"
            stack.table.update(Update(place, expression, None, {":size": size}))

    move(-1)
    try:
        tenants, projects = rows(admin, pageSize="100")
        assert tenants[tenant.id]["differenceBytes"] == 1
        assert projects["default"]["differenceBytes"] == 1
        conserved, token = True, None
        while conserved:
            more: dict[str, str] = {} if token is None else {"pageToken": str(token)}
            page = admin.get("/ledger", pageSize="100", **more)
            conserved, token = bool(page["conserved"]), page.get("nextPageToken")
            if token is None:
                break
        assert not conserved
    finally:
        move(1)


def test_usage_of_one_tenant_and_of_all(stack: LocalStack, admin: AdminApi) -> None:
    tenant = stack.tenant()
    uploaded(tenant, b"x" * 10)
    list(tenant.sdk.files.list())
    [row] = admin.get("/usage", tenant=tenant.id)["usage"]
    assert (row["tenant"], row["uploads"], row["bytesIn"]) == (tenant.id, 1, 10)
    everyone = admin.pages("/usage", "usage")
    assert [one for one in everyone if one["tenant"] == tenant.id] == [
        {
            **row,
            "byteSeconds": next(
                one["byteSeconds"] for one in everyone if one["tenant"] == tenant.id
            ),
        }
    ]
    lines = admin.ask("GET", "/usage", tenant=tenant.id, format="jsonl").text.splitlines()
    assert [json.loads(line)["uploads"] for line in lines] == [1]
    table = admin.ask("GET", "/usage", tenant=tenant.id, format="csv").text
    assert [one["bytesIn"] for one in csv.DictReader(io.StringIO(table)) if not one["model"]] == [
        "10"
    ]
    refused_admin(admin.ask("GET", "/usage", by="year"), 400, "INVALID_ARGUMENT", "by")
    refused_admin(admin.ask("GET", "/usage", pageToken="x"), 400, "INVALID_ARGUMENT", "pageToken")


def test_a_tenant_sees_its_own_usage_and_no_other(stack: LocalStack, tenant: StackTenant) -> None:
    uploaded(tenant, b"x" * 10)
    list(tenant.sdk.files.list())
    with tenant.http() as http:
        answer = http.get("/v1/usage", headers={"origin": "https://app.example"})
        UsageResource.model_validate(answer.json())
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        [row] = answer.json()["usage"]
        assert (row["tenant"], row["uploads"], row["bytesIn"]) == (tenant.id, 1, 10)
        refused(http.get("/v2/usage"), 404)
        other = http.get("/v1/usage", params={"tenant": stack.seeded().id})
        assert other.status_code == 400 or {one["tenant"] for one in other.json()["usage"]} == {
            tenant.id
        }
    with stack.http() as http:
        refused(http.get("/v1/usage"), 403)
        refused(http.get("/v1/usage", headers={"x-goog-api-key": "nonsense"}), 400)
        admin_key = {"x-filegate-admin-key": str(stack.ready["admin_key"])}
        refused(http.get("/v1/usage", headers=admin_key), 403)


def test_the_audit_log_is_newest_first_and_comes_in_pages(admin: AdminApi) -> None:
    tenant = str(admin.post("/tenants", {"id": new_id()})["id"])
    for number in range(1, 6):
        admin.patch(f"/tenants/{tenant}", {"limits": {"openSessions": number}})
    entries = admin.pages("/audit", "entries", subject=f"tenants/{tenant}", pageSize="2")
    assert [one["details"].get("after") for one in entries] == [
        *({"openSessions": number} for number in range(5, 0, -1)),
        None,
    ]
    assert entries[-1]["action"] == "tenants.create"
    assert {one["actor"] for one in entries} == {"admin"}
    assert {one["sourceIp"] for one in entries} == {"127.0.0.1"}
    everything = admin.pages("/audit", "entries", pageSize="100")
    assert [one for one in everything if one["subject"] == f"tenants/{tenant}"] == entries
    times = [parse_rfc3339(str(one["time"])) // 60_000 for one in everything]
    assert times == sorted(times, reverse=True)


def test_the_audit_log_of_a_span(stack: LocalStack, admin: AdminApi) -> None:
    tenant = str(admin.post("/tenants", {"id": new_id()})["id"])
    subject, made_at = f"tenants/{tenant}", stack.now() + 1
    stack.advance(10)
    admin.post(f"/tenants/{tenant}:suspend")
    whole = {"from": format_rfc3339(made_at - 60_000), "to": format_rfc3339(stack.now() + 1)}
    parts = {"suspend": {**whole, "from": format_rfc3339(made_at)}}
    parts["create"] = {**whole, "to": format_rfc3339(made_at)}
    found = admin.pages("/audit", "entries", subject=subject, pageSize="1", **whole)
    assert [one["action"] for one in found] == ["tenants.suspend", "tenants.create"]
    for action, span in parts.items():
        [entry] = admin.get("/audit", subject=subject, **span)["entries"]
        assert entry["action"] == f"tenants.{action}"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"subject": "acme"}, "subject"),
        ({"subject": "tenants/A"}, "subject"),
        ({"subject": "tenants/a#2026-11"}, "subject"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"from": "0001-01-01"}, "from"),
    ],
)
def test_what_is_no_audit_query(admin: AdminApi, query: dict[str, str], field: str) -> None:
    refused_admin(admin.ask("GET", "/audit", **query), 400, "INVALID_ARGUMENT", field)


def test_foreign_access_is_noted_once_a_minute_and_missing_names_alike(
    stack: LocalStack, admin: AdminApi
) -> None:
    owner, other, third = (stack.tenant() for _ in range(3))
    file_id = uploaded(owner)

    def tries(tenant: StackTenant, name: str) -> list[httpx.Response]:
        with tenant.http() as http:
            return [http.get(f"/v1beta/files/{name}") for _ in range(5)]

    for tenant, name in ((other, file_id), (third, "x" * len(file_id))):
        for answer in tries(tenant, name):
            refused(answer, 403)
        noted = [
            entry
            for entry in admin.get("/audit", subject=f"tenants/{tenant.id}")["entries"]
            if entry["action"] == ACCESS_REFUSED
        ]
        assert 1 <= len(noted) <= 2  # Two, if a minute began in between.
        assert name in noted[0]["details"]["message"]
        assert noted[0]["actor"] == f"tenants/{tenant.id}"
    assert ACCESS_REFUSED not in admin.actions(f"tenants/{owner.id}")
