"""Samples of the reference, each run as a process of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from .languages import process
from .outcomes import Outcome, observed

if TYPE_CHECKING:
    from pathlib import Path

    from .endpoints import Endpoint

DEADLINE = 60.0  # seconds


class Scripts:
    """Runs samples against one endpoint with one key, in one folder."""

    def __init__(self, endpoint: Endpoint, environment: dict[str, str], folder: Path) -> None:
        self._endpoint = endpoint
        self._environment = environment
        self.folder = folder

    @property
    def key(self) -> str:
        """The key that the samples use."""
        return self._environment["GEMINI_API_KEY"]

    def run(
        self, language: str, section: str, *, amended: bool = True, **variables: str
    ) -> Outcome:
        """Run a sample to its end, which has to be a good one."""
        running = process(language, section, amended=amended)
        with observed(self._endpoint) as outcome:
            done = subprocess.run(
                running.command,
                input=running.reads,
                cwd=running.folder or self.folder,
                env={**self._environment, **variables},
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
            outcome.output, outcome.error = done.stdout, done.stderr
        assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}\n{done.stderr}"
        return outcome
