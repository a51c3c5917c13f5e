"""`filegate ledger`: whether every byte is accounted for."""

import time
from collections.abc import Mapping
from typing import Any, Final

import typer

from filegate_cli.client import Client
from filegate_cli.commands import Call, as_admin
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Problem
from filegate_cli.quantities import show_size

app: Final = typer.Typer(help="The ledger: check that every byte is accounted for.")

_LOOKS: Final = 3
"""Times that the ledger is read: what moves while it is read can look like a difference."""
_COLUMNS: Final = (
    Column("Kind", text_of("kind")),
    Column("Id", text_of("id")),
    Column("In all", lambda one: show_size(one.get("totalBytes")), right=True),
    Column("Left", lambda one: show_size(one.get("availableBytes")), right=True),
    Column("In records", lambda one: show_size(one.get("recordedBytes")), right=True),
    Column("Phantoms", lambda one: show_size(one.get("phantomBytes")), right=True),
    Column("Difference", text_of("differenceBytes"), right=True),
)


@app.command("check")
@as_admin
def check(call: Call) -> None:
    """Check conservation for every tenant and project; exit code 1 where a byte is missing.

    What a tenant or project has in all must be what is left of it and what its records hold.

    Examples:

      filegate ledger check

      filegate ledger check --json | jq 'select(.differenceBytes != 0)'
    """
    balances: list[Resource] = []
    for look in range(_LOOKS):
        time.sleep(look)
        balances = _read(call.client)
        if not any(balance["differenceBytes"] for balance in balances):
            break
    call.output.many(balances, _COLUMNS, "There is nothing in the ledger.")
    wrong = [balance for balance in balances if balance["differenceBytes"]]
    if wrong:
        named = ", ".join(f"{balance['kind']} {balance['id']}" for balance in wrong)
        raise Problem(
            f"The ledger does not add up for {named}.",
            "Look again when nothing is uploaded. If it stays, `filegate project reconcile` "
            "compares it with upstream; please report it too, as this must not happen.",
        )
    if not call.output.as_json:
        call.output.note(f"Every byte is accounted for: {len(balances)} tenants and projects.")


def _read(client: Client) -> list[Resource]:
    balances: list[Resource] = []
    token: str | None = None
    while True:
        page = client.call("GET", admin_path("ledger"), query={"pageSize": 100, "pageToken": token})
        for kind, total in (("tenant", "limitBytes"), ("project", "capacityBytes")):
            balances.extend(_balance(kind, total, one) for one in page.get(f"{kind}s") or ())
        token = page.get("nextPageToken")
        if not token:
            return balances


def _balance(kind: str, total: str, of_api: Mapping[str, Any]) -> Resource:
    """A tenant's or a project's balance, both in the same terms."""
    rest = {name: value for name, value in of_api.items() if name not in {kind, total}}
    return {"kind": kind, "id": of_api.get(kind), "totalBytes": of_api.get(total), **rest}
