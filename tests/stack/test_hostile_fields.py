"""Fields given twice, values that cannot be sent on, page tokens of other lists, odd ids."""

import gzip
import json
from collections.abc import Sequence

import httpx
import pytest

from admin_api import HEADER
from local_stack import LocalStack, StackTenant
from model_calls import MODEL, uploaded
from raw_http import head, send_raw
from refusals import refused, unchanged
from resumable import started
from store_uploads import new_store

Pairs = Sequence[tuple[str, str]]
START = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
UPLOAD = "/upload/v1beta/files"
REGISTER = "/v1beta/files:register"
TOKEN = "ya29.canary-of-a-google-token"
LISTS = ["files", "fileSearchStores", "cachedContents", "batches"]


def ask(
    stack: LocalStack, method: str, path: str, headers: Pairs, content: bytes = b""
) -> httpx.Response:
    """Send headers in their order, several of one name too."""
    with stack.http() as client:
        answer = client.request(
            method,
            path,
            headers=[(name.encode(), text.encode()) for name, text in headers],
            content=content,
        )
    assert stack.upstream_key() not in answer.text
    return answer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1beta/files"),
        ("GET", "/v1beta/files/x"),
        ("DELETE", "/v1beta/files/x"),
        ("POST", UPLOAD),
        ("POST", "/v1beta/tokens"),
        ("GET", "/v1beta/fileSearchStores"),
        ("POST", "/v1beta/fileSearchStores"),
        ("GET", "/v1/usage"),
    ],
)
def test_two_keys_are_one_too_many(
    stack: LocalStack, tenant: StackTenant, method: str, path: str
) -> None:
    other = stack.tenant()
    with unchanged(stack, tenant, other):
        for first, second in ((tenant, other), (other, tenant), (tenant, tenant)):
            for name in ("x-goog-api-key", "X-Goog-Api-Key"):
                headers = [("x-goog-api-key", first.key), (name, second.key), *START.items()]
                answer = ask(stack, method, path, headers)
                assert "x-goog-api-key" in refused(answer, 400, status="INVALID_ARGUMENT")
                assert first.key not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/files?key={key}&key={key}",
        "/v1beta/files?key={key}&pageSize=1&pageSize=2",
        "/v1beta/files?key={key}&pageSize=1&page_size=1",
        "/v1beta/files?key={key}&pageToken=&pageToken=x",
        "/v1beta/fileSearchStores?key={key}&pageToken=x&pageToken=y",
        "/v1beta/models?key={key}&key={other}",
        "/v1beta/models?key={key}&pageSize=1&pageSize=1",
        "/v1beta/cachedContents?key={key}&pageToken=x&pageToken=y",
        "/v1/usage?key={key}&by=hour&by=day",
    ],
)
def test_a_parameter_given_twice_is_refused(
    stack: LocalStack, tenant: StackTenant, path: str
) -> None:
    other = stack.tenant()
    answer = ask(stack, "GET", path.format(key=tenant.key, other=other.key), [])
    assert "given twice" in refused(answer, 400, status="INVALID_ARGUMENT")


def test_an_upload_says_once_how_it_comes(stack: LocalStack, tenant: StackTenant) -> None:
    key = ("x-goog-api-key", tenant.key)
    with unchanged(stack, tenant):
        for path, headers in (
            (f"{UPLOAD}?uploadType=media&uploadType=multipart", []),
            (f"{UPLOAD}?uploadType=media&upload_id=a&upload_id=b", []),
            (UPLOAD, [*START.items(), ("x-goog-upload-protocol", "raw")]),
            (UPLOAD, [*START.items(), ("X-Goog-Upload-Command", "start")]),
        ):
            answer = ask(stack, "POST", path, [key, *headers], b"abc")
            assert "given twice" in refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    "twice",
    [
        "x-goog-api-key",
        "X-Goog-Upload-Offset",
        "X-Goog-Upload-Command",
        "upload_id",
    ],
)
def test_a_chunk_says_once_what_it_is(stack: LocalStack, tenant: StackTenant, twice: str) -> None:
    url = started(tenant, 3).removeprefix(stack.base_url)
    usual = {
        "x-goog-api-key": tenant.key,
        "X-Goog-Upload-Command": "upload, finalize",
        "X-Goog-Upload-Offset": "0",
        "Content-Type": "text/plain",
    }
    with unchanged(stack, tenant):
        for other in ("0", "upload", usual.get(twice, "x")):
            headers = list(usual.items())
            path = url
            if twice == "upload_id":
                path = f"{url}?upload_id=a&upload_id={other}"
            else:
                headers.append((twice.lower(), other))
            answer = ask(stack, "POST", path, headers, b"abc")
            message = refused(answer, range(400, 404), final=True)
            assert twice.lower() in message.lower()
    assert ask(stack, "POST", url, list(usual.items()), b"abc").status_code == 200


