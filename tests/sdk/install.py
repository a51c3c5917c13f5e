"""Install what the SDK drivers need beside the project's own environment.

Python's SDK 2.x and the Go driver go to `.sdk/`, JavaScript's SDK to `tests/sdk/js/node_modules`.
Run it with the project's interpreter: `.venv/bin/python tests/sdk/install.py`. It is quick when
nothing changed, leaves out a driver whose tools are missing, and fails if an installation fails.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
SDK = HERE.parents[1] / ".sdk"
GENAI_2 = SDK / "google-genai-2"
GO_DRIVER = SDK / "go-driver"
SEEDS = HERE.parent / "seeds"
BROWSER = HERE.parent / "browser"


@dataclass(frozen=True)
class Driver:
    """One driver: the tool it is built with, what it is built from, and what comes out."""

    name: str
    tool: tuple[str, ...]  # a command that prints the tool's version
    needs: tuple[int, int]  # the oldest version of the tool that will do
    command: tuple[str, ...]
    folder: Path
    inputs: tuple[Path, ...]
    product: Path


DRIVERS = (
    Driver(
        name="Python google-genai 2",
        tool=(sys.executable, "--version"),
        needs=(3, 11),
        command=(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade"),
            *("--target", str(GENAI_2), "--requirement", "google-genai-2.txt"),
        ),
        folder=HERE / "python",
        inputs=(HERE / "python" / "google-genai-2.txt",),
        product=GENAI_2 / "google" / "genai",
    ),
    Driver(
        name="JavaScript @google/genai",
        tool=("node", "--version"),
        needs=(20, 0),
        command=("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"),
        folder=HERE / "js",
        inputs=(HERE / "js" / "package.json", HERE / "js" / "package-lock.json"),
        product=HERE / "js" / "node_modules" / "@google" / "genai",
    ),
    Driver(
        name="Browser playwright-core",
        tool=("node", "--version"),
        needs=(20, 0),
        command=("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"),
        folder=BROWSER,
        inputs=(BROWSER / "package.json", BROWSER / "package-lock.json"),
        product=BROWSER / "node_modules" / "playwright-core",
    ),
    Driver(
        name="Go google.golang.org/genai",
        tool=("go", "env", "GOVERSION"),
        needs=(1, 24),
        command=("go", "build", "-trimpath", "-o", str(GO_DRIVER), "."),
        folder=HERE / "go",
        inputs=(HERE / "go" / "go.mod", HERE / "go" / "go.sum", HERE / "go" / "main.go"),
        product=GO_DRIVER,
    ),
    Driver(
        name="Go samples of the seeds",
        tool=("go", "env", "GOVERSION"),
        needs=(1, 24),
        command=(sys.executable, "go_samples.py"),
        folder=SEEDS,
        inputs=(
            *(HERE / "go" / "go.mod", HERE / "go" / "go.sum"),
            *(SEEDS / "go_samples.py", SEEDS / "frames" / "samples.go.txt"),
            *sorted((SEEDS / "samples" / "go").glob("*.go")),
        ),
        product=SDK / "go-samples",
    ),
)


def say(text: str) -> None:
    """Write one line to the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, keeping what it prints."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "GOWORK": "off"},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def tool_version(driver: Driver) -> tuple[str, str]:
    """Return the tool's version, or an empty one and the reason why the driver is left out."""
    for program in (driver.tool[0], driver.command[0]):
        if shutil.which(program) is None:
            return "", f"{program} is not installed"
    printed = run(driver.tool, driver.folder).stdout.strip()
    found = re.search(r"(\d+)\.(\d+)", printed)
    if found is None or (int(found[1]), int(found[2])) < driver.needs:
        major, minor = driver.needs
        return "", f"{driver.tool[0]} {major}.{minor} or newer is needed, found: {printed}"
    return printed, ""


def install(driver: Driver) -> bool:
    """Bring one driver up to date; return whether nothing went wrong."""
    version, reason = tool_version(driver)
    if reason:
        say(f"{driver.name}: left out, {reason}")
        return True
    digest = hashlib.sha256(version.encode())
    for path in driver.inputs:
        digest.update(path.read_bytes())
    stamp = SDK / (re.sub(r"\W+", "-", driver.name.lower()) + ".stamp")
    if driver.product.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        say(f"{driver.name}: up to date")
        return True
    stamp.unlink(missing_ok=True)
    done = run(driver.command, driver.folder)
    if done.returncode != 0:
        say(f"{driver.name}: `{' '.join(driver.command)}` failed\n{done.stdout.rstrip()}")
        return False
    if not driver.product.exists():
        say(f"{driver.name}: installed, but {driver.product} is not there")
        return False
    stamp.write_text(digest.hexdigest())
    say(f"{driver.name}: installed")
    return True


def main() -> int:
    """Install every driver that this machine can have; return the exit code."""
    SDK.mkdir(exist_ok=True)
    outcomes = [install(driver) for driver in DRIVERS]  # one failure does not stop the others
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
