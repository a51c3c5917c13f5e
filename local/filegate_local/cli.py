"""The `filegate` command."""

import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from filegate.adapters.aws_service import AwsRefused
from filegate.adapters.table import Table, TableUnavailable, create_client
from filegate.tenants import is_tenant_id
from filegate_local.children import Children, StartFailed, require_free
from filegate_local.stack import Stack, start_stack, upstream_from
from filegate_local.tenants import first_key

app: Final = typer.Typer(
    name="filegate",
    help="Filegate: many tenants, one hidden Gemini API key, every byte accounted for.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def local(
    port: Annotated[int, typer.Option(help="Port of the gateway on 127.0.0.1.")] = 8080,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep tenants, keys and files' records here. Default: forget them."),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(help="URL of another Gemini API. Default: the simulator.")
    ] = None,
    upstream_key: Annotated[
        str | None, typer.Option(help="API key for the upstream (also: GEMINI_API_KEY).")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write a JSON description here once requests can come.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print that JSON description instead of a greeting.")
    ] = False,
) -> None:
    """Run the whole gateway on this machine until Ctrl-C.

    Needs no AWS account and no Gemini key: DynamoDB and Secrets Manager are MiniStack, API Gateway
    is a stand-in that reads template.yaml, and upstream is a simulator of the Gemini File API.
    With GEMINI_API_KEY set, upstream is the real one.

    Examples:

      filegate local

      filegate local --port 9000 --data-dir .filegate

      GEMINI_API_KEY=... filegate local
    """
    stop = _Stop()
    try:
        chosen = upstream_from(upstream, upstream_key)
        require_free(port)
        with _data_directory(data_dir) as data, Children(_logs(data)) as children:
            stack = start_stack(children, port, data, chosen)
            if ready_file is not None:
                _write_whole(ready_file, json.dumps(stack.ready()))
            typer.echo(json.dumps(stack.ready()) if as_json else _greeting(stack))
            while not stop.asked:
                children.require_alive()
                time.sleep(0.2)
    except StartFailed as failure:
        typer.echo(f"filegate local: {failure}", err=True)
        raise typer.Exit(1) from None


@app.command()
def bootstrap(
    table: Annotated[str, typer.Option(help="The stack's table (output TableName).")],
    tenant: Annotated[str, typer.Option(help="Id of the tenant: a-z, 0-9 and dashes.")],
    project: Annotated[
        str, typer.Option(help="Upstream project it is placed on (parameter DefaultProject).")
    ] = "default",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print id and key as JSON instead of the key alone.")
    ] = False,
) -> None:
    """Give a deployed gateway a tenant, and that tenant a key.

    Works on the table directly, with your AWS credentials. Project and tenant are made unless they
    exist; the key is new each time and shown only here.

    Example:

      filegate bootstrap --table filegate-Table-1ABC --tenant acme
    """
    if not is_tenant_id(tenant):
        typer.echo(
            f"filegate bootstrap: {tenant!r} is no tenant id. Use 1 to 31 characters of a-z, 0-9 "
            "and dashes, beginning with a letter or digit.",
            err=True,
        )
        raise typer.Exit(2)
    now = time.time_ns() // 1_000_000
    try:
        key = first_key(Table(create_client(), table), project, tenant, "bootstrap", now)
    except (TableUnavailable, AwsRefused) as error:
        typer.echo(
            f"filegate bootstrap: the table {table} cannot be written: {error}\n"
            "Are AWS credentials and region set, and is the name the stack's output TableName?",
            err=True,
        )
        raise typer.Exit(1) from None
    typer.echo(json.dumps(asdict(key)) if as_json else key.key)


class _Stop:
    """Whether SIGINT or SIGTERM came.

    A plain attribute: a lock taken in a signal handler waits for ever when the next signal comes
    before it is released, and make hands on the signal that its child got already.
    """

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


@contextlib.contextmanager
def _data_directory(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="filegate-") as made:
        yield Path(made)


def _logs(data: Path) -> Path:
    logs = data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever waits for it never reads half of it."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    draft.replace(path)


def _greeting(stack: Stack) -> str:
    upstream = "simulated" if stack.simulated else stack.upstream_url
    tenants = "\n".join(f"  {tenant.id:<8} {tenant.key}" for tenant in stack.tenants)
    return f"""\
Filegate is up: {stack.base_url}   (upstream: {upstream})

Tenants and their keys:
{tenants}

Admin API: header x-filegate-admin-key: {stack.admin_key}

Try it (pip install google-genai):

  from google import genai
  client = genai.Client(
      api_key="{stack.tenants[0].key}",
      http_options={{"base_url": "{stack.base_url}"}},
  )
  file = client.files.upload(file="README.md", config={{"mime_type": "text/markdown"}})
  print(file.name, file.size_bytes, file.state)
  print([f.name for f in client.files.list()])

Logs: {stack.logs}
Stop with Ctrl-C."""