def test_two_types_are_one_too_many(stack: LocalStack, tenant: StackTenant) -> None:
    """The server of the stand-in takes no second one; one that does is told as of any field."""
    headers = [("x-goog-api-key", tenant.key), ("content-type", "a/b"), ("Content-Type", "c/d")]
    session = started(tenant, 3).removeprefix(stack.base_url)
    with unchanged(stack, tenant):
        for path in (f"{UPLOAD}?uploadType=media", session, "/v1beta/fileSearchStores"):
            assert ask(stack, "POST", path, headers, b"abc").status_code == 400


def test_the_admin_key_comes_once(stack: LocalStack) -> None:
    key = str(stack.ready["admin_key"])
    for headers in ([(HEADER, key), (HEADER, "x")], [(HEADER, "x"), (HEADER.upper(), key)]):
        answer = ask(stack, "GET", "/admin/v1/tenants", headers)
        assert answer.status_code == 400
        assert "given twice" in answer.json()["error"]["message"]
    answer = ask(stack, "GET", "/admin/v1/tenants?pageSize=1&pageSize=2", [(HEADER, key)])
    assert answer.status_code == 400


def test_what_proxies_add_twice_passes(stack: LocalStack, tenant: StackTenant) -> None:
    added = [("Accept", "a/b"), ("accept", "*/*"), ("Via", "1.1 a"), ("Via", "1.1 b")]
    added += [("Forwarded", "for=1.2.3.4"), ("Forwarded", "for=5.6.7.8")]
    added += [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "5.6.7.8")]
    headers = [("x-goog-api-key", tenant.key), *added]
    for path in ("/v1beta/files", "/v1beta/fileSearchStores", "/v1beta/models"):
        assert ask(stack, "GET", path, headers).status_code == 200
    assert ask(stack, "POST", UPLOAD, [*headers, *START.items()]).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
def test_an_encoded_body_is_refused(stack: LocalStack, tenant: StackTenant, encoding: str) -> None:
    headers = [("x-goog-api-key", tenant.key), ("Content-Encoding", encoding)]
    body = gzip.compress(b"{}")
    with unchanged(stack, tenant):
        for path in (
            f"{UPLOAD}?uploadType=media",
            "/v1beta/fileSearchStores",
            f"/v1beta/models/{MODEL}:generateContent",
        ):
            message = refused(ask(stack, "POST", path, headers, body), 400)
            assert "Content-Encoding" in message


@pytest.mark.usefixtures("unscheduled")
@pytest.mark.parametrize(
    "value",
    [
        b"Bearer \xc3\xa9canary",
        b"Bearer \xffcanary",
        b"Bearer can\x01ary",
        b"Bearer canary canary",
        b"Bearer canary\tx",
        b'Bearer "canary"',
        b"Bearer =canary",
        b"Bearer canary,canary",
    ],
)
def test_a_google_token_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, value: bytes
) -> None:
    stack.simulator("DELETE", "/requests")
    body = json.dumps({"uris": ["gs://bucket/x"]}).encode()
    with unchanged(stack, tenant), stack.http() as client:
        answer = client.post(
            REGISTER,
            content=body,
            headers=[(b"x-goog-api-key", tenant.key.encode()), (b"authorization", value)],
        )
        if b"\x01" not in value:  # The stand-in itself takes no such header.
            refused(answer, 401, status="UNAUTHENTICATED")
        assert answer.status_code in {400, 401}
        assert "canary" not in answer.text
    assert stack.simulator("GET", "/requests")["requests"] == []
    logged = "".join(path.read_text(errors="replace") for path in stack.logs.rglob("*.log"))
    assert "canary" not in logged.replace("canary-of", "")


def test_a_quota_project_that_is_none_is_refused(stack: LocalStack, tenant: StackTenant) -> None:
    body = json.dumps({"uris": ["gs://bucket/x"]}).encode()
    for project in ("é", "a b", "a" * 200, "a,b"):
        headers = [("x-goog-api-key", tenant.key), ("authorization", f"Bearer {TOKEN}")]
        answer = ask(stack, "POST", REGISTER, [*headers, ("x-goog-user-project", project)], body)
        refused(answer, 400, status="INVALID_ARGUMENT")


