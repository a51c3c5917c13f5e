"""Mutants: the package with one fault in it, and which test is the first to notice."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mutations import Mutation

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "layers" / "filegate" / "filegate"
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (tests/\S+\.py)::(\w+)", re.MULTILINE)
_TESTS_FAILED: Final = 1
"""pytest's exit code for failed tests; any other says that they could not be run."""


class Survived(Exception):
    """No test noticed the fault, or none could be run; says what pytest printed last."""


def source_of(mutation: Mutation) -> str:
    """The text of the file that a mutation is about."""
    return (PACKAGE / mutation.file).read_text()


def caught_by(mutation: Mutation) -> str:
    """The first test that fails with the fault, as `path::name`. Raises Survived."""
    with TemporaryDirectory() as place:
        mutant = Path(place) / "filegate"
        shutil.copytree(PACKAGE, mutant, ignore=shutil.ignore_patterns("__pycache__"))
        text = source_of(mutation).replace(mutation.before, mutation.after)
        (mutant / mutation.file).write_text(text)
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
                *("-m", "not slow and not prove", *mutation.tests),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": place, "HYPOTHESIS_STORAGE_DIRECTORY": place},
            capture_output=True,
            text=True,
            check=False,
        )
    failed = _FAILED.search(run.stdout)
    if run.returncode != _TESTS_FAILED or failed is None:
        raise Survived(f"{mutation.fault}: {run.stdout[-600:]}{run.stderr[-300:]}")
    return f"{failed[1]}::{failed[2]}"
