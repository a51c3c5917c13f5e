"""Chunks by hand: repeated, misplaced, mis-sized, late, cancelled, and every way to spell them."""

import httpx
import pytest

from local_stack import NO_TLS, LocalStack, StackTenant
from refusals import refused, refused_by_upstream, settled, usage
from resumable import CHUNK, send, started

HOUR = 3600
LARGE = b"a" * CHUNK + b"the end"


def query(url: str) -> tuple[str, int]:
    answer = send(url, "query", offset=None)
    assert answer.status_code == 200, answer.text
    headers = answer.headers
    return headers["x-goog-upload-status"], int(headers.get("x-goog-upload-size-received", -1))


def send_raw(
    url: str, headers: dict[str, str], content: bytes = b"", method: str = "POST"
) -> httpx.Response:
    sent = [(name.encode(), text.encode()) for name, text in headers.items()]
    return httpx.request(method, url, content=content, headers=sent, timeout=60, verify=NO_TLS)


def test_a_repeated_chunk_counts_once(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, len(LARGE))
    for _ in range(2):
        answer = send(url, "upload", LARGE[:CHUNK])
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-goog-upload-status"] == "active"
    for _ in range(2):
        answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
        assert answer.status_code == 200
        assert answer.headers["x-goog-upload-status"] == "final"
        assert answer.json()["file"]["sizeBytes"] == str(len(LARGE))
    settled(stack, tenant, LARGE)
    answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, tenant, LARGE)


