"""docs/features.md is true: every route is in it, and every row has tests that exist."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import pytest
from google import genai

from apigateway_standin.template import Template

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "features.md"
API: Final = cast(
    "dict[str, Any]", Template.load(ROOT / "template.yaml").section("GatewayApi").values
)
ROUTES: Final = {
    f"{method.upper()} {path}"
    for path, methods in API["DefinitionBody"]["paths"].items()
    for method in methods
    if method != "options"
}
OF_THE_SEEDS: Final = {
    "files.delete",
    "files.get",
    "files.list",
    "files.register",
    "media.upload",
    "models.generateContent",
    "models.streamGenerateContent",
    "ragStores.uploadToRagStore",
}

_COLUMNS: Final = ("method", "in the seeds", "route", "Python", "JavaScript", "Go", "tests")
_NOTHING: Final = "–"
_CODE: Final = re.compile(r"`([^`]+)`")
_TEST: Final = re.compile(r"\[`([a-z_0-9]+\.py)::(test_[a-z_0-9]+)`\]\(([^)]+)\)")
_PYTHON_CALL: Final = re.compile(r"client((?:\.[a-z_]+)+)\(")


@dataclass(frozen=True)
class Feature:
    """A row of the document: each cell as it is written there."""

    method: str
    seeds: str
    route: str
    python: str
    javascript: str
    go: str
    tests: str

    @property
    def routes(self) -> list[str]:
        """The routes it has."""
        return _CODE.findall(self.route)


def read_features() -> list[Feature]:
    """The rows of every table of the document."""
    features = []
    for line in DOCUMENT.read_text().splitlines():
        if not line.startswith("|") or set(line) <= set("|- "):
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
        if cells != _COLUMNS:
            features.append(Feature(*cells))
    return features


FEATURES: Final = read_features()


@cache
def functions_of(path: Path) -> frozenset[str]:
    """The functions a module has, read and not run."""
    module = ast.parse(path.read_text())
    return frozenset(
        node.name
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_route_is_there_and_no_other() -> None:
    assert {route for feature in FEATURES for route in feature.routes} == ROUTES


def test_every_method_of_the_seeds_is_there() -> None:
    marked = {
        name
        for feature in FEATURES
        if feature.seeds != _NOTHING
        for name in _CODE.findall(feature.method)
    }
    assert marked >= OF_THE_SEEDS


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.method.replace("`", ""))
def test_a_feature_has_a_route_and_tests_that_exist(feature: Feature) -> None:
    assert feature.routes
    tests = feature.tests.split("<br>")
    for text in tests:
        link = _TEST.fullmatch(text)
        assert link is not None, text
        file_name, function, target = link.groups()
        path = (DOCUMENT.parent / target).resolve()
        assert path.is_relative_to(ROOT / "tests")
        assert path.name == file_name
        assert function in functions_of(path), text
    assert len(set(tests)) == len(tests)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.method.replace("`", ""))
def test_pythons_sdk_has_the_call(feature: Feature) -> None:
    client = genai.Client(api_key="fg_none")
    for text in _CODE.findall(feature.python):
        call = _PYTHON_CALL.match(text)
        assert call is not None, text
        found: object = client
        for name in call[1].removeprefix(".").split("."):
            found = getattr(found, name)
        assert callable(found)
