"""The guides on projects and keys are promises: their commands are run here, as they stand."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from filegate.adapters.table import Update
from filegate.instants import parse_rfc3339
from filegate.projects import project_key
from local_stack import LocalStack, StackTenant
from model_calls import generate, prompt, uploaded, uri
from resumable import start

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
AWS = '''
"""Stands in for the AWS CLI: the two commands of the guides."""

import sys

import boto3

_, service, command, *options = sys.argv
assert service == "secretsmanager", service
values = dict(zip(options[::2], options[1::2], strict=True))
client = boto3.client(service)
if command == "create-secret":
    client.create_secret(Name=values["--name"], SecretString=values["--secret-string"])
else:
    assert command == "put-secret-value", command
    client.put_secret_value(SecretId=values["--secret-id"], SecretString=values["--secret-string"])
'''


class Shell:
    """Runs a guide's commands one after the other, as its reader would."""

    def __init__(self, guide: str, stack: LocalStack, directory: Path, gemini_key: str) -> None:
        self._commands = iter(
            re.findall(r"```sh\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
        )
        script = directory / "aws"
        script.write_text(f"#!{sys.executable}\n{AWS}")
        script.chmod(0o755)
        self._environment = {
            **os.environ,
            **stack.aws_environment,
            "PATH": f"{directory}:{os.environ['PATH']}",
            "FILEGATE_URL": stack.base_url,
            "FILEGATE_ADMIN_KEY": str(stack.ready["admin_key"]),
            "STACK": "local",
            "NEW_GEMINI_KEY": gemini_key,
        }

    def next(self) -> str:
        """Run the next command and answer what it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", next(self._commands)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self) -> Mapping[str, Any]:
        """Run the next command and answer the JSON it prints."""
        found: Mapping[str, Any] = json.loads(self.next())
        return found

    def at_end(self) -> bool:
        """Whether all of the guide has been run."""
        return next(self._commands, None) is None


def test_adding_projects(stack: LocalStack, tmp_path: Path) -> None:
    key = "AIzaSy" + secrets.token_hex(14)
    index = stack.simulator("POST", "/projects", {"key": key})["index"]
    shell = Shell("projects.md", stack, tmp_path, key)
    shell.next()
    assert shell.answer()["id"] == "media-2"
    tenant = shell.answer()
    assert (tenant["id"], tenant["project"]) == ("newcomer", "media-2")
    newcomer = StackTenant(
        "newcomer", stack.registry.issue_key("newcomer", "test", stack.now()), stack.base_url
    )
    file_id = uploaded(newcomer)
    assert [
        file["name"] for file in stack.simulator("GET", "/projects")["projects"][index]["files"]
    ] == [f"files/{file_id}"]
    shell.next()
    assert stack.table.get(project_key("default"))["draining"] is True  # type: ignore[index]
    # Its tenants go on.
    acme = stack.seeded()
    assert generate(acme, prompt(uri(uploaded(acme)))).status_code == 200
    shown = shell.answer()
    assert shown["id"] == "media-2"
    assert (shown["tenants"], shown["draining"]) == (1, False)
    assert shown["health"]["lastOkTime"]
    assert shell.at_end()
    undrained = Update(project_key("default"), "SET #draining = :no", None, {":no": False})
    stack.table.update(undrained)


def test_rotating_keys(stack: LocalStack, tmp_path: Path) -> None:
    acme = stack.seeded()
    kept = uploaded(acme)
    key = "AIzaSy" + secrets.token_hex(14)
    # What Google AI Studio does: the new key is good beside the old one.
    stack.simulator("POST", "/rekey", {"index": 0, "key": key, "overlap": True})
    shell = Shell("rotating-keys.md", stack, tmp_path, key)
    shell.next()
    assert generate(acme, prompt(uri(kept))).status_code == 200
    assert "lastRefusedTime" not in shell.answer()["health"]
    # And there the old one is deleted.
    stack.simulator("POST", "/rekey", {"index": 0, "key": key})
    assert generate(acme, prompt(uri(kept), uri(uploaded(acme)))).status_code == 200
    new = shell.answer()["key"]
    assert new != acme.key
    for one in (new, acme.key):
        assert start(StackTenant(acme.id, one, acme.base_url), 1).status_code == 200
    # Both go on until the overlap ends; an instance may remember the old one a minute longer.
    listed = httpx.get(
        f"{stack.base_url}/admin/v1/tenants/acme/keys",
        headers={"x-filegate-admin-key": str(stack.ready["admin_key"])},
    ).json()["keys"]
    ends = [parse_rfc3339(one["expireTime"]) - stack.now() for one in listed if "expireTime" in one]
    assert len(listed) == 2
    assert [0 < left <= 3_600_000 for left in ends] == [True]
    assert shell.at_end()


@pytest.mark.parametrize("guide", ["projects.md", "rotating-keys.md"])
def test_every_link_leads_somewhere(guide: str) -> None:
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", (GUIDES / guide).read_text()):
        assert (GUIDES / link).exists(), link
