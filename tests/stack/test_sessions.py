"""Upload sessions: a URL opens what it was made for, as long as it was made for, and no more."""

import base64
from urllib.parse import urlsplit

import httpx
import pytest

from filegate.adapters.table import Key, Update
from local_stack import LocalStack, StackTenant
from refusals import essence, refused, settled, unchanged
from resumable import CHUNK, send, started

HOUR = 3600


def flipped(text: str, position: int) -> str:
    old = text[position]
    return text[:position] + ("A" if old != "A" else "B") + text[position:][1:]


def with_session(url: str, session: str) -> str:
    return url.rpartition("/")[0] + "/" + session


def loose_ends(sealed: str) -> list[str]:
    """Other texts that a careless decoder reads as the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    same = [
        sealed[:-1] + letter
        for letter in alphabet
        if base64.urlsafe_b64decode(sealed[:-1] + letter + "=" * (-len(sealed) % 4)) == raw
    ]
    return [
        *(text for text in same if text != sealed),
        sealed + "=" * (-len(sealed) % 4 or 4),
        sealed.replace("-", "+") + "+",
        sealed[:10] + "%20" + sealed[10:],
        sealed[:10] + "." + sealed[10:],
        sealed[:10] + "~" + sealed[10:],
    ]


def test_every_forged_session_gets_one_answer(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, 3)
    sealed = url.rpartition("/")[2]
    with tenant.http() as http:
        for _ in range(2):
            http.post("/upload/v1beta/files?uploadType=media", content=b"x")
        page = http.get("/v1beta/files", params={"pageSize": 1}).json()["nextPageToken"]
    forgeries = [
        *(flipped(sealed, position) for position in (0, 1, 2, 5, 20, len(sealed) // 2, -2)),
        *(sealed[:length] for length in (1, 2, 3, 4, 10, 20, 40, len(sealed) - 1)),
        *(sealed[start:] for start in (1, 2, 4)),
        sealed + "A",
        sealed + sealed,
        sealed.swapcase(),
        sealed[::-1],
        *loose_ends(sealed),
        page,
        tenant.key,
        "x",
        "-",
        "A" * 500,
        "%00",
        "%FF%FE",
        "%C3%A9",
        "..%2F..%2Ffiles",
        "null",
        base64.urlsafe_b64encode(b"\x01\x02k1" + bytes(200)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x01\xff" + bytes(20)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x01\x02\xff\xfe" + bytes(200)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x01\x00").decode().rstrip("="),
    ]
    with unchanged(stack, tenant):
        answers = {
            text: essence(send(with_session(url, text), "upload, finalize", b"abc"))
            for text in forgeries
        }
    wanted = answers["x"]
    assert {text for text, answer in answers.items() if answer != wanted} == set()
    answer = send(with_session(url, "x"), "upload, finalize", b"abc")
    refused(answer, 403, status="PERMISSION_DENIED", final=True)
    for method in ("POST", "PUT"):
        for command in ("upload", "query", "cancel", "nonsense", ""):
            answer = httpx.request(
                method, with_session(url, "x"), headers={"X-Goog-Upload-Command": command}
            )
            assert essence(answer) == wanted
    assert send(url, "upload, finalize", b"abc").status_code == 200


@pytest.mark.parametrize("length", [1_700, 9_000, 12_000])
def test_a_session_too_long_to_be_one_is_refused(
    stack: LocalStack, tenant: StackTenant, length: int
) -> None:
    url = started(tenant, 3)
    refused(send(with_session(url, "A" * length), "query"), final=True)
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, tenant, b"abc")


def test_headers_too_large_are_refused(stack: LocalStack, tenant: StackTenant) -> None:
    url = started(tenant, 3)
    refused(send(url, "query", b"", None, **{"X-Filler": "x" * 11_000}), final=True)
    with unchanged(stack, tenant), tenant.http() as http:
        refused(http.get("/v1beta/files", headers={"X-Filler": "x" * 11_000}))


@pytest.mark.parametrize("version", ["v1", "v1alpha", "v1beta"])
def test_a_session_may_be_used_under_any_version(
    stack: LocalStack, tenant: StackTenant, version: str
) -> None:
    url = started(tenant, 3).replace("/upload/v1beta/", f"/upload/{version}/")
    assert send(url, "query").headers["x-goog-upload-status"] == "active"
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize("version", ["v2", "v1beta1", "V1", "v1%62eta", "%761", "v1;x", ".."])
def test_an_unknown_version_is_refused(
    stack: LocalStack, tenant: StackTenant, version: str
) -> None:
    url = started(tenant, 3)
    path = urlsplit(url).path.replace("/v1beta/", f"/{version}/")
    stack.simulator("DELETE", "/requests")
    answer = httpx.post(
        f"{stack.base_url}{path}",
        headers={"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"},
        content=b"abc",
    )
    refused(answer, {403, 404}, final=True)
    assert send(url, "query").headers["x-goog-upload-size-received"] == "0"


def test_what_the_client_adds_to_the_url_goes_nowhere(
    stack: LocalStack, tenant: StackTenant
) -> None:
    stack.simulator("DELETE", "/requests")
    url = started(tenant, 3) + "?upload_id=mine&upload_protocol=raw&uploadType=media&alt=proto&x=1"
    assert send(url, "upload, finalize", b"abc").status_code == 200
    [chunk] = [
        request["path"]
        for request in stack.simulator("GET", "/requests")["requests"]
        if "upload_id=" in request["path"] and request["bodyBytes"] == 3
    ]
    parameters = dict(pair.split("=") for pair in chunk.partition("?")[2].split("&"))
    assert set(parameters) == {"upload_id", "upload_protocol"}
    assert parameters["upload_id"] != "mine"
    assert parameters["upload_protocol"] == "resumable"
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize("where", ["header", "query"])
@pytest.mark.parametrize("key", ["{own}", ""])
def test_the_owners_key_may_come_along(
    stack: LocalStack, tenant: StackTenant, where: str, key: str
) -> None:
    key = key.format(own=tenant.key)
    url = started(tenant, 3) + (f"?key={key}" if where == "query" else "")
    headers = {"x-goog-api-key": key} if where == "header" else {}
    assert send(url, "upload, finalize", b"abc", 0, **headers).status_code == 200
    settled(stack, tenant, b"abc")


@pytest.mark.parametrize("where", ["header", "query"])
@pytest.mark.parametrize(
    "key",
    [
        "{other}",
        "fg_{other_id}_" + "x" * 43,
        "not-a-key",
        "AIzaSyA-thirty-nine-characters-of-a-key",
        "{own}%00",
        "{own}%20{own}",
        "{other}{own}",
    ],
)
def test_another_key_closes_the_session(
    stack: LocalStack, tenant: StackTenant, where: str, key: str
) -> None:
    other = stack.tenant()
    url = started(tenant, 3)
    key = key.format(own=tenant.key, other=other.key, other_id=other.id)
    keyed = url + (f"?key={key}" if where == "query" else "")
    headers = {"x-goog-api-key": key} if where == "header" else {}
    for command in ("upload, finalize", "finalize", "query", "cancel"):
        answer = send(keyed, command, b"abc", 0, **headers)
        refused(answer, 403, status="PERMISSION_DENIED", final=True)
        assert essence(answer) == essence(send(with_session(url, "x"), "query"))
    assert send(url, "query").headers["x-goog-upload-size-received"] == "0"


def test_a_session_lasts_as_long_as_its_size_needs(stack: LocalStack, tenant: StackTenant) -> None:
    small, large = started(tenant, 3), started(tenant, 64 * CHUNK)
    stack.advance(29 * 60)
    assert send(small, "query").headers["x-goog-upload-status"] == "active"
    stack.advance(2 * 60)
    answer = send(small, "upload, finalize", b"abc")
    assert "expired" in refused(answer, 400, status="FAILED_PRECONDITION", final=True)
    assert send(large, "query").headers["x-goog-upload-status"] == "active"
    stack.advance(2 * HOUR)
    refused(send(large, "query"), 400, status="FAILED_PRECONDITION", final=True)
    stack.run_janitor()
    assert stack.records(tenant) == []


def test_a_record_whose_session_no_key_opens_does_not_stop_the_janitor(
    stack: LocalStack, tenant: StackTenant
) -> None:
    """A key leaves the ring too early: that upload ends by its deadline, the others as ever."""
    before = stack.available(tenant)
    send(started(tenant, 3), "upload, finalize", b"ab")
    [record] = stack.records(tenant)
    where = Key(str(record["pk"]), str(record["sk"]))
    other = stack.tenant()
    send(started(other, 3), "upload, finalize", b"abc")
    stack.table.update(Update(where, "SET #session = :lost", values={":lost": "AQJrMA"}))
    try:
        stack.advance(HOUR)
        stack.run_janitor()
        [settled_record] = stack.records(other)
        assert settled_record["state"] == "STORED"
        stack.advance(HOUR)
        stack.run_janitor()
        assert stack.records(tenant) == []
        assert stack.available(tenant) == before
    finally:
        if stack.records(tenant):
            old = {":old": record["session"]}
            stack.table.update(Update(where, "SET #session = :old", values=old))
            stack.run_janitor()
