"""Tenants by the admin API: made, listed, limited, suspended; and who may use it at all."""

import secrets
import time

import httpx
import pytest

from admin_api import HEADER, AdminApi, new_id, refused_admin
from filegate.edge.admin_routes import ROUTES
from filegate.limits import MAX_FILE_BYTES, STORAGE_BYTES
from local_stack import NO_TLS, LocalStack
from refusals import refused
from resumable import send, start, started

GIB = 1024**3


ADMIN_ROUTES = [route for route in ROUTES.values() if not route.by_tenant]


@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=lambda route: route.operation)
def test_every_route_wants_the_admin_key_and_says_the_same_without(
    stack: LocalStack, route: object
) -> None:
    [known] = [one for one in ADMIN_ROUTES if one is route]
    path = known.path.format(tenant="acme", key="0123456789ab", project="default")
    tenant = stack.seeded()
    almost = str(stack.ready["admin_key"])[:-1]
    sent: list[dict[str, str]] = [
        {},
        {HEADER: ""},
        {HEADER: almost},
        {HEADER: almost + "ä"},
        {HEADER: "x" * 5_000},
        {"x-goog-api-key": str(stack.ready["admin_key"])},
        {"x-goog-api-key": tenant.key, HEADER: tenant.key},
        {"Authorization": f"Bearer {stack.ready['admin_key']}"},
    ]
    answers = [
        httpx.request(
            known.method,
            stack.base_url + path,
            headers={name.encode(): value.encode() for name, value in headers.items()},
            content=b"{",
            verify=NO_TLS,
        )
        for headers in sent
    ]
    for answer in answers:
        refused_admin(answer, 401, "UNAUTHENTICATED")
    assert len({answer.content for answer in answers}) == 1


def wait_until_taken(stack: LocalStack, key: str) -> None:
    """Wait until the admin API takes a key: seconds, however often it was tried before."""
    deadline = time.monotonic() + 30
    with httpx.Client(base_url=stack.base_url, headers={HEADER: key}, verify=NO_TLS) as http:
        while (answer := http.get("/admin/v1/tenants")).status_code != 200:
            refused_admin(answer, 401, "UNAUTHENTICATED")
            assert time.monotonic() < deadline


def test_a_rotated_admin_key_is_taken(stack: LocalStack, admin: AdminApi) -> None:
    new = secrets.token_urlsafe(36)
    stack.secrets.put_secret_value(SecretId="local/admin-key", SecretString=new)
    try:
        wait_until_taken(stack, new)
    finally:
        stack.secrets.put_secret_value(SecretId="local/admin-key", SecretString=admin.key)
        wait_until_taken(stack, admin.key)


def test_a_tenant_is_made_and_works(admin: AdminApi) -> None:
    tenant_id = new_id()
    made = admin.post("/tenants", {"id": tenant_id})
    assert made["limits"] == {
        "storageBytes": STORAGE_BYTES,
        "fileBytes": MAX_FILE_BYTES,
        "uploadMode": "gateway",
        "allowedOrigins": [],
        "models": [],
    }
    assert made["usage"] == {
        "storedBytes": 0,
        "availableBytes": STORAGE_BYTES,
        "openSessions": 0,
    }
    assert (made["id"], made["state"]) == (tenant_id, "ACTIVE")
    assert made["createTime"] == made["updateTime"]
    assert admin.get(f"/tenants/{tenant_id}") == made
    tenant = admin.issue(tenant_id)
    url = started(tenant, 5)
    open_upload = admin.get(f"/tenants/{tenant_id}")["usage"]
    assert open_upload["openSessions"] == 1
    assert send(url, "upload, finalize", b"hello").status_code == 200
    [file] = list(tenant.sdk.files.list())
    assert file.name is not None
    assert file.name.startswith(f"files/{made['tag']}")
    assert admin.get(f"/tenants/{tenant_id}")["usage"] == {
        "storedBytes": 5,
        "availableBytes": STORAGE_BYTES - 5,
        "openSessions": 0,
    }
    assert admin.actions(f"tenants/{tenant_id}") == ["tenants.create", "keys.issue"]


