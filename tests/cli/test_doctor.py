"""`filegate doctor`: says that a gateway is well, and what it is not well with."""

from filegate_command import FilegateCommand
from local_stack import LocalStack, StackTenant

CHECKS = [
    "the gateway answers",
    "an unknown key is refused",
    "the tenant's key is taken",
    "the admin key is taken",
    "1 byte is uploaded",
    "9 MB are uploaded in chunks",
    "files are shown as they were sent",
    "files are listed",
    "files are deleted",
]


def results(lines: list[dict[str, str]]) -> dict[str, str]:
    return {line["check"]: line["result"] for line in lines}


def test_all_is_well(own: FilegateCommand, stack: LocalStack, tenant: StackTenant) -> None:
    admin_key = str(stack.ready["admin_key"])
    done = own.ok("doctor", "--json", FILEGATE_ADMIN_KEY=admin_key)
    assert results(done.lines()) == dict.fromkeys(CHECKS, "ok")
    assert stack.records(tenant) == []
    table = own.ok("doctor").out
    assert [line.split("  ")[0] for line in table.splitlines()[1:]] == CHECKS
    assert "left out" in table


def test_a_gateway_that_is_not_there(nobody: FilegateCommand) -> None:
    done = nobody.run("doctor", "--json", "--url", "http://127.0.0.1:9", "--key", "fg_a_b")
    assert done.code == 1
    found = results(done.lines())
    assert found.pop(CHECKS[0]) == "failed"
    assert set(found.values()) == {"left out"}
    assert "1 of 9 checks failed" in done.err


def test_a_key_that_is_not_taken(nobody: FilegateCommand, stack: LocalStack) -> None:
    done = nobody.run("doctor", "--json", "--url", stack.base_url, "--key", "fg_acme_wrong")
    assert done.code == 1
    found = results(done.lines())
    assert [found[check] for check in CHECKS[:3]] == ["ok", "ok", "failed"]
    assert set(list(found.values())[3:]) == {"left out"}


def test_an_upstream_that_refuses_chunks(
    own: FilegateCommand, stack: LocalStack, tenant: StackTenant
) -> None:
    with stack.fault({"kind": "status", "status": 503}, times=1000, command="^upload$"):
        done = own.run("doctor", "--json")
    assert done.code == 1
    found = results(done.lines())
    assert found["1 byte is uploaded"] == "ok"
    assert found["9 MB are uploaded in chunks"] == "failed"
    assert found["files are deleted"] == "ok"
    stack.advance(30)
    stack.run_janitor()
    assert stack.records(tenant) == []


def test_a_file_that_comes_back_otherwise(own: FilegateCommand, stack: LocalStack) -> None:
    with stack.fault({"kind": "status", "status": 503}, times=1000, method="DELETE"):
        done = own.run("doctor", "--json")
    assert done.code == 1
    assert results(done.lines())["files are deleted"] == "failed"
