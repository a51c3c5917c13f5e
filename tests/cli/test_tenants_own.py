"""A tenant's verbs but for uploading: files, tokens; and what is said where a key is no good."""

import json
from pathlib import Path

import httpx
import pytest

from filegate_command import FilegateCommand
from local_stack import LocalStack, StackTenant


def upload(own: FilegateCommand, name: str, content: str) -> str:
    path = own.home / name
    path.write_text(content)
    file_name: str = own.ok("upload", path, "--json").json()["file"]["name"]
    return file_name


def test_files_are_listed_shown_and_deleted(own: FilegateCommand) -> None:
    first, second = upload(own, "a.txt", "one"), upload(own, "b.md", "three")
    listed = {file["name"]: file for file in own.ok("files", "list", "--json").lines()}
    assert set(listed) == {first, second}
    assert listed[second]["mimeType"] == "text/markdown"
    table = own.ok("files", "list").out
    assert "a.txt" in table
    assert first in table
    assert own.ok("files", "get", first, "--json").json() == listed[first]
    by_id = own.ok("files", "get", first.removeprefix("files/")).out
    assert "5 B" not in by_id
    assert "3 B" in by_id
    done = own.ok("files", "delete", first, second, "--json")
    assert [line["name"] for line in done.lines()] == [first, second]
    assert own.ok("files", "list", "--json").out == ""
    empty = own.ok("files", "list")
    assert empty.out == ""
    assert "No files" in empty.err


def test_more_files_than_a_page_has(own: FilegateCommand) -> None:
    paths = []
    for number in range(101):
        path = own.home / f"{number}.txt"
        path.touch()
        paths.append(path)
    own.ok("upload", *paths, "--parallel", 8, "--json")
    assert len(own.ok("files", "list", "--json").lines()) == 101


def test_a_file_that_is_not_there(own: FilegateCommand) -> None:
    told = own.refused("files", "get", "files/none")
    assert "it may not exist" in told
    assert "filegate files list" in told
    kept = upload(own, "a.txt", "one")
    done = own.run("files", "delete", "files/none", kept)
    assert done.code == 1
    assert "files/none: " in done.err
    assert "1 of 2 files could not be deleted" in done.err
    assert own.ok("files", "list", "--json").out == ""


def test_a_name_cannot_leave_its_collection(own: FilegateCommand) -> None:
    told = own.refused("files", "get", "../../admin/v1/tenants")
    assert "may not exist" in told or "name" in told


def test_a_token_is_minted_and_works(own: FilegateCommand, nobody: FilegateCommand) -> None:
    done = own.ok("token", "mint", "--byte-budget", "1KB", "--mime-type", "text/*", "--ttl", "5m")
    [token] = done.out.splitlines()
    assert token.startswith("fgt_")
    assert token not in done.err
    path = nobody.home / "a.txt"
    path.write_text("one")
    page = {"FILEGATE_URL": own.environment["FILEGATE_URL"], "FILEGATE_KEY": token}
    assert nobody.ok("upload", path, "--json", **page).json()["file"]["sizeBytes"] == "3"
    path.write_text("much" * 1000)
    assert "Browser token used up" in nobody.run("upload", path, **page).err
    said = own.ok(
        *("token", "mint", "--scope", "files:read", "--scope", "files:write"),
        *("--byte-budget", "25MB", "--file-count", "2", "--origin", "https://app.example"),
        "--json",
    ).json()
    assert said["scopes"] == ["files:read", "files:write"]
    assert (said["byteBudget"], said["fileCount"]) == (25_000_000, 2)
    assert said["origin"] == "https://app.example"


def test_a_token_without_a_budget_is_explained(own: FilegateCommand) -> None:
    told = own.refused("token", "mint")
    assert "byteBudget" in told
    assert "token mint --help" in told


