"""Chunks when something breaks on the way: what heals by sending again, and what an SDK heals."""

import io
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import pytest
from google.genai import errors

from filegate.tenants import tenant_key
from local_stack import LocalStack, StackTenant
from refusals import refused, settled, usage
from resumable import CHUNK, send, start, started

HOUR = 3600
LARGE = b"a" * CHUNK + b"the end"
CHUNKS = "upload_id="


def cut_off(url: str, command: str, offset: int, announced: int, content: bytes) -> None:
    """Begin to send a chunk and go away in the middle of it."""
    where = urlsplit(url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port or 80), 30) as connection:
        connection.sendall(
            f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"X-Goog-Upload-Command: {command}\r\nX-Goog-Upload-Offset: {offset}\r\n"
            f"Content-Length: {announced}\r\n\r\n".encode()
            + content
        )


def size_received(url: str) -> int:
    answer = send(url, "query", offset=None)
    assert answer.headers["x-goog-upload-status"] == "active"
    return int(answer.headers["x-goog-upload-size-received"])


def test_an_upload_cut_off_in_a_chunk_goes_on_where_it_was(
    stack: LocalStack, tenant: StackTenant
) -> None:
    url = started(tenant, len(LARGE))
    cut_off(url, "upload", 0, CHUNK, b"a" * 100_000)
    assert size_received(url) == 0
    assert send(url, "upload", LARGE[:CHUNK]).status_code == 200
    cut_off(url, "upload, finalize", CHUNK, 7, b"the")
    assert size_received(url) == CHUNK
    with tenant.http() as http:
        assert http.get("/v1beta/files").json() == {}
    answer = send(url, "upload, finalize", LARGE[CHUNK:], CHUNK)
    assert answer.headers["x-goog-upload-status"] == "final"
    settled(stack, tenant, LARGE)


