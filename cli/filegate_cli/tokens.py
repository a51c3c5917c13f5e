"""`filegate token`: what a web page has in place of a tenant's key."""

from typing import Annotated, Any, Final

import typer

from filegate_cli.commands import Call, as_tenant
from filegate_cli.quantities import read_count, read_size, read_span, show_moment

app: Final = typer.Typer(help="Browser tokens: mint them with a tenant's key.")


@app.command("mint")
@as_tenant
def mint(
    call: Call,
    byte_budget: Annotated[
        str | None,
        typer.Option(help="Bytes it may upload in all, as 25MB. Needed to upload anything."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="files:read, files:write, generate or stores; repeat it for more. "
            "Default: files:write."
        ),
    ] = None,
    file_count: Annotated[
        str | None, typer.Option(help="Uploads it may start. Default: any number.")
    ] = None,
    mime_type: Annotated[
        list[str] | None,
        typer.Option(
            help="Type it may upload, as video/mp4 or video/*; repeat it for more. Default: any."
        ),
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="The one origin it works from, as https://app.example.com.")
    ] = None,
    ttl: Annotated[
        str | None, typer.Option(help="How long it is good for, at most 1h. Default: 10m.")
    ] = None,
) -> None:
    """Mint a browser token and print it to stdout. Nothing is stored: it ends by itself.

    Examples:

      filegate token mint --byte-budget 25MB --origin https://app.example.com

      filegate token mint --scope files:read --ttl 5m --json | jq -r .token
    """
    body: dict[str, Any] = {}
    if scope:
        body["scopes"] = scope
    if byte_budget is not None:
        body["byteBudget"] = read_size(byte_budget)
    if file_count is not None:
        body["fileCount"] = read_count(file_count)
    if mime_type:
        body["mimeTypes"] = mime_type
    if origin is not None:
        body["origin"] = origin
    if ttl is not None:
        body["ttl"] = read_span(ttl)
    made = call.client.call("POST", "/v1/tokens", body)
    if call.output.as_json:
        call.output.line(made)
        return
    scopes = ", ".join(made.get("scopes") or ())
    call.output.note(f"A token for {scopes}, good until {show_moment(made.get('expireTime'))}:")
    call.output.text(str(made.get("token")))
