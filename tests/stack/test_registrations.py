"""Registrations: Cloud Storage objects, with the caller's own Google token."""

import json

import google.auth.credentials
import httpx
import pytest
from google.genai import types

from local_stack import LocalStack, StackTenant
from model_calls import MODEL, generate, prompt, watching
from refusals import refused, unchanged, usage

TOKEN = "ya29.caller-token-0123456789"
REGISTER = "/v1beta/files:register"
URIS = ["gs://bucket/report.pdf", "gs://bucket/folder/talk.mp3"]


class CallersCredentials(google.auth.credentials.Credentials):
    """What `google.auth.default()` gives, without asking Google."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = TOKEN
        self._quota_project_id = "callers-project"

    def refresh(self, request: object) -> None:
        """Nothing to fetch."""


def register(
    tenant: StackTenant, body: object, authorization: str | None = f"Bearer {TOKEN}"
) -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization}
    with tenant.http() as http:
        return http.post(REGISTER, json=body, headers=headers)


def test_registered_objects_are_files_of_the_caller(stack: LocalStack, tenant: StackTenant) -> None:
    registered = tenant.sdk.files.register_files(auth=CallersCredentials(), uris=URIS).files
    assert registered is not None
    assert [file.source for file in registered] == [types.FileSource.REGISTERED] * 2
    assert {file.name for file in tenant.sdk.files.list()} == {file.name for file in registered}
    first = registered[0]
    assert first.name is not None
    assert tenant.sdk.files.get(name=first.name).mime_type == "application/pdf"
    with watching(stack) as seen:
        answer = tenant.sdk.models.generate_content(
            model=MODEL, contents=["What are these about?", *registered]
        )
    assert answer.text is not None
    assert answer.text.startswith("I saw 2 files")
    assert seen[0]["files"] == [str(file.name).removeprefix("files/") for file in registered]
    tenant.sdk.files.delete(name=first.name)
    assert len(list(tenant.sdk.files.list())) == 1


def test_they_take_no_storage_and_are_counted(stack: LocalStack, tenant: StackTenant) -> None:
    available = stack.available(tenant)
    assert register(tenant, {"uris": URIS}).status_code == 200
    assert stack.available(tenant) == available
    assert usage(stack, tenant) == {"registered": 2}
    assert [record["bytes"] for record in stack.records(tenant)] == [0, 0]


@pytest.mark.usefixtures("unscheduled")
def test_the_callers_token_goes_through_untouched_and_is_kept_nowhere(
    stack: LocalStack, tenant: StackTenant
) -> None:
    stack.simulator("DELETE", "/requests")
    tenant.sdk.files.register_files(auth=CallersCredentials(), uris=URIS[:1])
    refused(register(tenant, {"uris": URIS}, f"Bearer denied-{TOKEN}"), 403)
    [request, _] = stack.simulator("GET", "/requests")["requests"]
    headers = {name.lower(): value for name, value in request["headers"]}
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-goog-user-project"] == "callers-project"
    assert headers["x-goog-api-key"] == stack.upstream_key()
    kept = json.dumps(stack.items()) + "".join(
        path.read_text(errors="replace") for path in stack.logs.rglob("*") if path.is_file()
    )
    assert TOKEN not in kept


@pytest.mark.usefixtures("unscheduled")
@pytest.mark.parametrize("authorization", [None, "", "Basic abc", "Bearer"])
def test_without_the_callers_own_token_nothing_is_asked_of_upstream(
    stack: LocalStack, tenant: StackTenant, authorization: str | None
) -> None:
    stack.simulator("DELETE", "/requests")
    with unchanged(stack, tenant):
        message = refused(register(tenant, {"uris": URIS}, authorization), 401)
    assert "your own Google credentials" in message
    assert stack.simulator("GET", "/requests")["requests"] == []


@pytest.mark.usefixtures("unscheduled")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"uris": []},
        {"uris": "gs://bucket/x"},
        {"uris": ["https://example.com/x"]},
        {"uris": ["gs://bucket"]},
        {"uris": ["gs:///x"]},
        {"uris": [1]},
        {"uris": ["gs://b/x"] * 101},
        {"uris": ["gs://b/" + "x" * 3000]},
        {"uris": URIS, "more": 1},
        [],
    ],
)
def test_bad_bodies_change_nothing(stack: LocalStack, tenant: StackTenant, body: object) -> None:
    stack.simulator("DELETE", "/requests")
    with unchanged(stack, tenant):
        refused(register(tenant, body), 400)
    assert stack.simulator("GET", "/requests")["requests"] == []


def test_a_refusal_about_the_callers_token_is_the_callers(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with unchanged(stack, tenant):
        message = refused(register(tenant, {"uris": URIS}, f"Bearer denied-{TOKEN}"), 403)
    assert TOKEN not in message


def test_another_tenant_cannot_name_them(stack: LocalStack, tenant: StackTenant) -> None:
    [file] = register(tenant, {"uris": URIS[:1]}).json()["files"]
    other = stack.tenant()
    refused(generate(other, prompt(file["uri"])), 403)
    with other.http() as http:
        refused(http.get(f"/v1beta/{file['name']}"), 403)
        refused(http.delete(f"/v1beta/{file['name']}"), 403)
    assert generate(tenant, prompt(file["uri"])).status_code == 200


def test_a_cloud_storage_uri_in_a_prompt_has_to_be_registered_first(tenant: StackTenant) -> None:
    message = refused(generate(tenant, prompt("gs://bucket/x.pdf")), 400)
    assert "files:register" in message


def test_they_expire_as_upstream_says(stack: LocalStack, tenant: StackTenant) -> None:
    assert register(tenant, {"uris": URIS}).status_code == 200
    [first, _] = stack.records(tenant)
    seconds = (int(first["expiresAt"] or 0) - stack.now()) // 1000
    assert seconds > 24 * 3600
    stack.advance(seconds + 60)
    stack.run_janitor()
    assert stack.records(tenant) == []
