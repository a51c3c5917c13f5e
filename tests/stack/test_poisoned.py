"""One thing that is broken must not stop the rest: a missing secret, a retired session key."""

import json

from local_stack import LocalStack
from resumable import send, start, started

SESSION_KEYS = "local/session-keys"


def test_a_project_without_its_secret_costs_its_tenants_no_bytes(stack: LocalStack) -> None:
    project = stack.project(capacity=10_000)
    tenant = stack.tenant(storage=10_000, project=project)
    stack.secrets.delete_secret(
        SecretId=f"local/projects/{project}", ForceDeleteWithoutRecovery=True
    )
    for _ in range(3):
        answer = start(tenant, 4_000)
        assert answer.status_code == 503
        assert "operator" in answer.json()["error"]["message"]
    assert stack.available(tenant) == 10_000
    assert stack.records(tenant) == []


def test_the_janitor_goes_on_past_a_record_it_cannot_keep(stack: LocalStack) -> None:
    project = stack.project()
    broken, healthy = stack.tenant(project=project), stack.tenant()
    key = stack.upstream_key(project)
    for tenant in [broken, *[healthy] * 20]:
        send(started(tenant, 3), "upload, finalize", b"abc")
    stack.secrets.delete_secret(
        SecretId=f"local/projects/{project}", ForceDeleteWithoutRecovery=True
    )
    stack.advance(6)
    done = stack.run_janitor()
    assert done["failed"] >= 1
    assert {record["state"] for record in stack.records(healthy)} == {"STORED"}
    [record] = stack.records(broken)
    assert record["state"] == "RESERVED"
    assert record["looks"] == 1
    # When the secret is back, so is everything else.
    stack.secrets.create_secret(Name=f"local/projects/{project}", SecretString=key)
    stack.advance(60)
    stack.run_janitor()
    assert [record["state"] for record in stack.records(broken)] == ["STORED"]


def test_rotating_the_session_key_keeps_open_uploads(
    stack: LocalStack,
) -> None:
    tenant = stack.tenant(storage=100)
    url = started(tenant, 3)
    ring = json.loads(stack.secrets.get_secret_value(SecretId=SESSION_KEYS)["SecretString"])
    added = {**ring, "k2": "n" * 48, "primary": "k2"}
    stack.secrets.put_secret_value(SecretId=SESSION_KEYS, SecretString=json.dumps(added))
    try:
        assert send(url, "upload, finalize", b"abc").status_code == 200
        assert [file.size_bytes for file in tenant.sdk.files.list()] == [3]
    finally:
        stack.secrets.put_secret_value(SecretId=SESSION_KEYS, SecretString=json.dumps(ring))
