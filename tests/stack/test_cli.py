"""The command people type: help that suffices, errors that say what to do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from filegate_local.children import free_port
from local_stack import LocalStack, StackTenant

COMMAND = [sys.executable, "-m", "filegate_local"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    environment = {**os.environ, **plain, **variables}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


def launch(data: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start `filegate local --json` and read its description once it is ready."""
    environment = {name: value for name, value in os.environ.items() if name != "GEMINI_API_KEY"}
    process = subprocess.Popen(
        [*COMMAND, "local", "--json", "--port", str(free_port()), "--data-dir", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    with process.stdout:
        ready: dict[str, Any] = json.loads(process.stdout.readline())
    return process, ready


def assert_nothing_is_left(ready: dict[str, Any]) -> None:
    """Nobody listens any more where the stack's parts did."""
    for url in (ready["base_url"], ready["upstream_url"], ready["aws_endpoint"]):
        _wait_until_nobody_listens(int(url.rsplit(":", 1)[1]))


def test_help_names_the_options_and_gives_examples() -> None:
    done = run("local", "--help")
    assert done.returncode == 0
    for word in ("--port", "--data-dir", "--upstream", "--ready-file", "--json", "Examples"):
        assert word in done.stdout


def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("local", "--port", str(port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_upstream_without_its_key_says_what_to_do() -> None:
    done = run("local", "--upstream", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "--upstream-key" in done.stderr


def test_json_can_be_piped_and_sigterm_leaves_nothing_behind(tmp_path: Path) -> None:
    process, ready = launch(tmp_path)
    assert [tenant["id"] for tenant in ready["tenants"]] == ["acme", "globex"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert_nothing_is_left(ready)


def test_bootstrap_issues_a_key_that_works(stack: LocalStack) -> None:
    done = run(
        *("bootstrap", "--table", str(stack.ready["table"]), "--tenant", "initech", "--json"),
        **stack.aws_environment,
    )
    assert done.returncode == 0, done.stderr
    issued = json.loads(done.stdout)
    assert issued["id"] == "initech"
    assert list(StackTenant("initech", issued["key"], stack.base_url).sdk.files.list()) == []


def test_bootstrap_teaches_what_a_tenant_id_and_a_table_are(stack: LocalStack) -> None:
    done = run("bootstrap", "--table", "any", "--tenant", "Not OK")
    assert done.returncode == 2
    assert "a-z, 0-9 and dashes" in done.stderr
    done = run("bootstrap", "--table", "absent", "--tenant", "ok", **stack.aws_environment)
    assert done.returncode == 1
    assert "output TableName" in done.stderr
    assert "Traceback" not in done.stderr


def test_however_many_signals_come_it_ends_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process, ready = launch(tmp_path)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGTERM)
    # The last one may meet an interpreter that has taken its handlers down already.
    assert process.poll() in {0, -signal.SIGTERM}
    assert_nothing_is_left(ready)


def _wait_until_nobody_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        assert time.monotonic() < deadline, f"somebody still listens on {port}"
        time.sleep(0.05)
