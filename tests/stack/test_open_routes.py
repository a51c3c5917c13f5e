"""Every route of the template asks who calls, but for those on a short list."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from apigateway_standin.template import Template
from local_stack import LocalStack

TEMPLATE = Template.load(Path(__file__).resolve().parents[2] / "template.yaml")
API = cast("dict[str, Any]", TEMPLATE.section("GatewayApi").values)
PATHS: dict[str, dict[str, Any]] = API["DefinitionBody"]["paths"]

OPEN = {"options"}
"""Preflights: they know no tenant and tell nothing. Browsers send them without a credential."""

ROUTES = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, methods in PATHS.items()
    for method in methods
    if method not in OPEN
]
VALUES = {"version": "v1beta", "model": "gemini-2.5-flash:generateContent"}
ACTIONS = {
    "/download/{version}/files/{file}": ":download",
    "/upload/{version}/fileSearchStores/{store}": ":uploadToFileSearchStore",
    "/resumable/upload/{version}/fileSearchStores/{store}": ":uploadToFileSearchStore",
    "/upload/{version}/ragStores/{store}": ":uploadToRagStore",
    "/{version}/ragStores/{store}": ":uploadToRagStore",
    "/{version}/fileSearchStores/{store}": ":importFile",
    "/admin/v1/tenants/{tenant}": ":suspend",
    "/admin/v1/tenants/{tenant}/keys/{key}": ":revoke",
    "/admin/v1/projects/{project}": ":drain",
}
"""What stands behind the last name of a path: without it the route is none of the API's."""


def named(path: str, method: str) -> str:
    filled = re.sub(r"\{(\w+)\}", lambda match: VALUES.get(match[1], "nobodys"), path)
    acts = method == "post" or path.startswith("/download/")
    return filled + (ACTIONS.get(path, "") if acts else "")


@pytest.mark.parametrize("credential", ["none", "unknown"])
@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_nobody_gets_in_without_a_credential(
    stack: LocalStack, path: str, method: str, credential: str
) -> None:
    headers = {"x-goog-upload-command": "upload", "x-goog-upload-offset": "0"}
    if credential == "unknown":
        headers["x-goog-api-key"] = "fg_" + "a" * 16 + "_" + "b" * 43
        headers["x-filegate-admin-key"] = "b" * 48
    with stack.http() as http:
        answer = http.request(method, named(path, method), headers=headers, json={})
    assert answer.status_code in {400, 401, 403}, answer.text
