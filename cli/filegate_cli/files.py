"""`filegate files`: a tenant's files."""

from typing import Annotated, Final

import typer

from filegate_cli.commands import Call, as_tenant
from filegate_cli.output import Column, complain, text_of
from filegate_cli.paths import file_path
from filegate_cli.problems import Problem
from filegate_cli.quantities import show_moment, show_size

app: Final = typer.Typer(help="A tenant's files: list, get, delete.")

_ROWS: Final = (
    Column("Name", text_of("name")),
    Column("Display name", text_of("displayName")),
    Column("State", text_of("state")),
    Column("Type", text_of("mimeType")),
    Column("Size", lambda one: show_size(one.get("sizeBytes"))),
    Column("Created", lambda one: show_moment(one.get("createTime"))),
    Column("Expires", lambda one: show_moment(one.get("expirationTime"))),
    Column("SHA-256", text_of("sha256Hash")),
    Column("URI", text_of("uri")),
)
_COLUMNS: Final = (
    *_ROWS[:4],
    Column("Size", _ROWS[4].read, right=True),
    _ROWS[6],
)


@app.command("list")
@as_tenant
def list_files(call: Call) -> None:
    """List the tenant's files.

    Examples:

      filegate files list

      filegate files list --json | jq -r 'select(.state == "ACTIVE").name'
    """
    call.output.many(
        call.client.pages("/v1/files", "files"),
        _COLUMNS,
        "No files. `filegate upload` uploads some.",
    )


@app.command("get")
@as_tenant
def get(
    call: Call,
    name: Annotated[str, typer.Argument(help="files/… or the id alone.", show_default=False)],
) -> None:
    """Show what is known of a file.

    Examples:

      filegate files get files/ab12cd340mb1c2d3e4f5g6h7i

      filegate files get my-talk --json | jq -r .uri
    """
    call.output.one(call.client.call("GET", file_path(name)), _ROWS)


@app.command("delete")
@as_tenant
def delete(
    call: Call,
    names: Annotated[list[str], typer.Argument(help="files/… or ids alone.", show_default=False)],
) -> None:
    """Delete files, each of them even if another cannot be.

    Examples:

      filegate files delete files/ab12cd340mb1c2d3e4f5g6h7i

      filegate files list --json | jq -r .name | xargs filegate files delete
    """
    failed = 0
    for name in names:
        try:
            call.client.call("DELETE", file_path(name))
        except Problem as problem:
            if len(names) == 1:
                raise
            failed += 1
            complain(f"{name}: {problem.sentence}", problem.advice)
            continue
        if call.output.as_json:
            call.output.line({"name": name, "deleted": True})
        else:
            call.output.note(f"{name} is deleted.")
    if failed:
        raise Problem(f"{failed} of {len(names)} files could not be deleted.")