def test_a_misplaced_chunk_changes_nothing(stack: LocalStack, tenant: StackTenant) -> None:
    content = b"a" * CHUNK + b"b" * CHUNK + b"c"
    url = started(tenant, len(content))
    assert send(url, "upload", content[:CHUNK]).status_code == 200
    for command, offset, piece in (
        ("upload", 0, b"other bytes"),
        ("upload, finalize", 0, b"other bytes"),
        ("upload", 2 * CHUNK - CHUNK // 2, b"x"),
        ("upload, finalize", CHUNK + 1, b"x"),
        ("upload, finalize", 2 * CHUNK, b"c"),
        ("upload, finalize", len(content), b""),
    ):
        answer = send(url, command, piece, offset)
        if answer.headers["content-type"].startswith("application/json"):
            refused(answer, 400, status="INVALID_ARGUMENT", final=True)
        else:
            refused_by_upstream(answer, 400, "Invalid upload offset", "active")
        assert query(url) == ("active", CHUNK)
    assert send(url, "upload", content[CHUNK : 2 * CHUNK], CHUNK).status_code == 200
    assert send(url, "upload, finalize", b"c", 2 * CHUNK).status_code == 200
    settled(stack, tenant, content)


@pytest.mark.parametrize(
    "offset",
    ["", "-1", "+1", "1.0", "0x0", "1e1", "0,0", "zero", "٣", "9" * 19, "9" * 400, None],
)
def test_an_offset_that_is_none_is_refused(
    stack: LocalStack, tenant: StackTenant, offset: str | None
) -> None:
    url = started(tenant, 3)
    where = {} if offset is None else {"X-Goog-Upload-Offset": offset}
    for command in ("upload", "upload, finalize"):
        answer = send_raw(url, {"X-Goog-Upload-Command": command, **where}, b"abc")
        message = refused(answer, 400, status="INVALID_ARGUMENT", final=True)
        assert "X-Goog-Upload-Offset" in message
    assert query(url) == ("active", 0)
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize(("command", "offset"), [("upload", 0), ("upload, finalize", 4)])
def test_a_chunk_past_what_was_announced_is_refused(
    stack: LocalStack, tenant: StackTenant, command: str, offset: int
) -> None:
    url = started(tenant, 3)
    message = refused(send(url, command, b"x", offset), 400, final=True)
    assert "past the 3 bytes" in message
    assert query(url) == ("active", 0)
    assert len(stack.records(tenant)) == 1


def test_a_chunk_that_is_no_multiple_is_upstreams_to_refuse(
    stack: LocalStack, tenant: StackTenant
) -> None:
    url = started(tenant, len(LARGE))
    answer = send(url, "upload", b"12345")
    refused_by_upstream(answer, 400, "not a multiple of the 8388608 byte", "active")
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    refused(send(url, "upload", b"x", CHUNK), 400, final=True)
    assert send(url, "upload, finalize", LARGE[CHUNK:], CHUNK).status_code == 200
    settled(stack, tenant, LARGE)


@pytest.mark.parametrize("command", ["upload", "upload, finalize", "finalize", "cancel"])
def test_nothing_happens_to_a_finished_upload(
    stack: LocalStack, tenant: StackTenant, command: str
) -> None:
    url = started(tenant, len(LARGE))
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    assert send(url, "upload, finalize", LARGE[CHUNK:], CHUNK).status_code == 200
    for _ in range(2):
        refused_by_upstream(send(url, command, b"", 0), 400, "already been terminated", "final")
        settled(stack, tenant, LARGE)


@pytest.mark.parametrize("command", ["upload, finalize", "finalize", "cancel", "upload", "query"])
def test_the_session_of_a_deleted_file_brings_nothing_back(
    stack: LocalStack, tenant: StackTenant, command: str
) -> None:
    before = stack.available(tenant)
    url = started(tenant, 3)
    name = send(url, "upload, finalize", b"abc").json()["file"]["name"]
    with tenant.http() as http:
        assert http.delete(f"/v1beta/{name}").status_code == 200
    send(url, command, b"abc")
    send(url, command, b"abcd")
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before
    assert name not in stack.upstream_files()


def test_query_tells_every_state(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, len(LARGE))
    assert query(url) == ("active", 0)
    send(url, "upload", LARGE[:CHUNK])
    assert query(url) == ("active", CHUNK)
    final = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
    for _ in range(2):
        answer = send(url, "query", offset=None)
        assert answer.json() == final.json()
        assert answer.headers["content-type"].startswith("application/json")
        assert query(url) == ("final", len(LARGE))
        settled(stack, tenant, LARGE)
    other = started(tenant, 5)
    send(other, "cancel", offset=None)
    assert query(other) == ("cancelled", 0)


@pytest.mark.parametrize("touch", ["list", "get", "janitor"])
def test_cancel_gives_the_bytes_back(stack: LocalStack, touch: str) -> None:
    tenant = stack.tenant(storage=CHUNK * 2)
    url = started(tenant, CHUNK * 2)
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    answer = send(url, "cancel", offset=None)
    assert answer.status_code == 200
    assert answer.headers["x-goog-upload-status"] == "cancelled"
    refused_by_upstream(send(url, "cancel"), 400, "already been terminated", "cancelled")
    with tenant.http() as http:
        [record] = stack.records(tenant)
        if touch == "list":
            assert http.get("/v1beta/files").json() == {}
        elif touch == "get":
            file_id = str(record["sk"]).removeprefix("FILE#")
            refused(http.get(f"/v1beta/files/{file_id}"), 403)
        else:
            stack.advance(6)
            stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == CHUNK * 2
    for command in ("upload, finalize", "finalize", "cancel"):
        refused(send(url, command), 400, status="FAILED_PRECONDITION", final=True)
    refused_by_upstream(
        send(url, "upload", LARGE[:CHUNK]), 400, "already been terminated", "cancelled"
    )
    assert usage(stack, tenant) == {}


def test_a_bare_finalize_ends_an_upload(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, CHUNK)
    refused_by_upstream(send(url, "finalize", offset=None), 400, "0 bytes", "active")
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    answer = send(url, "finalize", offset=None)
    assert answer.headers["x-goog-upload-status"] == "final"
    assert answer.json()["file"]["sizeBytes"] == str(CHUNK)
    settled(stack, tenant, LARGE[:CHUNK])


@pytest.mark.parametrize("size", [9, 11])
def test_more_or_fewer_bytes_than_announced_store_nothing(
    stack: LocalStack, tenant: StackTenant, size: int
) -> None:
    before = stack.available(tenant)
    url = started(tenant, 10)
    refused_by_upstream(send(url, "upload, finalize", b"x" * size), 400, "announced", "active")
    with tenant.http() as http:
        assert http.get("/v1beta/files").json() == {}
    assert stack.available(tenant) == before - 10
    stack.advance(HOUR)
    stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before
    assert usage(stack, tenant) == {}


def test_a_misjudged_last_chunk_can_be_mended(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, 10)
    for size in (9, 11):
        assert send(url, "upload, finalize", b"x" * size).status_code == 400
    stack.advance(6)
    stack.run_janitor()
    assert send(url, "upload, finalize", b"x" * 10).status_code == 200
    settled(stack, tenant, b"x" * 10)


def test_an_upload_without_its_end_expires(stack: LocalStack, tenant: StackTenant) -> None:
    before = stack.available(tenant)
    url = started(tenant, len(LARGE))
    send(url, "upload", LARGE[:CHUNK])
    assert stack.available(tenant) == before - len(LARGE)
    stack.advance(HOUR)
    for command in ("upload, finalize", "upload", "query", "cancel", "finalize"):
        message = refused(
            send(url, command, b"x", CHUNK), 400, status="FAILED_PRECONDITION", final=True
        )
        assert "expired" in message
    stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before


def test_a_file_may_be_empty(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, 0)
    answer = send(url, "upload, finalize", b"")
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, tenant, b"")


