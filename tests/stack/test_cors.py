"""CORS: pages of allowed origins read every answer, on every route; others read their refusal."""

import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from apigateway_standin.template import Template
from browser_tokens import ELSEWHERE, PAGE, Page, allow_origins, page, upload
from filegate.edge.cors import EXPOSED
from local_stack import LocalStack, StackTenant
from refusals import refused, unchanged
from resumable import CHUNK, send, start

TEMPLATE = Template.load(Path(__file__).resolve().parents[2] / "template.yaml")
PATHS: dict[str, dict[str, Any]] = cast(
    "dict[str, Any]", TEMPLATE.section("GatewayApi").values["DefinitionBody"]
)["paths"]
FOR_PAGES = {path: methods for path, methods in PATHS.items() if not path.startswith("/admin/")}
ROUTES = [
    (method.upper(), path)
    for path, methods in FOR_PAGES.items()
    for method in methods
    if method != "options"
]
SENT_BY_SDKS = (
    "content-type, x-goog-api-key, x-goog-api-client, user-agent, x-server-timeout, "
    "x-goog-upload-protocol, x-goog-upload-command, x-goog-upload-offset, "
    "x-goog-upload-header-content-length, x-goog-upload-header-content-type, "
    "x-goog-upload-file-name, authorization, x-goog-user-project"
)


def readable(answer: httpx.Response, origin: str = PAGE) -> None:
    """Check that a page of an origin may read an answer."""
    assert answer.headers.get_list("access-control-allow-origin") == [origin], answer.text
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert answer.headers.get_list("vary") == ["Origin"]
    assert "access-control-allow-credentials" not in answer.headers


def filled(path: str) -> str:
    """A path with something for each of its parameters."""
    return re.sub(r"\{(\w+)\}", lambda name: {"version": "v1beta"}.get(name[1], "x"), path)