def test_every_limit_is_shown_as_it_was_set(admin: AdminApi) -> None:
    limits = {
        "storageBytes": 7 * GIB,
        "fileBytes": GIB,
        "fileLifetime": "3600s",
        "openSessions": 3,
        "requestsPerMinute": 600,
        "uploadMode": "direct",
        "allowedOrigins": ["https://app.example.com", "http://localhost:3000"],
        "models": ["gemini-2.5-flash"],
    }
    made = admin.post("/tenants", {"id": new_id(), "limits": limits})
    assert made["limits"] == limits
    path = f"/tenants/{made['id']}"
    back = admin.patch(path, {"limits": dict.fromkeys(limits)})
    assert back["limits"] == {
        "storageBytes": STORAGE_BYTES,
        "fileBytes": MAX_FILE_BYTES,
        "uploadMode": "gateway",
        "allowedOrigins": [],
        "models": [],
    }
    assert back["usage"]["availableBytes"] == STORAGE_BYTES
    again = admin.patch(path, {"limits": {"models": ["models/gemini-2.5-pro"]}})
    assert again["limits"] == {**back["limits"], "models": ["gemini-2.5-pro"]}
    assert admin.patch(path, {}) == again
    assert admin.actions(f"tenants/{made['id']}") == [
        "tenants.create",
        *["tenants.changeLimits"] * 2,
    ]


def test_snake_case_and_numbers_as_text_are_read_as_google_reads_them(admin: AdminApi) -> None:
    limits = {"storage_bytes": "1000", "file_bytes": 10}
    made = admin.post("/tenants", {"id": new_id(), "limits": limits})
    assert (made["limits"]["storageBytes"], made["limits"]["fileBytes"]) == (1000, 10)


def test_less_storage_than_is_stored_deletes_nothing_and_stops_uploads(
    stack: LocalStack, admin: AdminApi
) -> None:
    tenant = admin.tenant(storageBytes=100)
    assert send(started(tenant, 60), "upload, finalize", b"x" * 60).status_code == 200
    [file] = list(tenant.sdk.files.list())
    path = f"/tenants/{tenant.id}"
    promised = admin.get("/projects/default")["promisedBytes"]
    usage = admin.patch(path, {"limits": {"storageBytes": 50}})["usage"]
    assert usage == {"storedBytes": 60, "availableBytes": -10, "openSessions": 0}
    assert admin.get("/projects/default")["promisedBytes"] == promised - 50
    refused(start(tenant, 1), 429, status="RESOURCE_EXHAUSTED")
    [file] = list(tenant.sdk.files.list())
    assert file.size_bytes == 60
    row = next(one for one in admin.pages("/ledger", "tenants") if one["tenant"] == tenant.id)
    assert row["differenceBytes"] == 0
    usage = admin.patch(path, {"limits": {"storageBytes": 200}})["usage"]
    assert usage["availableBytes"] == 140
    assert admin.get("/projects/default")["promisedBytes"] == promised + 100
    assert send(started(tenant, 140), "upload, finalize", b"y" * 140).status_code == 200
    refused(start(tenant, 1), 429)
    assert stack.available(tenant) == 0


def test_lists_come_in_pages_and_by_id(admin: AdminApi) -> None:
    made = sorted(str(admin.post("/tenants", {"id": new_id()})["id"]) for _ in range(5))
    ids = [str(one["id"]) for one in admin.pages("/tenants", "tenants", pageSize="2")]
    assert ids == sorted(ids)
    assert set(made) <= set(ids)
    assert len(ids) == len(set(ids))
    assert len(admin.get("/tenants", pageSize="1")["tenants"]) == 1