@pytest.mark.parametrize("rest", [b"", b"the rest"])
def test_a_length_may_be_unknown(stack: LocalStack, rest: bytes) -> None:
    tenant = stack.tenant(storage=3 * CHUNK, file=2 * CHUNK)
    url = started(tenant, None)
    assert stack.available(tenant) == CHUNK
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    answer = send(url, "upload, finalize", rest, CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, tenant, LARGE[:CHUNK] + rest)


def test_an_unknown_length_ends_where_a_tenants_files_end(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=3 * CHUNK, file=CHUNK)
    url = started(tenant, None)
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    refused(send(url, "upload", LARGE[:CHUNK], CHUNK), 400, final=True)
    # What no header tells the gateway, settling finds: the file goes, the bytes come back.
    name = send(url, "upload, finalize", b"too much", CHUNK).json()["file"]["name"]
    with tenant.http() as http:
        assert http.get("/v1beta/files").json() == {}
    assert stack.available(tenant) == 3 * CHUNK
    assert name not in stack.upstream_files()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"},
        {"X-GOOG-UPLOAD-COMMAND": "UPLOAD, FINALIZE", "X-GOOG-UPLOAD-OFFSET": "0"},
        {"X-Goog-Upload-Command": "upload,finalize", "x-goog-upload-offset": "0"},
        {"X-Goog-Upload-Command": "finalize ,  Upload", "X-Goog-Upload-Offset": "0"},
        {"X-Goog-Upload-Command": "upload,\tfinalize", "X-Goog-Upload-Offset": "00"},
        {
            "X-Goog-Upload-Command": "upload, finalize",
            "X-Goog-Upload-Offset": "0",
            "Content-Range": "bytes 5-7/8",
            "X-Goog-Upload-Protocol": "multipart",
            "X-HTTP-Method-Override": "DELETE",
        },
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_command_is_read_however_it_is_written(
    stack: LocalStack, tenant: StackTenant, headers: dict[str, str], method: str
) -> None:
    answer = send_raw(started(tenant, 3), headers, b"abc", method)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize(
    "command",
    [
        None,
        "",
        ",",
        "start",
        "start, upload, finalize",
        "upload; finalize",
        "upload finalize",
        "upload, cancel",
        "query, finalize",
        "upload, finalize, query",
        "delete",
        '"><script>',
        "upload\\",
        "x" * 3000,
    ],
)
def test_an_unknown_command_is_refused(
    stack: LocalStack, tenant: StackTenant, command: str | None
) -> None:
    url = started(tenant, 3)
    headers = {} if command is None else {"X-Goog-Upload-Command": command}
    answer = send_raw(url, {**headers, "X-Goog-Upload-Offset": "0"}, b"abc")
    message = refused(answer, 400, status="INVALID_ARGUMENT", final=True)
    assert "X-Goog-Upload-Command" in message
    assert query(url) == ("active", 0)
    [record] = stack.records(tenant)
    assert "closingSince" not in record


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_another_method_is_no_chunk(stack: LocalStack, tenant: StackTenant, method: str) -> None:
    url = started(tenant, 3)
    refused(send_raw(url, {"X-Goog-Upload-Command": "cancel"}, method=method), 404)
    assert query(url) == ("active", 0)
    assert len(stack.records(tenant)) == 1
