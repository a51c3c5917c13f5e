"""Operators' verbs: tenants, keys, projects, reports, on a real gateway."""

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filegate.adapters.table import Update
from filegate.limits import GIB
from filegate.names import random_characters
from filegate.tenants import tenant_key
from filegate_command import FilegateCommand
from local_stack import LocalStack, StackTenant


def new_id() -> str:
    return f"t{random_characters(12)}"


def change_available(stack: LocalStack, tenant: StackTenant, by: str) -> None:
    """Change what the ledger says is left of a tenant, and nothing else."""
    stack.table.update(
        Update(tenant_key(tenant.id), "SET #available = #available + :n", None, {":n": int(by)})
    )


def test_a_tenant_is_created_shown_limited_suspended_and_resumed(admin: FilegateCommand) -> None:
    tenant = new_id()
    made = admin.ok(
        *("tenant", "create", tenant, "--project", "default", "--storage", "5GiB"),
        *("--file-bytes", "500MB", "--file-lifetime", "24h", "--open-sessions", "3"),
        *("--requests-per-minute", "100", "--upload-mode", "gateway"),
        *("--allowed-origin", "https://a.example", "--allowed-origin", "https://b.example"),
        *("--model", "gemini-2.5-flash", "--json"),
    ).json()
    assert made["id"] == tenant
    assert made["limits"] == {
        "storageBytes": 5 * GIB,
        "fileBytes": 500_000_000,
        "fileLifetime": "86400s",
        "openSessions": 3,
        "requestsPerMinute": 100,
        "uploadMode": "gateway",
        "allowedOrigins": ["https://a.example", "https://b.example"],
        "models": ["gemini-2.5-flash"],
    }
    assert admin.ok("tenant", "get", tenant, "--json").json() == made
    changed = admin.ok(
        *("tenant", "update", tenant, "--storage", "6GiB", "--requests-per-minute", "none"),
        *("--allowed-origin", "none", "--model", "none", "--json"),
    ).json()
    assert changed["limits"] == {
        "storageBytes": 6 * GIB,
        "fileBytes": 500_000_000,
        "fileLifetime": "86400s",
        "openSessions": 3,
        "uploadMode": "gateway",
        "allowedOrigins": [],
        "models": [],
    }
    assert admin.ok("tenant", "suspend", tenant, "--json").json()["state"] == "SUSPENDED"
    assert admin.ok("tenant", "resume", tenant, "--json").json()["state"] == "ACTIVE"
    listed = {one["id"]: one for one in admin.ok("tenant", "list", "--json").lines()}
    assert {"acme", "globex", tenant} <= set(listed)
    assert listed[tenant]["limits"]["storageBytes"] == 6 * GIB


def test_lists_are_followed_page_by_page(admin: FilegateCommand, stack: LocalStack) -> None:
    made = {f"page{number:03d}{random_characters(4)}" for number in range(101)}
    with ThreadPoolExecutor(8) as pool:
        for tenant in made:
            pool.submit(stack.registry.create_tenant, tenant, "default", stack.now())
    listed = [one["id"] for one in admin.ok("tenant", "list", "--json").lines()]
    assert made <= set(listed)
    assert len(set(listed)) == len(listed)
    rows = admin.ok("ledger", "check", "--json").lines()
    assert made <= {row["id"] for row in rows}


