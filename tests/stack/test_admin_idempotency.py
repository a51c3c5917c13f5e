"""Idempotency: a creation that is sent again, or many times at once, makes one thing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from admin_api import AdminApi, new_id, refused_admin
from filegate.projects import project_key
from local_stack import LocalStack

AT_ONCE = 8
REPLAYED = "idempotent-replayed"


def at_once(send: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The same request many times at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(send) for _ in range(AT_ONCE)]
        return [future.result() for future in futures]


def test_a_tenant_sent_again_is_one(admin: AdminApi) -> None:
    once, body = uuid4().hex, {"id": new_id(), "limits": {"storageBytes": 5}}
    first = admin.ask("POST", "/tenants", body, once=once)
    assert REPLAYED not in first.headers
    admin.post(f"/tenants/{body['id']}:suspend")
    # The answer is that to the first request, whatever has become of the tenant since.
    again = admin.ask("POST", "/tenants", body, once=once)
    assert again.headers[REPLAYED] == "true"
    assert again.json() == first.json()
    spelled = {"limits": {"storage_bytes": "5"}, "id": body["id"]}
    assert admin.ask("POST", "/tenants", spelled, once=once).json() == first.json()


def test_another_body_under_the_same_key_is_refused(admin: AdminApi) -> None:
    once = uuid4().hex
    made = admin.post("/tenants", {"id": new_id()}, once=once)
    other = new_id()
    for body in ({"id": other}, {"id": made["id"], "limits": {"storageBytes": 1}}):
        refused_admin(admin.ask("POST", "/tenants", body, once=once), 409, "ABORTED")
    refused_admin(admin.ask("GET", f"/tenants/{other}"), 404, "NOT_FOUND")
    assert admin.get(f"/tenants/{made['id']}") == made


def test_a_request_that_was_refused_may_be_put_right(admin: AdminApi) -> None:
    once = uuid4().hex
    wrong = admin.ask("POST", "/tenants", {"id": new_id(), "project": "nowhere"}, once=once)
    refused_admin(wrong, 400, "INVALID_ARGUMENT", "project")
    assert admin.post("/tenants", {"id": new_id()}, once=once)["state"] == "ACTIVE"


def test_the_same_key_elsewhere_is_another(admin: AdminApi) -> None:
    once, first, second = uuid4().hex, admin.tenant().id, admin.tenant().id
    made = [
        admin.post(f"/tenants/{tenant}/keys", {"label": "x"}, once=once)["id"]
        for tenant in (first, second)
    ]
    assert made[0] != made[1]


def test_a_key_sent_again_is_one_and_its_text_is_not_kept(
    stack: LocalStack, admin: AdminApi
) -> None:
    tenant, once = admin.tenant().id, uuid4().hex
    path = f"/tenants/{tenant}/keys"
    first = admin.post(path, {"label": "x"}, once=once)
    assert str(first["key"]).rsplit("_", 1)[1] not in str(stack.items())
    again = admin.ask("POST", path, {"label": "x"}, once=once)
    assert again.headers[REPLAYED] == "true"
    body = dict(again.json())
    assert "revoke" in body.pop("notice")
    assert body == {name: value for name, value in first.items() if name != "key"}
    assert len(admin.get(path)["keys"]) == 2


def test_a_rotation_sent_again_is_one(admin: AdminApi) -> None:
    tenant, once = admin.tenant().id, uuid4().hex
    path = f"/tenants/{tenant}/keys"
    [old] = admin.get(path)["keys"]
    rotate = f"{path}/{old['id']}:rotate"
    first = admin.post(rotate, {"overlap": "0s"}, once=once)
    again = admin.post(rotate, {"overlap": "0s"}, once=once)
    assert again["id"] == first["id"]
    assert "key" not in again
    assert len(admin.get(path)["keys"]) == 2


def test_many_at_once_make_one_tenant(stack: LocalStack, admin: AdminApi) -> None:
    once, tenant = uuid4().hex, new_id()
    before = admin.get("/projects/default")
    answers = at_once(
        lambda: admin.ask("POST", "/tenants", {"id": tenant, "project": "default"}, once=once)
    )
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.text for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    after = admin.get("/projects/default")
    assert after["tenants"] == before["tenants"] + 1
    tags = [item for item in stack.items() if item["sk"] == "TAG" and item["tenant"] == tenant]
    assert len(tags) == 1
    assert admin.actions(f"tenants/{tenant}") == ["tenants.create"]


def test_many_at_once_issue_one_key(admin: AdminApi) -> None:
    tenant, once = admin.tenant().id, uuid4().hex
    path = f"/tenants/{tenant}/keys"
    answers = at_once(lambda: admin.ask("POST", path, {"label": "x"}, once=once))
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("key" in answer.json() for answer in answers) == 1
    assert len(admin.get(path)["keys"]) == 2


def test_many_at_once_rotate_one_key(admin: AdminApi) -> None:
    tenant, once = admin.tenant().id, uuid4().hex
    path = f"/tenants/{tenant}/keys"
    [old] = admin.get(path)["keys"]
    answers = at_once(lambda: admin.ask("POST", f"{path}/{old['id']}:rotate", once=once))
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(admin.get(path)["keys"]) == 2


def test_many_at_once_without_a_key_still_make_one_tenant(admin: AdminApi) -> None:
    tenant = new_id()
    answers = at_once(lambda: admin.ask("POST", "/tenants", {"id": tenant}))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * (AT_ONCE - 1)


def test_many_at_once_add_one_project(stack: LocalStack, admin: AdminApi) -> None:
    once, project = uuid4().hex, new_id()
    answers = at_once(lambda: admin.ask("POST", "/projects", {"id": project}, once=once))
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.text for answer in answers}) == 1
    assert stack.table.get(project_key(project)) is not None
    admin.post(f"/projects/{project}:drain")


@pytest.mark.parametrize("once", ["", "x" * 129, "tab\there", "ä"])
def test_what_is_no_idempotency_key(admin: AdminApi, once: str) -> None:
    headers = {b"Idempotency-Key": once.encode()}
    body: dict[str, Any] = {"id": new_id()}
    answer = admin.http.post("/admin/v1/tenants", json=body, headers=headers)
    refused_admin(answer, 400, "INVALID_ARGUMENT", "Idempotency-Key")
    refused_admin(admin.ask("GET", f"/tenants/{body['id']}"), 404, "NOT_FOUND")


def test_an_answer_is_kept_for_a_day(stack: LocalStack, admin: AdminApi) -> None:
    once, body = uuid4().hex, {"id": new_id()}
    admin.post("/tenants", body, once=once)
    stack.advance(24 * 3600 - 60)
    assert admin.ask("POST", "/tenants", body, once=once).status_code == 200
    stack.advance(120)
    refused_admin(admin.ask("POST", "/tenants", body, once=once), 409, "ALREADY_EXISTS")
    # The one that is still in the table is no obstacle to another creation.
    assert admin.post("/tenants", {"id": new_id()}, once=once)["state"] == "ACTIVE"