@pytest.mark.parametrize("path", FOR_PAGES)
def test_every_route_answers_a_preflight(stack: LocalStack, path: str) -> None:
    with stack.http() as http:
        answer = http.options(
            filled(path),
            headers={
                "Origin": ELSEWHERE,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-goog-api-key",
            },
        )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    assert allowed >= set(SENT_BY_SDKS.split(", "))
    methods = set(answer.headers["access-control-allow-methods"].split(", "))
    assert methods >= {method.upper() for method in FOR_PAGES[path]} | {"OPTIONS"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_page_reads_every_refusal(stack: LocalStack, method: str, path: str) -> None:
    headers = {"Origin": PAGE, "X-Goog-Upload-Command": "query"}
    with stack.http() as http:
        answer = http.request(method, filled(path), headers=headers)
    if "essions/{session}" in path and "batch" not in path:
        # API Gateway's own answer: it knows no tenant, and tells nothing.
        assert answer.headers["access-control-allow-origin"] == "*"
    else:
        readable(answer)
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert answer.status_code in {400, 403, 404}


# Chunks have tests of their own below.
@pytest.mark.parametrize(
    ("method", "path"), [route for route in ROUTES if "essions/{session}" not in route[1]]
)
def test_a_page_elsewhere_gets_nowhere(stack: LocalStack, method: str, path: str) -> None:
    tenant = stack.tenant()
    allow_origins(stack, tenant, "https://www.example.com", PAGE)
    elsewhere = Page(tenant.id, tenant.key, tenant.base_url, ELSEWHERE)
    command = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    action = {
        "/{version}/models/{model}": "gemini-2.5-flash:generateContent",
        "/{version}/batches/{batch}": "x:cancel",
        "/{version}/fileSearchStores/{store}": "x:importFile",
        "/{version}/ragStores/{store}": "x:uploadToRagStore",
        "/upload/{version}/ragStores/{store}": "x:uploadToRagStore",
        "/upload/{version}/fileSearchStores/{store}": "x:uploadToFileSearchStore",
        "/resumable/upload/{version}/fileSearchStores/{store}": "x:uploadToFileSearchStore",
        "/download/{version}/files/{file}": "x:download",
    }.get(path)
    where = filled(path) if action is None else filled(path[: path.rindex("{")]) + action
    if method in {"GET", "DELETE"} and not path.startswith("/download"):
        where = filled(path)
    with unchanged(stack, tenant), elsewhere.http() as http:
        answer = http.request(method, where, headers=command, json={} if method != "GET" else None)
        message = refused(answer, 403, status="PERMISSION_DENIED", origin=ELSEWHERE)
        assert f"A page of '{ELSEWHERE}' may not use this API key" in message
        readable(answer, ELSEWHERE)


def test_pages_of_allowed_origins_read_every_answer(stack: LocalStack) -> None:
    tenant = stack.tenant()
    allow_origins(stack, tenant, "https://www.example.com", PAGE)
    for origin in ("https://www.example.com", PAGE):
        at_home = Page(tenant.id, tenant.key, tenant.base_url, origin)
        opened = start(at_home, 3)
        readable(opened, origin)
        url = opened.headers["x-goog-upload-url"]
        asked = send(url, "query", offset=None, Origin=origin)
        readable(asked, origin)
        assert asked.headers["x-goog-upload-status"] == "active"
        stored = send(url, "upload, finalize", b"abc", Origin=origin)
        readable(stored, origin)
        name = stored.json()["file"]["name"]
        with at_home.http() as http:
            for answer in (
                http.get("/v1beta/files"),
                http.get(f"/v1beta/{name}"),
                http.get("/v1beta/models"),
                http.get("/v1beta/fileSearchStores"),
                http.get(f"/v1beta/{name}x"),
                http.delete(f"/v1beta/{name}"),
            ):
                readable(answer, origin)


def test_a_program_that_is_no_page_names_no_origin(stack: LocalStack) -> None:
    tenant = stack.tenant()
    allow_origins(stack, tenant, PAGE)
    with tenant.http() as http:
        assert http.get("/v1beta/files").headers["access-control-allow-origin"] == "*"
    assert upload(tenant).startswith("files/")


def test_without_allowed_origins_every_page_may_call(tenant: StackTenant) -> None:
    anywhere = Page(tenant.id, tenant.key, tenant.base_url, ELSEWHERE)
    opened = start(anywhere, 3)
    readable(opened, ELSEWHERE)
    for origin in (PAGE, "null"):
        readable(
            send(opened.headers["x-goog-upload-url"], "query", offset=None, Origin=origin), origin
        )


@pytest.mark.parametrize("command", ["query", "cancel", "upload, finalize"])
@pytest.mark.parametrize("with_token", [True, False])
def test_chunks_come_from_the_page_that_started(
    stack: LocalStack, command: str, with_token: bool
) -> None:
    tenant = stack.tenant()
    if with_token:
        at_home: StackTenant = page(tenant, at=PAGE, origin=PAGE)
    else:
        allow_origins(stack, tenant, "https://www.example.com", PAGE)
        at_home = Page(tenant.id, tenant.key, tenant.base_url, PAGE)
    url = start(at_home, 3).headers["x-goog-upload-url"]

    for origin in (ELSEWHERE, "null", "https://www.example.com"):
        with unchanged(stack, tenant):
            answer = send(url, command, b"", None, Origin=origin)
            assert "permission to use this upload session" in refused(answer, 403, final=True)
    assert send(url, "upload, finalize", b"abc", Origin=PAGE).status_code == 200


def test_a_backend_may_start_what_its_page_sends(stack: LocalStack) -> None:
    tenant = stack.tenant()
    allow_origins(stack, tenant, "https://www.example.com", PAGE)
    url = start(tenant, CHUNK + 3).headers["x-goog-upload-url"]

    assert send(url, "query", offset=None, Origin=ELSEWHERE).status_code == 403
    first = send(url, "upload", bytes(CHUNK), Origin="https://www.example.com")
    readable(first, "https://www.example.com")
    readable(send(url, "upload, finalize", b"abc", CHUNK, Origin=PAGE))


def test_a_batch_inputs_chunks_are_as_strict(stack: LocalStack) -> None:
    tenant = stack.tenant()
    allow_origins(stack, tenant, PAGE)
    at_home = Page(tenant.id, tenant.key, tenant.base_url, PAGE)
    opened = start(at_home, 3, **{"X-Goog-Upload-Header-Content-Type": "application/jsonl"})
    url = opened.headers["x-goog-upload-url"]
    assert "/batchSessions/" in url

    answer = send(url, "upload, finalize", b"{}\n", Origin=ELSEWHERE)
    refused(answer, 403, final=True, origin=ELSEWHERE)
    readable(send(url, "upload, finalize", b"{}\n", Origin=PAGE))


def test_an_upload_url_does_not_grow_with_the_origins_of_a_tenant(stack: LocalStack) -> None:
    tenant, free = stack.tenant(), stack.tenant()
    allow_origins(stack, tenant, PAGE, *(f"https://app-{n}.example.com" for n in range(50)))

    url = start(Page(tenant.id, tenant.key, tenant.base_url, PAGE), 3).headers["x-goog-upload-url"]

    assert len(url) <= len(start(free, 3).headers["x-goog-upload-url"]) + 2 * len(PAGE)
