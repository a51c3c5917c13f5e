"""Keys, paths, methods and pages that nobody should send: refused in Google's shape, harmlessly."""

import http.client
from urllib.parse import quote, urlsplit

import httpx
import pytest

from filegate.adapters.table import Update
from filegate.tenants import FILES_READ, key_key, tenant_key
from local_stack import LocalStack, StackTenant
from refusals import everything_of, refused, unchanged
from resumable import started

START = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
ROUTES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/v1beta/files", {}),
    ("GET", "/v1beta/files/x", {}),
    ("DELETE", "/v1beta/files/x", {}),
    ("POST", "/upload/v1beta/files", START),
    ("POST", "/upload/v1beta/files", {"X-Goog-Upload-Protocol": "raw"}),
    ("POST", "/resumable/upload/v1beta/files", START),
)


def ask_raw(
    stack: LocalStack, method: str, path: str, key: str, body: bytes | None = None
) -> httpx.Response:
    """Send a path as it is written; httpx and browsers would tidy it up first."""
    where = urlsplit(stack.base_url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port or 80, timeout=60)
    try:
        connection.putrequest(method, path)
        connection.putheader("x-goog-api-key", key)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-goog-api-key": ""},
        {"Authorization": "Bearer {key}"},
        {"Authorization": "{key}"},
        {"Authorization": "Basic e2tleX0="},
        {"Cookie": "x-goog-api-key={key}; key={key}"},
        {"x-api-key": "{key}"},
    ],
)
def test_a_missing_key_is_missing(
    stack: LocalStack, tenant: StackTenant, headers: dict[str, str]
) -> None:
    sent = {name: text.format(key=tenant.key) for name, text in headers.items()}
    with unchanged(stack, tenant), stack.http() as client:
        for method, path, more in ROUTES:
            answer = client.request(method, path, headers={**sent, **more})
            message = refused(answer, 403, status="PERMISSION_DENIED")
            assert "unregistered callers" in message
            assert "upload" not in path or answer.headers["x-goog-upload-status"] == "final"
        answer = client.get(f"/v1beta/files?key=&access_token={tenant.key}")
        refused(answer, 403, status="PERMISSION_DENIED")


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "{key}x",
        "x{key}",
        "{key}{key}",
        "{short}",
        "{upper}",
        "fg_{id}_" + "A" * 43,
        "fg_{other}_" + "A" * 43,
        "{others_secret}",
        "fg__" + "A" * 43,
        "fg_{id}_",
        "fg_-_" + "A" * 43,
        "fg_{id}#TENANT_" + "A" * 43,
        "{key}\tx",
        "{key},{key}",
        "AIzaSyA-thirty-nine-characters-of-a-key",
        "' OR 1=1 --",
        "é",
        "x" * 5_000,
    ],
)
def test_a_wrong_key_is_not_valid(stack: LocalStack, tenant: StackTenant, key: str) -> None:
    other = stack.tenant()
    text = key.format(
        key=tenant.key,
        short=tenant.key[:-1],
        upper=tenant.key.upper(),
        id=tenant.id,
        other=other.id,
        others_secret=f"fg_{tenant.id}_{other.key.rpartition('_')[2]}",
    )
    with unchanged(stack, tenant, other), stack.http() as client:
        for method, path, more in ROUTES:
            keyed = [(b"x-goog-api-key", text.encode())]
            keyed += [(name.encode(), value.encode()) for name, value in more.items()]
            answers = [client.request(method, path, headers=keyed)]
            if len(text) < 1_000:
                answers.append(client.request(method, f"{path}?key={quote(text)}", headers=more))
                # The header goes before the query: a good key there does not mend a bad one here.
                answers.append(client.request(method, f"{path}?key={tenant.key}", headers=keyed))
            for answer in answers:
                refused(answer, 400, status="INVALID_ARGUMENT")
                assert answer.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
                assert "upload" not in path or answer.headers["x-goog-upload-status"] == "final"


def test_a_key_ends(stack: LocalStack, tenant: StackTenant) -> None:
    now = stack.now()
    revoked = stack.registry.issue_key(tenant.id, "revoked", now)
    stack.table.update(Update(key_key(revoked), "SET #revoked = :yes", values={":yes": True}))
    expired = stack.registry.issue_key(tenant.id, "expired", now, expires_at=now - 1)
    ending = stack.registry.issue_key(tenant.id, "ending", now, expires_at=now + 60_000)
    with stack.http() as client:
        assert client.get(f"/v1beta/files?key={ending}").status_code == 200
    stack.advance(61)
    with unchanged(stack, tenant), stack.http() as client:
        for key in (revoked, expired, ending):
            for method, path, more in ROUTES:
                headers = {"x-goog-api-key": key, **more}
                answer = client.request(method, path, headers=headers)
                refused(answer, 400, status="INVALID_ARGUMENT")


