"""Key rotation: while the hidden key changes under load, no request fails."""

import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from filegate.projects import Project, project_key
from local_stack import LocalStack, StackTenant
from model_calls import GENERATE, prompt, uri
from refusals import usage
from resumable import send, started

THREADS = 8
ROTATIONS = 6
PATIENCE = 120.0


def new_key() -> str:
    return "AIzaSy" + secrets.token_hex(14)


class Load:
    """What eight threads of one tenant do until they are told to stop."""

    def __init__(self, tenant: StackTenant) -> None:
        self._tenant = tenant
        self._stop = threading.Event()
        self.answered = [0] * THREADS
        """Answers that each thread has had."""
        self.uploaded = 0
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make requests until the block ends. Nothing that a thread raises is lost."""
        with ThreadPoolExecutor(THREADS) as pool:
            threads = [pool.submit(self._work, number) for number in range(THREADS)]
            try:
                yield
            finally:
                self._stop.set()
        for thread in threads:
            thread.result()

    def settle(self) -> None:
        """Wait until every thread has ended what it was at, and one request more since then.

        So each step of a rotation meets requests of its own, and rotations, which are weeks apart,
        do not run into one another.
        """
        before = list(self.answered)
        deadline = time.monotonic() + PATIENCE
        while not self.failures and any(
            now < then + 2 for now, then in zip(self.answered, before, strict=True)
        ):
            assert time.monotonic() < deadline, "a request hangs"
            time.sleep(0.01)

    def _work(self, number: int) -> None:
        self._thread.number = number
        chance = random.Random(number)  # noqa: S311 - to be done again the same way
        with self._tenant.http() as http:
            mine: list[str] = []
            while not self._stop.is_set():
                action = chance.choice(
                    [self._whole, self._resumable, self._get, self._list, self._generate]
                )
                if len(mine) > 3:
                    action = self._delete
                action(http, mine)

    def note(self, answer: httpx.Response) -> httpx.Response:
        with self._lock:
            number = getattr(self._thread, "number", None)
            if number is not None:
                self.answered[number] += 1
            if not answer.is_success:
                request = answer.request
                self.failures.append(f"{request.method} {request.url.path}: {answer.text[:300]}")
        return answer

    def _stored(self, answer: httpx.Response, mine: list[str]) -> None:
        if self.note(answer).is_success:
            mine.append(answer.json()["file"]["name"])
            with self._lock:
                self.uploaded += 1

    def _whole(self, http: httpx.Client, mine: list[str]) -> None:
        self._stored(http.post("/upload/v1beta/files?uploadType=media", content=b"whole"), mine)

    def _resumable(self, http: httpx.Client, mine: list[str]) -> None:
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": "5",
        }
        begun = self.note(http.post("/upload/v1beta/files", headers=headers))
        if begun.is_success:
            url = begun.headers["x-goog-upload-url"]
            self._stored(send(url, "upload, finalize", b"parts"), mine)

    def _get(self, http: httpx.Client, mine: list[str]) -> None:
        for name in mine:
            self.note(http.get(f"/v1beta/{name}", headers={"cache-control": "no-cache"}))

    def _list(self, http: httpx.Client, mine: list[str]) -> None:
        assert isinstance(mine, list)
        self.note(http.get("/v1beta/files"))

    def _generate(self, http: httpx.Client, mine: list[str]) -> None:
        uris = [uri(name.removeprefix("files/")) for name in mine]
        self.note(http.post(GENERATE, json=prompt(*uris)))
        stream = GENERATE.replace("generateContent", "streamGenerateContent")
        self.note(http.post(stream, params={"alt": "sse"}, json=prompt(*uris)))
        self.note(http.get("/v1beta/models"))

    def _delete(self, http: httpx.Client, mine: list[str]) -> None:
        while mine:
            self.note(http.delete(f"/v1beta/{mine.pop()}"))


Rotate = Callable[[LocalStack, str, Load], None]


def put_secret(stack: LocalStack, project: str, key: str) -> None:
    stack.secrets.put_secret_value(SecretId=f"local/projects/{project}", SecretString=key)


def rekey(stack: LocalStack, project: str, key: str, *, overlap: bool) -> None:
    change = {"index": stack.simulated(project), "key": key, "overlap": overlap}
    stack.simulator("POST", "/rekey", change)


def with_an_overlap(stack: LocalStack, project: str, load: Load) -> None:
    """As the guide says: the new key is made, put into the secret, and the old one deleted."""
    key = new_key()
    rekey(stack, project, key, overlap=True)
    load.settle()
    put_secret(stack, project, key)
    load.settle()
    rekey(stack, project, key, overlap=False)


def at_once(stack: LocalStack, project: str, load: Load) -> None:
    """The old key ends in the moment in which the new one begins, a while after the secret."""
    key = new_key()
    put_secret(stack, project, key)
    load.settle()
    rekey(stack, project, key, overlap=False)


@pytest.mark.parametrize("rotate", [with_an_overlap, at_once])
def test_no_request_fails_while_keys_rotate(stack: LocalStack, rotate: Rotate) -> None:
    project = stack.project()
    tenant = stack.tenant(project=project)
    load = Load(tenant)
    # Uploads that begin under one key and end under another.
    long = [started(tenant, 3) for _ in range(ROTATIONS)]
    with load.running():
        for url in long:
            load.settle()
            rotate(stack, project, load)
            load.settle()
            load.note(send(url, "upload, finalize", b"abc"))
    assert load.failures == []
    assert min(load.answered) >= 4 * ROTATIONS
    with tenant.http() as http:
        listed = http.get("/v1beta/files?pageSize=100").json()["files"]
    upstream = stack.simulator("GET", "/projects")["projects"][stack.simulated(project)]
    assert {file["name"] for file in listed} == {file["name"] for file in upstream["files"]}
    assert usage(stack, tenant)["uploads"] == load.uploaded + ROTATIONS
    # What happened is to be seen, without the key.
    item = stack.table.get(project_key(project))
    assert item is not None
    health = Project.from_item(item).health
    assert health.ok
    assert health.last_refusal is not None
    assert health.last_refusal.startswith("400 INVALID_ARGUMENT: API key not valid.")
    assert stack.upstream_key(project) not in json.dumps(dict(item))
