"""`filegate audit`: who changed what, and what was refused."""

import json
from typing import Annotated, Final

import typer

from filegate_cli.commands import Call, as_admin
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Misuse
from filegate_cli.quantities import read_moment, show_moment, write_moment

app: Final = typer.Typer(help="The audit log: who changed what, and what was refused.")


def _details(entry: Resource) -> str:
    details = entry.get("details")
    if not isinstance(details, dict):
        return "" if details is None else str(details)
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in details.items()
    )


_COLUMNS: Final = (
    Column("Time", lambda one: show_moment(one.get("time"))),
    Column("Actor", text_of("actor")),
    Column("Action", text_of("action")),
    Column("Subject", text_of("subject")),
    Column("From", text_of("sourceIp")),
    Column("Details", _details),
)


@app.command("list")
@as_admin
def list_entries(
    call: Call,
    tenant: Annotated[
        str | None, typer.Option(help="Entries about this tenant. Default: about everything.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Entries about this upstream project.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A date or an RFC 3339 time. Default: 30 days ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this date or time.")] = None,
) -> None:
    """List entries of the audit log, newest first.

    Examples:

      filegate audit list

      filegate audit list --tenant acme --from 2026-11-01 --json | jq -r .action
    """
    if tenant is not None and project is not None:
        raise Misuse(
            "--tenant and --project exclude each other: an entry is about one of them.",
            "Leave one of them away, or both to list everything.",
        )
    wanted = {
        "subject": _subject(tenant, project),
        "from": None if start is None else write_moment(read_moment(start)),
        "to": None if end is None else write_moment(read_moment(end)),
    }
    entries = call.client.pages(admin_path("audit"), "entries", wanted)
    call.output.many(entries, _COLUMNS, "Nothing was noted in this time.")


def _subject(tenant: str | None, project: str | None) -> str | None:
    if tenant is not None:
        return f"tenants/{tenant}"
    return None if project is None else f"projects/{project}"