def test_a_missing_and_a_wrong_key_are_explained(
    nobody: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    told = nobody.refused("files", "list", "--url", stack.base_url, code=2)
    assert "FILEGATE_KEY" in told
    assert "filegate key issue" in told
    wrong = tenant.key[:-1] + ("a" if tenant.key[-1] != "a" else "b")
    told = nobody.refused("files", "list", "--url", stack.base_url, "--key", wrong)
    assert "API key not valid" in told
    assert "revoked" in told
    assert wrong not in told
    told = nobody.refused("usage", "show", "--url", stack.base_url, code=2)
    assert "FILEGATE_ADMIN_KEY or FILEGATE_KEY" in told
    told = nobody.refused("files", "list", FILEGATE_KEY="two words", code=2)
    assert "characters no key has" in told
    assert "two words" not in told


@pytest.mark.parametrize(
    ("url", "code", "word"),
    [
        ("http://127.0.0.1:9", 1, "does not answer"),
        ("127.0.0.1:8080", 2, "is no URL"),
        ("ftp://host", 2, "is no URL"),
        ("http://[::1", 2, "is no URL"),
    ],
)
def test_a_wrong_url_is_explained(nobody: FilegateCommand, url: str, code: int, word: str) -> None:
    told = nobody.refused("files", "list", "--url", url, FILEGATE_KEY="fg_a_b", code=code)
    assert word in told
    assert "FILEGATE_URL" in told


def test_what_is_no_gateway_is_told(nobody: FilegateCommand, stack: LocalStack) -> None:
    told = nobody.refused(
        "files", "list", "--url", f"{stack.upstream_url}/elsewhere", FILEGATE_KEY="fg_a_b"
    )
    assert "FILEGATE_URL" in told


def test_a_busy_gateway_is_asked_again(own: FilegateCommand, stack: LocalStack) -> None:
    name = upload(own, "a.txt", "one")
    # The gateway says 503 while upstream does not answer to a fresh look.
    with stack.fault({"kind": "status", "status": 503}, times=100, method="DELETE"):
        told = own.refused("files", "delete", name)
    assert "try again" in told.lower() or "can succeed in" in told
    own.ok("files", "delete", name)


def test_tables_are_plain_in_pipes_and_coloured_on_terminals(own: FilegateCommand) -> None:
    name = upload(own, "a.txt", "one")
    piped = own.ok("files", "list").out
    assert piped.splitlines()[0].split() == [
        "NAME",
        "DISPLAY",
        "NAME",
        "STATE",
        "TYPE",
        "SIZE",
        "EXPIRES",
    ]
    assert "\x1b" not in piped
    assert "\x1b[32mACTIVE" in own.on_a_terminal("files", "list").out
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = own.on_a_terminal("files", "list", **plain).out
        assert "\x1b" not in shown
        assert name in shown
    assert "\x1b[1;31mfilegate:" in own.on_a_terminal("files", "get", "none").out
    assert "\x1b" not in own.on_a_terminal("files", "get", "none", NO_COLOR="1").out
    as_json = own.on_a_terminal("files", "list", "--json").out
    assert json.loads(as_json)["name"] == name


def test_names_cannot_command_a_terminal(own: FilegateCommand) -> None:
    path = own.home / "a.txt"
    path.write_text("one")
    own.ok("upload", path, "--display-name", "\x1b[31mred\x07[bold]not markup[/bold]")
    for shown in (own.ok("files", "list").out, own.on_a_terminal("files", "list").out):
        assert "\x1b[31mred" not in shown
        assert "\x07" not in shown
        assert "[bold]" in shown


def test_keys_are_in_nothing_that_is_shown(
    own: FilegateCommand, admin: FilegateCommand, tenant: StackTenant
) -> None:
    secrets = (tenant.key, admin.environment["FILEGATE_ADMIN_KEY"])
    for command, arguments in (
        (own, ("files", "list")),
        (own, ("doctor",)),
        (own, ("files", "get", "none")),
        (admin, ("key", "list", tenant.id, "--json")),
        (admin, ("tenant", "get", tenant.id, "--json")),
        (admin, ("audit", "list", "--json")),
        (admin, ("tenant", "get", "none")),
    ):
        done = command.run(*arguments)
        for secret in secrets:
            assert secret not in done.out + done.err


def test_nothing_is_left_open(own: FilegateCommand) -> None:
    assert httpx.get(own.environment["FILEGATE_URL"] + "/v1/files", timeout=60).status_code == 403
    assert not list(Path(own.home).glob(".cache/filegate/uploads/*"))
