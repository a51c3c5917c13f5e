"""Chromium, driven through Node: found, or left out with a reason."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
SDK = HERE.parent / "sdk" / "js" / "node_modules" / "@google" / "genai"
DEADLINE = 180.0
"""Seconds for all visits of one call."""

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

Outcome = dict[str, Any]


def program() -> str | None:
    """Where Chromium is; None where it is not."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


def missing() -> str | None:
    """What a browser test lacks here; None when it lacks nothing."""
    if program() is None:
        return "Chromium is not installed (Debian package chromium)"
    if shutil.which("node") is None:
        return "Node is not installed"
    for folder in (HERE / "node_modules" / "playwright-core", SDK):
        if not folder.is_dir():
            return f"{folder.name} is not installed: run tests/sdk/install.py"
    return None


def bundle_sdk(file: Path) -> None:
    """Write the web bundle of the stock SDK as one module."""
    _node("bundle.mjs", str(SDK), str(file))


def visit(visits: Sequence[Mapping[str, Any]]) -> list[list[Outcome]]:
    """Open pages and let them upload (see visit.mjs): for each visit an outcome for each file."""
    asked = json.dumps({"chromium": program(), "visits": visits})
    outcomes: list[list[Outcome]] = json.loads(_node("visit.mjs", given=asked))
    return outcomes


def _node(script: str, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["node", script, *arguments],
        cwd=HERE,
        input=given,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
