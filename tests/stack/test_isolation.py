"""Two tenants share one key and one namespace upstream, and nothing else."""

from collections.abc import Callable

import httpx
import pytest

from filegate.names import random_characters
from local_stack import LocalStack, StackTenant
from refusals import essence, everything_of, refused, settled, unchanged
from resumable import send, start, started

Ask = Callable[[httpx.Client, str], httpx.Response]

WAYS: dict[str, Ask] = {
    "get": lambda http, file_id: http.get(f"/v1beta/files/{file_id}"),
    "get-v1": lambda http, file_id: http.get(f"/v1/files/{file_id}"),
    "get-fresh": lambda http, file_id: http.get(
        f"/v1beta/files/{file_id}", headers={"Cache-Control": "no-cache"}
    ),
    "delete": lambda http, file_id: http.delete(f"/v1beta/files/{file_id}"),
    "delete-with-body": lambda http, file_id: http.request(
        "DELETE", f"/v1beta/files/{file_id}", json={}
    ),
}


@pytest.fixture
def other(stack: LocalStack) -> StackTenant:
    return stack.tenant()


def tag_of(stack: LocalStack, tenant: StackTenant) -> str:
    [item] = [item for item in everything_of(stack, tenant) if item["sk"] == "TENANT"]
    return str(item["tag"])


def upload(tenant: StackTenant, content: bytes, name: str | None = None) -> str:
    """Store a file; answers its id."""
    answer = begin(tenant, len(content), name)
    assert answer.status_code == 200, answer.text
    stored = send(answer.headers["x-goog-upload-url"], "upload, finalize", content)
    file_name: str = stored.json()["file"]["name"]
    return file_name.removeprefix("files/")


def begin(tenant: StackTenant, size: int, name: str | None = None) -> httpx.Response:
    with tenant.http() as http:
        return http.post(
            "/upload/v1beta/files",
            headers={
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(size),
            },
            json={"file": {} if name is None else {"name": name}},
        )


def names(tenant: StackTenant) -> list[str]:
    with tenant.http() as http:
        files = http.get("/v1beta/files").raise_for_status().json().get("files", [])
        return [file["name"].removeprefix("files/") for file in files]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whose", ["stored", "chosen", "open", "processing", "expired"])
def test_a_foreign_name_is_a_missing_name(
    stack: LocalStack, tenant: StackTenant, other: StackTenant, way: str, whose: str
) -> None:
    match whose:
        case "stored" | "expired":
            foreign = upload(tenant, b"abc")
        case "chosen":
            foreign = upload(tenant, b"abc", "files/my-doc")
        case "processing":
            answer = start(tenant, 3, **{"X-Goog-Upload-Header-Content-Type": "video/mp4"})
            url = answer.headers["x-goog-upload-url"]
            foreign = send(url, "upload, finalize", b"abc").json()["file"]["name"][6:]
        case _:
            started(tenant, 3)
            [record] = stack.records(tenant)
            foreign = str(record["sk"]).removeprefix("FILE#")
    if whose != "open":
        assert names(tenant) == [foreign]
    if whose == "expired":
        stack.advance(49 * 3600)
        stack.catch_up()
    missing = random_characters(len(foreign))
    with unchanged(stack, tenant, other), other.http() as http:
        on_foreign, on_missing = WAYS[way](http, foreign), WAYS[way](http, missing)
    refused(on_foreign, 403, status="PERMISSION_DENIED")
    assert foreign in on_foreign.text
    status, headers, body = essence(on_missing)
    assert essence(on_foreign) == (
        status,
        headers,
        body.replace(missing.encode(), foreign.encode()),
    )
    if whose not in {"open", "expired"}:
        assert f"files/{foreign}" in stack.upstream_files()


def test_a_list_shows_ones_own(stack: LocalStack, tenant: StackTenant, other: StackTenant) -> None:
    own = [upload(tenant, b"a"), upload(tenant, b"bb", "files/logo")]
    assert names(other) == []
    theirs = upload(other, b"ccc")
    assert sorted(names(tenant)) == sorted(own)
    assert names(other) == [theirs]
    with other.http() as http:
        text = http.get("/v1beta/files?pageSize=100").text
    assert tag_of(stack, tenant) not in text


@pytest.mark.parametrize("command", ["upload", "upload, finalize", "finalize", "query", "cancel"])
def test_a_foreign_session_is_a_forged_one(
    stack: LocalStack, tenant: StackTenant, other: StackTenant, command: str
) -> None:
    url = started(tenant, 3)
    forged = url[:-1] + ("A" if url[-1] != "A" else "Q")
    with unchanged(stack, tenant, other):
        for key in ({"x-goog-api-key": other.key}, {"X-Goog-Api-Key": other.key}):
            foreign = send(url, command, b"abc", 0, **key)
            refused(foreign, 403, status="PERMISSION_DENIED", final=True)
            assert essence(foreign) == essence(send(forged, command, b"abc", 0, **key))
            assert essence(foreign) == essence(send(forged, command, b"abc"))
        assert essence(send(f"{url}?key={other.key}", command, b"abc")) == essence(foreign)
    assert send(url, "query").headers["x-goog-upload-size-received"] == "0"
    assert send(url, "upload, finalize", b"abc").status_code == 200
    settled(stack, tenant, b"abc")


