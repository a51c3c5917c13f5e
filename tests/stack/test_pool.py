"""The pool: 32 tenants on 3 projects, up to 500 random operations each, all at the same time.

Afterwards every byte of every tenant and project is accounted for, upstream holds what the ledger
says and nothing else, and what was metered is what the simulator says has happened.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from filegate.projects import Project, project_key
from filegate.tenants import tenant_key
from local_stack import LocalStack, StackTenant
from refusals import usage

TENANTS: Final = 32
PROJECTS: Final = 3
AT_ONCE: Final = 8
"""Requests under way at a time: each takes a function environment of its own."""
STORAGE: Final = 6_000
LARGEST: Final = 900
UPLOAD: Final = "/upload/v1beta/files"


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


@dataclass
class Member:
    """One tenant and its operations, done by one thread, one after the other."""

    tenant: StackTenant
    operations: int
    stranger: str
    """The name of a file of somebody else's."""
    turn: threading.Semaphore
    chance: random.Random
    files: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    """Upload URLs that were never used, and the bytes they hold."""
    uploaded: list[int] = field(default_factory=list)
    deleted: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection(urlsplit(self.tenant.base_url).netloc, timeout=120)

    def run(self) -> "Member":
        """Do them all."""
        common: list[Callable[[], None]] = [self._get, self._get_foreign, self._list, self._unknown]
        rare: list[Callable[[], None]] = [
            *[self._whole] * 5,
            *[self._resumable] * 2,
            *[self._delete] * 5,
            self._leave_open,
            self._cancel,
            self._too_large,
        ]
        with closing(self._connection):
            for _ in range(self.operations):
                operation = self.chance.choice(rare if self.chance.random() < 0.1 else common)
                self.done[operation.__name__] += 1
                operation()
        return self

    def _ask(
        self, method: str, path: str, body: bytes | None = None, key: bool = True, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["x-goog-api-key"] = self.tenant.key
        with self.turn:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            body = answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)

    # -- what changes nothing

    def _get(self) -> None:
        if not self.files:
            return self._get_foreign()
        name, size = self.chance.choice(list(self.files.items()))
        answer = self._ask("GET", f"/v1beta/{name}")
        assert answer.status == 200, answer
        assert answer.json()["sizeBytes"] == str(size), answer
        return None

    def _get_foreign(self) -> None:
        assert self._ask("GET", f"/v1beta/{self.stranger}").status == 403

    def _list(self) -> None:
        answer = self._ask("GET", "/v1beta/files?pageSize=100")
        assert answer.status == 200, answer
        listed = {file["name"]: int(file["sizeBytes"]) for file in answer.json().get("files", [])}
        assert listed == self.files

    def _unknown(self) -> None:
        assert self._ask("GET", "/v1beta/files/none-of-mine").status == 403

    # -- what moves bytes

    def _whole(self) -> None:
        size = self.chance.randint(0, LARGEST)
        answer = self._ask("POST", f"{UPLOAD}?uploadType=media", bytes(size))
        self._stored(answer, size)

    def _resumable(self) -> None:
        size = self.chance.randint(0, LARGEST)
        url = self._start(size)
        if url is not None:
            self._stored(self._command(url, "upload, finalize", bytes(size)), size)

    def _leave_open(self) -> None:
        size = self.chance.randint(1, LARGEST // 2)
        url = self._start(size)
        if url is not None:
            self.open[url] = size

    def _cancel(self) -> None:
        url = self._start(self.chance.randint(1, LARGEST))
        if url is not None:
            assert self._command(url, "cancel").status == 200
            # Its bytes are back when somebody has looked: an upload that needs them does.
            self.open[url] = 0

    def _delete(self) -> None:
        if self.files:
            name = self.chance.choice(list(self.files))
            assert self._ask("DELETE", f"/v1beta/{name}").status == 200
            del self.files[name]
            self.deleted += 1

    def _too_large(self) -> None:
        assert self._start(STORAGE + 1) is None

    def _start(self, size: int) -> str | None:
        answer = self._ask(
            "POST",
            UPLOAD,
            b"",
            x_goog_upload_protocol="resumable",
            x_goog_upload_command="start",
            x_goog_upload_header_content_length=str(size),
        )
        if self._is_full(answer, size):
            return None
        assert answer.status == 200, answer
        url = urlsplit(answer.headers["x-goog-upload-url"])
        return url.path

    def _command(self, path: str, command: str, content: bytes = b"") -> Answer:
        return self._ask(
            "POST",
            path,
            content,
            key=False,
            x_goog_upload_command=command,
            x_goog_upload_offset="0",
        )

    def _stored(self, answer: Answer, size: int) -> None:
        if self._is_full(answer, size):
            return
        assert answer.status == 200, answer
        file = answer.json()["file"]
        assert file["sizeBytes"] == str(size)
        self.files[file["name"]] = size
        self.uploaded.append(size)

    def _is_full(self, answer: Answer, size: int) -> bool:
        """Whether it was refused for want of bytes, which then really were not there."""
        if answer.status != 429:
            return False
        assert sum(self.files.values()) + size + len(self.open) * LARGEST > STORAGE, answer
        return True


@pytest.mark.parametrize("operations", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_32_tenants_on_3_projects(stack: LocalStack, operations: int) -> None:
    projects = [stack.project(capacity=TENANTS * STORAGE) for _ in range(PROJECTS)]
    tenants = [
        stack.tenant(storage=STORAGE, project=projects[number % PROJECTS])
        for number in range(TENANTS)
    ]
    with tenants[0].http() as http:
        answer = http.post(f"{UPLOAD}?uploadType=media", content=b"")
        stranger: str = answer.raise_for_status().json()["file"]["name"]
    turn = threading.Semaphore(AT_ONCE)
    members = [
        Member(tenant, operations, stranger, turn, random.Random(number))  # noqa: S311 - to be the same again
        for number, tenant in enumerate(tenants)
    ]
    members[0].stranger = "files/somebody-elses"
    members[0].files[stranger] = 0
    members[0].uploaded.append(0)
    with ThreadPoolExecutor(TENANTS) as pool:
        for running in [pool.submit(member.run) for member in members]:
            running.result()
    assert sum(sum(member.done.values()) for member in members) == TENANTS * operations
    # In the middle of it all: some uploads are open, some were cancelled and nobody has looked.
    stack.assert_conserved()
    # And when what was left open has ended by itself.
    stack.advance(2_000)
    stack.catch_up()
    stack.assert_conserved()
    log = stack.simulator("GET", "/log")["events"]
    for member in members:
        check_tenant(stack, member, log)
    for number, project in enumerate(projects):
        check_project(stack, project, members[number::PROJECTS])


def check_tenant(stack: LocalStack, member: Member, log: list[Mapping[str, Any]]) -> None:
    """What a tenant has and what was metered of it is what happened."""
    item = stack.table.get(tenant_key(member.tenant.id))
    assert item is not None
    mine = [event for event in log if str(event["name"]).startswith(f"files/{item['tag']}")]
    stored = [event["sizeBytes"] for event in mine if event["event"] == "stored"]
    gone = [event for event in mine if event["event"] in {"deleted", "expired"}]
    assert sorted(stored) == sorted(member.uploaded)
    assert len(gone) == member.deleted
    used = usage(stack, member.tenant)
    assert used.get("uploads", 0) == len(stored)
    assert used.get("bytesIn", 0) == sum(stored)
    assert used.get("releases", 0) == len(gone)
    records = stack.records(member.tenant)
    assert {f"files/{str(record['sk']).removeprefix('FILE#')}" for record in records} == set(
        member.files
    )
    assert item["available"] == STORAGE - sum(member.files.values())
    assert item["openSessions"] == 0


def check_project(stack: LocalStack, project: str, members: list[Member]) -> None:
    """A project holds its tenants' files upstream and no others, to the byte."""
    upstream = stack.simulator("GET", "/projects")["projects"][stack.simulated(project)]
    held = {name: size for member in members for name, size in member.files.items()}
    assert {file["name"]: file["sizeBytes"] for file in upstream["files"]} == held
    assert upstream["bytesStored"] == sum(held.values())
    item = stack.table.get(project_key(project))
    assert item is not None
    found = Project.from_item(item)
    assert found.capacity - found.available == sum(held.values())
    assert (found.tenants, found.promised) == (len(members), len(members) * STORAGE)
    assert found.health.ok
    assert found.health.last_refused_at is None