def test_a_key_does_what_its_scopes_say(stack: LocalStack, tenant: StackTenant) -> None:
    reading = stack.registry.issue_key(tenant.id, "reading", stack.now(), [FILES_READ])
    nothing = stack.registry.issue_key(tenant.id, "nothing", stack.now(), [])
    with unchanged(stack, tenant), stack.http() as client:
        for method, path, more in ROUTES:
            for key, may in ((reading, method == "GET"), (nothing, False)):
                headers = {"x-goog-api-key": key, **more}
                answer = client.request(method, path, headers=headers)
                if not may:
                    assert "scope" in refused(answer, 403, status="PERMISSION_DENIED")
                elif answer.status_code != 200:
                    assert "may not exist" in refused(answer, 403)


@pytest.mark.parametrize("known", [True, False])
def test_a_suspended_tenant_starts_nothing(
    stack: LocalStack, tenant: StackTenant, known: bool
) -> None:
    with tenant.http() as client:
        if known:
            assert client.get("/v1beta/files").status_code == 200
        suspend = Update(
            tenant_key(tenant.id), "SET #status = :status", values={":status": "SUSPENDED"}
        )
        stack.table.update(suspend)
        before = everything_of(stack, tenant)
        # What is remembered of a tenant lets it read for a minute, but never reserve.
        for method, path, more in ROUTES:
            if not known or "upload" in path:
                answer = client.request(method, path, headers=more)
                assert "suspended" in refused(answer, 403, status="PERMISSION_DENIED")
    assert everything_of(stack, tenant) == before


PATHS = [
    "/",
    "/v1beta",
    "/v1beta/file",
    "/v2/files",
    "/v1beta1/files",
    "/V1/files",
    "/v1/Files",
    "/v1%62eta/files",
    "/%76%31/files",
    "/v1beta/files/x/y",
    "/v1beta/files/x:download",
    "/v1beta/files/x:download?alt=media",
    "/v1beta/files/x:unknown",
    "/v1beta/files/:",
    "/v1beta/files/{id}:",
    "/v1beta/files/{id}:download:x",
    "/v1beta/files/{id}%3Adownload%3A",
    "/v1beta/files:register",
    "/v1beta/files%3Aregister",
    "/v1beta//files",
    "//v1beta/files",
    "/v1beta/files//{id}",
    "/v1beta/./files",
    "/v1beta/../v1beta/files",
    "/v1beta/files/.",
    "/v1beta/files/..",
    "/v1beta/files/%2e%2e",
    "/v1beta/files/%2F",
    "/v1beta/files%2F{id}",
    "/v1beta/files/{id}%2F",
    "/v1beta/files/x%2F..%2F{id}",
    "/v1beta%2Ffiles",
    "/v1beta/files/{id}%00",
    "/v1beta/files/%C3%A9",
    "/v1beta/files/%FF",
    "/v1beta/files/%",
    "/v1beta/files/{id}%0d%0aX-Evil:%201",
    "/v1beta/files/{id};x=1",
    "/v1beta/files/{id},{id}",
    "/v1beta/files/files%2F{id}",
    "/v1beta/files/{id}x",
    "/v1beta/files/{upper}",
    "/v1beta/files/" + "a" * 500,
    "/v1beta/files/<script>",
    "/v1beta/files/{{}}",
    "/v1beta/files/$context.authorizer.uploadId",
    "/v1beta/models/gemini:generateContent",
    "/v1beta/upload/v1beta/files",
    "/upload/v1beta/files/x",
    "/upload/v2/files",
    "/upload/v1beta/sessions",
    "/upload/v1beta/sessions/",
    "/upload/v1beta/sessions/x/y",
    "/download/v1beta/files/{id}:download",
    "/$discovery/rest?version=v1beta",
    "/_simulator/requests",
]


