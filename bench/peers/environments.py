"""Environments: what a peer needs, installed below `.bench/` from the package registries."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.peers.peer import Unavailable

LOCKS: Final = Path(__file__).with_name("locks")
ROOT: Final = Path(__file__).resolve().parents[2] / ".bench"
_INSTALL_SECONDS: Final = 900


def python_environment(name: str) -> Path:
    """A virtual environment with what `locks/NAME.txt` pins; answers its folder.

    Raises Unavailable.
    """
    lock, folder = LOCKS / f"{name}.txt", ROOT / name
    if _is_new(folder, [lock]):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run(name, [sys.executable, "-m", "venv", str(folder)])
    _run(
        name,
        [
            *(*pip, "--disable-pip-version-check", "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "-r", str(lock)),
        ],
    )
    _stamp(folder, [lock])
    return folder


def node_environment(name: str) -> Path:
    """A folder with what `locks/NAME/package-lock.json` pins. Raises Unavailable."""
    sources = [LOCKS / name / file for file in ("package.json", "package-lock.json", ".npmrc")]
    folder = ROOT / name
    if _is_new(folder, sources):
        return folder
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Unavailable(f"needs {program}, which is not installed here")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in sources:
        shutil.copy(source, folder)
    _run(name, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder)
    _stamp(folder, sources)
    return folder


def _run(name: str, command: Sequence[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            timeout=_INSTALL_SECONDS,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"could not be installed: {type(error).__name__}") from error
    if done.returncode:
        sys.stderr.write(f"{name}: {done.stdout}\n")
        raise Unavailable("could not be installed here")


def _digest(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _is_new(folder: Path, sources: Sequence[Path]) -> bool:
    stamp = folder / ".done"
    return stamp.exists() and stamp.read_text() == _digest(sources)


def _stamp(folder: Path, sources: Sequence[Path]) -> None:
    (folder / ".done").write_text(_digest(sources))
