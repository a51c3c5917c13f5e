"""As much of a Colab notebook's kernel as the seeds' quickstart asks for.

A JSON line `{"source": …}` on standard input runs one section: its cells stand between lines
`# %%`. The answer is a JSON line `{"output": …, "error": …}`. Lines with `!` run in a shell,
`%pip install` only looks whether what is wanted is there, a last expression is shown. The login
that `gcloud` left behind is a made-up token.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import re
import shlex
import subprocess
import sys
import traceback

import google.auth.credentials
from google.oauth2.credentials import Credentials
from packaging.requirements import Requirement

display = importlib.import_module("IPython.display").display  # the stand-in's
Namespace = dict[str, object]

_CELLS = re.compile(r"^# %%\n", re.MULTILINE)
_COMMANDS = {"!": "_shell", "%": "_magic"}
_COMMAND = re.compile(r"^([!%])(.+)$", re.MULTILINE)


def default_credentials(
    *_: object, **__: object
) -> tuple[google.auth.credentials.Credentials, str]:
    """Return what `google.auth.default` finds after `gcloud auth application-default login`."""
    token = os.environ["SEEDS_TOKEN"]
    return Credentials(token), "your-project-id"  # type: ignore[no-untyped-call]


def shell(command: str, namespace: Namespace) -> None:
    """Run `!command`; names in braces are the notebook's own."""
    done = subprocess.run(
        ("bash", "-c", command.format_map(namespace)),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    sys.stdout.write(done.stdout)
    done.check_returncode()


def magic(command: str, _namespace: Namespace) -> None:
    """Run `%pip install [options] REQUIREMENT …` as far as nothing has to be installed."""
    pip, install, *arguments = shlex.split(command)
    if (pip, install) != ("pip", "install"):
        raise NotImplementedError(command)
    for argument in arguments:
        if not argument.startswith("-"):
            wanted = Requirement(argument)
            version = importlib.metadata.version(wanted.name)
            if version not in wanted.specifier:
                raise ImportError(f"{argument} is wanted, {version} is installed")


def run_cell(cell: str, namespace: Namespace) -> None:
    """Run one cell and show its last expression."""
    python = _COMMAND.sub(lambda found: f"{_COMMANDS[found[1]]}({found[2]!r})", cell)
    body = ast.parse(python).body
    shown = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), namespace)  # noqa: S102
    if isinstance(shown, ast.Expr):
        value = eval(compile(ast.Expression(shown.value), "<cell>", "eval"), namespace)  # noqa: S307
        if value is not None:
            display(value)


def run_section(source: str, namespace: Namespace) -> dict[str, str]:
    """Run the cells of one section up to the first that fails."""
    output, error = io.StringIO(), ""
    with contextlib.redirect_stdout(output):
        try:
            for cell in _CELLS.split(source):
                run_cell(cell, namespace)
        except Exception:  # noqa: BLE001 - whatever it is, it is the section's outcome
            error = traceback.format_exc()
    return {"output": output.getvalue(), "error": error}


def main() -> None:
    """Run the sections that come in, one after another in one namespace."""
    google.auth.default = default_credentials
    namespace: Namespace = {"__name__": "__main__", "display": display}
    namespace["_shell"] = lambda command: shell(command, namespace)
    namespace["_magic"] = lambda command: magic(command, namespace)
    for line in sys.stdin:
        answer = run_section(json.loads(line)["source"], namespace)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
