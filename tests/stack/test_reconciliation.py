"""Ledger and upstream compared, and put right where that is safe, whatever else goes on."""

import hashlib
import io
import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from google.genai import errors

from filegate.projects import project_key
from filegate.tenants import tenant_key
from local_stack import NO_TLS, LocalStack, StackTenant
from model_calls import generate as prompted
from model_calls import prompt
from resumable import send, start, started

HOUR = 3_600
PAST_GRACE = HOUR + 60
"""All tests together move the clock by less than a day, so that no run comes by itself."""
CAPACITY = 100_000
STORAGE = 40_000


@pytest.fixture
def project(stack: LocalStack) -> str:
    """An upstream project of its own."""
    return stack.project(CAPACITY)


@pytest.fixture
def tenant(stack: LocalStack, project: str) -> StackTenant:
    """A tenant on that project."""
    return stack.tenant(STORAGE, STORAGE, project)


def run(stack: LocalStack, project: str) -> Mapping[str, Any]:
    """One run of the reconciler; answers the report of a project."""
    [report] = [one for one in stack.run_reconciler() if one["project"] == project]
    return report


def upload(tenant: StackTenant, size: int, name: str | None = None) -> str:
    content = io.BytesIO(b"x" * size)
    file = tenant.sdk.files.upload(file=content, config={"mime_type": "text/plain", "name": name})
    assert file.name is not None
    return file.name


def generate(stack: LocalStack, project: str, size: int) -> str:
    """What a batch puts into the project when nobody looks."""
    body = {"index": stack.simulated(project), "sizeBytes": size}
    return str(stack.simulator("POST", "/generated", body)["name"])


def lose(stack: LocalStack, project: str, name: str) -> None:
    """Upstream has a file no more, and told nobody."""
    body = {"delete": True, "index": stack.simulated(project)}
    stack.simulator("POST", f"/{name}", body)


def leak(stack: LocalStack, project: str, tenant: StackTenant, name: str, size: int) -> str:
    """A file under a tenant's tag, as an upload leaves it that no record knows."""
    item = stack.table.get(tenant_key(tenant.id))
    assert item is not None
    full = f"files/{item['tag']}{name}"
    metadata = json.dumps({"file": {"name": full}})
    parts: Mapping[str, tuple[str | None, str | bytes, str]] = {
        "metadata": (None, metadata, "application/json"),
        "file": ("f", b"x" * size, "text/plain"),
    }
    httpx.post(
        f"{stack.upstream_url}/upload/v1beta/files",
        headers={
            "x-goog-api-key": stack.upstream_key(project),
            "x-goog-upload-protocol": "multipart",
        },
        files=parts,
        verify=NO_TLS,
    ).raise_for_status()
    assert full in stack.upstream_files()
    return full


def of_project(stack: LocalStack, project: str, name: str) -> int:
    item = stack.table.get(project_key(project))
    assert item is not None
    return int(item.get(name) or 0)


