"""How a sample of the reference is run in each language."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.drivers import HOW_TO_INSTALL, JS_DRIVER, SDKS

from .go_samples import PROGRAM as GO_SAMPLES
from .texts import SAMPLES, shell_sample

FRAMES = Path(__file__).resolve().parent / "frames"
LANGUAGES = ("python", "node", "go", "shell")


@dataclass(frozen=True)
class Process:
    """A command, what it reads, and where it runs if not in a folder of the test's own."""

    command: tuple[str, ...]
    reads: str = ""
    folder: Path | None = None


def missing(language: str) -> str:
    """Return why samples of this language cannot run here; empty when they can."""
    if language == "node":
        return SDKS["js"].missing
    if language == "go" and not GO_SAMPLES.exists():
        return f"the Go samples are not built: {HOW_TO_INSTALL}"
    if language == "shell":
        absent = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
        return f"not installed: {', '.join(absent)}" if absent else ""
    return ""


def process(language: str, section: str, *, amended: bool = True) -> Process:
    """Return how the sample of a section runs; only shell samples are ever amended."""
    if language == "python":
        sample = SAMPLES / "python" / f"{section}.py"
        return Process((sys.executable, str(FRAMES / "sample.py"), str(sample)))
    if language == "node":
        sample = SAMPLES / "node" / f"{section}.mjs"
        text = (FRAMES / "sample.mjs").read_text() + sample.read_text()
        return Process(("node", "--input-type=module", "-"), text, JS_DRIVER.parent)
    if language == "go":
        return Process((str(GO_SAMPLES), section))
    text = shell_sample(section, amended=amended)
    return Process(("bash", "-euo", "pipefail", "-c", text))
