"""Commands: what every verb has besides its own options, namely a gateway, keys and `--json`."""

import functools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from filegate_cli.client import Client, Credential, admin_credential, tenant_credential
from filegate_cli.connection import LOCAL_URL, Connection, connection_from
from filegate_cli.output import Output
from filegate_cli.parameters import gathering
from filegate_cli.problems import Misuse

_PANEL: Final = "Gateway"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help=f"Base URL of the gateway (or FILEGATE_URL). Default: {LOCAL_URL}.",
        rich_help_panel=_PANEL,
    ),
]
AdminKey = Annotated[
    str | None,
    typer.Option(
        "--admin-key",
        help="Key of the admin API (or, better, FILEGATE_ADMIN_KEY).",
        rich_help_panel=_PANEL,
    ),
]
TenantKey = Annotated[
    str | None,
    typer.Option(
        "--key", help="A tenant's key (or, better, FILEGATE_KEY).", rich_help_panel=_PANEL
    ),
]
ReadyFile = Annotated[
    Path | None,
    typer.Option(
        "--ready-file",
        help="Take URL and keys from what `filegate local --ready-file` wrote "
        "(or FILEGATE_READY_FILE).",
        rich_help_panel=_PANEL,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@dataclass(frozen=True)
class Call:
    """What a command works with."""

    connection: Connection
    client: Client
    output: Output


def as_admin(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb of the admin API."""
    return _verb(verb, {"url": Url, "admin_key": AdminKey}, require_admin)


def as_tenant(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb of a tenant's own API."""
    return _verb(verb, {"url": Url, "key": TenantKey}, require_tenant)


def as_either(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb for whoever has a key: an admin key speaks where there is one."""
    options = {"url": Url, "admin_key": AdminKey, "key": TenantKey}
    return _verb(verb, options, _require_any)


def require_admin(connection: Connection) -> Credential:
    """The credential for the admin API. Raises Misuse."""
    if connection.admin_key is None:
        raise Misuse(
            "This needs the admin key.",
            "Set FILEGATE_ADMIN_KEY to the text of the secret <stack name>/admin-key, or name the "
            "ready file of a `filegate local` with --ready-file.",
        )
    return admin_credential(connection.admin_key)


def require_tenant(connection: Connection) -> Credential:
    """The credential of a tenant. Raises Misuse."""
    if connection.key is None:
        raise Misuse(
            "This needs a tenant's key.",
            "Set FILEGATE_KEY (an operator makes one with `filegate key issue <tenant>`), or name "
            "the ready file of a `filegate local` with --ready-file.",
        )
    return tenant_credential(connection.key)


def _require_any(connection: Connection) -> Credential:
    if connection.admin_key is not None:
        return require_admin(connection)
    if connection.key is not None:
        return require_tenant(connection)
    raise Misuse(
        "This needs a key: the admin key or a tenant's.",
        "Set FILEGATE_ADMIN_KEY or FILEGATE_KEY, or name the ready file of a `filegate local` "
        "with --ready-file.",
    )


def _verb(
    verb: Callable[..., None],
    options: dict[str, Any],
    credential: Callable[[Connection], Credential],
) -> Callable[..., None]:
    """The function Typer reads: the verb's own parameters, then those that all have."""

    def gather(
        url: str | None,
        ready_file: Path | None,
        as_json: bool,
        admin_key: str | None = None,
        key: str | None = None,
    ) -> Call:
        connection = connection_from(url, admin_key, key, ready_file)
        client = Client(connection.url, credential(connection))
        return Call(connection, client, Output(as_json=as_json))

    @functools.wraps(verb)
    def run(call: Call, **given: Any) -> None:  # noqa: ANN401 - whatever the verb declares
        with closing(call.client):
            verb(call, **given)

    return gathering(run, "call", {**options, "ready_file": ReadyFile, "as_json": AsJson}, gather)
