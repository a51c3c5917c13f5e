"""Build the seeds' Go samples into one program: `.sdk/go-samples SECTION` runs one of them.

Run by tests/sdk/install.py. The program takes the versions of the Go driver's own module.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULE = ROOT / "tests" / "sdk" / "go"
SOURCE = ROOT / ".sdk" / "go-samples-source"
PROGRAM = ROOT / ".sdk" / "go-samples"
FRAME = HERE / "frames" / "samples.go.txt"
SAMPLES = tuple(sorted((HERE / "samples" / "go").glob("*.go")))


def source() -> str:
    """Return the program: the frame, and each sample as the body of a function."""
    functions = (
        f'\tsamples["{sample.stem}"] = func() error {{\n{sample.read_text()}\treturn nil\n\t}}\n'
        for sample in SAMPLES
    )
    return f"{FRAME.read_text()}\nfunc init() {{\n{''.join(functions)}}}\n"


def build() -> int:
    """Write and compile the program; return the compiler's exit code."""
    SOURCE.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(MODULE / name, SOURCE / name)
    (SOURCE / "main.go").write_text(source())
    command = ("go", "build", "-trimpath", "-o", str(PROGRAM), ".")
    return subprocess.run(command, cwd=SOURCE, check=False).returncode


if __name__ == "__main__":
    sys.exit(build())
