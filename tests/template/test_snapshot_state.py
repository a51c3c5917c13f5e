"""What a snapshot of a function holds: code, and nothing that restored instances must not share.

AWS: "Handling uniqueness with Lambda SnapStart".
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, cast

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
RESTORED: Final = ("admin", "files", "sessions", "stores")
NOTHING: Final = {
    "parts": [],
    "drawn": [],
    "read": [],
    "seeded": [],
    "connections": [],
    "contexts": [],
    "threads": [],
    "sessions": 0,
    "rings": 0,
    "secrets": "[('_forms', []), ('_known', set())]",
}


def imported(function: str, **variables: str) -> dict[str, Any]:
    """What there is once a function is imported, in the surroundings that Lambda gives it."""
    names = ("TABLE_NAME", "SESSION_KEYS_SECRET", "PROJECT_SECRET_PREFIX", "UPSTREAM_URL")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("snapshot_probe.py"))],
        cwd=ROOT / "functions" / function,
        # No credentials: a function in a snapshot gets them once it is restored.
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers" / "filegate"),
            **dict.fromkeys(names, "x"),
            "ADMIN_SECRET": "x",
            "AWS_REGION": "us-east-1",
            "POWERTOOLS_SERVICE_NAME": "filegate",
            "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
            **variables,
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    return cast("dict[str, Any]", json.loads(done.stdout))


@pytest.mark.parametrize("function", RESTORED)
def test_a_snapshot_holds_nothing_that_must_be_each_ones_own(function: str) -> None:
    there = imported(function, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    # What finds credentials is in it, so that no restored function loads it in a request.
    assert there == {**NOTHING, "chain": True}


@pytest.mark.parametrize("function", RESTORED)
def test_a_function_that_starts_anew_does_not_load_what_finds_other_credentials(
    function: str,
) -> None:
    there = imported(function, AWS_LAMBDA_INITIALIZATION_TYPE="on-demand")
    assert there == {**NOTHING, "chain": False}