def test_a_page_token_is_good_for_its_tenant_only(tenant: StackTenant, other: StackTenant) -> None:
    for owner in (tenant, other):
        for _ in range(3):
            upload(owner, b"x")
    with tenant.http() as own, other.http() as http:
        token = own.get("/v1beta/files?pageSize=1").json()["nextPageToken"]
        foreign = http.get("/v1beta/files", params={"pageSize": 1, "pageToken": token})
        forged = http.get("/v1beta/files", params={"pageSize": 1, "pageToken": "A" * len(token)})
        refused(foreign, 400, status="INVALID_ARGUMENT")
        assert essence(foreign) == essence(forged)
        session = started(tenant, 3).rpartition("/")[2]
        refused(own.get("/v1beta/files", params={"pageToken": session}), 400)
        follow = own.get("/v1beta/files", params={"pageSize": 1, "pageToken": token})
        assert follow.json()["files"][0]["name"].removeprefix("files/") in names(tenant)


def test_both_may_choose_the_same_name(
    stack: LocalStack, tenant: StackTenant, other: StackTenant
) -> None:
    for owner, content in ((tenant, b"ours"), (other, b"theirs")):
        file_id = upload(owner, content, "files/logo")
        assert file_id == tag_of(stack, owner) + "logo"
        with owner.http() as http:
            for spelling in ("logo", file_id):
                file = http.get(f"/v1beta/files/{spelling}").json()
                assert file["name"] == f"files/{file_id}"
                assert file["sizeBytes"] == str(len(content))
    with tenant.http() as http:
        assert http.delete("/v1beta/files/logo").status_code == 200
        refused(http.get("/v1beta/files/logo"), 403)
    settled(stack, other, b"theirs")


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("spelling", ["files/logo", "logo", "files/{tag}logo"])
def test_a_name_is_taken_once_in_a_tenant(
    stack: LocalStack, tenant: StackTenant, stored: bool, spelling: str
) -> None:
    if stored:
        upload(tenant, b"first", "files/logo")
        assert len(names(tenant)) == 1
    else:
        assert begin(tenant, 5, "files/logo").status_code == 200
    name = spelling.format(tag=tag_of(stack, tenant))
    with unchanged(stack, tenant):
        answer = begin(tenant, 9, name)
    message = refused(answer, 409, status="ALREADY_EXISTS", final=True)
    assert message == f"{name.removeprefix('files/')} already exists."


@pytest.mark.parametrize("end", ["delete", "expiry", "cancel", "deadline"])
def test_a_name_is_free_again_when_its_file_is_gone(
    stack: LocalStack, tenant: StackTenant, end: str
) -> None:
    """As upstream, where a name belongs to a file that is there and to nothing else."""
    match end:
        case "delete":
            upload(tenant, b"first", "files/logo")
            with tenant.http() as http:
                assert http.delete("/v1beta/files/logo").status_code == 200
        case "expiry":
            upload(tenant, b"first", "files/logo")
            assert len(names(tenant)) == 1
            stack.advance(48 * 3600 + 1)
        case "cancel":
            url = begin(tenant, 5, "files/logo").headers["x-goog-upload-url"]
            assert send(url, "cancel").status_code == 200
        case _:
            assert begin(tenant, 5, "files/logo").status_code == 200
            stack.advance(33 * 60)
    assert begin(tenant, 5, "files/logo").status_code == 200


def test_a_name_that_is_a_foreign_id_is_another_name(
    stack: LocalStack, tenant: StackTenant, other: StackTenant
) -> None:
    foreign = upload(tenant, b"ours")
    named = [foreign, tag_of(stack, tenant) + "logo", tag_of(stack, tenant)]
    with unchanged(stack, tenant):
        for name in named:
            assert upload(other, b"theirs", f"files/{name}") == tag_of(stack, other) + name
        with other.http() as http:
            for name in named:
                file = http.get(f"/v1beta/files/{name}").json()
                assert file["name"] == f"files/{tag_of(stack, other)}{name}"
                assert http.delete(f"/v1beta/files/{name}").status_code == 200
    settled(stack, tenant, b"ours")


def test_a_long_foreign_id_is_no_name_and_tells_nothing(
    stack: LocalStack, tenant: StackTenant, other: StackTenant
) -> None:
    foreign = upload(tenant, b"ours", "files/" + "n" * 32)
    assert len(foreign) == 40
    missing = random_characters(40)
    with unchanged(stack, tenant, other):
        answers = [begin(other, 3, f"files/{name}") for name in (foreign, missing)]
        with other.http() as http:
            gets = [essence(http.get(f"/v1beta/files/{name}")) for name in (foreign, missing)]
    refused(answers[0], 400, status="INVALID_ARGUMENT", final=True)
    assert essence(answers[0]) == essence(answers[1])
    assert gets[1][2].replace(missing.encode(), foreign.encode()) == gets[0][2]


def test_the_bytes_of_one_are_not_the_others(stack: LocalStack) -> None:
    small, large = stack.tenant(storage=100), stack.tenant(storage=10_000)
    upload(large, b"x" * 5_000)
    assert stack.available(small) == 100
    message = refused(begin(small, 101), 429, status="RESOURCE_EXHAUSTED", final=True)
    assert "10,000" not in message
    assert "5,000" not in message
    assert upload(small, b"x" * 100)