def test_keys_are_issued_listed_rotated_and_revoked(
    admin: FilegateCommand, nobody: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    issued = admin.ok("key", "issue", tenant.id, "--label", "one", "--scope", "files:read")
    [key] = issued.out.splitlines()
    assert key.startswith(f"fg_{tenant.id}_")
    assert key not in issued.err
    assert "It is shown only now" in issued.err

    gateway = {"FILEGATE_URL": stack.base_url}
    assert nobody.ok("files", "list", "--json", FILEGATE_KEY=key, **gateway).out == ""
    path = nobody.home / "a.txt"
    path.write_text("a")
    refused = nobody.run("upload", path, FILEGATE_KEY=key, **gateway)
    assert refused.code == 1
    assert "`files:write` scope" in refused.err

    listing = admin.ok("key", "list", tenant.id, "--json")
    assert key not in listing.out
    [listed] = [one for one in listing.lines() if one["label"] == "one"]
    assert listed["state"] == "ACTIVE"
    assert listed["scopes"] == ["files:read"]

    rotated = admin.ok("key", "rotate", tenant.id, listed["id"], "--overlap", "2h", "--json").json()
    assert rotated["key"].startswith(f"fg_{tenant.id}_")
    assert rotated["scopes"] == ["files:read"]
    assert rotated["replaces"]["id"] == listed["id"]
    assert nobody.ok("files", "list", FILEGATE_KEY=rotated["key"], **gateway).code == 0

    revoked = admin.ok("key", "revoke", tenant.id, rotated["id"], "--json").json()
    assert revoked["state"] == "REVOKED"
    table = admin.ok("key", "list", tenant.id).out
    assert "REVOKED" in table
    assert rotated["key"] not in table


def test_a_key_ends_when_it_was_said_to(admin: FilegateCommand, tenant: StackTenant) -> None:
    for_a_day = admin.ok("key", "issue", tenant.id, "--ttl", "1d", "--json").json()
    until = admin.ok("key", "issue", tenant.id, "--expire-time", "2199-01-01", "--json").json()
    assert for_a_day["expireTime"] < until["expireTime"]
    assert until["expireTime"].startswith("2199-01-01T00:00:00")
    both = admin.refused(
        "key", "issue", tenant.id, "--ttl", "1d", "--expire-time", "2199-01-01", "--json"
    )
    assert "not both" in both


def test_a_project_is_added_shown_drained_and_reconciled(admin: FilegateCommand) -> None:
    project = f"p{random_characters(8)}"
    added = admin.ok(
        "project", "add", project, "--capacity", "10GiB", "--overcommit", "150", "--json"
    ).json()
    assert added["capacityBytes"] == 10 * GIB
    assert added["overcommitPercent"] == 150
    assert added["secret"] == f"local/projects/{project}"
    # It has no key, so nobody shall be placed there.
    assert admin.ok("project", "drain", project, "--json").json()["draining"] is True
    assert admin.ok("project", "get", project, "--json").json()["draining"] is True
    assert "draining" in admin.ok("project", "list").out
    changed = admin.ok(
        "project", "update", project, "--capacity", "1GiB", "--overcommit", "none", "--json"
    ).json()
    assert changed["capacityBytes"] == GIB
    assert "overcommitPercent" not in changed
    assert admin.ok("project", "undrain", project, "--json").json()["draining"] is False
    admin.ok("project", "drain", project)
    told = admin.refused("project", "reconciliation", project)
    assert "was not reconciled yet" in told
    assert "filegate project reconcile" in told


def test_a_project_is_compared_with_upstream(admin: FilegateCommand) -> None:
    done = admin.ok("project", "reconcile", "default", "--json")
    report = done.json()
    assert report["project"] == "default"
    assert report["complete"] is True
    assert "files seen" in done.err
    assert admin.ok("project", "reconciliation", "default", "--json").json() == report
    assert "Files seen" in admin.ok("project", "reconciliation", "default").out


def test_usage_is_shown_and_exported(
    admin: FilegateCommand, own: FilegateCommand, tenant: StackTenant
) -> None:
    (own.home / "a.txt").write_text("twelve bytes")
    own.ok("upload", "a.txt")
    own.ok("files", "list")
    [row] = own.ok("usage", "show", "--json").lines()
    assert row["tenant"] == tenant.id
    assert (row["uploads"], row["bytesIn"]) == (1, 12)
    [whole] = admin.ok("usage", "show", "--tenant", tenant.id, "--json").lines()
    assert (whole["tenant"], whole["uploads"], whole["bytesIn"]) == (tenant.id, 1, 12)
    assert "12 B" in admin.ok("usage", "show", "--tenant", tenant.id).out
    everybody = {one["tenant"] for one in admin.ok("usage", "show", "--json").lines()}
    assert tenant.id in everybody

    done = admin.ok(
        *("usage", "export", "--tenant", tenant.id, "--from", "2026-01-01", "--by", "hour"),
        *("--output", "usage.csv"),
    )
    assert done.out == ""
    assert "rows are in usage.csv" in done.err
    assert "Exporting usage:" in done.err
    text = (admin.home / "usage.csv").read_bytes().decode()
    # Eleven pieces of 31 days and one header.
    assert text.count("tenant,from,to") == 1
    rows = list(csv.DictReader(text.splitlines()))
    assert sum(int(one["bytesIn"] or 0) for one in rows) == 12

    for jsonl in (["--format", "jsonl"], ["--json"]):
        lines = own.ok("usage", "export", *jsonl).lines()
        assert [(one["uploads"], one["bytesIn"]) for one in lines] == [(1, 12)]
    piped = own.ok("usage", "export", "--by", "day").out
    assert next(csv.DictReader(piped.splitlines()))["uploads"] == "1"


def test_what_only_admins_may_ask_for_is_said(own: FilegateCommand) -> None:
    for options in (["--tenant", "acme"], ["--by", "tenant"]):
        told = own.refused("usage", "show", *options, code=2)
        assert "for admins" in told
        assert "FILEGATE_ADMIN_KEY" in told


def test_changes_are_in_the_audit_log(admin: FilegateCommand) -> None:
    tenant = new_id()
    admin.ok("tenant", "create", tenant, "--project", "default")
    admin.ok("tenant", "suspend", tenant)
    entries = admin.ok("audit", "list", "--tenant", tenant, "--json").lines()
    assert [entry["action"] for entry in entries] == ["tenants.suspend", "tenants.create"]
    assert {entry["subject"] for entry in entries} == {f"tenants/{tenant}"}
    table = admin.ok("audit", "list", "--tenant", tenant, "--from", "2026-01-01").out
    assert "tenants.suspend" in table
    assert f"tenants/{tenant}" in admin.ok("audit", "list").out
    assert "exclude each other" in admin.refused(
        "audit", "list", "--tenant", tenant, "--project", "default", code=2
    )


def test_the_ledger_is_checked(
    admin: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    done = admin.ok("ledger", "check")
    assert tenant.id in done.out
    assert "Every byte is accounted for" in done.err
    change_available(stack, tenant, "-1")  # A byte goes missing, as it never must.
    try:
        done = admin.run("ledger", "check", "--json")
    finally:
        change_available(stack, tenant, "1")
    assert done.code == 1
    [wrong] = [row for row in done.lines() if row["differenceBytes"]]
    assert (wrong["kind"], wrong["id"], abs(wrong["differenceBytes"])) == ("tenant", tenant.id, 1)
    assert f"tenant {tenant.id}" in done.err


def test_deleting_a_tenant_takes_its_files_and_leaves_its_usage(
    admin: FilegateCommand, stack: LocalStack
) -> None:
    tenant = new_id()
    admin.ok("tenant", "create", tenant, "--project", "default")
    key = admin.ok("key", "issue", tenant).out.strip()
    paths = []
    for number in range(3):
        path = admin.home / f"{number}.txt"
        path.write_text("four")
        paths.append(path)
    uploaded = admin.ok("upload", *paths, "--json", FILEGATE_KEY=key).lines()
    names = {line["file"]["name"] for line in uploaded}
    assert names <= set(stack.upstream_files())
    admin.ok("files", "list", FILEGATE_KEY=key)  # which settles them
    assert "Add --yes" in admin.refused("tenant", "delete", tenant, code=2)
    assert admin.ok("tenant", "get", tenant, "--json").json()["state"] == "ACTIVE"
    done = admin.ok("tenant", "delete", tenant, "--yes", "--json")
    final = done.json()
    assert final["done"] is True
    assert final["usage"]["uploads"] == 3
    assert final["usage"]["bytesIn"] == 12
    assert "files, caches, batches and stores left" in done.err
    assert not names & set(stack.upstream_files())
    assert tenant not in admin.ok("tenant", "list").out


def test_an_upload_that_has_just_begun_is_waited_for(
    admin: FilegateCommand, stack: LocalStack
) -> None:
    tenant = new_id()
    admin.ok("tenant", "create", tenant, "--project", "default")
    key = admin.ok("key", "issue", tenant).out.strip()
    (admin.home / "a.txt").write_text("four")
    admin.ok("upload", "a.txt", FILEGATE_KEY=key)
    with admin.begin("tenant", "delete", tenant, "--yes", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "1 files" in process.stderr.readline()
        stack.advance(61)
        final = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert final["usage"]["uploads"] == 1


def test_a_person_is_asked_before_a_tenant_is_deleted(admin: FilegateCommand) -> None:
    tenant = new_id()
    admin.ok("tenant", "create", tenant, "--project", "default")
    done = admin.on_a_terminal("tenant", "delete", tenant, keys="n\n")
    assert done.code == 1
    assert f"Delete {tenant} with all of its files and keys?" in done.out
    assert admin.ok("tenant", "get", tenant, "--json").json()["state"] == "ACTIVE"
    done = admin.on_a_terminal("tenant", "delete", tenant, keys="y\n")
    assert done.code == 0, done.out
    assert "Its final usage record" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tenant", "get", "nobody"), ("There is no tenant 'nobody'", "filegate tenant list")),
        (("tenant", "create", "acme"), ("The tenant acme already exists", "Choose another id")),
        (("tenant", "create", "Not OK"), ("a-z, 0-9 and dashes", "tenant create --help")),
        (("key", "list", "nobody"), ("There is no tenant 'nobody'",)),
        (("key", "revoke", "acme", "abc"), ("has no key 'abc'", "filegate key list")),
        (("project", "get", "none"), ("There is no project 'none'", "filegate project list")),
        (("project", "add", "default"), ("already exists", "Choose another id")),
        (("tenant", "create", "x", "--file-lifetime", "99d"), ("fileLifetime", "172800")),
        (("usage", "show", "--from", "2026-01-01T00:30:00Z"), ("whole",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_refusals_teach(
    admin: FilegateCommand, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    for as_json in ((), ("--json",)):
        told = admin.refused(*arguments, *as_json)
        for word in words:
            assert word in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tenant", "create", "x", "--storage", "5XB"), ("'5XB' is no size", "GiB")),
        (("tenant", "create", "x", "--file-lifetime", "soon"), ("no span of time", "24h")),
        (("tenant", "update", "acme"), ("Nothing to change", "--storage")),
        (("project", "update", "default"), ("Nothing to change", "--capacity")),
        (("usage", "show", "--from", "yesterday"), ("no date", "2026-11-01")),
        (("usage", "export", "--json", "--format", "csv"), ("exclude each other",)),
        (("usage", "export", "--output", "/nowhere/x"), ("no directory /nowhere",)),
        (("tenant", "create"), ("Missing argument",)),
        (("tenant", "make"), ("No such command 'make'",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_is_told_apart_from_refusals(
    admin: FilegateCommand, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    told = admin.refused(*arguments, code=2)
    for word in words:
        assert word in told


def test_a_missing_and_a_wrong_admin_key_are_explained(
    nobody: FilegateCommand, stack: LocalStack
) -> None:
    told = nobody.refused("tenant", "list", "--url", stack.base_url, code=2)
    assert "FILEGATE_ADMIN_KEY" in told
    assert "--ready-file" in told
    wrong = nobody.refused("tenant", "list", "--url", stack.base_url, "--admin-key", "guess-guess")
    assert "admin key" in wrong
    assert "FILEGATE_ADMIN_KEY" in wrong
    assert "guess-guess" not in wrong


def test_a_ready_file_says_it_all(
    nobody: FilegateCommand, stack: LocalStack, tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    told = nobody.refused("tenant", "list", "--ready-file", ready, code=2)
    assert "no ready file" in told
    ready.write_text(json.dumps(dict(stack.ready)))
    assert "acme" in nobody.ok("tenant", "list", "--ready-file", ready).out
    assert nobody.ok("files", "list", "--json", FILEGATE_READY_FILE=str(ready)).code == 0
    # An option says more than the file, and the file more than the environment.
    elsewhere = nobody.refused("tenant", "list", "--ready-file", ready, "--url", "http://[::1]:9")
    assert "does not answer" in elsewhere
    there = {"FILEGATE_URL": "http://127.0.0.1:9", "FILEGATE_ADMIN_KEY": "wrong"}
    assert "acme" in nobody.ok("tenant", "list", "--ready-file", ready, **there).out


def test_lines_can_be_piped(admin: FilegateCommand, tenant: StackTenant) -> None:
    listing = admin.begin("tenant", "list", "--json")
    with listing:
        picked = subprocess.run(
            [
                sys.executable,
                "-c",
                "import json, sys\nfor line in sys.stdin: print(json.loads(line)['id'])",
            ],
            stdin=listing.stdout,
            capture_output=True,
            text=True,
            check=True,
        )
    assert {"acme", tenant.id} <= set(picked.stdout.split()) | {tenant.id}
    assert listing.returncode == 0
