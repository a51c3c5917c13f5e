"""Deployment: the unchanged template, built and deployed by SAM into MiniStack.

The simulator is upstream. Policies are enforced; functions run as the roles that SAM made for them.
"""

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import boto3
import httpx

from apigateway_standin.document import Section
from apigateway_standin.template import Template
from filegate_local.children import Children, free_port, listens

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "template.yaml"
SAM: Final = ROOT / ".venv-sam" / "bin" / "sam"
PYTHON: Final = ROOT / ".venv-deploy" / "bin" / "python"
"""What MiniStack runs on, and so do the functions."""
STACK: Final = "local"
"""What the stand-in's template resolves `AWS::StackName` to."""
BUCKET: Final = "artifacts"
_START_SECONDS: Final = 60.0
_DEPLOY_SECONDS: Final = 240.0

Client: TypeAlias = Any
"""A client of boto3's."""


@dataclass
class Deployed:
    """A deployed stack."""

    endpoint: str
    upstream_key: str
    runs: bool
    """Whether its functions can run: they were built, and this is their Python."""
    built: Path
    """The template as it was deployed."""
    parameters: dict[str, str]

    def client(self, service: str) -> Client:
        """A client of AWS for whoever deployed."""
        return boto3.Session().client(
            cast("Any", service),
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="operator",
            aws_secret_access_key="operator",
        )

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=STACK)
            for resource in page["StackResourceSummaries"]
        }

    @property
    def template(self) -> Template:
        """The template with the names that its resources got here."""
        account = "us-east-1:000000000000"
        queue = self.outputs["FailedRunsUrl"].rsplit("/", 1)[1]
        named = {
            "Table": {"Arn": f"arn:aws:dynamodb:{account}:table/{self.outputs['TableName']}"},
            "FailedRuns": {"Arn": f"arn:aws:sqs:{account}:{queue}"},
            **{
                name: {"Ref": self.resources[name]}
                for name in ("SessionKeysSecret", "AdminSecret", "ProjectSecret")
            },
        }
        return Template.load(TEMPLATE, Section({"Resources": cast("Any", named)}, "resources"))

    def http(self) -> httpx.Client:
        """A client of the deployed API, by the path that MiniStack serves it under."""
        api = self.outputs["BaseUrl"].split("//")[1].split(".")[0]
        path = f"/restapis/{api}/live/_user_request_"
        return httpx.Client(base_url=self.endpoint + path, timeout=60)


def runtime_of_functions() -> str:
    """The command that the template's runtime is named for."""
    shared = cast("dict[str, Any]", Template.load(TEMPLATE).globals.values)["Function"]
    return str(shared["Runtime"])


def version_of(command: str) -> str | None:
    """The runtime that a Python command is, None where there is no such command."""
    say = "import sys; print('python{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run([command, "-c", say], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def start_ministack(children: Children, directory: Path) -> str:
    """Start it with every service, enforcing policies; answers its endpoint."""
    port = free_port()
    child = children.start(
        "ministack",
        [str(PYTHON), "-m", "filegate_local.emulator"],
        {
            "PYTHONPATH": str(ROOT / "local"),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "operator",
            "AWS_DEFAULT_REGION": "us-east-1",
            "STATE_DIR": str(directory / "state"),
            "LOG_LEVEL": "WARNING",
        },
    )
    children.wait_until(lambda: listens(port), child, _START_SECONDS)
    return f"http://127.0.0.1:{port}"


def start_simulator(children: Children, key: str) -> str:
    """Start upstream; answers its URL."""
    port = free_port()
    command = [str(ROOT / ".venv" / "bin" / "python"), "-m", "gemini_simulator"]
    child = children.start("simulator", [*command, "--port", str(port), "--key", key])
    children.wait_until(lambda: listens(port), child, _START_SECONDS)
    return f"http://127.0.0.1:{port}"


def build(directory: Path) -> Path:
    """`sam build`, with dependencies for this machine; answers the built template."""
    where = directory / "build"
    sam(
        *("build", "--template", str(TEMPLATE), "--build-dir", str(where)),
        PLATFORM=f"manylinux2014_{platform.machine()}",
    )
    return where / "template.yaml"


def deploy(stack: Deployed, **changes: str) -> None:
    """`sam deploy` into MiniStack, with parameters that differ from the stack's own."""
    parameters = {**stack.parameters, **changes}
    sam(
        *("deploy", "--template-file", str(stack.built), "--stack-name", STACK),
        *("--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
        AWS_ENDPOINT_URL=stack.endpoint,
    )


def sam(*arguments: str, **environment: str) -> None:
    """Run SAM as `make deploy-check` installed it."""
    done = subprocess.run(
        [str(SAM), *arguments],
        env={
            **os.environ,
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "operator",
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEPLOY_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