def test_a_page_token_is_good_for_its_own_list_only(stack: LocalStack, admin: AdminApi) -> None:
    token = str(admin.get("/tenants", pageSize="1")["nextPageToken"])
    for path in ("/projects", "/ledger", "/audit", f"/tenants/{stack.seeded().id}/keys"):
        answer = admin.ask("GET", path, pageToken=token)
        refused_admin(answer, 400, "INVALID_ARGUMENT", "pageToken")
    refused_admin(
        admin.ask("GET", "/tenants", pageToken=token + "x"), 400, "INVALID_ARGUMENT", "pageToken"
    )
    with stack.seeded().http() as http:
        refused(http.get("/v1beta/files", params={"pageToken": token}), 400)


def test_a_suspended_tenants_keys_are_refused_and_taken_again(admin: AdminApi) -> None:
    tenant = admin.tenant()
    path = f"/tenants/{tenant.id}"
    assert admin.post(f"{path}:suspend")["state"] == "SUSPENDED"
    assert admin.post(f"{path}:suspend")["state"] == "SUSPENDED"
    # No instance has seen this key before, so none remembers it.
    with tenant.http() as http:
        assert "suspended" in refused(http.get("/v1beta/files"), 403)
    fresh = admin.issue(tenant.id)
    assert admin.post(f"{path}:resume")["state"] == "ACTIVE"
    with fresh.http() as http:
        assert http.get("/v1beta/files").status_code == 200
    assert admin.actions(f"tenants/{tenant.id}") == [
        "tenants.create",
        "keys.issue",
        "tenants.suspend",
        "keys.issue",
        "tenants.resume",
    ]


def test_an_upload_of_a_tenant_suspended_meanwhile_is_refused_at_once(
    stack: LocalStack, admin: AdminApi
) -> None:
    tenant = admin.tenant()
    # A warm instance remembers the tenant as it was; the ledger does not.
    assert start(tenant, 1).status_code == 200
    admin.post(f"/tenants/{tenant.id}:suspend")
    refused(start(tenant, 1), 403)
    assert len(stack.records(tenant)) == 1


def test_an_encoded_colon_is_a_colon(admin: AdminApi) -> None:
    tenant_id = admin.post("/tenants", {"id": new_id()})["id"]
    answer = admin.http.post(f"/admin/v1/tenants/{tenant_id}%3Asuspend")
    assert answer.json()["state"] == "SUSPENDED"


BAD_TENANTS: list[tuple[object, str | None]] = [
    ({}, "id"),
    ({"id": ""}, "id"),
    ({"id": "Acme"}, "id"),
    ({"id": "a_b"}, "id"),
    ({"id": "-a"}, "id"),
    ({"id": "a" * 32}, "id"),
    ({"id": "ä"}, "id"),
    ({"id": 7}, "id"),
    ({"id": None}, "id"),
    ({"id": "ok", "limit": 5}, "limit"),
    ({"id": "ok", "project": "no/project"}, "project"),
    ({"id": "ok", "project": "nosuchproject"}, "project"),
    ({"id": "ok", "limits": {"storageBytes": -1}}, "limits.storageBytes"),
    ({"id": "ok", "limits": {"storageBytes": 2**51}}, "limits.storageBytes"),
    ({"id": "ok", "limits": {"storageBytes": 1.5}}, "limits.storageBytes"),
    ({"id": "ok", "limits": {"storageBytes": True}}, "limits.storageBytes"),
    ({"id": "ok", "limits": {"fileBytes": 0}}, "limits.fileBytes"),
    ({"id": "ok", "limits": {"fileBytes": MAX_FILE_BYTES + 1}}, "limits.fileBytes"),
    ({"id": "ok", "limits": {"fileLifetime": 3600}}, "limits.fileLifetime"),
    ({"id": "ok", "limits": {"fileLifetime": "59s"}}, "limits.fileLifetime"),
    ({"id": "ok", "limits": {"fileLifetime": "172801s"}}, "limits.fileLifetime"),
    ({"id": "ok", "limits": {"fileLifetime": "1h"}}, "limits.fileLifetime"),
    ({"id": "ok", "limits": {"openSessions": 0}}, "limits.openSessions"),
    ({"id": "ok", "limits": {"requestsPerMinute": "10"}}, "limits.requestsPerMinute"),
    ({"id": "ok", "limits": {"uploadMode": "fast"}}, "limits.uploadMode"),
    ({"id": "ok", "limits": {"allowedOrigins": "https://a.example"}}, "limits.allowedOrigins"),
    ({"id": "ok", "limits": {"allowedOrigins": ["*"]}}, "limits.allowedOrigins.0"),
    ({"id": "ok", "limits": {"models": ["a b"]}}, "limits.models.0"),
    ({"id": "ok", "limits": {"models": ["m"] * 101}}, "limits.models"),
    ({"id": "ok", "limits": {"egress": 1}}, "limits.egress"),
    ({"id": "ok", "limits": []}, "limits"),
    ([], None),
    ("text", None),
]


