"""The public curl samples work as they stand, with the key in the header and in the URL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from .absence import leave_out
from .drivers import ROOT
from .payloads import CHUNK, MIB

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .endpoints import Endpoint
    from .payloads import Payloads

SCRIPT = ROOT / "tests" / "sdk" / "curl" / "upload.sh"
DEADLINE = 120.0  # seconds
Steps = dict[str, Any]


@pytest.fixture
def run_script(endpoint: Endpoint, tmp_path: Path) -> Callable[..., Steps]:
    """Run the script to its end and return what each step answered."""
    absent = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
    if absent:
        leave_out(f"not installed: {', '.join(absent)}")

    def run(*arguments: str) -> Steps:
        done = subprocess.run(
            ("bash", str(SCRIPT), *arguments),
            cwd=tmp_path,
            env={
                **os.environ,
                "BASE_URL": endpoint.base_url,
                "GEMINI_API_KEY": endpoint.key,
                "NO_PROXY": "127.0.0.1,localhost",
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        answers = {path.stem: path.read_text() for path in tmp_path.glob("*.json")}
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}\n{answers}"
        steps = {step: json.loads(text) for step, text in answers.items() if text}
        return {**steps, "status": (tmp_path / "gone.status").read_text()}

    return run


@pytest.mark.parametrize("size", [0, 1, 3 * MIB, CHUNK + 1], ids=["0", "1", "3MiB", "8MiB+1"])
@pytest.mark.parametrize("key_in", ["header", "query"])
def test_the_samples_work(
    payloads: Payloads, run_script: Callable[..., Steps], key_in: str, size: int
) -> None:
    payload = payloads.of(size)

    steps = run_script(str(payload.path), "text/plain", "TEXT", key_in)

    file = steps["file_info"]["file"]
    assert file["displayName"] == "TEXT"
    assert file["mimeType"] == "text/plain"
    assert file["sizeBytes"] == str(size)
    assert file["sha256Hash"] == payload.wire_hash
    assert steps["get"] == file
    assert steps["list"]["files"] == [file]
    assert steps["delete"] == {}
    file_id = file["name"].removeprefix("files/")
    assert steps["status"] == "403"
    assert steps["gone"]["error"]["message"] == (
        f"You do not have permission to access the File {file_id} or it may not exist."
    )
