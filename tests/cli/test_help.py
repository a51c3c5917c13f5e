"""Help: every command says what it does and shows how, quickly."""

import inspect
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from filegate_cli.app import app
from filegate_command import FilegateCommand
from filegate_local import cli as desk

HEAVY = ("boto3", "botocore", "ministack", "filegate", "filegate_local", "httpx")
NOUNS = ("tenant", "key", "project", "usage", "audit", "ledger", "token", "files")


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command there is."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(commands(typer.main.get_group(app)))


def help_of(path: Sequence[str]) -> str:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.stdout


def examples_in(text: str) -> list[str]:
    """The indented lines below `Examples:` or `Example:`."""
    _, _, rest = text.replace("Example:", "Examples:").partition("Examples:\n")
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        if line.strip():
            lines.append(line.strip())
    return lines


def test_all_verbs_are_there() -> None:
    assert {" ".join(path) for path in ALL} == {
        *("local", "bootstrap", "doctor", "upload"),
        *("tenant create", "tenant get", "tenant list", "tenant update"),
        *("tenant suspend", "tenant resume", "tenant delete"),
        *("key issue", "key list", "key revoke", "key rotate"),
        *("project add", "project list", "project get", "project update", "project drain"),
        *("project undrain", "project reconcile", "project reconciliation"),
        *("usage show", "usage export", "audit list", "ledger check", "token mint"),
        *("files list", "files get", "files delete"),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_examples_that_name_the_command(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert "Example" in text
    assert f"filegate {' '.join(path)}" in text.partition("Example")[2]
    assert "--json" in text


@pytest.mark.parametrize(
    "path", [path for path in ALL if path[0] not in {"local", "bootstrap"}], ids=" ".join
)
def test_every_example_is_understood(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("talk.mp4", "*.pdf"):
        (tmp_path / name).touch()
    examples = [line for line in examples_in(help_of(path)) if "filegate " in line]
    assert examples
    for example in examples:
        _, _, text = example.partition("filegate ")
        command = text.partition(" | ")[0].partition(" > ")[0].removesuffix(")").strip()
        words = shlex.split(command)
        while "|" in words:
            words = words[words.index("|") + 1 :]
        _understand(words)


def _understand(words: list[str]) -> None:
    command: Any = typer.main.get_group(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    with command.make_context("filegate", words):
        pass


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_alone_shows_its_verbs(nobody: FilegateCommand, noun: str) -> None:
    done = nobody.run(noun)
    assert "Usage" in done.out + done.err
    assert done.code in {0, 2}


@pytest.mark.parametrize("name", ["local", "bootstrap"])
def test_the_desks_commands_are_announced_in_their_own_words(name: str) -> None:
    theirs = typer.main.get_group(desk.app).commands[name]
    ours = typer.main.get_group(app).commands[name]
    assert ours.help is not None
    assert inspect.cleandoc(theirs.help or "").startswith(ours.help)
    known = CliRunner().invoke(desk.app, [name, "--help"], env={"COLUMNS": "80"})
    assert help_of([name]) == known.stdout.replace(" root ", " filegate ")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["tenant", "create", "--help"], ["upload", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_that_it_does_not_need(arguments: list[str]) -> None:
    code = (
        "import json, sys\n"
        "from typer.testing import CliRunner\n"
        "from filegate_cli.app import app\n"
        f"assert CliRunner().invoke(app, {arguments!r}).exit_code == 0\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & set(HEAVY)


def test_the_desks_commands_run_as_ever(nobody: FilegateCommand) -> None:
    done = nobody.run("bootstrap", "--table", "any", "--tenant", "Not OK")
    assert done.code == 2
    assert "a-z, 0-9 and dashes" in done.err
    done = nobody.run("local", "--upstream", "http://127.0.0.1:9")
    assert done.code == 1
    assert "--upstream-key" in done.err
    assert nobody.run("local", "--nonsense").code == 2


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef filegate")])
def test_completion_scripts_are_printed(nobody: FilegateCommand, shell: str, word: str) -> None:
    done = nobody.ok("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert word in done.out
    assert "_FILEGATE_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("filegate ten", "tenant"),
        ("filegate tenant cr", "create"),
        ("filegate key issue --sc", "--scope"),
        ("filegate local --data", "--data-dir"),
    ],
)
def test_words_are_completed(nobody: FilegateCommand, words: str, found: str) -> None:
    done = nobody.ok(
        _FILEGATE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert found in done.out.split()


def test_bash_completes_with_the_printed_script(nobody: FilegateCommand) -> None:
    script = nobody.ok(
        "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    ).out
    (nobody.home / "completion.sh").write_text(script)
    ask = (
        f"PATH={Path(sys.executable).parent}:$PATH; source completion.sh;"
        " COMP_WORDS=(filegate proj); COMP_CWORD=1;"
        ' _filegate_completion filegate; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        cwd=nobody.home,
        env=nobody.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["project"]