def admins_items(stack: LocalStack) -> set[tuple[str, str]]:
    """Where all is that only the admin API makes."""
    kinds = ("TENANTS", "PROJECTS", "TAG", "KEY", "IDEMPOTENCY", "AUDIT")
    places = {(str(item["pk"]), str(item["sk"])) for item in stack.items()}
    return {place for place in places if place[0].startswith(kinds) or place[1] == "TENANT"}


@pytest.mark.parametrize(("body", "field"), BAD_TENANTS)
def test_what_is_no_tenant_changes_nothing(
    stack: LocalStack, admin: AdminApi, body: object, field: str | None
) -> None:
    before = admins_items(stack)
    refused_admin(admin.ask("POST", "/tenants", body), 400, "INVALID_ARGUMENT", field)
    assert admins_items(stack) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "JSON"), (b"\xff", "UTF-8"), (b'{"id":"' + b"a" * 70_000 + b'"}', "64 KiB")],
)
def test_what_is_no_json_is_refused(admin: AdminApi, content: bytes, words: str) -> None:
    answer = admin.http.post("/admin/v1/tenants", content=content)
    assert words in refused_admin(answer, 400, "INVALID_ARGUMENT")


def test_a_tenant_is_made_once(admin: AdminApi) -> None:
    made = admin.post("/tenants", {"id": new_id()})
    for body in ({"id": made["id"]}, {"id": made["id"], "limits": {"storageBytes": 1}}):
        message = refused_admin(admin.ask("POST", "/tenants", body), 409, "ALREADY_EXISTS")
        assert str(made["id"]) in message
    assert admin.get(f"/tenants/{made['id']}") == made


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tenants/{}"),
        ("PATCH", "/tenants/{}"),
        ("DELETE", "/tenants/{}"),
        ("POST", "/tenants/{}:suspend"),
        ("POST", "/tenants/{}:resume"),
        ("GET", "/tenants/{}/keys"),
        ("POST", "/tenants/{}/keys"),
        ("POST", "/tenants/{}/keys/0123456789ab:revoke"),
        ("POST", "/tenants/{}/keys/0123456789ab:rotate"),
    ],
)
@pytest.mark.parametrize("tenant", ["nobody", "No%20Body", "a" * 64])
def test_what_is_missing_is_not_found(admin: AdminApi, method: str, path: str, tenant: str) -> None:
    body = {"label": "x"} if path.endswith("/keys") and method == "POST" else None
    answer = admin.ask(method, path.format(tenant), body)
    refused_admin(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tenants/acme"),
        ("POST", "/tenants/acme:destroy"),
        ("POST", "/tenants/acme/keys/0123456789ab"),
        ("POST", "/projects/default:empty"),
    ],
)
def test_what_is_no_method_of_the_api(admin: AdminApi, method: str, path: str) -> None:
    message = refused_admin(admin.ask(method, path), 404, "NOT_FOUND")
    assert "admin API" in message


def test_unknown_parameters_are_refused(admin: AdminApi) -> None:
    for path, name in (("/tenants", "filter"), ("/tenants/acme", "pageSize"), ("/ledger", "from")):
        answer = admin.ask("GET", path, **{name: "1"})
        refused_admin(answer, 400, "INVALID_ARGUMENT", name)
    answer = admin.ask("GET", "/tenants", pageSize="many")
    refused_admin(answer, 400, "INVALID_ARGUMENT", "pageSize")
