"""The quickstart as the notebook it is: all sections in one kernel, in their order."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from .languages import FRAMES
from .outcomes import Outcome, observed
from .surroundings import colab
from .texts import QUICKSTART, notebook_section

if TYPE_CHECKING:
    from pathlib import Path

    from .endpoints import Endpoint
    from .media import Media

DEADLINE = 120.0  # seconds


class Notebook:
    """The outcomes of all sections; a section that failed fails when it is asked for."""

    def __init__(self, outcomes: dict[str, Outcome]) -> None:
        self._outcomes = outcomes

    def __getitem__(self, section: str) -> Outcome:
        """Return the outcome of a section that has to have ended well."""
        outcome = self._outcomes[section]
        assert not outcome.error, outcome.error
        return outcome


def run_notebook(endpoint: Endpoint, media: Media, folder: Path) -> Notebook:
    """Run all sections in `folder`, also those after one that failed."""
    log = folder / "kernel.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            (sys.executable, str(FRAMES / "notebook.py")),
            cwd=folder,
            env=colab(endpoint, media),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as kernel,
    ):
        outcomes = {section: _run(kernel, section, endpoint) for section in QUICKSTART}
        kernel.communicate(timeout=DEADLINE)
    assert kernel.returncode == 0, log.read_text()
    return Notebook(outcomes)


def _run(kernel: subprocess.Popen[str], section: str, endpoint: Endpoint) -> Outcome:
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    with observed(endpoint) as outcome:
        kernel.stdin.write(json.dumps({"source": notebook_section(section)}) + "\n")
        kernel.stdin.flush()
        answer = json.loads(kernel.stdout.readline())
        outcome.output, outcome.error = answer["output"], answer["error"]
    return outcome
