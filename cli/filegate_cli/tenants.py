"""`filegate tenant`: the customers of a gateway and their limits."""

import sys
import time
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from filegate_cli.commands import Call, as_admin
from filegate_cli.limits import Limits, taking_limits
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Misuse, Problem
from filegate_cli.progress import counting
from filegate_cli.quantities import show_date, show_moment, show_size, show_span
from filegate_cli.usage import COLUMNS as USAGE_COLUMNS

app: Final = typer.Typer(help="Tenants: create, look at, limit, suspend, delete.")

_PATIENCE: Final = 180.0
"""Seconds that a deletion may stand still. An upload that may still be on its way is waited for by
the gateway, up to a minute."""


TenantId = Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)]
_ROWS: Final = (
    Column("Tenant", text_of("id")),
    Column("State", text_of("state")),
    Column("Tag", text_of("tag")),
    Column("Project", text_of("project")),
    Column("Stored", lambda one: show_size(_usage(one).get("storedBytes"))),
    Column("Left", lambda one: show_size(_usage(one).get("availableBytes"))),
    Column("Open sessions", text_of("usage", "openSessions")),
    Column("Storage limit", lambda one: show_size(_limits(one).get("storageBytes"))),
    Column("File limit", lambda one: show_size(_limits(one).get("fileBytes"))),
    Column("File lifetime", lambda one: show_span(_limits(one).get("fileLifetime"))),
    Column("Session limit", text_of("limits", "openSessions")),
    Column("Requests per minute", text_of("limits", "requestsPerMinute")),
    Column("Upload mode", text_of("limits", "uploadMode")),
    Column("Allowed origins", text_of("limits", "allowedOrigins")),
    Column("Models", text_of("limits", "models")),
    Column("Created", lambda one: show_moment(one.get("createTime"))),
    Column("Updated", lambda one: show_moment(one.get("updateTime"))),
)
_COLUMNS: Final = (
    _ROWS[0],
    _ROWS[1],
    _ROWS[3],
    Column("Stored", _ROWS[4].read, right=True),
    Column("Left", _ROWS[5].read, right=True),
    Column("Storage limit", _ROWS[7].read, right=True),
    Column("Created", lambda one: show_date(one.get("createTime"))),
)


@app.command("create")
@as_admin
@taking_limits
def create(
    call: Call,
    limits: Limits,
    tenant: Annotated[
        str, typer.Argument(help="Its id: a-z, 0-9 and dashes, 31 at most.", show_default=False)
    ],
    project: Annotated[
        str | None,
        typer.Option(help="Upstream project to place it on. Default: where there is most room."),
    ] = None,
) -> None:
    """Create a tenant. It has no key yet: `filegate key issue` makes one.

    Examples:

      filegate tenant create acme

      filegate tenant create acme --storage 5GiB --file-lifetime 24h

      filegate tenant create acme --allowed-origin https://acme.example
    """
    body: dict[str, Any] = {"id": tenant}
    set_limits = {name: value for name, value in limits.items() if value not in (None, [])}
    if set_limits:
        body["limits"] = set_limits
    if project is not None:
        body["project"] = project
    made = call.client.call("POST", admin_path("tenants"), body, idempotency_key=uuid4().hex)
    call.output.one(made, _ROWS)


@app.command("get")
@as_admin
def get(call: Call, tenant: TenantId) -> None:
    """Show a tenant: state, limits, what it stores.

    Examples:

      filegate tenant get acme

      filegate tenant get acme --json | jq .usage.storedBytes
    """
    call.output.one(call.client.call("GET", admin_path("tenants", tenant)), _ROWS)


@app.command("list")
@as_admin
def list_tenants(call: Call) -> None:
    """List all tenants.

    Examples:

      filegate tenant list

      filegate tenant list --json | jq -r 'select(.state == "SUSPENDED").id'
    """
    call.output.many(
        call.client.pages(admin_path("tenants"), "tenants"),
        _COLUMNS,
        "No tenants yet. `filegate tenant create` makes one.",
    )


@app.command("update")
@as_admin
@taking_limits
def update(call: Call, limits: Limits, tenant: TenantId) -> None:
    """Change a tenant's limits; those that are not named stay.

    Examples:

      filegate tenant update acme --storage 50GiB

      filegate tenant update acme --requests-per-minute none
    """
    if not limits:
        raise Misuse(
            "Nothing to change was named.",
            "Name a limit, as in `filegate tenant update acme --storage 50GiB`; "
            "`filegate tenant update --help` lists them.",
        )
    changed = call.client.call("PATCH", admin_path("tenants", tenant), {"limits": limits})
    call.output.one(changed, _ROWS)


@app.command("suspend")
@as_admin
def suspend(call: Call, tenant: TenantId) -> None:
    """Refuse a tenant's requests until it is resumed. Its files stay.

    Warm instances remember it for up to 60 seconds.

    Example:

      filegate tenant suspend acme
    """
    path = admin_path("tenants", tenant, verb="suspend")
    call.output.one(call.client.call("POST", path, {}), _ROWS)


@app.command("resume")
@as_admin
def resume(call: Call, tenant: TenantId) -> None:
    """Serve a suspended tenant again.

    Example:

      filegate tenant resume acme
    """
    path = admin_path("tenants", tenant, verb="resume")
    call.output.one(call.client.call("POST", path, {}), _ROWS)


@app.command("delete")
@as_admin
def delete(
    call: Call,
    tenant: TenantId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a tenant, its keys and its files upstream. There is no way back.

    Its uploads are refused at once and its keys within a minute. Files are deleted step by step,
    and an upload that has just begun is waited for, up to a minute; if this is interrupted, the
    same command goes on. A final usage record stays, and is what is printed.

    Examples:

      filegate tenant delete acme

      filegate tenant delete acme --yes --json > acme-final-usage.json
    """
    if not yes:
        _ask(tenant)
    path = admin_path("tenants", tenant)
    with counting(f"Deleting {tenant}", "files, caches, batches and stores left") as show:
        least: int | None = None
        moved_at = time.monotonic()
        while not (step := call.client.call("DELETE", path)).get("done"):
            left = int(step.get("filesLeft") or 0) + int(step.get("resourcesLeft") or 0)
            show(left)
            if least is None or left < least:
                least, moved_at = left, time.monotonic()
            idle = time.monotonic() - moved_at
            if idle >= _PATIENCE:
                raise Problem(
                    f"{left} files, caches, batches and stores of {tenant} cannot be deleted "
                    "upstream right now.",
                    "Its keys are refused already. Run the same command later: it goes on.",
                )
            time.sleep(min(5.0, idle / 4))
        show(0)
    if call.output.as_json:
        call.output.line(step)
        return
    call.output.note(f"{tenant} is deleted. Its final usage record:")
    call.output.one(step.get("usage") or {}, USAGE_COLUMNS)


def _ask(tenant: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse(
            f"Deleting {tenant} was not confirmed, and there is nobody to ask.",
            "Add --yes to delete it with all of its files and keys.",
        )
    typer.confirm(f"Delete {tenant} with all of its files and keys?", abort=True, err=True)


def _usage(tenant: Resource) -> Resource:
    usage: Resource = tenant.get("usage") or {}
    return usage


def _limits(tenant: Resource) -> Resource:
    limits: Resource = tenant.get("limits") or {}
    return limits
