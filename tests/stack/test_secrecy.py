"""No byte that leaves the gateway holds an upstream key or upload id, whatever upstream echoes."""

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import httpx
import pytest

from canaries import forms, leaks, left_behind, upload_ids
from filegate.adapters.upstream import Upstream, create_client
from filegate.seals import KeyRing, Sealer
from local_stack import LocalStack, StackTenant
from resumable import CHUNK

HEALING_SECONDS = 30.0
UPLOAD = "/upload/v1beta/files"
START = {
    "X-Goog-Upload-Protocol": "resumable",
    "X-Goog-Upload-Command": "start",
    "X-Goog-Upload-Header-Content-Type": "text/plain",
}


class Life:
    """What one tenant does, and everything the gateway answered to it."""

    def __init__(self, tenant: StackTenant) -> None:
        self.tenant = tenant
        self.seen: list[bytes] = []
        self.key = {"x-goog-api-key": tenant.key}
        self.fresh = {**self.key, "Cache-Control": "no-cache"}
        # The client's own headers must not travel on.
        self.client = httpx.Client(
            base_url=tenant.base_url,
            timeout=60,
            headers={"Cookie": "canary=cookie", "Authorization": "Bearer canary"},
            event_hooks={"response": [self._keep]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        head = f"{answer.http_version} {answer.status_code} {answer.reason_phrase}\r\n".encode()
        for name, value in answer.headers.raw:
            head += name + b": " + value + b"\r\n"
        self.seen.append(head + b"\r\n" + answer.content)

    def start(self, size: int, **more: str) -> httpx.Response:
        announced = {"X-Goog-Upload-Header-Content-Length": str(size)}
        headers = {**self.key, **START, **announced, **more}
        return self.client.post(UPLOAD, headers=headers)

    def started(self, size: int, **more: str) -> str:
        return self.start(size, **more).headers["x-goog-upload-url"]

    def send(self, url: str, command: str, content: bytes = b"", offset: int = 0) -> httpx.Response:
        chunk = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
        return self.client.post(url, headers={**self.key, **chunk}, content=content)

    def store(self, content: bytes) -> httpx.Response:
        headers = {**self.key, "X-Goog-Upload-Protocol": "raw"}
        return self.client.post(UPLOAD, headers=headers, content=content)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask with the key in the query."""
        return self.client.get(f"/v1beta/{path}", params={"key": self.tenant.key, **parameters})

    def reread(self, name: str) -> httpx.Response:
        return self.client.get(f"/v1/{name}", headers=self.fresh)

    def delete(self, name: str) -> httpx.Response:
        return self.client.delete(f"/v1beta/{name}", headers=self.key)


def upload_and_read(life: Life) -> str:
    """What goes well; answers the name of a file that is there."""
    url = life.started(CHUNK + 3)
    assert life.send(url, "upload", bytes(CHUNK)).status_code == 200
    assert life.send(url, "query").status_code == 200
    name: str = life.send(url, "upload, finalize", b"abc", CHUNK).json()["file"]["name"]
    life.send(url, "query")
    for _ in range(2):
        assert life.get(name).json()["name"] == name
        assert life.reread(name).json()["name"] == name
        assert life.get("files").json()["files"]
    video = life.started(3, **{"X-Goog-Upload-Header-Content-Type": "video/mp4"})
    life.send(video, "upload, finalize", b"abc")
    token = life.get("files", pageSize="1").json()["nextPageToken"]
    assert life.get("files", pageToken=token).status_code == 200
    cancelled = life.started(100)
    assert life.send(cancelled, "cancel").status_code == 200
    assert life.get("files").status_code == 200
    assert life.store(b"abc").status_code == 200
    return name


def use(life: Life, name: str) -> None:
    """Everything a file is for, streamed answers and downloads included."""
    model = "/v1beta/models/gemini-2.5-flash"
    parts = [{"fileData": {"fileUri": name}}, {"text": "please generate a file"}]
    prompt = {"contents": [{"parts": parts}]}

    def post(path: str, body: object = prompt) -> httpx.Response:
        return life.client.post(path, json=body, headers=life.key)

    made = post(f"{model}:generateContent").json()
    uri: str = made["candidates"][0]["content"]["parts"][-1]["fileData"]["fileUri"]
    assert post(f"{model}:streamGenerateContent?alt=sse").status_code == 200
    assert post(f"{model}:streamGenerateContent").status_code == 200
    assert post(f"{model}:countTokens").status_code == 200
    assert post("/v1beta/models/nothing:generateContent").status_code == 404
    assert life.get("models").status_code == 200
    generated = uri.partition("?")[0].rpartition("/files/")[2]
    for follow in (False, True):
        answer = life.client.get(
            f"/v1beta/files/{generated}:download",
            params={"key": life.tenant.key, "alt": "media"},
            follow_redirects=follow,
        )
        assert answer.status_code == (200 if follow else 302)
    cached = {"model": "models/gemini-2.5-flash", **prompt}
    cache = post("/v1beta/cachedContents", cached).json()["name"]
    assert post(f"{model}:generateContent", {**prompt, "cachedContent": cache}).status_code == 200
    assert life.reread(cache).status_code == 200
    assert life.get("cachedContents").status_code == 200
    requests = {"requests": {"requests": [{"request": prompt}]}}
    batch = post(f"{model}:batchGenerateContent", {"batch": {"inputConfig": requests}})
    for _ in range(3):
        assert life.reread(batch.json()["name"]).status_code == 200
    assert life.get("batches").status_code == 200
    for resource in (cache, batch.json()["name"]):
        assert life.delete(resource).status_code == 200


def keep_in_a_store(life: Life, name: str) -> None:
    """A store's life, with a document of each kind."""
    created = life.client.post("/v1/fileSearchStores", json={"displayName": "s"}, headers=life.key)
    store = created.json()["name"]
    begun = life.client.post(
        f"/upload/v1beta/{store}:uploadToFileSearchStore",
        headers={**life.key, **START, "X-Goog-Upload-Header-Content-Length": "3"},
    )
    url = begun.headers["x-goog-upload-url"]
    operation = life.send(url, "upload, finalize", b"abc").json()["name"]
    life.send(url, "query")
    imported = life.client.post(
        f"/v1beta/{store}:importFile", json={"fileName": name}, headers=life.key
    )
    for path in (store, "fileSearchStores", f"{store}/documents", imported.json()["name"]):
        assert life.get(path).status_code == 200
    assert life.get(operation).status_code == 200
    assert life.client.delete(f"/v1beta/{store}?force=true", headers=life.key).status_code == 200


def be_refused(life: Life, name: str) -> None:
    """What is refused, by the gateway and by upstream."""
    url = life.started(CHUNK + 3)
    assert life.send(url, "upload", b"x").status_code == 400
    assert life.send(url, "upload, finalize", b"abc", 5).status_code == 400
    for command in ("upload, finalize", "upload", "cancel", "cancel", "finalize", "nonsense"):
        life.send(url, command, b"x", CHUNK)
    life.send(url[:-1], "query")
    for path in ("files/missing", "files/missing:download", f"{name}:remove", "nowhere"):
        assert life.get(path).status_code in {403, 404}
    life.client.get("/v1beta/files", headers={"x-goog-api-key": "wrong"})
    life.client.get("/v1beta/files")
    assert life.start(2**31 + 1).status_code == 400
    assert life.start(30 * CHUNK).status_code == 429
    related = {**life.key, "Content-Type": "multipart/related; boundary=B"}
    assert life.client.post(UPLOAD, headers=related, content=b"--B--").status_code == 400


def see_upstream_fail(stack: LocalStack, life: Life, name: str) -> None:
    """What upstream does not carry out, or does without saying so."""
    faults: list[dict[str, Any]] = [
        *({"kind": "status", "status": status} for status in (400, 403, 429, 500, 503)),
        *({"kind": kind} for kind in ("drop-after", "redirect", "malformed-json")),
        {"kind": "no-status-header"},
    ]
    requests: list[Callable[[str], object]] = [
        lambda _: life.reread(name),
        lambda _: life.store(b"abc"),
        lambda _: life.start(1),
        lambda url: life.send(url, "upload, finalize", b"abc"),
        lambda _: life.get("files"),
    ]
    for fault in faults:
        url = life.started(3)
        for request in requests:
            with stack.fault(fault, path="."):
                request(url)
    lost = life.store(b"abc").json()["file"]["name"]
    stack.simulator("POST", f"/{lost}", {"delete": True})
    assert life.reread(lost).status_code == 403


@pytest.fixture(params=["AIzaSy{}", "AQ.Ab8RN6{}", "AQ./+ %&'{}=="], ids=["AIza", "AQ", "odd"])
def canary(stack: LocalStack, request: pytest.FixtureRequest) -> Iterator[str]:
    """An upstream key to look for, in use from now on and as long as the test lasts."""
    usual = stack.upstream_key()
    key = str(request.param).format(secrets.token_hex(14))
    change_key(stack, key)
    yield key
    change_key(stack, usual)


def change_key(stack: LocalStack, key: str) -> None:
    """Rotate the hidden key, and wait until the gateway has read it anew."""
    stack.simulator("POST", "/rekey", {"index": 0, "key": key})
    stack.secrets.put_secret_value(SecretId="local/projects/default", SecretString=key)
    tenant = stack.tenant()
    deadline = time.monotonic() + HEALING_SECONDS
    with tenant.http() as client:
        while True:
            answer = client.post("/upload/v1beta/files?uploadType=media", content=b"x")
            if answer.status_code == 200:
                break
            assert answer.status_code == 503, answer.text
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert client.delete(f"/v1beta/{answer.json()['file']['name']}").status_code == 200


def places(stack: LocalStack, life: Life) -> Iterator[tuple[str, bytes]]:
    """Everything that leaves the gateway, by name."""
    for number, answer in enumerate(life.seen):
        yield f"answer {number}", answer
    yield from left_behind(stack)


def test_nothing_leaves_the_gateway_but_what_should(stack: LocalStack, canary: str) -> None:
    stack.simulator("DELETE", "/requests")
    with stack.reflecting(), Life(stack.tenant(storage=20 * CHUNK)) as life:
        name = upload_and_read(life)
        use(life, name)
        keep_in_a_store(life, name)
        be_refused(life, name)
        see_upstream_fail(stack, life, name)
        assert life.delete(name).status_code == 200
        assert life.delete(name).status_code == 403
        stack.advance(130)
        stack.run_janitor()
    ids = upload_ids(stack)
    assert len(ids) >= 4
    found = list(places(stack, life))
    assert any(name.endswith(".log") for name, _ in found)
    assert leaks(canary, found) == []
    assert {leak for upload_id in ids for leak in leaks(upload_id, found)} == set()
    assert leaks(life.tenant.key, found) == []
    for request in stack.simulator("GET", "/requests")["requests"]:
        text = json.dumps(request, ensure_ascii=False)
        assert not any(form.decode() in text for form in forms(life.tenant.key)), text
        headers = {name.lower(): value for name, value in request["headers"]}
        assert headers.keys().isdisjoint({"authorization", "x-forwarded-for", "forwarded"})
        assert "canary" not in text
        # The key goes in its header and nowhere else.
        headers.pop("x-goog-api-key", None)
        rest = json.dumps({**request, "headers": headers}, ensure_ascii=False)
        assert not any(form.decode() in rest for form in forms(canary))


def test_what_upstream_sets_as_a_cookie_is_not_sent_to_it_again(
    stack: LocalStack, tenant: StackTenant
) -> None:
    """One process serves all tenants; a cookie jar would carry something from one to the next."""
    with stack.reflecting(), Life(tenant) as life:
        url = life.started(3)
        life.send(url, "upload, finalize", b"abc")
        name = life.get("files").json()["files"][0]["name"]
        stack.simulator("DELETE", "/requests")
        with Life(stack.tenant()) as other:
            assert other.store(b"abc").status_code == 200
        assert life.reread(name).status_code == 200
    for request in stack.simulator("GET", "/requests")["requests"]:
        assert "cookie" not in {header.lower() for header, _ in request["headers"]}


def test_a_key_that_upstream_refuses_is_not_shown(stack: LocalStack, tenant: StackTenant) -> None:
    usual = stack.upstream_key()
    unknown = "AIzaSy" + secrets.token_hex(14)
    stack.simulator("POST", "/rekey", {"index": 0, "key": unknown})
    try:
        with stack.reflecting(), Life(tenant) as life:
            for answer in (life.start(3), life.store(b"abc"), life.start(5)):
                assert answer.status_code == 503
                assert answer.json()["error"]["status"] == "UNAVAILABLE"
                assert "API_KEY_INVALID" not in answer.text
        assert stack.records(tenant) == []
    finally:
        change_key(stack, usual)
    assert leaks(usual, list(places(stack, life))) == []


def test_a_log_of_everything_at_info_holds_no_upload_id(
    stack: LocalStack, caplog: pytest.LogCaptureFixture
) -> None:
    """As in Lambda, where with JSON logs the root logger writes every library's INFO, unredacted.

    (AWS: "Lambda function logs", default application log level; awslambdaric `_setup_logging`.)
    """
    upload_id = "AHx" + secrets.token_urlsafe(40)
    caplog.set_level(logging.INFO)
    with create_client(stack.upstream_url) as client:
        upstream = Upstream(client, lambda _: iter(["key"]))
        upstream.query_upload(upload_id)
        upstream.cancel_upload(upload_id)
    assert upload_id not in caplog.text


def test_a_tenants_key_is_kept_as_its_hash_only(stack: LocalStack, tenant: StackTenant) -> None:
    with Life(tenant) as life:
        assert life.get("files").status_code == 200
        assert life.store(b"abc").status_code == 200
        found = list(places(stack, life))
    assert leaks(tenant.key, found) == []
    assert leaks(tenant.key.rpartition("_")[2], found) == []


def test_a_session_says_nothing_of_what_is_in_it(stack: LocalStack, tenant: StackTenant) -> None:
    with Life(tenant) as life:
        sealed = [life.started(3) for _ in range(2)]
    assert len({url[-40:] for url in sealed}) == 2
    assert all(leaks(tenant.id, [("session", url.encode())]) == [] for url in sealed)
    ring = KeyRing("k1", {"k1": "x" * 48})
    stranger = Sealer("upload session", lambda: ring, lambda: ring)
    forged = sealed[0].rpartition("/")[0] + "/" + stranger.seal("[]")
    answer = httpx.post(forged, headers={"X-Goog-Upload-Command": "query"})
    assert answer.status_code == 403
    assert len(stack.records(tenant)) == 2
