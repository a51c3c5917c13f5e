"""SnapStart turned on, updated and turned off again: what the API calls is always what is deployed.

A parameter changes meanwhile, and the API is deployed anew with it: one that is not in the API's
definition, as MiniStack makes another API where AWS changes the one there is.

MiniStack takes no snapshots, and publishes a version of a function that is as it was, which Lambda
does not. So each function's own change is looked at too.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployment import Deployed, deploy

pytestmark = pytest.mark.deploy

RESTORED = ("AdminFunction", "FilesFunction", "SessionsFunction", "StoresFunction")
SOURCES = "FunctionSources"


@pytest.fixture
def turned_on(running: Deployed) -> Iterator[Deployed]:
    """The stack with SnapStart, for one test."""
    on = replace(running, parameters={**running.parameters, "SnapStart": "true"})
    deploy(on)
    yield on
    # A parameter that is not named keeps its value.
    deploy(running, SnapStart="false")
    for name in RESTORED:
        assert published(running, name) == []
        assert called(running, name)["Version"] == "$LATEST"
    assert_answers(running)


def published(stack: Deployed, function: str) -> list[str]:
    """The numbers of a function's versions."""
    with contextlib.closing(stack.client("lambda")) as functions:
        answer = functions.list_versions_by_function(FunctionName=physical(stack, function))
    return [one["Version"] for one in answer["Versions"] if one["Version"] != "$LATEST"]


def called(stack: Deployed, function: str) -> dict[str, Any]:
    """The configuration of what the API calls."""
    with contextlib.closing(stack.client("lambda")) as functions:
        found: dict[str, Any] = functions.get_function_configuration(
            FunctionName=physical(stack, function), Qualifier="live"
        )
    return found


def made_of(configuration: dict[str, Any]) -> str:
    """What a function says that its snapshot is made of."""
    return str(configuration["Environment"]["Variables"]["SNAPSHOT_OF"])


def physical(stack: Deployed, logical: str) -> str:
    return stack.resources[logical]


def deployment_of(stack: Deployed) -> str:
    """What the API's stage serves."""
    with contextlib.closing(stack.client("apigateway")) as api:
        [stage] = api.get_stages(restApiId=physical(stack, "GatewayApi"))["item"]
    return str(stage["deploymentId"])


def assert_answers(stack: Deployed) -> None:
    with stack.http() as http:
        answer = http.get("/v1beta/files")
    assert answer.status_code == 403, answer.text


def test_each_change_is_published_and_nothing_else_is_left(
    turned_on: Deployed, tmp_path: Path
) -> None:
    before = {name: called(turned_on, name) for name in RESTORED}
    for name, configuration in before.items():
        assert published(turned_on, name) == [configuration["Version"]]
        assert configuration["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert published(turned_on, "GenerateFunction") == []
    assert_answers(turned_on)

    deployment = deployment_of(turned_on)
    deploy(turned_on, PublicBaseUrl="https://other.invalid")
    # The definition's text is the same, and so is what SAM would name a deployment by.
    assert deployment_of(turned_on) != deployment
    for name in RESTORED:
        after = called(turned_on, name)
        assert after["Environment"]["Variables"]["PUBLIC_BASE_URL"] == "https://other.invalid"
        assert published(turned_on, name) == [after["Version"]] != [before[name]["Version"]]
    assert_answers(turned_on)

    # One function's own code: Lambda publishes nothing of the others, unless they change too.
    changed = replace(turned_on, built=with_other_stores(turned_on.built, tmp_path))
    codes = {name: called(turned_on, name) for name in RESTORED}
    deploy(changed)
    for name in RESTORED:
        after = called(changed, name)
        assert made_of(after) != made_of(codes[name])
        assert (after["CodeSha256"] != codes[name]["CodeSha256"]) == (name == "StoresFunction")
        assert published(changed, name) == [after["Version"]] != [codes[name]["Version"]]
    assert_answers(changed)


def with_other_stores(built: Path, directory: Path) -> Path:
    """The built template beside code that differs in one function."""
    shutil.copytree(built.parent, directory / "build")
    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / "functions", directory / "functions")
    for app in ("build/StoresFunction", "functions/stores"):
        with (directory / app / "app.py").open("a") as file:
            file.write("# changed\n")
    lines = (directory / "build" / "template.yaml").read_text().splitlines()
    begin = next(at for at, line in enumerate(lines) if line.strip() == f"{SOURCES}:")
    at = next(n for n, line in enumerate(lines) if n > begin and "ContentUri:" in line)
    lines[at] = lines[at].split("ContentUri:")[0] + "ContentUri: ../functions"
    template = directory / "build" / "template.yaml"
    template.write_text("\n".join(lines) + "\n")
    return template
