"""Creations: a file of metadata only (wire R11), without bytes of its own."""

import pytest

from local_stack import LocalStack, StackTenant
from model_calls import generate, prompt, watching
from refusals import refused, unchanged, usage

FILES = "/v1beta/files"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"file": {"displayName": "notes", "mimeType": "text/plain"}}',
        b"{'file': {'display_name': 'notes', 'mime_type': 'text/plain'}}",
    ],
)
def test_a_file_of_metadata_only(stack: LocalStack, tenant: StackTenant, body: bytes) -> None:
    available = stack.available(tenant)
    with tenant.http() as http:
        made = http.post(FILES, content=body).raise_for_status().json()["file"]
        assert http.get(f"/v1beta/{made['name']}").json() == made
        assert http.get(FILES).json()["files"] == [made]
        if b"notes" in body:
            assert (made["displayName"], made["mimeType"]) == ("notes", "text/plain")
        assert stack.available(tenant) == available
        assert usage(stack, tenant)["uploads"] == 1
        assert http.delete(f"/v1beta/{made['name']}").status_code == 200
        assert http.get(FILES).json() == {}


def test_its_name_can_be_chosen_once(stack: LocalStack, tenant: StackTenant) -> None:
    named = {"file": {"name": "files/my-notes"}}
    other = stack.tenant()
    with tenant.http() as http, other.http() as others:
        name = http.post(FILES, json=named).raise_for_status().json()["file"]["name"]
        assert name.endswith("my-notes")
        with unchanged(stack, tenant):
            refused(http.post(FILES, json=named), 409, status="ALREADY_EXISTS")
        assert others.post(FILES, json=named).status_code == 200
        assert http.get("/v1beta/files/my-notes").json()["name"] == name


def test_it_can_be_used(stack: LocalStack, tenant: StackTenant) -> None:
    with tenant.http() as http:
        made = http.post(FILES, json={"file": {"mimeType": "text/plain"}}).json()["file"]
    with watching(stack) as seen:
        assert generate(tenant, prompt(made["uri"])).status_code == 200
    assert seen[0]["files"] == [made["name"].removeprefix("files/")]


@pytest.mark.parametrize(
    "body", [b"[]", b"x", b'{"file": 1}', b'{"file": {"name": "files/Bad_Name"}}']
)
def test_bad_metadata_changes_nothing(stack: LocalStack, tenant: StackTenant, body: bytes) -> None:
    with tenant.http() as http, unchanged(stack, tenant):
        refused(http.post(FILES, content=body), 400)


def test_upstream_failing_leaves_nothing_behind(stack: LocalStack, tenant: StackTenant) -> None:
    with tenant.http() as http:
        with unchanged(stack, tenant), stack.fault({"kind": "status", "status": 400}, path="files"):
            refused(http.post(FILES, json={}), 400)
        with stack.fault({"kind": "drop-after"}, times=3, path="v1beta/files$"):
            refused(http.post(FILES, json={}), 503)
        # It is there all the same; the appointment finds it.
        stack.advance(180)
        stack.run_janitor()
        assert len(http.get(FILES).json()["files"]) == 1
    assert usage(stack, tenant)["uploads"] == 1
