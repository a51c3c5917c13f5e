"""The README is a promise: what it shows is run here, as it stands there."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filegate_local.children import free_port
from local_stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_snippet_works_when_pasted(stack: LocalStack) -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = snippet.replace("fg_acme_…", stack.seeded().key).replace(
        "http://127.0.0.1:8080", stack.base_url
    )
    assert code != snippet
    done = _run_python(code)
    assert "FileState.ACTIVE" in done
    assert f" {(ROOT / 'README.md').stat().st_size} " in done


def test_make_run_greets_with_a_snippet_that_works(tmp_path: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "GEMINI_API_KEY"}
    output = tmp_path / "output"
    with output.open("w") as log:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}", f"DATA_DIR={tmp_path / 'data'}"],
            cwd=ROOT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while "Stop with Ctrl-C" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        [snippet] = re.findall(r"\n((?:  .*\n|\n)+)\nLogs:", output.read_text().split("Try it")[1])
        code = "\n".join(line.removeprefix("  ") for line in snippet.splitlines())
        assert "FileState.ACTIVE" in _run_python(code)
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
def test_every_make_target_exists(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def _run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
