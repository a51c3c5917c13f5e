"""Bytes come back when a file's life is over: by delete, by expiry, or never begun."""

import io

import pytest
from google.genai import errors

from local_stack import LocalStack, StackTenant
from resumable import start

HOUR = 3600


def upload(tenant: StackTenant, size: int) -> str:
    file = tenant.sdk.files.upload(file=io.BytesIO(b"x" * size), config={"mime_type": "text/plain"})
    assert file.name is not None
    return file.name


def test_delete_gives_the_bytes_back(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000)
    name = upload(tenant, 1_000)
    tenant.sdk.files.get(name=name)
    assert stack.available(tenant) == 0
    assert start(tenant, 1).status_code == 429
    tenant.sdk.files.delete(name=name)
    assert stack.available(tenant) == 1_000
    assert name not in stack.upstream_files()
    assert start(tenant, 1_000).status_code == 200


def test_expiry_frees_space_for_the_next_upload_without_the_janitor(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000)
    name = upload(tenant, 1_000)
    assert start(tenant, 1).status_code == 429
    stack.advance(48 * HOUR + 1)
    with pytest.raises(errors.ClientError, match="it may not exist"):
        tenant.sdk.files.get(name=name)
    assert list(tenant.sdk.files.list()) == []
    assert start(tenant, 1_000).status_code == 200


def test_the_janitor_releases_what_has_expired(stack: LocalStack) -> None:
    tenant = stack.tenant()
    before = stack.available(tenant)
    for size in (1, 10, 100):
        upload(tenant, size)
    list(tenant.sdk.files.list())
    assert stack.available(tenant) == before - 111
    stack.advance(48 * HOUR + 1)
    stack.run_janitor()
    assert stack.records(tenant) == []
    assert stack.available(tenant) == before


def test_an_abandoned_upload_ends_by_itself(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=5_000)
    assert start(tenant, 5_000).status_code == 200
    assert stack.available(tenant) == 0
    stack.advance(HOUR)
    stack.run_janitor()
    assert stack.available(tenant) == 5_000
    assert stack.records(tenant) == []


def test_the_janitor_settles_an_upload_nobody_looked_at(stack: LocalStack) -> None:
    tenant = stack.tenant()
    upload(tenant, 123)
    [record] = stack.records(tenant)
    assert record["state"] == "RESERVED"
    stack.advance(6)
    stack.run_janitor()
    [record] = stack.records(tenant)
    assert record["state"] == "STORED"
    assert record["bytes"] == 123


def test_a_start_that_upstream_refuses_costs_nothing(stack: LocalStack) -> None:
    tenant = stack.tenant(storage=1_000)
    with stack.fault({"kind": "status", "status": 503}, path="/upload/"):
        answer = start(tenant, 1_000)
    assert answer.status_code == 503
    assert answer.json()["error"]["status"] == "UNAVAILABLE"
    assert stack.available(tenant) == 1_000
    assert stack.records(tenant) == []
