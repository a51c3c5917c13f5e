"""The installed `filegate` command, run as people and scripts run it."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("filegate")


@dataclass(frozen=True)
class Done:
    """What a run of the command left behind."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def json(self) -> dict[str, Any]:
        """Stdout as one JSON document."""
        [document] = self.lines()
        return document


class FilegateCommand:
    """The command with an environment and a home of its own."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        self.home = home
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FILEGATE_", "XDG_"))
            and name not in {"NO_COLOR", "FORCE_COLOR", "TERM", "GEMINI_API_KEY"}
        }
        plain = {"HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "120"}
        self.environment = {**inherited, **plain, **variables}

    def run(self, *arguments: object, stdin: str = "", **variables: str) -> Done:
        """Run it to its end."""
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**self.environment, **variables},
            cwd=self.home,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: object, **variables: str) -> Done:
        """Run it; it must succeed."""
        done = self.run(*arguments, **variables)
        assert done.code == 0, done.err
        return done

    def refused(self, *arguments: object, code: int = 1, **variables: str) -> str:
        """Run it; it must fail and print nothing to stdout. What it says on stderr."""
        done = self.run(*arguments, **variables)
        assert done.code == code, done
        assert done.out == ""
        return done.err

    def begin(self, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
        """Start it, with its output in pipes."""
        return subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **variables},
            cwd=self.home,
        )

    def on_a_terminal(self, *arguments: object, keys: str = "", **variables: str) -> Done:
        """Run it on a terminal, which gets `keys` typed; all that is shown is in `out`."""
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            process = subprocess.Popen(
                [str(PROGRAM), *map(str, arguments)],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={**self.environment, **variables},
                cwd=self.home,
            )
            os.close(theirs)
            terminal.write(keys.encode())
            shown = b"".join(_read_all(terminal.fileno()))
        return Done(process.wait(60), shown.decode(), "")


def _read_all(terminal: int) -> list[bytes]:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # The last of those who had it open is gone (EIO).
            return parts
        if not part:
            return parts
        parts.append(part)
