"""SnapStart: off unless asked for, and then what is called is always the newest snapshot.

The API calls aliases. Off, they point to $LATEST and no version exists; on, to a version whose
description, and with it the version, changes with all that a snapshot is made of.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final, cast

import pytest

from apigateway_standin.document import Section
from apigateway_standin.stack import read_functions
from apigateway_standin.template import Template

ROOT: Final = Path(__file__).resolve().parents[2]
LAYERS: Final = {
    name: {"Ref": f"arn:aws:lambda:us-east-1:000000000000:layer:{name}:{number}"}
    for name, number in (("FilegateLayer", 7), ("FunctionSources", 3))
}
RESTORED: Final = ("Admin", "Files", "Sessions", "Stores")
"""Not Generate: the Web Adapter can be in a snapshot from its layer 30 on (decision 0028)."""


def template(*, on: bool, **parameters: str) -> Template:
    values = {"SnapStart": str(on).lower(), **parameters}
    named = cast("Any", {"Parameters": values, "Resources": LAYERS})
    return Template.load(ROOT / "template.yaml", Section(named, "resources file"))


OFF: Final = Template.load(ROOT / "template.yaml")
ON: Final = template(on=True)


def unresolved(resource: str) -> dict[str, Any]:
    return cast("dict[str, Any]", OFF.resources.section(resource).section("Properties").values)


def shared() -> dict[str, Any]:
    return cast("dict[str, Any]", OFF.globals.section("Function").values)


def description(of: Template, function: str = "Files") -> str:
    return of.section(f"{function}Version").text("Description")


def test_nothing_is_published_unless_asked_for() -> None:
    assert OFF.of_type("AWS::Lambda::Version") == []
    assert OFF.of_type("AWS::Serverless::LayerVersion") == ["FilegateLayer"]
    for function in OFF.of_type("AWS::Serverless::Function"):
        assert "SnapStart" not in OFF.section(function)
    assert "SNAPSHOT_OF" not in read_functions(OFF)["FilesFunction"].environment
    aliases = OFF.of_type("AWS::Lambda::Alias")
    assert sorted(aliases) == [f"{function}Alias" for function in RESTORED]
    assert {OFF.section(alias).text("FunctionVersion") for alias in aliases} == {"$LATEST"}


def test_what_tenants_call_is_restored_from_snapshots() -> None:
    restored = [
        function
        for function in ON.of_type("AWS::Serverless::Function")
        if ON.section(function).node("SnapStart") == {"ApplyOn": "PublishedVersions"}
    ]
    assert sorted(restored) == [f"{function}Function" for function in RESTORED]
    assert sorted(ON.of_type("AWS::Lambda::Version")) == [f"{name}Version" for name in RESTORED]
    for name in RESTORED:
        alias = unresolved(f"{name}Alias")
        assert alias["FunctionName"] == {"Ref": f"{name}Function"}
        assert alias["FunctionVersion"]["Fn::If"][1] == {
            "Fn::GetAtt": [f"{name}Version", "Version"]
        }
        assert ON.section(f"{name}Version").text("FunctionName") == f"{name}Function"


def test_the_api_is_the_same_on_and_off_and_may_call_what_it_names() -> None:
    """What it calls does not depend on when it was deployed."""
    assert ON.section("GatewayApi").values == OFF.section("GatewayApi").values
    body = json.dumps(unresolved("GatewayApi"))
    called = set(re.findall(r"functions/\$\{(\w+)", body))
    assert called == {f"{name}Alias" for name in RESTORED} | {"GenerateFunction"}
    assert "HasSnapStart" not in body
    for name in RESTORED:
        assert unresolved(f"{name}InvokePermission")["FunctionName"] == {"Ref": f"{name}Alias"}


@pytest.mark.parametrize("function", RESTORED)
def test_a_version_changes_with_what_it_is_made_of(function: str) -> None:
    """A description replaces a version; and Lambda publishes none of a function as it was."""
    before = description(ON, function)
    assert before.startswith("functions 3, layer 7, settings ")
    environment = read_functions(ON)[f"{function}Function"].environment
    assert environment["SNAPSHOT_OF"] == before
    assert len(before) <= 128, "a description of Lambda has 256 characters; URLs need some"


def settings() -> list[dict[str, Any]]:
    """What versions hold of their functions' settings: not roles, code, or bounds of the whole."""
    of_all = json.loads(json.dumps(shared()))
    del of_all["Environment"]["Variables"]["SNAPSHOT_OF"]
    apart = {"CodeUri", "Policies", "ReservedConcurrentExecutions"}
    return [
        of_all,
        *(
            {key: value for key, value in unresolved(f"{name}Function").items() if key not in apart}
            for name in RESTORED
        ),
    ]


def test_a_version_changes_with_every_parameter_that_its_function_reads() -> None:
    text = json.dumps(settings())
    names = re.findall(r'"Ref": "([\w:]+)"', text) + re.findall(r"\$\{([\w:]+)", text)
    read = {name for name in names if name not in OFF.resources and not name.startswith("AWS::")}
    assert read == {"UpstreamUrl", "PublicBaseUrl", "RequestsCountedEverySeconds"}
    for name in read:
        assert description(template(on=True, **{name: "7777"})) != description(ON), name


def test_a_version_changes_with_its_functions_settings() -> None:
    text = json.dumps(settings(), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert f"settings {digest}," in description(ON), "write this digest into SNAPSHOT_OF"