def test_what_a_batch_left_behind_is_deducted_until_it_is_gone(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    kept = upload(tenant, 10_000)
    output = generate(stack, project, 70_000)
    assert run(stack, project)["phantoms"]["count"] == 0
    stack.advance(PAST_GRACE)
    report = run(stack, project)
    assert report["phantoms"] == {"count": 1, "bytes": 70_000, "names": [output]}
    assert (report["phantomBytes"], report["driftBytes"]) == (70_000, 70_000)
    assert report["complete"]
    assert of_project(stack, project, "available") == CAPACITY - 80_000
    with tenant.http() as http:
        refusal = start(tenant, 20_001)
        assert refusal.status_code == 429
        assert http.get("/v1beta/files").json()["files"][0]["name"] == kept
    assert run(stack, project)["driftBytes"] == 0
    lose(stack, project, output)
    assert run(stack, project)["phantomBytes"] == 0
    assert of_project(stack, project, "available") == CAPACITY - 10_000
    assert start(tenant, 20_001).status_code == 200
    stack.assert_conserved()


def test_what_a_tenant_owns_is_no_phantom(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    upload(tenant, 10)
    upload(tenant, 20, "my-doc")
    prompted(tenant, prompt(text="please generate a file")).raise_for_status()
    stack.advance(PAST_GRACE)
    report = run(stack, project)
    assert (report["filesSeen"], report["driftBytes"], report["complete"]) == (3, 0, True)
    assert report["phantoms"]["count"] == report["deleted"]["count"] == report["lost"]["count"] == 0
    assert of_project(stack, project, "available") == CAPACITY - 30


def test_a_file_upstream_lost_gives_its_bytes_back(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    lost, kept = upload(tenant, STORAGE - 10), upload(tenant, 10)
    assert len(list(tenant.sdk.files.list())) == 2
    lose(stack, project, lost)
    assert start(tenant, 1).status_code == 429
    report = run(stack, project)
    assert report["lost"] == {"count": 1, "bytes": STORAGE - 10, "names": [lost]}
    assert (report["driftBytes"], report["correctedBytes"]) == (STORAGE - 10, STORAGE - 10)
    assert stack.available(tenant) == STORAGE - 10
    assert [file.name for file in tenant.sdk.files.list()] == [kept]
    assert start(tenant, STORAGE - 10).status_code == 200
    again = run(stack, project)
    assert (again["lost"]["count"], again["driftBytes"], again["complete"]) == (0, 0, True)


def test_a_leak_is_deleted_when_it_can_be_nothing_else(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    leaked = leak(stack, project, tenant, "my-doc", 900)
    report = run(stack, project)
    assert report["deleted"]["count"] == report["phantoms"]["count"] == 0
    stack.advance(PAST_GRACE)
    report = run(stack, project)
    assert report["deleted"] == {"count": 1, "bytes": 900, "names": [leaked]}
    assert leaked not in stack.upstream_files()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == STORAGE
    assert of_project(stack, project, "available") == CAPACITY
    assert upload(tenant, 10, "my-doc") == leaked


def test_uploads_that_are_under_way_or_just_done_are_left_alone(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    url = started(tenant, 2_000)
    send(started(tenant, 3_000), "upload, finalize", b"x" * 3_000).raise_for_status()
    before = stack.records(tenant)
    report = run(stack, project)
    assert (report["driftBytes"], report["complete"]) == (0, True)
    assert stack.records(tenant) == before
    send(url, "upload, finalize", b"x" * 2_000).raise_for_status()
    assert sorted(int(file.size_bytes or 0) for file in tenant.sdk.files.list()) == [2_000, 3_000]


def test_a_project_that_upstream_does_not_list_is_told_of_and_nothing_is_given_up(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    name = upload(tenant, 10)
    list(tenant.sdk.files.list())
    index, key = stack.simulated(project), stack.upstream_key(project)
    stack.simulator("POST", "/rekey", {"index": index, "key": "AIza-of-somebody-else"})
    answer = stack.invoke("ReconcilerFunction")
    stack.simulator("POST", "/rekey", {"index": index, "key": key})
    assert answer["error"]["errorType"] == "ProjectsNotCompared"
    assert answer["error"]["errorMessage"] == project
    [record] = stack.records(tenant)
    assert record["sk"] == f"FILE#{name.removeprefix('files/')}"


def test_a_run_tells_its_numbers_as_metrics(
    stack: LocalStack, project: str, tenant: StackTenant
) -> None:
    upload(tenant, 10)
    list(tenant.sdk.files.list())
    run(stack, project)
    [log] = stack.logs.glob("*econciler*")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    measured = [line for line in lines if "_aws" in line]
    assert {"PhantomBytes", "LostRecords", "Drift"} <= set(measured[-1])
    assert measured[-1]["service"] == "filegate"
    assert project in [line.get("project") for line in lines]


# -- beside everything else

WORKERS = 4
LEAKED = b"x" * 50
ROUNDS = 5


class Owner:
    """A tenant at work; remembers what it has, and that nothing went wrong with it."""

    def __init__(self, tenant: StackTenant, number: int) -> None:
        self.tenant = tenant
        self.random = random.Random(number)  # noqa: S311 - only sizes
        self.files: dict[str, bytes] = {}
        self.refused: set[str] = set()
        """Names under which an upload met a leak."""

    def work(self) -> None:
        """Replace the chosen names, and make, read and delete others."""
        for name in ("doc-a", "doc-b", "leak-a", "leak-b"):
            self.replace(name)
        extra = self.put(None)
        assert extra is not None
        kept = self.put(None)
        assert kept is not None
        assert self.tenant.sdk.files.get(name=extra).name == extra
        self.delete(extra)
        assert set(self.files) <= {file.name for file in self.tenant.sdk.files.list()}

    def replace(self, name: str) -> None:
        """Delete the file of a chosen name, if there is one, and upload another."""
        for full in [one for one in self.files if one.endswith(name)]:
            self.delete(full)
        self.put(name)

    def put(self, name: str | None) -> str | None:
        """Upload; None where a leak has the name, which only a chosen one can meet."""
        content = self.random.randbytes(self.random.randint(1, 300))
        try:
            file = self.tenant.sdk.files.upload(
                file=io.BytesIO(content), config={"mime_type": "text/plain", "name": name}
            )
        except errors.ClientError as refusal:
            assert name is not None
            assert refusal.code == 409
            self.refused.add(name)
            return None
        assert file.name is not None
        self.files[file.name] = content
        return file.name

    def delete(self, full: str) -> None:
        self.tenant.sdk.files.delete(name=full)
        del self.files[full]


def race(*works: Callable[[], object], beside: Sequence[Callable[[], object]]) -> None:
    """Do all works at once, and what is beside them over and over until they are done."""
    working = threading.Event()
    working.set()

    def while_working(action: Callable[[], object]) -> None:
        action()
        while working.is_set():
            action()

    with ThreadPoolExecutor(len(works) + len(beside)) as pool:
        others = [pool.submit(while_working, action) for action in beside]
        try:
            for done in [pool.submit(work) for work in works]:
                done.result(120)
        finally:
            working.clear()
        for other in others:
            other.result(120)


def assert_all_there(stack: LocalStack, owner: Owner) -> None:
    """Check that an owner has what it remembers, listed and upstream, and nothing else.

    But an upload that began before the leak of its name was found, and that upstream refused for
    it, leaves the leak to the tenant: then a record knows it.
    """
    upstream = stack.upstream_files()
    listed = {str(file.name) for file in owner.tenant.sdk.files.list()}
    for name in listed - set(owner.files):
        assert name[-len("leak-a") :] in owner.refused
        owner.files[name] = LEAKED
    assert listed == set(owner.files)
    for name, content in owner.files.items():
        assert upstream[name]["sha256"] == hashlib.sha256(content).hexdigest()


def test_beside_uploads_deletes_and_the_janitor_nothing_alive_is_touched(
    stack: LocalStack, project: str
) -> None:
    owners = [Owner(stack.tenant(STORAGE, STORAGE, project), number) for number in range(WORKERS)]
    unlucky = stack.tenant(STORAGE, STORAGE, project)
    for _ in range(ROUNDS):
        names = [upload(unlucky, 100) for _ in range(4)]
        list(unlucky.sdk.files.list())
        for owner in owners:
            for name in sorted({"leak-a", "leak-b"} - {one[-6:] for one in owner.files}):
                leak(stack, project, owner.tenant, name, len(LEAKED))
        generate(stack, project, 1_000)
        # Whatever is there by now is old enough to be taken for a phantom.
        stack.advance(PAST_GRACE)
        race(
            *[owner.work for owner in owners],
            *[partial(lose, stack, project, name) for name in names[:2]],
            beside=[*[partial(run, stack, project)] * 2, stack.run_janitor],
        )
        for owner in owners:
            assert_all_there(stack, owner)
        assert set(names[2:]) <= {file.name for file in unlucky.sdk.files.list()}
        stack.assert_conserved()
    finish(stack, project)
    assert len(list(unlucky.sdk.files.list())) == 2 * ROUNDS
    assert of_project(stack, project, "phantomBytes") == 1_000 * ROUNDS
    assert recorded(stack, unlucky, *[owner.tenant for owner in owners]) == stored(stack, project)


def recorded(stack: LocalStack, *tenants: StackTenant) -> dict[str, int]:
    """Sizes of the files that tenants have records of, by name."""
    return {
        str(record["sk"]).replace("FILE#", "files/"): int(record["bytes"] or 0)
        for tenant in tenants
        for record in stack.records(tenant)
    }


def stored(stack: LocalStack, project: str) -> dict[str, int]:
    """Sizes of the uploads that upstream has in a project, by name."""
    [simulated] = [
        one
        for one in stack.simulator("GET", "/projects")["projects"]
        if one["index"] == stack.simulated(project)
    ]
    uploads = [file for file in simulated["files"] if file.get("source") != "GENERATED"]
    return {file["name"]: file["sizeBytes"] for file in uploads}


def finish(stack: LocalStack, project: str) -> None:
    """One run that has everything to itself, and one that has nothing left to do."""
    assert run(stack, project)["complete"]
    last = run(stack, project)
    assert (last["complete"], last["driftBytes"]) == (True, 0)
    assert last["deleted"]["count"] == last["lost"]["count"] == 0
