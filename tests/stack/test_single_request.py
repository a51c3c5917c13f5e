"""A whole file in one request, in every protocol that has one, byte for byte."""

import itertools
import json
import random
from collections.abc import Callable, Mapping

import httpx
import pytest

from local_stack import LocalStack, StackTenant
from refusals import everything_of, refused, settled, usage

MIB = 1024 * 1024
BOUNDARY = "5544332211009988"

Request = tuple[str, dict[str, str], bytes]


def related(metadata: str, content: bytes, content_type: str = "image/png") -> bytes:
    """A body as the older JS SDK writes it (wire 5.1)."""
    head = (
        f"--{BOUNDARY}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{metadata}\r\n"
        f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--".encode()


def of_google_js(content: bytes) -> Request:
    metadata = '{"file":{"mimeType":"image/png","displayName":"d"}}'
    headers = {
        "X-Goog-Upload-Protocol": "multipart",
        "Content-Type": f"multipart/related; boundary={BOUNDARY}",
        "x-goog-api-client": "genai-js/0.24.1",
    }
    return "", headers, related(metadata, content)


def of_google_python(content: bytes) -> Request:
    """google-generativeai with resumable=False: uploadType=multipart (wire 5.3)."""
    head = (
        "--=====1==\r\nContent-Type: application/json\r\nMIME-Version: 1.0\r\n\r\n{}\r\n"
        "--=====1==\r\nContent-Type: image/png\r\nMIME-Version: 1.0\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n"
    )
    body = head.encode() + content + b"\r\n--=====1==--"
    headers = {"content-type": 'multipart/related; boundary="=====1=="'}
    return "?alt=json&uploadType=multipart", headers, body


PROTOCOLS: dict[str, Callable[[bytes], Request]] = {
    "multipart": of_google_js,
    "uploadType=multipart": of_google_python,
    "raw": lambda content: (
        "",
        {
            "X-Goog-Upload-Protocol": "raw",
            "X-Goog-Upload-Header-Content-Type": "image/png",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        content,
    ),
    "upload_protocol=raw": lambda content: (
        "?upload_protocol=raw",
        {"Content-Type": "image/png"},
        content,
    ),
    "uploadType=media": lambda content: (
        "?uploadType=media",
        {"Content-Type": "image/png"},
        content,
    ),
    "plain": lambda content: ("", {"Content-Type": "image/png"}, content),
}

CONTENTS = {
    "empty": b"",
    "one": b"\0",
    "every-byte": bytes(range(256)) * 3,
    "crlf": b"\r\n\r\n--\r\n--" + BOUNDARY[:-1].encode() + b"\r\n" * 500 + b"--" + b"\r" * 9,
    "not-utf8": b"\xff\xfe\xfd" * 1000,
    "json": b'{"file": {"name": "files/x", "sizeBytes": "99"}}',
    "base64": b"QUJD" * 100,
    "gzip-magic": b"\x1f\x8b\x08\x00" + bytes(50),
    "random": random.Random(7).randbytes(100_003),  # noqa: S311 - any bytes, the same each time
}


def post(tenant: StackTenant, request: Request, version: str = "v1beta") -> httpx.Response:
    query, headers, content = request
    with tenant.http() as client:
        return client.post(f"/upload/{version}/files{query}", headers=headers, content=content)


def multipart(tenant: StackTenant, fields: Mapping[str, object], content: bytes) -> httpx.Response:
    headers = {"Content-Type": f"multipart/related; boundary={BOUNDARY}"}
    return post(tenant, ("", headers, related(json.dumps({"file": fields}), content)))


@pytest.mark.parametrize(
    ("protocol", "content"),
    [*itertools.product(PROTOCOLS, CONTENTS)],
)
def test_every_byte_arrives(
    stack: LocalStack, tenant: StackTenant, protocol: str, content: str
) -> None:
    answer = post(tenant, PROTOCOLS[protocol](CONTENTS[content]))
    assert answer.status_code == 200, answer.text
    assert "x-goog-upload-url" not in answer.headers
    file = answer.json()["file"]
    assert file["mimeType"] == "image/png"
    assert settled(stack, tenant, CONTENTS[content]) == file
    with tenant.http() as client:
        assert client.get(f"/v1beta/{file['name']}").json() == file


@pytest.mark.parametrize("protocol", ["multipart", "raw"])
@pytest.mark.parametrize("fill", [b"\0", b"\r\n", b"\r\n--", b"\xff"])
def test_4_mib_fit(stack: LocalStack, tenant: StackTenant, protocol: str, fill: bytes) -> None:
    content = fill * (4 * MIB // len(fill))
    answer = post(tenant, PROTOCOLS[protocol](content))
    assert answer.status_code == 200, answer.text
    settled(stack, tenant, content)


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_every_version_serves(stack: LocalStack, tenant: StackTenant, version: str) -> None:
    assert post(tenant, PROTOCOLS["multipart"](b"abc"), version).status_code == 200
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize(
    "metadata",
    [
        '{"file":{"displayName":"é \\u00e9 \\ud83d\\ude00","mimeType":"text/x-y; a=b"}}',
        '{"file": {"display_name": "é é 😀", "mime_type": "text/x-y; a=b", "size_bytes": 3}}',
        "{'file': {'display_name': 'é é 😀', 'mimeType': 'text/x-y; a=b', 'sizeBytes': '3'}}",
    ],
)
def test_metadata_is_kept(stack: LocalStack, tenant: StackTenant, metadata: str) -> None:
    headers = {"Content-Type": f"multipart/related; boundary={BOUNDARY}"}
    answer = post(tenant, ("", headers, related(metadata, b"abc", "image/gif")))
    assert answer.status_code == 200, answer.text
    file = settled(stack, tenant, b"abc")
    assert file["displayName"] == "é é 😀"
    assert file["mimeType"] == "text/x-y; a=b"
    assert stack.upstream_files()[file["name"]]["displayName"] == "é é 😀"


def test_a_content_type_may_be_missing(stack: LocalStack, tenant: StackTenant) -> None:
    assert post(tenant, ("", {}, b"abc")).status_code == 200
    assert settled(stack, tenant, b"abc")["mimeType"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["files/logo", "logo"])
def test_a_chosen_name_is_kept_and_taken_once(
    stack: LocalStack, tenant: StackTenant, name: str
) -> None:
    file = multipart(tenant, {"name": name}, b"abc").json()["file"]
    assert file["name"].endswith("logo")
    message = refused(multipart(tenant, {"name": name}, b"xyz"), 409, status="ALREADY_EXISTS")
    assert message == "logo already exists."
    settled(stack, tenant, b"abc")


def test_no_content_can_end_a_body_early(stack: LocalStack, tenant: StackTenant) -> None:
    """The boundary towards upstream must not be one that a client can foresee."""
    [own] = everything_of(stack, tenant)
    content = b"x"
    for file_id in (f"{own['tag']}logo", "logo"):
        for prefix in ("filegate-", "", "filegate"):
            content += f"\r\n--{prefix}{file_id}--\r\nabc".encode()
    answer = multipart(tenant, {"name": "files/logo"}, content)
    assert answer.status_code == 200, answer.text
    settled(stack, tenant, content)


def test_a_size_that_was_announced_must_be_true(stack: LocalStack, tenant: StackTenant) -> None:
    for size in (0, 2, 4, "4"):
        refused(multipart(tenant, {"sizeBytes": size}, b"abc"), 400, final=True)
    assert stack.records(tenant) == []
    assert multipart(tenant, {"sizeBytes": "3"}, b"abc").status_code == 200
    settled(stack, tenant, b"abc")


def test_quota_holds(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=10, file=6)
    for protocol in ("multipart", "raw"):
        refused(post(tenant, PROTOCOLS[protocol](b"x" * 7)), 400, final=True)
    assert post(tenant, PROTOCOLS["raw"](b"x" * 6)).status_code == 200
    for protocol in ("multipart", "raw"):
        answer = post(tenant, PROTOCOLS[protocol](b"x" * 5))
        message = refused(answer, 429, status="RESOURCE_EXHAUSTED", final=True)
        assert "4 of 10 bytes are left" in message
    assert stack.available(tenant) == 4


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "status", "status": 400}, 400),
        ({"kind": "status", "status": 401}, 503),
        ({"kind": "status", "status": 403}, 503),
        ({"kind": "status", "status": 404}, 404),
        ({"kind": "status", "status": 429, "retryAfter": "7"}, 429),
        ({"kind": "redirect", "location": "http://127.0.0.1:9/elsewhere"}, 503),
    ],
    ids=str,
)
def test_what_upstream_refuses_gives_its_bytes_back_at_once(
    stack: LocalStack, tenant: StackTenant, fault: Mapping[str, object], code: int
) -> None:
    before = stack.available(tenant)
    # More than once: a refusal of the hidden key is asked about again with the key read anew.
    with stack.fault(fault, times=10, path="/upload/"):
        answer = post(tenant, PROTOCOLS["multipart"](b"abc"))
    refused(answer, code, final=code < 500)
    if "retryAfter" in fault:
        assert answer.headers["retry-after"] == "7"
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before
    assert usage(stack, tenant) == {}
    assert post(tenant, PROTOCOLS["multipart"](b"abc")).status_code == 200
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop-after"},
        {"kind": "malformed-json"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_file_whose_answer_was_lost_is_found(
    stack: LocalStack, tenant: StackTenant, fault: Mapping[str, object]
) -> None:
    content = bytes(range(256))
    with stack.fault(fault, path="/upload/"):
        answer = multipart(tenant, {"name": "files/logo", "displayName": "d"}, content)
    refused(answer, 503, status="UNAVAILABLE", final=False)
    [record] = stack.records(tenant)
    assert (record["state"], record["bytes"]) == ("RESERVED", 256)
    stack.advance(130)
    for _ in range(2):
        stack.run_janitor()
        [record] = stack.records(tenant)
        assert (record["state"], record["bytes"]) == ("STORED", 256)
        assert settled(stack, tenant, content)["displayName"] == "d"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop-before"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_a_file_that_never_arrived_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant, fault: Mapping[str, object]
) -> None:
    before = stack.available(tenant)
    with stack.fault(fault, path="/upload/"):
        answer = post(tenant, PROTOCOLS["raw"](b"abc"))
    refused(answer, {500, 503}, final=False)
    with tenant.http() as client:
        assert client.get("/v1beta/files").json() == {}
    stack.advance(130)
    stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before
    assert usage(stack, tenant) == {}


@pytest.mark.usefixtures("unscheduled")
def test_what_upstream_got_is_the_file_and_nothing_of_the_client(
    stack: LocalStack, tenant: StackTenant
) -> None:
    stack.simulator("DELETE", "/requests")
    query, headers, content = PROTOCOLS["multipart"](b"abc")
    headers = {**headers, "Cookie": "a=b", "Authorization": "Bearer x", "X-Custom": "y"}
    assert post(tenant, (query + f"?key={tenant.key}&alt=proto", headers, content)).is_success
    [request] = stack.simulator("GET", "/requests")["requests"]
    names = {name.lower() for name, _ in request["headers"]}
    assert names.isdisjoint({"cookie", "authorization", "x-custom"})
    assert request["path"] == "/upload/v1beta/files"
    settled(stack, tenant, b"abc")