def test_an_upload_cut_off_for_good_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant
) -> None:
    before = stack.available(tenant)
    url = started(tenant, 100)
    cut_off(url, "upload, finalize", 0, 100, b"x" * 40)
    for wait in (6, 60, HOUR):
        stack.advance(wait)
        stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before
    assert usage(stack, tenant) == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429, "retryAfter": "1"},
        {"kind": "status", "status": 502},
        {"kind": "drop-before"},
        {"kind": "drop-after"},
        {"kind": "redirect", "location": "http://127.0.0.1:9/elsewhere"},
        {"kind": "no-status-header"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
@pytest.mark.parametrize("command", ["upload", "upload, finalize"])
def test_a_chunk_sent_again_heals(
    stack: LocalStack, tenant: StackTenant, command: str, fault: Mapping[str, object]
) -> None:
    url = started(tenant, len(LARGE))
    pieces = {"upload": (LARGE[:CHUNK], 0), "upload, finalize": (LARGE[CHUNK:], CHUNK)}
    for each, (piece, offset) in pieces.items():
        if each == command:
            with stack.fault(fault, path=CHUNKS, command=f"^{command}$"):
                answer = send(url, command, piece, offset)
            # Without this header an SDK sends the chunk again (wire 3.5).
            assert "x-goog-upload-status" not in answer.headers
            assert "location" not in answer.headers
            if fault["kind"] != "no-status-header":
                assert answer.status_code in {429, 500, 502, 503}
            if "retryAfter" in fault:
                assert answer.headers["retry-after"] == "1"
            if str(fault["kind"]).startswith("drop"):
                refused(answer, 503, status="UNAVAILABLE", final=False)
        assert send(url, each, piece, offset).status_code == 200
    settled(stack, tenant, LARGE)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "drop-before"},
        {"kind": "drop-after"},
        {"kind": "no-status-header"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_the_sdk_heals_by_itself(
    stack: LocalStack, tenant: StackTenant, fault: Mapping[str, object]
) -> None:
    with stack.fault(fault, path=CHUNKS, command="finalize"):
        file = tenant.sdk.files.upload(file=io.BytesIO(b"abc"), config={"mime_type": "text/plain"})
    assert file.name == settled(stack, tenant, b"abc")["name"]


def test_a_file_is_there_although_upstream_says_active(
    stack: LocalStack, tenant: StackTenant
) -> None:
    with (
        stack.fault({"kind": "active-after-finalize"}, path=CHUNKS, command="finalize"),
        pytest.raises(ValueError, match="not finalized"),
    ):
        tenant.sdk.files.upload(file=io.BytesIO(b"abc"), config={"mime_type": "text/plain"})
    settled(stack, tenant, b"abc")


def test_an_answer_that_was_lost_for_good_loses_nothing(
    stack: LocalStack, tenant: StackTenant
) -> None:
    url = started(tenant, 3)
    with stack.fault({"kind": "drop-after"}, path=CHUNKS, command="finalize"):
        refused(send(url, "upload, finalize", b"abc"), 503, final=False)
    stack.advance(6)
    stack.run_janitor()
    [record] = stack.records(tenant)
    assert record["state"] == "STORED"
    settled(stack, tenant, b"abc")


def test_a_cancel_that_was_lost_is_cancelled(stack: LocalStack, tenant: StackTenant) -> None:
    before = stack.available(tenant)
    url = started(tenant, 3)
    with stack.fault({"kind": "drop-after"}, path=CHUNKS, command="cancel"):
        refused(send(url, "cancel"), 503, final=False)
    stack.advance(6)
    stack.run_janitor()
    assert stack.available(tenant) == before


def test_a_look_that_fails_is_made_again(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, 3)
    send(url, "upload, finalize", b"abc")
    with stack.fault({"kind": "status", "status": 503}, times=100, path="."):
        with tenant.http() as http:
            refused(http.get("/v1beta/files"), 503, status="UNAVAILABLE")
        stack.advance(6)
        stack.run_janitor()
        [record] = stack.records(tenant)
        assert record["state"] == "RESERVED"
    stack.advance(400)
    stack.run_janitor()
    [record] = stack.records(tenant)
    assert record["state"] == "STORED"
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "drop-before"},
        {"kind": "drop-after"},
        {"kind": "malformed-json"},
        {"kind": "redirect", "location": "http://127.0.0.1:9/elsewhere"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_a_start_that_fails_costs_nothing(
    stack: LocalStack, tenant: StackTenant, fault: Mapping[str, object]
) -> None:
    before = stack.available(tenant)
    with stack.fault(fault, path="/upload/"):
        answer = start(tenant, 1_000)
    if fault["kind"] != "malformed-json":
        refused(answer, {429, 503})
        assert stack.records(tenant) == []
        assert stack.available(tenant) == before
    assert started(tenant, 1_000)


def test_upstreams_refusal_at_start_reaches_the_sdk(stack: LocalStack, tenant: StackTenant) -> None:
    before = stack.available(tenant)
    with (
        stack.fault({"kind": "status", "status": 400}, path="/upload/"),
        pytest.raises(errors.ClientError) as refusal,
    ):
        tenant.sdk.files.upload(file=io.BytesIO(b"abc"), config={"mime_type": "text/plain"})
    assert refusal.value.code == 400
    assert stack.available(tenant) == before
    assert stack.records(tenant) == []


def test_a_name_taken_upstream_is_said_in_googles_words(
    stack: LocalStack, tenant: StackTenant
) -> None:
    """Whatever stands upstream without a record here: 409, a canonical status, nothing held."""
    own = stack.table.get(tenant_key(tenant.id))
    assert own is not None
    taken = httpx.post(
        f"{stack.upstream_url}/upload/v1beta/files",
        headers={
            "x-goog-api-key": stack.upstream_key(),
            "Content-Type": "multipart/related; boundary=B",
        },
        content=(
            "--B\r\nContent-Type: application/json\r\n\r\n"
            f'{{"file": {{"name": "files/{own["tag"]}logo"}}}}\r\n'
            "--B\r\nContent-Type: text/plain\r\n\r\nabc\r\n--B--"
        ),
    )
    assert taken.status_code == 200, taken.text
    with tenant.http() as http:
        answer = http.post(
            "/upload/v1beta/files",
            headers={"Content-Type": "multipart/related; boundary=B"},
            content=(
                b'--B\r\nContent-Type: application/json\r\n\r\n{"file": {"name": "files/logo"}}\r\n'
                b"--B\r\nContent-Type: text/plain\r\n\r\nxyz\r\n--B--"
            ),
        )
    assert "logo already exists" in refused(answer, 409, final=True)
    assert stack.records(tenant) == []
