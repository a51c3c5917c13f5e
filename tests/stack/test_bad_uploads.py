"""Upload requests that make no sense: refused before a byte is reserved or sent upstream."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from local_stack import LocalStack, StackTenant
from refusals import everything_of, refused, unchanged
from store_uploads import new_store

START = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
MIB = 1024 * 1024


def post(
    tenant: StackTenant,
    content: bytes | str = b"",
    headers: Mapping[str, str] = START,
    query: str = "",
) -> httpx.Response:
    with tenant.http() as client:
        sent = [(name.encode(), text.encode()) for name, text in headers.items()]
        return client.post(f"/upload/v1beta/files{query}", content=content, headers=sent)


def multipart(tenant: StackTenant, metadata: bytes, content_type: str) -> httpx.Response:
    body = (
        b"--B\r\nContent-Type: application/json\r\n\r\n" + metadata + b"\r\n--B\r\n"
        b"Content-Type: " + content_type.encode() + b"\r\n\r\nabc\r\n--B--"
    )
    return post(tenant, body, {"Content-Type": "multipart/related; boundary=B"})


def file(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps({"file": fields})


BODIES: list[bytes | str] = [
    "{",
    "}",
    "[]",
    '[{"file": {}}]',
    '"file"',
    "1",
    "null",
    "true",
    "file=x",
    "--",
    '{"file": {}} {}',
    '{"file": []}',
    '{"file": "x"}',
    '{"file": 1}',
    '{"file": {"name": "x"',
    *(file(**{field: value}) for field in ("name", "displayName", "mimeType", "display_name")
      for value in (1, 1.5, True, [], ["x"], {}, {"a": "b"})),
    file(displayName="x" * 600),
    file(display_name="é" * 513),
    '{"file": {"displayName": "\\ud800"}}',
    '{"file": {"name": "x\\udfff"}}',
    '{"file": {"mimeType": "text/\\ud800"}}',
    b"\xff\xfe",
    b'{"file": {"displayName": "\xff"}}',
    '{"file": {}}'.encode("utf-16"),
    b"\xef\xbb\xbf{}",
    b"\x00",
    '{"file":' * 8_000 + "1" + "}" * 8_000,
    '{"file": {"x": ' + "[" * 20_000 + "]" * 20_000 + "}}",
    "[" * 60_000,
    "-" * 60_000 + "1",
    "(" * 90 + ")" * 90,
    "1" * 60_000,
    file(displayName="x" * 100_000),
    file(x="x" * 3 * MIB),
    "{'file': {'displayName': b'x'}}",
    "{'file': {'name': b'x'}}",
    "{'file': {'displayName': ('x',)}}",
    "{'file': {'displayName': f'x'}}",
    "{'file': {'displayName': str(1)}}",
    "{'file': {'sizeBytes': 1+2j}}",
    "{'file', 'name'}",
    "__import__('os').getpid()",
    "lambda: 0",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body)[:40])
def test_metadata_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, body: bytes | str
) -> None:
    content = body.encode() if isinstance(body, str) else body
    with unchanged(stack, tenant):
        refused(post(tenant, content), 400, status="INVALID_ARGUMENT", final=True)
        answer = multipart(tenant, content, "text/plain")
        refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    "size",
    [
        *("-1", '"-1"', "1.5", '"1.5"', '"1e3"', '"0x10"', "0x10", "0b1", "0o7", "1_000"),
        *('"1_000"', "true", "[]", "[1]", "{}", '""', '" 1"', '"1 "', '"1,000"', '"x"', '"null"'),
        *('"NaN"', "NaN", "Infinity", "-Infinity", "1e400", '"\\uff11"', '"٣"'),
        str(2**63),
        f'"{2**63}"',
        str(2**64),
        "9" * 30,
        "9" * 5_000,
        f'"{"9" * 30}"',
        str(2**31 + 1),
        f'"{2**31 + 1}"',
    ],
    ids=lambda size: size[:20],
)
def test_a_size_that_is_none_is_refused(stack: LocalStack, tenant: StackTenant, size: str) -> None:
    with unchanged(stack, tenant):
        for body in (
            f'{{"file": {{"sizeBytes": {size}}}}}',
            f"{{'file': {{'size_bytes': {size}}}}}",
        ):
            refused(post(tenant, body), 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    "size", ["-1", "+1", "1.5", "1e3", "0x10", "x", "1,000", "1 2", "٣", "9" * 30, "1_0", "null"]
)
def test_an_announced_length_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, size: str
) -> None:
    with unchanged(stack, tenant):
        answer = post(tenant, "{}", {**START, "X-Goog-Upload-Header-Content-Length": size})
        message = refused(answer, 400, status="INVALID_ARGUMENT", final=True)
    assert "X-Goog-Upload-Header-Content-Length" in message


@pytest.mark.parametrize("size", [2**31 + 1, 2**40, 2**63 - 1, 2**63, 10**19 - 1])
def test_more_than_a_file_may_have_is_refused(
    stack: LocalStack, tenant: StackTenant, size: int
) -> None:
    with unchanged(stack, tenant):
        answer = post(tenant, "{}", {**START, "X-Goog-Upload-Header-Content-Length": str(size)})
        assert "too large" in refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    ("announced", "fields"),
    [
        ("5", '"sizeBytes": 6'),
        ("5", '"size_bytes": "6"'),
        ("0", '"sizeBytes": "1"'),
        ("5", '"sizeBytes": 5, "size_bytes": 6'),
        ("", '"sizeBytes": 5, "size_bytes": 6'),
    ],
)
def test_sizes_must_not_contradict_each_other(
    stack: LocalStack, tenant: StackTenant, announced: str, fields: str
) -> None:
    with unchanged(stack, tenant):
        headers = {**START, "X-Goog-Upload-Header-Content-Length": announced}
        answer = post(tenant, f'{{"file": {{{fields}}}}}', headers)
        refused(answer, 400, status="INVALID_ARGUMENT", final=True)
        answer = multipart(tenant, f'{{"file": {{{fields}}}}}'.encode(), "text/plain")
        refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    "name",
    [
        "files/",
        "UPPER",
        "a.b",
        "a/b",
        "files/a/b",
        "files/files/a",
        "Files/a",
        "-a",
        "a-",
        "-",
        "a_b",
        " a",
        "a ",
        "a\n",
        "a\r\nX-Evil: 1",
        "a\0",
        "é",
        "٣",
        "a:download",
        "a%2Fb",
        "..",
        "../a",
        "models/a",
        "{tag}",
        "a" * 33,
        "a" * 41,
        "a" * 1_024,
        "a" * 2_000,
    ],
)
def test_a_name_that_is_none_is_refused(stack: LocalStack, tenant: StackTenant, name: str) -> None:
    with unchanged(stack, tenant):
        for spelling in {name, f"files/{name}"}:
            refused(post(tenant, file(name=spelling)), 400, status="INVALID_ARGUMENT", final=True)
            answer = multipart(tenant, file(name=spelling).encode(), "text/plain")
            refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    "mime_type",
    [
        "text",
        "/",
        "text/",
        "/plain",
        "text/plain\r\nX-Evil: 1",
        "text/plain\n",
        "text/plain\0",
        "text/\x7f",
        "tëxt/plain",
        "text/plain; name=é",
        "x" * 300 + "/y",
    ],
)
def test_a_mime_type_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, mime_type: str
) -> None:
    with unchanged(stack, tenant):
        answers = [post(tenant, file(mimeType=mime_type)), post(tenant, file(mime_type=mime_type))]
        if mime_type.isprintable() and len(mime_type) < 200:
            typed = {"X-Goog-Upload-Header-Content-Type": mime_type}
            answers.append(post(tenant, "{}", {**START, **typed}))
            answers.append(post(tenant, "abc", {"X-Goog-Upload-Protocol": "raw", **typed}))
            answers.append(post(tenant, "abc", {"Content-Type": mime_type}, "?uploadType=media"))
            answers.append(multipart(tenant, b"{}", mime_type))
        for answer in answers:
            refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"X-Goog-Upload-Protocol": "foo"}, ""),
        ({"X-Goog-Upload-Protocol": "resumable, raw"}, ""),
        ({"X-Goog-Upload-Protocol": "é"}, ""),
        ({"X-Goog-Upload-Protocol": '"><script>'}, ""),
        ({"X-Goog-Upload-Protocol": "x" * 3_000}, ""),
        ({}, "?upload_protocol=foo"),
        ({}, "?uploadType=foo"),
        ({}, "?uploadType=resumable"),
        ({}, "?uploadType=%00"),
        ({}, "?upload_protocol=%FF"),
        ({"X-Goog-Upload-Protocol": "resumable"}, ""),
        ({"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": ""}, ""),
        ({"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "upload"}, ""),
        ({"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "upload, finalize"}, ""),
        ({"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "query"}, ""),
        (
            {
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start, upload, finalize",
            },
            "",
        ),
        ({"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Offset": "0"}, "?upload_id=x"),
    ],
    ids=repr,
)
def test_a_protocol_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, headers: dict[str, str], query: str
) -> None:
    with unchanged(stack, tenant):
        answer = post(tenant, "{}", headers, query)
        refused(answer, 400, status="INVALID_ARGUMENT", final=True)


JSON_PART = b"--B\r\nContent-Type: application/json\r\n\r\n{}\r\n"
FILE_PART = b"--B\r\nContent-Type: text/plain\r\n\r\nabc\r\n"
RELATED = "multipart/related; boundary=B"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", JSON_PART + FILE_PART + b"--B--"),
        ("multipart/related; boundary=", JSON_PART + FILE_PART + b"--B--"),
        ('multipart/related; boundary=""', JSON_PART + FILE_PART + b"--B--"),
        ("multipart/related; boundary=C", JSON_PART + FILE_PART + b"--B--"),
        ("multipart/related; boundary=" + "B" * 71, JSON_PART + FILE_PART + b"--B--"),
        ("multipart/related; boundary*=utf-8''B", JSON_PART + FILE_PART + b"--B--"),
        ("multipart/related; boundary=é", JSON_PART + FILE_PART + b"--B--"),
        (RELATED, b""),
        (RELATED, b"abc"),
        (RELATED, b"--B--"),
        (RELATED, JSON_PART + b"--B--"),
        (RELATED, JSON_PART + FILE_PART + FILE_PART + b"--B--"),
        (RELATED, JSON_PART + FILE_PART),
        (RELATED, JSON_PART + FILE_PART + b"--B"),
        (RELATED, JSON_PART + FILE_PART + b"--B-"),
        (RELATED, JSON_PART + FILE_PART[:-2]),
        (RELATED, JSON_PART + b"--B\r\nContent-Ty"),
        (RELATED, JSON_PART + b"--B\r\n"),
        (RELATED, JSON_PART + b"--B\r\nno header\r\n\r\nabc\r\n--B--"),
        (RELATED, JSON_PART + b"--B\r\n: empty\r\n\r\nabc\r\n--B--"),
        (RELATED, JSON_PART + b"--B\r\n\xff\xfe: x\r\n\r\nabc\r\n--B--"),
        (RELATED, FILE_PART + JSON_PART + b"--B--"),
        (RELATED, (JSON_PART + FILE_PART + b"--B--").replace(b"\r\n", b"\n")),
        ("text/plain", JSON_PART + FILE_PART + b"--B--"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_malformed_multipart_body_is_refused(
    stack: LocalStack, tenant: StackTenant, content_type: str, body: bytes
) -> None:
    typed = {"Content-Type": content_type}
    with unchanged(stack, tenant):
        for headers, query in (
            ({"X-Goog-Upload-Protocol": "multipart", **typed}, ""),
            (typed, "?uploadType=multipart"),
        ):
            answer = post(tenant, body, headers, query)
            refused(answer, 400, status="INVALID_ARGUMENT", final=True)


@pytest.mark.parametrize("size", [4 * MIB + 1, 4_500_000])
def test_a_body_too_large_for_one_request_is_told_of_resumable(
    stack: LocalStack, tenant: StackTenant, size: int
) -> None:
    with unchanged(stack, tenant):
        part = b"--B\r\nContent-Type: text/plain\r\n\r\n" + bytes(size) + b"\r\n--B--"
        for answer in (
            post(tenant, bytes(size), {"X-Goog-Upload-Protocol": "raw"}),
            post(tenant, bytes(size), {"Content-Type": "image/png"}),
            post(tenant, JSON_PART + part, {"Content-Type": RELATED}),
        ):
            assert "resumable" in refused(answer, 413, status="INVALID_ARGUMENT", final=True)
        refused(post(tenant, bytes(size)), 400, final=True)


@pytest.mark.parametrize("size", [7_000_000, 11_000_000])
@pytest.mark.parametrize("headers", [{"X-Goog-Upload-Protocol": "raw"}, START])
def test_what_api_gateway_cannot_take_it_refuses_itself(
    stack: LocalStack, tenant: StackTenant, size: int, headers: dict[str, str]
) -> None:
    with unchanged(stack, tenant):
        answer = post(tenant, bytes(size), headers)
    assert answer.status_code == 413
    assert answer.json() == {"message": "Request Too Long"}


def test_text_that_only_looks_dangerous_is_kept(stack: LocalStack, tenant: StackTenant) -> None:
    display_name = "a\r\nX-Evil: 1\r\n\r\n--B--\0\u2028'\"\\</script>" + "é" * 400
    stack.simulator("DELETE", "/requests")
    for answer in (
        multipart(tenant, file(displayName=display_name).encode(), "text/plain"),
        post(tenant, file(displayName=display_name), {**START, "X-Goog-Upload-File-Name": "../x"}),
    ):
        assert answer.status_code == 200, answer.text
        assert "x-evil" not in answer.headers
    for request in stack.simulator("GET", "/requests")["requests"]:
        assert "x-evil" not in {name.lower() for name, _ in request["headers"]}
    with tenant.http() as client:
        [listed] = client.get("/v1beta/files").json()["files"]
    assert listed["displayName"] == display_name
    assert len(everything_of(stack, tenant)) == 4


@pytest.mark.parametrize("announced", ["2", "4", "0", "null", "-3", "3.0"])
@pytest.mark.parametrize("store", [False, True])
def test_a_whole_file_is_as_long_as_it_announces(
    stack: LocalStack, tenant: StackTenant, announced: str, *, store: bool
) -> None:
    place = f"{new_store(tenant)}:uploadToFileSearchStore" if store else "files"
    with unchanged(stack, tenant), tenant.http() as http:
        for headers, body in (
            ({"X-Goog-Upload-Protocol": "raw"}, b"abc"),
            (
                {"Content-Type": "multipart/related; boundary=B"},
                (
                    b"--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\n"
                    b"Content-Type: text/plain\r\n\r\nabc\r\n--B--"
                ),
            ),
        ):
            said = {**headers, "X-Goog-Upload-Header-Content-Length": announced}
            answer = http.post(f"/upload/v1beta/{place}", content=body, headers=said)
            assert "Content-Length" in refused(answer, 400, final=True)
    with tenant.http() as http:
        said = {"X-Goog-Upload-Protocol": "raw", "X-Goog-Upload-Header-Content-Length": "3"}
        http.post(f"/upload/v1beta/{place}", content=b"abc", headers=said).raise_for_status()


@pytest.mark.parametrize("kind", ["AAA", "null", "Media", "start"])
def test_an_unknown_upload_type_is_refused_beside_a_known_protocol(
    stack: LocalStack, tenant: StackTenant, kind: str
) -> None:
    with unchanged(stack, tenant):
        answer = post(tenant, query=f"?uploadType={kind}")
        assert "uploadType" in refused(answer, 400, final=True)
    assert post(tenant, query="?uploadType=resumable").status_code == 200
