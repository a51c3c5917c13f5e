"""Requests that are not what they look like: paths, header injection, smuggling, others' hosts.

None is answered with a failure of the gateway's own, none changes anything, none shows the hidden
key, and none makes the gateway speak to any other host than upstream.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from admin_api import HEADER
from local_stack import LocalStack, StackTenant
from model_calls import MODEL, uploaded
from raw_http import RawAnswer, head, send_raw
from refusals import unchanged
from resumable import started
from store_uploads import new_store

STORES = "/v1beta/fileSearchStores"
BASES = [
    *(
        "/v1beta/files/{0}",
        "/v1beta/cachedContents/{0}",
        "/v1beta/batches/{0}",
        "/v1beta/models/{0}",
    ),
    *(f"{STORES}/{{0}}", f"{STORES}/{{0}}/documents", f"{STORES}/x/documents/{{0}}"),
    *(
        f"{STORES}/x/operations/{{0}}",
        f"{STORES}/x/media/{{0}}",
        "/download/v1beta/files/{0}:download",
    ),
    *("/upload/v1beta/sessions/{0}", "/upload/v1beta/{0}", "/{0}/files", "/admin/v1/tenants/{0}"),
    "/upload/v1beta/fileSearchStores/{0}:uploadToFileSearchStore",
]
TRICKS = [
    *(
        "%2F",
        "..",
        "%2e%2e",
        "..%2F..%2Ffiles",
        "../files",
        "./x",
        "/",
        "//x",
        ";x=1",
        "x;y",
        "%3B",
    ),
    *("%3A", "x%3Adelete", ":", "::", "%00", "x%00y", "%0d%0aX-Evil:%201", "%0A", "%C3%A9", "%FF"),
    *(
        "%EF%BC%8E%EF%BC%8E",
        "%E2%80%AE",
        "%ED%A0%80",
        "%",
        "%zz",
        "%25%32%46",
        "%252F",
        "\\",
        "%5C",
    ),
    *("a" * 2_000, "%61" * 1_000, "x%20y", "x+y", "*", "~", "{{id}}", "$context.identity", "<b>"),
    *("x?key=a%26b", "x%3Fkey=y", "x%23y", "@evil.example", "http:%2F%2Fevil.example"),
]


def harmless(stack: LocalStack, answer: RawAnswer) -> None:
    """Check an answer to what nobody should send."""
    assert answer.data, "no answer at all"
    first = answer.first
    assert 300 < first.status_code < 500, answer.data[:300]
    assert "x-evil" not in first.headers
    assert stack.upstream_key().encode() not in answer.data
    if first.status_code != 302 and b'{"message": "Bad Request"}' not in answer.data:
        assert set(first.json()) == {"error"}, answer.data[:300]
        assert first.json()["error"]["status"]


@pytest.mark.parametrize("base", BASES)
def test_a_path_that_plays_tricks_leads_nowhere(
    stack: LocalStack, tenant: StackTenant, base: str
) -> None:
    keyed = (f"x-goog-api-key: {tenant.key}", "Content-Length: 2")
    with unchanged(stack, tenant):
        for number, trick in enumerate(TRICKS):
            for method in ("GET", "DELETE" if number % 2 else "POST"):
                line = f"{method} {base.format(trick)} HTTP/1.1"
                answer = send_raw(stack, head(stack, line, *keyed) + b"{}")
                if answer.first.status_code == 200:
                    # A dot segment can lead to a list of the tenant's own.
                    assert method == "GET"
                    assert tenant.id not in answer.data.decode("latin-1")
                    continue
                harmless(stack, answer)


LINES = [
    "X-A: b\nX-Evil: 1",
    "X-A: b\rX-Evil: 1",
    "X-A: b\0c",
    "X-A: b\r\n X-Evil: 1",
    "X-A: b\r\n\tX-Evil: 1",
    " X-A: b",
    "X-A : b",
    "X A: b",
    ": b",
    "X-A",
    "X-\xe9: b",
    "X-A: " + "b" * 12_000,
    "\r\nX-Evil: 1",
    "x-goog-api-key\0: x",
    "x-goog-api-key: {key}\r\n x-goog-api-key: x",
    "Content-Length: 0\0",
    "Origin: https://a.example\tX-Evil: 1",
    "X-Goog-Upload-Command: start\x0bx",
]


@pytest.mark.parametrize("line", LINES)
def test_a_header_that_is_two_is_refused_or_one(
    stack: LocalStack, tenant: StackTenant, line: str
) -> None:
    headers = ("X-Goog-Upload-Protocol: resumable", "X-Goog-Upload-Command: nothing")
    sent = head(stack, "POST /upload/v1beta/files HTTP/1.1", line.format(key="x"), *headers)
    with unchanged(stack, tenant):
        harmless(stack, send_raw(stack, sent))


POST = "POST /upload/v1beta/files?uploadType=media HTTP/1.1"
SECOND = "GET /v1beta/files?smuggled=canary HTTP/1.1\r\nHost: x\r\nx-goog-api-key: {key}\r\n\r\n"


def _smuggling(key: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """Requests whose end two parsers see in two places: their headers, and what follows them."""
    second = SECOND.format(key=key)
    chunked = "Transfer-Encoding: chunked"
    return {
        "CL and TE": (("Content-Length: 4", chunked), f"0\r\n\r\n{second}"),
        "TE and CL": ((chunked, "Content-Length: 4"), f"5c\r\n{second}\r\n0\r\n\r\n"),
        "two CL": (("Content-Length: 0", "Content-Length: 5"), f"abcde{second}"),
        "CL list": (("Content-Length: 0, 5",), f"abcde{second}"),
        "CL +": (("Content-Length: +5",), f"abcde{second}"),
        "CL -": (("Content-Length: -1",), second),
        "CL hex": (("Content-Length: 0x5",), f"abcde{second}"),
        "CL unicode": (("Content-Length: \xb2",), f"ab{second}"),
        "CL long": (("Content-Length: " + "9" * 400,), second),
        "TE twice": ((chunked, "Transfer-Encoding: identity"), f"0\r\n\r\n{second}"),
        "TE unknown": (("Transfer-Encoding: xchunked",), f"0\r\n\r\n{second}"),
        "TE with blank": (("Transfer-Encoding : chunked",), f"0\r\n\r\n{second}"),
        "TE folded": (("Transfer-Encoding:\r\n chunked",), f"0\r\n\r\n{second}"),
        "chunk of junk": ((chunked,), f"zz\r\nabc\r\n0\r\n\r\n{second}"),
        "chunk below zero": ((chunked,), f"-1\r\nabc\r\n0\r\n\r\n{second}"),
        "chunk too long": ((chunked,), f"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n{second}"),
        "chunk with underscore": ((chunked,), f"0_3\r\nabc\r\n0\r\n\r\n{second}"),
        "chunk without its end": ((chunked,), f"3\r\nabcX\r\n0\r\n\r\n{second}"),
    }


@pytest.mark.parametrize("shape", sorted(_smuggling("")))
def test_no_request_hides_behind_another(
    stack: LocalStack, tenant: StackTenant, shape: str
) -> None:
    """The outer request has no key: whatever of it is read changes nothing."""
    headers, rest = _smuggling(tenant.key)[shape]
    with unchanged(stack, tenant):
        answer = send_raw(stack, head(stack, POST, *headers) + rest.encode("latin-1"))
        assert answer.count <= 1, answer.data
        if answer.data:
            harmless(stack, answer)
        assert b"nextPageToken" not in answer.data
        assert b'"files"' not in answer.data


def test_bare_line_feeds_end_no_header(stack: LocalStack, tenant: StackTenant) -> None:
    sent = (
        f"GET /v1beta/files HTTP/1.1\nHost: x\nConnection: close\nx-goog-api-key: {tenant.key}\n\n"
    )
    with unchanged(stack, tenant):
        answer = send_raw(stack, sent.encode())
        assert answer.count == 1
        assert answer.first.status_code in {200, 400}
        assert tenant.key.encode() not in answer.data


@contextlib.contextmanager
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """A host that is not upstream: its address, and what connects to it."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        seen.append(connection.recv(1_000))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", seen
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_no_url_of_a_callers_is_ever_called(stack: LocalStack, tenant: StackTenant) -> None:
    file_id, store = uploaded(tenant), new_store(tenant)
    session = started(tenant, 3).removeprefix(stack.base_url)
    with elsewhere() as (host, seen), tenant.http() as http:
        urls = [
            f"http://{host}/x",
            f"https://{host}/x",
            f"//{host}/x",
            f"http://{host}/files/{file_id}",
        ]
        urls += [
            f"http://{host}/v1beta/files/{file_id}:download",
            f"gs://{host}/x",
            f"file://{host}/x",
        ]
        urls += [f"http://generativelanguage.googleapis.com@{host}/v1beta/files/{file_id}"]
        urls += [f"http://{host}#@generativelanguage.googleapis.com/v1beta/files/{file_id}"]
        for url in urls:
            part = {"fileData": {"fileUri": url, "mimeType": "text/plain"}}
            prompt = {"contents": [{"parts": [part]}], "webhook": {"uri": url}}
            requests: list[tuple[str, object]] = [
                (f"/v1beta/models/{MODEL}:generateContent", prompt),
                (f"/v1beta/models/{MODEL}:countTokens", prompt),
                ("/v1beta/cachedContents", {"model": f"models/{MODEL}", **prompt}),
                (
                    f"/v1beta/models/{MODEL}:batchGenerateContent",
                    {"batch": {"inputConfig": {"fileName": url}, "webhookConfig": {"uris": [url]}}},
                ),
                ("/v1beta/files:register", {"uris": [url]}),
                (f"/v1beta/{store}:importFile", {"fileName": url}),
                ("/v1beta/files", {"file": {"displayName": "x", "uri": url, "downloadUri": url}}),
            ]
            for path, body in requests:
                headers = {"authorization": "Bearer canary"} if "register" in path else {}
                answer = http.post(path, json=body, headers=headers)
                assert answer.status_code < 500, answer.text
                assert stack.upstream_key() not in answer.text
            steering = {
                "Host": host,
                "X-Forwarded-Host": host,
                "X-Forwarded-Proto": "http",
                "Referer": url,
                "X-Original-URL": url,
                "X-Goog-Upload-URL": url,
                "Origin": f"http://{host}",
            }
            for method, path in (
                ("GET", f"/v1beta/files/{file_id}?alt=media&redirect_uri={url}"),
                ("GET", f"/v1beta/files/{file_id}:download?alt=media"),
                ("GET", f"/download/v1beta/files/{file_id}:download?alt=media"),
                ("POST", session + "?upload_url=" + url),
            ):
                answer = http.request(method, path, headers=steering)
                assert answer.status_code < 500, answer.text
                assert host not in answer.headers.get("location", "")
        for line in (
            f"GET http://{host}/v1beta/files HTTP/1.1",
            f"CONNECT {host} HTTP/1.1",
            f"GET //{host}/v1beta/files HTTP/1.1",
        ):
            answered = send_raw(stack, head(stack, line, f"x-goog-api-key: {tenant.key}"))
            assert not answered.data or answered.first.status_code < 500
        assert seen == []


