"""The guide to the command is a promise: it is typed in here, and shows what it says it shows.

`python tests/cli/test_guide.py` writes what is shown into the guide anew.
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filegate_command import PROGRAM, FilegateCommand
from local_stack import LocalStack, run_stack

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "cli.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
CHANGING = (
    (r"\bfg_([a-z0-9-]+)_[A-Za-z0-9]{43}\b", "fg_\\1_KEY"),
    (r"\bfgt_[A-Za-z0-9_-]+", "fgt_TOKEN"),
    (r"\bfiles/[a-z0-9]{25}\b", "files/ID"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b[0-9a-f]{12}\b", "KEYID"),
    (r"(Tag +|\"tag\": \")[a-z0-9]{8}\b", "\\1TAG"),
    (r"http://127\.0\.0\.1:\d+", "URL"),
    (r"\b(ok|left out|failed) +\d+ ", "\\1 MS "),
    (r" +", " "),
)


class Terminal:
    """A shell that remembers what was exported."""

    def __init__(self, stack: LocalStack, home: Path) -> None:
        ready = home / "ready.json"
        ready.write_text(json.dumps(dict(stack.ready)))
        plain = FilegateCommand(home, {}).environment
        self._home = home
        self._environment = {
            **plain,
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "FILEGATE_READY_FILE": str(ready),
            "READY_FILE": str(ready),
            "GATEWAY": stack.base_url,
            "COLUMNS": "100",
        }

    def type(self, command: str) -> str:
        """What a command shows."""
        kept = self._home / "environment"
        done = subprocess.run(
            ["bash", "--norc", "-c", f"{command}\nenv -0 > {kept}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env=self._environment,
            cwd=self._home,
            check=False,
        )
        pairs = (one.partition("=") for one in kept.read_text().split("\0") if one)
        self._environment = {name: value for name, _, value in pairs}
        return done.stdout


def commands_of(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block, and the lines below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, lines


def steady(text: str) -> str:
    """A text without what differs each time."""
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return text.strip()


def is_shown(said: list[str], shown: list[str]) -> bool:
    """Whether a guide's lines are what was shown, `…` being anything."""
    parts = [re.escape(steady(line)).replace("…", ".*") for line in said]
    pattern = "".join(f"{part}\n" if part != ".*" else "(?:.*\n)*" for part in parts)
    return re.fullmatch(pattern, "".join(f"{steady(line)}\n" for line in shown)) is not None


def test_the_guide_shows_what_is_shown(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    home.mkdir()
    count = 0
    with run_stack(data) as stack:
        terminal = Terminal(stack, home)
        for block in BLOCK.findall(GUIDE.read_text()):
            for command, said in commands_of(block):
                shown = terminal.type(command).splitlines()
                assert is_shown(said, shown), "\n".join([command, *shown])
                count += 1
    assert count > 20


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", GUIDE.read_text()):
        assert (GUIDE.parent / link).exists(), link


def write_anew() -> None:
    """Put what is shown today into the guide; what is all `…` stays."""
    with tempfile.TemporaryDirectory() as directory:
        data, home = Path(directory, "data"), Path(directory, "home")
        data.mkdir()
        home.mkdir()
        with run_stack(data) as stack:
            terminal = Terminal(stack, home)

            def block(match: re.Match[str]) -> str:
                text = ""
                for command, said in commands_of(match[1]):
                    shown = [line.rstrip() for line in terminal.type(command).splitlines()]
                    lines = said if "…" in said else shown
                    text += "\n".join([f"$ {command}", *lines]) + "\n"
                return f"```console\n{text}```"

            GUIDE.write_text(BLOCK.sub(block, GUIDE.read_text()))


if __name__ == "__main__":
    write_anew()
