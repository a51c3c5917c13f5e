"""The local stack: MiniStack, upstream (simulated or real), API Gateway's stand-in, two tenants."""

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apigateway_standin.document import Section, TemplateError
from apigateway_standin.template import Template
from filegate_local import aws
from filegate_local.children import Child, Children, StartFailed, free_port
from filegate_local.permissions import granted, issue_credentials
from filegate_local.tenants import IssuedKey, seed_tenants

GEMINI_API: Final = "https://generativelanguage.googleapis.com"
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Upstream:
    """Where the Gemini API is and the key for it; `simulated` if this stack runs it itself."""

    url: str
    key: str
    simulated: bool


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    base_url: str
    upstream_url: str
    simulated: bool
    control_url: str
    tenants: list[IssuedKey]
    admin_key: str
    logs: Path
    aws_endpoint: str
    table: str

    def ready(self) -> Mapping[str, Any]:
        """What the ready file says: the contract for tests and benchmarks."""
        return {
            "base_url": self.base_url,
            "tenants": [{"id": tenant.id, "key": tenant.key} for tenant in self.tenants],
            "admin_key": self.admin_key,
            "upstream_url": self.upstream_url,
            "control_url": self.control_url,
            "aws_endpoint": self.aws_endpoint,
            "table": self.table,
            "logs": str(self.logs),
        }


def template_path() -> Path:
    """The template that is deployed, found from this source tree. Raises StartFailed."""
    path = Path(__file__).resolve().parents[2] / "template.yaml"
    if not path.exists():
        raise StartFailed(
            "template.yaml is not beside this installation. `filegate local` runs from a checkout: "
            "clone the repository and use `make run`."
        )
    return path


def start_stack(children: Children, port: int, data: Path, upstream: Upstream | None) -> Stack:
    """Start everything and wait until the first request can be answered. Raises StartFailed.

    `upstream` None runs the simulator, with a new key of the real keys' shape.
    """
    template = template_path()
    logs = data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    ministack, local_aws = aws.start_ministack(children, data / "aws")
    if upstream is None:
        upstream, simulator = _start_simulator(children, data)
    else:
        simulator = None
    base_url = f"http://127.0.0.1:{port}"
    aws.wait_for_ministack(children, ministack, local_aws)
    local_secrets = aws.put_secrets(local_aws, upstream.key)
    resources = _resources(local_aws, local_secrets, upstream, base_url)
    try:
        grants = granted(Template.load(template, Section(resources, "resources")))
    except TemplateError as error:
        raise StartFailed(f"template.yaml: {error}") from None
    resources["Environment"] |= issue_credentials(local_aws, grants)
    standin, standin_ready = _start_standin(children, template, port, data, resources)
    # While the stand-in starts the functions.
    aws.create_table(local_aws, template)
    table = local_aws.table()
    now = time.time_ns() // 1_000_000
    tenants = seed_tenants(table, aws.PROJECT, data / "tenants.json", now)
    if simulator is not None:
        children.wait_until(_simulator_ready(data).exists, simulator, _START_SECONDS)
    children.wait_until(standin_ready.exists, standin, _START_SECONDS)
    return Stack(
        base_url=base_url,
        upstream_url=upstream.url,
        simulated=upstream.simulated,
        control_url=str(json.loads(standin_ready.read_text())["control_url"]),
        tenants=tenants,
        admin_key=local_secrets.admin_key,
        logs=logs,
        aws_endpoint=local_aws.endpoint,
        table=aws.TABLE_NAME,
    )


def _simulator_ready(data: Path) -> Path:
    return data / "simulator.ready"


def _start_simulator(children: Children, data: Path) -> tuple[Upstream, Child]:
    key = _lasting_key(data / "upstream.key")
    ready = _simulator_ready(data)
    ready.unlink(missing_ok=True)
    port = free_port()
    child = children.start(
        "simulator",
        [
            sys.executable,
            *("-m", "gemini_simulator"),
            *("--port", str(port)),
            *("--key", key),
            *("--ready-file", str(ready)),
            *("--state-file", str(data / "simulator.json")),
        ],
    )
    return Upstream(f"http://127.0.0.1:{port}", key, simulated=True), child


def _lasting_key(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("AIza" + secrets.token_urlsafe(26))
    return path.read_text()


def _start_standin(
    children: Children, template: Path, port: int, data: Path, resources: Mapping[str, Any]
) -> tuple[Child, Path]:
    ready, resources_file = data / "gateway.ready", data / "resources.json"
    ready.unlink(missing_ok=True)
    resources_file.write_text(json.dumps(resources, indent=2))
    child = children.start(
        "gateway",
        [
            sys.executable,
            *("-m", "apigateway_standin"),
            *("--template", str(template)),
            *("--port", str(port)),
            *("--control-port", "0"),
            *("--resources", str(resources_file)),
            *("--log-dir", str(data / "logs")),
            *("--ready-file", str(ready)),
        ],
    )
    return child, ready


def _resources(
    local_aws: aws.LocalAws, local_secrets: aws.LocalSecrets, upstream: Upstream, base_url: str
) -> dict[str, Any]:
    """What `sam deploy` would know and a desk does not: names, parameters, endpoints."""
    arn = f"arn:aws:dynamodb:{aws.REGION}:000000000000:table/{aws.TABLE_NAME}"
    return {
        "Parameters": {
            "StageName": "local",
            "UpstreamUrl": upstream.url,
            "PublicBaseUrl": base_url,
            "EventBusName": aws.EVENT_BUS,
        },
        "Resources": {
            "Table": {"Ref": aws.TABLE_NAME, "Arn": arn},
            "SessionKeysSecret": {"Ref": local_secrets.session_keys},
            "AdminSecret": {"Ref": local_secrets.admin},
            "ProjectSecret": {"Ref": local_secrets.project},
        },
        "Environment": {"*": local_aws.environment},
    }


def upstream_from(
    url: str | None, key: str | None, environment: Mapping[str, str] = os.environ
) -> Upstream | None:
    """The upstream the caller asks for; None for the simulator. Raises StartFailed.

    A `GEMINI_API_KEY` in the environment means the real Gemini API.
    """
    if url and not key:
        raise StartFailed("--upstream needs --upstream-key: the key this upstream accepts.")
    if key:
        return Upstream((url or GEMINI_API).rstrip("/"), key, simulated=False)
    real_key = environment.get("GEMINI_API_KEY")
    if real_key:
        return Upstream(GEMINI_API, real_key, simulated=False)
    return None
