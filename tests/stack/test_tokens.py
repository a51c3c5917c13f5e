"""Browser tokens: what a page may do with one, and that its budget is exact."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google import genai
from google.genai.errors import ClientError

from browser_tokens import ELSEWHERE, PAGE, ask, counts, page, upload
from filegate.adapters.table import Update
from filegate.tenants import ALL_SCOPES, FILES_READ, FILES_WRITE, key_key
from local_stack import LocalStack, StackTenant
from model_calls import generate, prompt, uri
from refusals import refused, settled, unchanged
from resumable import send, start
from store_uploads import new_store

CONTENT = b"content of a page"
MIB = 1024 * 1024


def test_making_a_token_stores_nothing(stack: LocalStack, tenant: StackTenant) -> None:
    with unchanged(stack, tenant):
        answer = ask(tenant, byteBudget=100, fileCount=2, origin=PAGE, ttl="60s").json()
    assert answer.pop("token").startswith("fgt_")
    assert set(answer) == {"expireTime", "scopes", "byteBudget", "fileCount", "origin"}
    assert counts(stack, tenant) == []


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_a_backend_with_any_version_gets_one(tenant: StackTenant, version: str) -> None:
    with tenant.http() as http:
        assert http.post(f"/{version}/tokens", json={"byteBudget": 1}).status_code == 200
        assert "not part of this API" in refused(http.post("/v2/tokens", json={}), 404)


def test_the_stock_sdk_uses_it_as_its_key(stack: LocalStack, tenant: StackTenant) -> None:
    content = bytes(range(256)) * 65_536  # 16 MiB: two chunks
    key = page(tenant).key
    client = genai.Client(api_key=key, http_options={"base_url": tenant.base_url})
    path = stack.logs / f"{tenant.id}.bin"
    path.write_bytes(content)

    file = client.files.upload(file=path, config={"mime_type": "video/mp4"})

    assert file.name is not None
    assert client.files.get(name=file.name).size_bytes == len(content)
    with pytest.raises(ClientError, match="files:read"):
        list(client.files.list())
    settled(stack, tenant, content)
    assert counts(stack, tenant) == [(10**9 - len(content), 10**9 - 1)]


def test_a_chunk_may_carry_the_token_and_no_one_elses(
    stack: LocalStack, tenant: StackTenant
) -> None:
    mine, theirs = page(tenant), page(stack.tenant())
    url = start(mine, len(CONTENT)).headers["x-goog-upload-url"]

    foreign = send(url, "upload, finalize", CONTENT, 0, **{"x-goog-api-key": theirs.key})
    assert "may not exist" in refused(foreign, 403, final=True)
    forged = send(url, "upload, finalize", CONTENT, 0, **{"x-goog-api-key": mine.key[:-1]})
    assert "may not exist" in refused(forged, 403, final=True)
    assert (
        send(url, "upload, finalize", CONTENT, 0, **{"x-goog-api-key": mine.key}).status_code == 200
    )
    settled(stack, tenant, CONTENT)


def test_an_upload_that_has_begun_outlives_its_token(
    stack: LocalStack, tenant: StackTenant
) -> None:
    mine = page(tenant, ttl="1s")
    url = start(mine, len(CONTENT)).headers["x-goog-upload-url"]
    stack.advance(2)

    message = refused(start(mine, 1), 400, status="INVALID_ARGUMENT", final=True)
    assert "expired at" in message
    assert (
        send(url, "upload, finalize", CONTENT, 0, **{"x-goog-api-key": mine.key}).status_code == 200
    )


def test_a_budget_is_exact_however_many_ask_at_once(stack: LocalStack, tenant: StackTenant) -> None:
    mine = page(tenant, byteBudget=7 * MIB + 5)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: start(mine, MIB), range(24)))

    started = [answer for answer in answers if answer.status_code == 200]
    assert len(started) == 7
    for answer in answers:
        if answer not in started:
            message = refused(answer, 429, status="RESOURCE_EXHAUSTED", final=True)
            assert "needs 1,048,576 bytes, and " in message
            assert "retry-after" not in answer.headers
    assert counts(stack, tenant) == [(5, 10**9 - 7)]
    assert len(stack.records(tenant)) == 7
    assert start(mine, 5).status_code == 200
    assert "and 0 of 7,340,037 bytes" in refused(start(mine, 1), 429)


def test_a_number_of_uploads_is_exact_too(stack: LocalStack, tenant: StackTenant) -> None:
    mine = page(tenant, fileCount=3)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: start(mine, 1), range(12)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 9
    assert counts(stack, tenant) == [(10**9 - 3, 0)]
    assert "0 uploads are left" in refused(start(mine, 0), 429)


def test_tokens_have_budgets_of_their_own(stack: LocalStack, tenant: StackTenant) -> None:
    first, second = page(tenant, byteBudget=10), page(tenant, byteBudget=10)

    assert start(first, 10).status_code == 200
    assert start(second, 10).status_code == 200
    refused(start(first, 1), 429)
    assert start(tenant, 1).status_code == 200
    assert counts(stack, tenant) == [(0, 10**9 - 1)] * 2


def whole(mine: StackTenant, content: bytes) -> httpx.Response:
    """Upload in one request."""
    with mine.http() as http:
        return http.post(
            "/upload/v1beta/files",
            content=content,
            headers={"X-Goog-Upload-Protocol": "raw", "Content-Type": "text/plain"},
        )


def to_store(mine: StackTenant, content: bytes) -> httpx.Response:
    """Start an upload into a store that is there."""
    with mine.http() as http:
        stores = http.get("/v1beta/fileSearchStores").json()["fileSearchStores"]
        return http.post(
            f"/upload/v1beta/{stores[0]['name']}:uploadToFileSearchStore",
            headers={
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Type": "text/plain",
                "X-Goog-Upload-Header-Content-Length": str(len(content)),
            },
        )


def in_chunks(mine: StackTenant, content: bytes) -> httpx.Response:
    """Start an upload in chunks."""
    return start(mine, len(content))


@pytest.mark.parametrize("way", [in_chunks, whole, to_store])
def test_every_way_to_upload_spends_and_keeps_to_the_types(
    stack: LocalStack, tenant: StackTenant, way: Callable[[StackTenant, bytes], httpx.Response]
) -> None:
    new_store(tenant)
    scopes = ["files:write", "stores"]
    mine = page(tenant, byteBudget=25, scopes=scopes, mimeTypes=["text/*"])
    videos = page(tenant, scopes=scopes, mimeTypes=["video/*"])

    assert way(mine, b"0123456789").status_code == 200
    assert way(mine, b"0123456789").status_code == 200
    refused(way(mine, b"0123456789"), 429, status="RESOURCE_EXHAUSTED", final=True)
    assert counts(stack, tenant) == [(5, 10**9 - 2)]
    message = refused(way(videos, b"01"), 403, status="PERMISSION_DENIED", final=True)
    assert "'text/plain', and this browser token is for video/* only" in message


def test_a_size_nobody_announced_has_no_budget(stack: LocalStack, tenant: StackTenant) -> None:
    mine = page(tenant)
    with unchanged(stack, tenant):
        assert "announces the size" in refused(start(mine, None), 400, final=True)


def test_what_upstream_refuses_to_begin_costs_nothing(
    stack: LocalStack, tenant: StackTenant
) -> None:
    mine = page(tenant, byteBudget=10, fileCount=1)

    with stack.fault({"kind": "status", "status": 503}, path="/upload/"):
        assert start(mine, 10).status_code == 503

    assert counts(stack, tenant) == [(10, 1)]
    assert start(mine, 10).status_code == 200


def test_what_was_announced_is_spent(stack: LocalStack, tenant: StackTenant) -> None:
    mine = page(tenant, byteBudget=100)
    url = start(mine, 60).headers["x-goog-upload-url"]
    assert send(url, "cancel", offset=None).status_code == 200
    stack.advance(10)
    stack.run_janitor()

    assert stack.records(tenant) == []
    assert counts(stack, tenant) == [(40, 10**9 - 1)]


# -- what it sees


def test_a_token_sees_and_deletes_what_it_uploaded_itself(
    stack: LocalStack, tenant: StackTenant
) -> None:
    mine, other, reader = page(tenant), page(tenant), page(tenant, scopes=["files:read"])
    remover = page(tenant, scopes=[FILES_READ, FILES_WRITE])
    name, theirs = upload(mine), upload(tenant)

    def got(who: StackTenant, wanted: str) -> httpx.Response:
        with who.http() as http:
            return http.get(f"/v1beta/{wanted}")

    def deleted(who: StackTenant, wanted: str) -> httpx.Response:
        with who.http() as http:
            return http.delete(f"/v1beta/{wanted}")

    assert got(mine, name).status_code == 200
    for who, wanted in ((mine, theirs), (other, name), (other, theirs)):
        missing = wanted.removeprefix("files/")
        for answer in (got(who, wanted), deleted(who, wanted), got(who, f"{wanted}:download")):
            assert refused(answer, 403) == (
                f"You do not have permission to access the File {missing} or it may not exist."
            )
    for wanted in (name, theirs):
        assert got(reader, wanted).status_code == 200
        assert "files:write" in refused(deleted(reader, wanted), 403)
        assert "may not exist" in refused(deleted(remover, wanted), 403)
    with reader.http() as http:
        files = http.get("/v1beta/files").json()["files"]
    assert {file["name"] for file in files} == {name, theirs}
    with mine.http() as http:
        assert "files:read" in refused(http.get("/v1beta/files"), 403)
    assert deleted(mine, name).status_code == 200
    assert list(stack.upstream_files()).count(theirs) == 1


def test_a_model_call_with_a_token_is_about_files_it_may_read(
    stack: LocalStack, tenant: StackTenant
) -> None:
    mine = page(tenant, scopes=["files:write", "generate"])
    reader = page(tenant, scopes=["files:read", "generate"])
    name, theirs = (upload(who).removeprefix("files/") for who in (mine, tenant))
    stack.run_janitor()

    assert generate(mine, prompt(uri(name))).status_code == 200
    assert "may not exist" in refused(generate(mine, prompt(uri(theirs))), 403)
    assert generate(reader, prompt(uri(theirs))).status_code == 200
    assert "generate" in refused(generate(page(tenant), prompt()), 403)


def test_what_a_token_never_may(stack: LocalStack, tenant: StackTenant) -> None:
    mine = page(tenant, scopes=list(ALL_SCOPES))
    with unchanged(stack, tenant):
        assert "cannot make tokens" in refused(ask(mine, byteBudget=1), 403)
        with mine.http() as http:
            assert "cannot read the tenant's usage" in refused(http.get("/v1/usage"), 403)
            answer = http.post(
                "/v1beta/files:register",
                json={"uris": ["gs://bucket/object"]},
                headers={"authorization": "Bearer mine"},
            )
        assert "cannot register" in refused(answer, 403)


# -- until when


def test_a_token_is_not_worth_more_than_its_key(stack: LocalStack, tenant: StackTenant) -> None:
    reading = stack.registry.issue_key(tenant.id, "reading", stack.now(), [FILES_READ])
    reader = StackTenant(tenant.id, reading, tenant.base_url)

    assert "`files:write` scope" in refused(ask(reader, byteBudget=1), 403)
    assert "`generate` scope" in refused(ask(reader, scopes=["files:read", "generate"]), 403)
    assert ask(reader, scopes=["files:read"]).status_code == 200
    with stack.http() as http:
        assert "unregistered callers" in refused(http.post("/v1/tokens", json={}), 403)


def test_a_token_of_a_revoked_key_is_refused(stack: LocalStack, tenant: StackTenant) -> None:
    # Made and used nowhere yet: no instance remembers the key that the token was made with.
    mine = page(tenant, origin=PAGE, at=PAGE)
    stack.table.update(Update(key_key(tenant.key), "SET #revoked = :yes", values={":yes": True}))

    # Only the files function has seen the key, and may remember it for a minute.
    message = refused(generate(mine, prompt()), 400, status="INVALID_ARGUMENT", origin=PAGE)
    assert message == "API key not valid. Please pass a valid API key."


@pytest.mark.parametrize(
    "fields",
    [{}, {"byteBudget": 0}, {"byteBudget": 5, "ttl": "3601s"}, {"byteBudget": 5, "budget": 5}],
)
def test_what_is_no_request_for_a_token(tenant: StackTenant, fields: dict[str, object]) -> None:
    refused(ask(tenant, **fields), 400, status="INVALID_ARGUMENT")


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "A", lambda _: "fgt_"])
def test_a_token_that_was_touched_is_no_key(
    stack: LocalStack, tenant: StackTenant, change: Callable[[str], str]
) -> None:
    mine = page(tenant)
    mine.key = change(mine.key)
    with unchanged(stack, tenant):
        assert "API key not valid" in refused(start(mine, 1), 400, final=True)


def test_a_page_elsewhere_may_not_use_it(stack: LocalStack, tenant: StackTenant) -> None:
    stolen = page(tenant, at=ELSEWHERE, origin=PAGE)
    with unchanged(stack, tenant):
        message = refused(
            start(stolen, 1), 403, status="PERMISSION_DENIED", final=True, origin=ELSEWHERE
        )
    assert f"A page of '{ELSEWHERE}' may not use" in message
