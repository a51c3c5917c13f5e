"""`filegate key`: what a tenant's programs call the gateway with."""

from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from filegate_cli.commands import Call, as_admin
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Problem
from filegate_cli.quantities import read_moment, read_span, show_moment, write_moment
from filegate_cli.tenants import TenantId

app: Final = typer.Typer(help="Tenant keys: issue, list, revoke, rotate.")

KeyId = Annotated[
    str, typer.Argument(help="The key's id, as `filegate key list` shows it.", show_default=False)
]


_COLUMNS: Final = (
    Column("Key", text_of("id")),
    Column("Label", text_of("label")),
    Column("State", text_of("state")),
    Column("Scopes", text_of("scopes")),
    Column("Created", lambda one: show_moment(one.get("createTime"))),
    Column("Expires", lambda one: show_moment(one.get("expireTime"))),
)


@app.command("issue")
@as_admin
def issue(
    call: Call,
    tenant: TenantId,
    label: Annotated[str, typer.Option(help="What the key is for; shown in lists.")] = "cli",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="files:read, files:write, generate or stores; repeat it for more. Default: all."
        ),
    ] = None,
    ttl: Annotated[
        str | None, typer.Option(help="How long it is good for, as 90d. Default: for ever.")
    ] = None,
    expire_time: Annotated[
        str | None, typer.Option(help="Until when it is good, as 2027-01-01, instead of --ttl.")
    ] = None,
) -> None:
    """Issue a key. Its text is printed to stdout, now and never again.

    Examples:

      filegate key issue acme --label backend

      export FILEGATE_KEY=$(filegate key issue acme)

      filegate key issue acme --label reader --scope files:read --ttl 90d
    """
    body: dict[str, Any] = {"label": label}
    if scope:
        body["scopes"] = scope
    if ttl is not None:
        body["ttl"] = read_span(ttl)
    if expire_time is not None:
        body["expireTime"] = write_moment(read_moment(expire_time))
    path = admin_path("tenants", tenant, "keys")
    _hand_over(call, tenant, call.client.call("POST", path, body, idempotency_key=uuid4().hex))


@app.command("list")
@as_admin
def list_keys(call: Call, tenant: TenantId) -> None:
    """List a tenant's keys, by id and label. Nobody can see a key's text again.

    Examples:

      filegate key list acme

      filegate key list acme --json | jq -r .id
    """
    call.output.many(
        call.client.pages(admin_path("tenants", tenant, "keys"), "keys"),
        _COLUMNS,
        f"{tenant} has no keys. `filegate key issue {tenant}` makes one.",
    )


@app.command("revoke")
@as_admin
def revoke(call: Call, tenant: TenantId, key_id: KeyId) -> None:
    """Revoke a key for ever. Warm instances remember it for up to 60 seconds.

    Example:

      filegate key revoke acme 3f9a0c1d2e4b
    """
    path = admin_path("tenants", tenant, "keys", key_id, verb="revoke")
    call.output.one(call.client.call("POST", path, {}), _COLUMNS)


@app.command("rotate")
@as_admin
def rotate(
    call: Call,
    tenant: TenantId,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(help="How long the old key is still good, as 1h, for programs to change.")
    ] = "1h",
) -> None:
    """Issue a key in place of another. The new text is printed to stdout, now and never again.

    Examples:

      filegate key rotate acme 3f9a0c1d2e4b

      filegate key rotate acme 3f9a0c1d2e4b --overlap 7d --json
    """
    path = admin_path("tenants", tenant, "keys", key_id, verb="rotate")
    body = {"overlap": read_span(overlap)}
    _hand_over(call, tenant, call.client.call("POST", path, body, idempotency_key=uuid4().hex))


def _hand_over(call: Call, tenant: str, made: Resource) -> None:
    """Print a new key's text to stdout and what there is to know about it to stderr."""
    if "key" not in made:
        raise Problem(
            f"The key {made.get('id')} of {tenant} was made, but the answer with its text was lost "
            "on the way, and it is shown only once.",
            f"Revoke it (`filegate key revoke {tenant} {made.get('id')}`) and issue another.",
        )
    if call.output.as_json:
        call.output.line(made)
        return
    until = show_moment(made.get("expireTime"))
    old: Resource = made.get("replaces") or {}
    if old:
        call.output.note(
            f"Key {old.get('id')} is good until {show_moment(old.get('expireTime'))} beside it."
        )
    call.output.note(
        f"Key {made.get('id')} of {tenant}"
        + (f", good until {until}" if until else "")
        + ". It is shown only now:"
    )
    call.output.text(str(made["key"]))
