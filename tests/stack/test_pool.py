"""The pool: 32 tenants on 3 projects, up to 500 random operations each, all at the same time.

Afterwards every byte of every tenant and project is accounted for, upstream holds what the ledger
says and nothing else, and what was metered is what the simulator says has happened.
"""

import random
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from filegate.projects import Project, project_key
from filegate.tenants import tenant_key
from local_stack import LocalStack
from pool_members import AT_ONCE, STORAGE, UPLOAD, Member
from refusals import usage

TENANTS: Final = 32
PROJECTS: Final = 3


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
        Member(tenant, stranger, turn, random.Random(number))  # noqa: S311 - to be the same again
        for number, tenant in enumerate(tenants)
    ]
    members[0].stranger = "files/somebody-elses"
    members[0].files[stranger] = 0
    members[0].uploaded.append(0)
    with ThreadPoolExecutor(TENANTS) as pool:
        for running in [
            pool.submit(member.run, lambda done: done < operations) for member in members
        ]:
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