def test_a_page_token_opens_its_own_list_alone(stack: LocalStack, tenant: StackTenant) -> None:
    other = stack.tenant()
    with tenant.http() as http, other.http() as stranger:
        uploaded(tenant)
        uploaded(tenant)
        stores = [new_store(tenant), new_store(tenant)]
        for store in stores:
            for _ in range(2):
                path = f"/v1beta/{store}:uploadToFileSearchStore"
                http.post(path, json={"displayName": "d"}).raise_for_status()
        tokens = {
            path: http.get(f"/v1beta/{path}?pageSize=1").json()["nextPageToken"]
            for path in ("files", "fileSearchStores", *(f"{store}/documents" for store in stores))
        }
        for made, token in tokens.items():
            for path in {*LISTS, *tokens}:
                answer = http.get(f"/v1beta/{path}?pageSize=1&pageToken={token}")
                if path == made:
                    assert answer.status_code == 200, answer.text
                else:
                    assert "page token" in refused(answer, 400)
            if made in LISTS:
                refused(stranger.get(f"/v1beta/{made}?pageToken={token}"), 400)
            for broken in (token[:-1], token[:20], token + "A", "A" + token, token.swapcase()):
                refused(http.get(f"/v1beta/{made}?pageToken={broken}"), 400)


def test_a_page_token_of_the_admin_api_goes_with_its_filters(stack: LocalStack) -> None:
    stack.tenant()
    key = [(HEADER, str(stack.ready["admin_key"]))]
    path = "/admin/v1/tenants?pageSize=1"
    token = ask(stack, "GET", path, key).json()["nextPageToken"]
    assert ask(stack, "GET", f"{path}&pageToken={token}", key).status_code == 200
    for elsewhere in ("projects", "ledger", "audit", "usage"):
        answer = ask(stack, "GET", f"/admin/v1/{elsewhere}?pageToken={token}", key)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("odd", ["x" * 1_500, "x" * 5_000, "%00", "%ED%A0%80", "a%00b", "%FF"])
def test_odd_ids_are_nobodys(stack: LocalStack, tenant: StackTenant, odd: str) -> None:
    store = "/v1beta/fileSearchStores"
    key, admin = [("x-goog-api-key", tenant.key)], [(HEADER, str(stack.ready["admin_key"]))]
    with unchanged(stack, tenant):
        for path in (
            *(f"/v1beta/files/{odd}", f"/v1beta/cachedContents/{odd}", f"/v1beta/batches/{odd}"),
            *(f"{store}/{odd}", f"{store}/{odd}/documents", f"{store}/{odd}/documents/{odd}"),
            *(f"{store}/{odd}/operations/{odd}", f"{store}/{odd}/upload/operations/{odd}"),
            *(f"{store}/{odd}/media/{odd}", f"/v1beta/models/{odd}"),
            f"/download/v1beta/files/{odd}:download",
            f"/download/v1beta/files/x:download?grant={odd}",
            f"/v1beta/files?pageToken={odd}",
        ):
            for method in ("GET", "DELETE"):
                refused(ask(stack, method, path, key))
        for method, path in (
            ("GET", f"tenants/{odd}"),
            ("DELETE", f"tenants/{odd}"),
            ("GET", f"tenants/{odd}/keys"),
            ("POST", f"tenants/{tenant.id}/keys/{odd}:revoke"),
            ("POST", f"tenants/{tenant.id}/keys/{odd}:rotate"),
            ("GET", f"projects/{odd}"),
            ("POST", f"projects/{odd}:reconcile"),
            ("GET", f"usage?tenant={odd}"),
            ("GET", f"audit?subject={odd}"),
        ):
            answer = ask(stack, method, f"/admin/v1/{path}", admin)
            assert answer.status_code in range(400, 500), answer.text
            assert answer.json()["error"]["message"]


def test_half_a_character_is_refused_in_words(stack: LocalStack, tenant: StackTenant) -> None:
    path = f"/v1beta/models/{MODEL}:generateContent"
    key = [("x-goog-api-key", tenant.key)]
    for body in (
        rb'{"\ud800": {"fileUri": "ftp://x"}}',
        rb'{"contents": [{"fileUri": "\ud800/files/x"}]}',
        rb'{"cachedContent": "\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": ' + b"9" * 100_000 + b"}",
    ):
        refused(ask(stack, "POST", path, key, body))
        refused(ask(stack, "POST", "/v1beta/fileSearchStores", key, body[:60_000]), 400)
    for value in (b"\xff", b"\xed\xa0\x80"):
        request = head(stack, "GET /admin/v1/tenants HTTP/1.1")[:-2]
        answer = send_raw(stack, request + HEADER.encode() + b": " + value + b"\r\n\r\n").first
        assert answer.status_code == 401, answer.text