@pytest.mark.parametrize(
    "location", ["http://{host}/x", "//{host}/x", "https:{host}/x", "gopher:x"]
)
def test_no_redirect_of_upstreams_leads_elsewhere(
    stack: LocalStack, tenant: StackTenant, location: str
) -> None:
    """Upstream answers each kind of call with a redirect: nobody follows, nobody is told where."""
    file_id, store = uploaded(tenant), new_store(tenant)
    session = started(tenant, 3).removeprefix(stack.base_url)
    prompt = {"contents": [{"parts": [{"text": "x"}]}]}
    with elsewhere() as (host, seen), tenant.http() as http:
        fault = {"kind": "redirect", "location": location.format(host=host)}
        for method, path, body in (
            ("POST", "/v1beta/files", {"file": {}}),
            ("POST", "/upload/v1beta/files?uploadType=media", {}),
            ("DELETE", f"/v1beta/files/{file_id}", None),
            ("POST", "/v1beta/files:register", {"uris": ["gs://b/o"]}),
            ("GET", "/v1beta/models", None),
            ("POST", f"/v1beta/models/{MODEL}:generateContent", prompt),
            ("POST", f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse", prompt),
            ("POST", "/v1beta/cachedContents", {"model": f"models/{MODEL}", **prompt}),
            ("POST", STORES, {}),
            ("GET", f"/v1beta/{store}/documents", None),
            ("POST", f"/v1beta/{store}:importFile", {"fileName": f"files/{file_id}"}),
            ("POST", f"/upload/v1beta/{store}:uploadToFileSearchStore?uploadType=media", {}),
            ("POST", session, None),
        ):
            headers = {"authorization": "Bearer canary"} if "register" in path else {}
            if path == session:
                headers = {"X-Goog-Upload-Command": "query"}
            with stack.fault(fault, times=9):
                answer = http.request(method, path, json=body, headers=headers)
            assert answer.status_code in {502, 503}, (path, answer.status_code, answer.text)
            assert "location" not in answer.headers
            assert host not in answer.text
        assert seen == []


def test_two_types_of_one_body_are_one_too_many(stack: LocalStack, tenant: StackTenant) -> None:
    """By raw sockets, as no HTTP library sends them: one header twice, and one with two values."""
    bodies = {
        "/upload/v1beta/files?uploadType=media": b"abc",
        STORES: b"{}",
        "/v1beta/files": b"{}",
        "/v1beta/tokens": b'{"byteBudget": 1}',
        f"/v1beta/models/{MODEL}:generateContent": b"{}",
        started(tenant, 3).removeprefix(stack.base_url): b"abc",
    }
    twice = [("Content-Type: a/b", "Content-Type: c/d"), ("Content-Type: a/b", "content-type: a/b")]
    with unchanged(stack, tenant):
        for path, body in bodies.items():
            for types in twice:
                sent = head(
                    stack,
                    f"POST {path} HTTP/1.1",
                    f"x-goog-api-key: {tenant.key}",
                    "X-Goog-Upload-Command: upload, finalize",
                    "X-Goog-Upload-Protocol: raw",
                    "X-Goog-Upload-Offset: 0",
                    f"Content-Length: {len(body)}",
                    *types,
                )
                answer = send_raw(stack, sent + body)
                assert answer.count == 1
                assert answer.first.status_code == 400, (path, answer.data)


def test_a_missing_project_key_is_told_the_operator_and_keeps_no_other_from_being_compared(
    stack: LocalStack,
) -> None:
    good, bad = stack.project(), stack.project()
    unusable, key = stack.project(), str(stack.ready["admin_key"])
    stack.secrets.delete_secret(SecretId=f"local/projects/{bad}", ForceDeleteWithoutRecovery=True)
    stack.secrets.put_secret_value(SecretId=f"local/projects/{unusable}", SecretString="schlüssel")
    with stack.http() as client:
        for project in (bad, unusable):
            path = f"/admin/v1/projects/{project}:reconcile"
            answer = client.post(path, headers={HEADER: key}, content=b"{}")
            error = answer.json()["error"]
            assert (answer.status_code, error["status"]) == (400, "FAILED_PRECONDITION"), error
            assert project in error["message"]
            assert f"local/projects/{project}" in error["message"]
            assert ":reconcile" in error["message"]
        run = stack.invoke("ReconcilerFunction")
        assert run["error"]["errorType"] == "ProjectsNotCompared"
        named = set(run["error"]["errorMessage"].split())
        assert {bad, unusable} <= named
        assert good not in named
        path = f"/admin/v1/projects/{good}/reconciliation"
        report = client.get(path, headers={HEADER: key})
        assert report.status_code == 200, report.text
