"""The `filegate` command: its verbs, and what becomes of what they raise."""

import sys
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from filegate_cli import (
    audit,
    doctor,
    files,
    keys,
    ledger,
    projects,
    tenants,
    tokens,
    uploads,
    usage,
)
from filegate_cli.output import complain, is_for_people
from filegate_cli.problems import Problem


class _Root(TyperGroup):
    """Turns problems into a sentence, an advice and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's
        try:
            return super().invoke(ctx)
        except Problem as problem:
            complain(problem.sentence, problem.advice)
            raise typer.Exit(problem.exit_code) from None


class _OfTheDesk(TyperCommand):
    """A command of `filegate_local`, which is loaded when it runs and not before.

    It brings boto3 and the whole gateway along: half a second that no other verb should cost.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - Typer's
        **extra: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from filegate_local.cli import app as desk  # noqa: PLC0415 - see above

        group = typer.main.get_group(desk)
        return group.commands[str(self.name)].make_context(info_name, args, parent, **extra)


app: Final = typer.Typer(
    name="filegate",
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Boxes and colours are for terminals: what is piped, paged or kept in a log is plain.
    rich_markup_mode="rich" if is_for_people(sys.stdout) else None,
)


@app.callback(
    epilog="Every command has --help with examples, and --json. Set FILEGATE_URL and "
    "FILEGATE_ADMIN_KEY (operators) or FILEGATE_KEY (tenants) once. "
    "Exit codes: 0 done, 1 refused or failed, 2 called wrongly."
)
def main() -> None:
    """Filegate: many tenants, one hidden Gemini API key, every byte accounted for.

    Examples:

      filegate local --ready-file ready.json &

      filegate tenant list --ready-file ready.json

      FILEGATE_KEY=fg_… filegate upload talk.mp4
    """


@app.command("local", cls=_OfTheDesk, rich_help_panel="A gateway")
def local() -> None:
    """Run the whole gateway on this machine until Ctrl-C."""


@app.command("bootstrap", cls=_OfTheDesk, rich_help_panel="A gateway")
def bootstrap() -> None:
    """Give a deployed gateway a tenant, and that tenant a key."""


app.command("doctor", rich_help_panel="A gateway")(doctor.doctor)
for _name, _noun in {
    "tenant": tenants.app,
    "key": keys.app,
    "project": projects.app,
    "usage": usage.app,
    "audit": audit.app,
    "ledger": ledger.app,
}.items():
    app.add_typer(_noun, name=_name, no_args_is_help=True, rich_help_panel="For operators")
app.command("upload", rich_help_panel="For tenants")(uploads.upload)
for _name, _noun in {"files": files.app, "token": tokens.app}.items():
    app.add_typer(_noun, name=_name, no_args_is_help=True, rich_help_panel="For tenants")