@pytest.fixture(scope="module")
def file_id_and_key(running_stack: LocalStack) -> tuple[str, StackTenant]:
    tenant = running_stack.tenant()
    with tenant.http() as client:
        answer = client.post("/upload/v1beta/files?uploadType=media", content=b"abc")
        name: str = answer.raise_for_status().json()["file"]["name"]
    return name.removeprefix("files/"), tenant


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_none_leads_nowhere(
    stack: LocalStack, file_id_and_key: tuple[str, StackTenant], path: str
) -> None:
    file_id, tenant = file_id_and_key
    written = path.format(id=file_id, upper=file_id.upper())
    with unchanged(stack, tenant):
        for method in ("GET", "DELETE", "POST", "PUT"):
            answer = ask_raw(stack, method, written, tenant.key, b"{}")
            refused(answer)
            assert "x-evil" not in answer.headers
        assert ask_raw(stack, "HEAD", written, tenant.key).status_code in range(400, 500)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1beta/files", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]),
        ("/v1beta/files:register", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]),
        ("/v1beta/files/{id}:download", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]),
        ("/v1beta/files/{id}%3Adownload", ["POST", "PUT", "PATCH", "DELETE"]),
        ("/v1beta/files/{id}", ["POST", "PUT", "PATCH", "TRACE", "PROPFIND"]),
        ("/upload/v1beta/files", ["GET", "PUT", "PATCH", "DELETE"]),
        ("/resumable/upload/v1beta/files", ["GET", "PUT", "PATCH", "DELETE"]),
        ("/upload/v1beta/sessions/x", ["GET", "PATCH", "DELETE"]),
    ],
)
def test_a_method_that_is_none_is_refused(
    stack: LocalStack,
    file_id_and_key: tuple[str, StackTenant],
    path: str,
    methods: list[str],
) -> None:
    file_id, tenant = file_id_and_key
    with unchanged(stack, tenant):
        for method in methods:
            answer = ask_raw(stack, method, path.format(id=file_id), tenant.key, b"{}")
            refused(answer, 404, status="NOT_FOUND")


@pytest.mark.parametrize(
    "size", ["-1", "+1", "1.5", "1e1", "0x1", "x", " 1", "1 ", "٣", "null", "9" * 30, "1,2", "\0"]
)
def test_a_page_size_that_is_none_is_refused(
    stack: LocalStack, file_id_and_key: tuple[str, StackTenant], size: str
) -> None:
    _, tenant = file_id_and_key
    path = f"/v1beta/files?pageSize={quote(size)}"
    answer = ask_raw(stack, "GET", path, tenant.key)
    assert "pageSize" in refused(answer, 400, status="INVALID_ARGUMENT")


@pytest.mark.parametrize(("size", "code"), [("0", 200), ("", 200), ("100", 200), ("101", 200)])
def test_a_page_size_has_bounds(
    stack: LocalStack, file_id_and_key: tuple[str, StackTenant], size: str, code: int
) -> None:
    _, tenant = file_id_and_key
    answer = ask_raw(stack, "GET", f"/v1beta/files?pageSize={size}", tenant.key, b'{"a": 1}')
    assert answer.status_code == code
    assert len(answer.json()["files"]) == 1


@pytest.mark.parametrize(
    "token", ["x", "A" * 100, "%00", "%C3%A9", "%FF", "..", "null", "[]", "A" * 5_000]
)
def test_a_page_token_that_is_none_is_refused(
    stack: LocalStack, file_id_and_key: tuple[str, StackTenant], token: str
) -> None:
    file_id, tenant = file_id_and_key
    for text in (token, file_id):
        answer = ask_raw(stack, "GET", f"/v1beta/files?pageToken={text}", tenant.key)
        assert "page token" in refused(answer, 400, status="INVALID_ARGUMENT")


def test_a_body_where_none_belongs_does_no_harm(tenant: StackTenant) -> None:
    with tenant.http() as client:
        for content in (b"{}", b"\xff\xfe\x00", b"x" * 100_000):
            stored = client.post("/upload/v1beta/files?uploadType=media", content=b"abc")
            name = stored.raise_for_status().json()["file"]["name"]
            got = client.request("GET", f"/v1beta/{name}", content=content)
            assert got.json()["name"] == name
            listed = client.request("GET", "/v1beta/files", content=content)
            assert listed.json()["files"][0]["name"] == name
            gone = client.request("DELETE", f"/v1beta/{name}", content=content)
            assert (gone.status_code, gone.json()) == (200, {})


def test_the_address_of_an_upload_is_not_the_callers_to_choose(
    stack: LocalStack, tenant: StackTenant
) -> None:
    url = started(tenant, 3)
    assert url.startswith(stack.base_url + "/upload/v1beta/sessions/")
    with tenant.http() as client:
        answer = client.post(
            "/upload/v1beta/files",
            headers={
                **START,
                "Host": "evil.example",
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Proto": "gopher",
                "Forwarded": "host=evil.example;proto=gopher",
                "Origin": "https://evil.example",
            },
        )
    for name, value in answer.raise_for_status().headers.items():
        if name == "access-control-allow-origin":
            continue  # Which page may read the answer is another matter (test_cors.py).
        assert "evil" not in value, name
