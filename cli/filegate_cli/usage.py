"""`filegate usage`: what tenants used, to look at and to bill."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from filegate_cli.commands import Call, as_either
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Misuse
from filegate_cli.progress import counting
from filegate_cli.quantities import read_moment, show_size, write_moment

app: Final = typer.Typer(help="Usage: show it, export it for billing.")

_OWN_PATH: Final = "/v1/usage"
_NEXT_PAGE: Final = "x-next-page-token"


class Step(StrEnum):
    """What a row is about."""

    HOUR = "hour"
    DAY = "day"
    TENANT = "tenant"


_LONGEST: Final = {Step.HOUR: timedelta(days=31), Step.DAY: timedelta(days=400)}
"""The longest report there is; a longer time is asked for in pieces."""


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


Tenant = Annotated[
    str | None, typer.Option("--tenant", help="One tenant only. Default, with an admin key: all.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="A date or an RFC 3339 time, a whole hour. Default: today, UTC."),
]
To = Annotated[
    str | None, typer.Option("--to", help="Before this date or time. Default: until now.")
]
By = Annotated[
    Step | None,
    typer.Option(
        "--by", help="What a row is about. Default: tenant (the whole time) for admins, else hour."
    ),
]


def _total(row: Resource, name: str) -> str:
    return str(sum(int(amount) for amount in (row.get(name) or {}).values()))


def _tokens(row: Resource) -> str:
    return str(sum(int(one.get("totalTokens") or 0) for one in row.get("models") or ()))


COLUMNS: Final = (
    Column("Tenant", text_of("tenant")),
    Column("From", text_of("from")),
    Column("To", text_of("to")),
    Column("Complete", text_of("complete")),
    Column("Uploads", text_of("uploads"), right=True),
    Column("Bytes in", lambda one: show_size(one.get("bytesIn")), right=True),
    Column("Byte-seconds", text_of("byteSeconds"), right=True),
    Column("Requests", lambda one: _total(one, "requests"), right=True),
    Column("Tokens", _tokens, right=True),
    Column("Refusals", lambda one: _total(one, "refusals"), right=True),
)


@app.command("show")
@as_either
def show(
    call: Call,
    tenant: Tenant = None,
    start: From = None,
    end: To = None,
    by: By = None,
) -> None:
    """Show usage: a tenant's own with its key, everybody's with the admin key.

    Examples:

      filegate usage show

      filegate usage show --tenant acme --from 2026-11-01 --by day

      filegate usage show --by hour --json | jq .byteSeconds
    """
    path = _path(call, tenant, by)
    since, until = _span(start, end)
    rows = call.client.pages(
        path,
        "usage",
        {"tenant": tenant, "by": by and by.value, **_between(since, until)},
        sized=False,
    )
    call.output.many(rows, COLUMNS, "Nothing was used or stored in this time.")


@app.command("export")
@as_either
def export(
    call: Call,
    tenant: Tenant = None,
    start: From = None,
    end: To = None,
    by: By = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="csv or jsonl. Default: csv.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; it is there when it is whole."),
    ] = None,
) -> None:
    """Export usage as CSV or JSON lines, for as long a time as you like.

    What is longer than one report can be (31 days by hour) is fetched in pieces.

    Examples:

      filegate usage export --from 2026-11-01 --output november.csv

      filegate usage export --by hour --format jsonl | gzip > usage.gz
    """
    path = _path(call, tenant, by)
    wanted = file_format or (Format.JSONL if call.output.as_json else Format.CSV)
    if call.output.as_json and wanted is not Format.JSONL:
        raise Misuse("--json and --format csv exclude each other.", "Leave one of them away.")
    if into is not None and not into.parent.is_dir():
        raise Misuse(f"There is no directory {into.parent}.", "Make it, or name another --output.")
    step = by or (Step.HOUR if path == _OWN_PATH else Step.TENANT)
    report = _Export(call, path, tenant, step, wanted)
    with counting("Exporting usage", "rows") as progress, _opened(into) as out:
        for since, until in _pieces(*_span(start, end), step):
            for text in report.texts(since, until):
                out.write(text)
                progress(report.rows)
    if into is not None:
        call.output.note(f"{report.rows} rows are in {into}.")


class _Export:
    """Fetches a report page by page; `rows` is how many it had so far."""

    def __init__(
        self, call: Call, path: str, tenant: str | None, step: Step, wanted: Format
    ) -> None:
        self._call = call
        self._path = path
        self._tenant = tenant
        self._step = step
        self._format = wanted
        self._headed = False
        self.rows = 0

    def texts(self, since: datetime | None, until: datetime | None) -> Iterator[str]:
        """The pages of one span; CSV has its header only once in all."""
        token: str | None = None
        while True:
            answer = self._call.client.send(
                "GET",
                self._path,
                query={
                    "tenant": self._tenant,
                    "by": self._step.value,
                    "format": self._format.value,
                    "pageToken": token,
                    **_between(since, until),
                },
            )
            yield self._without_header(answer.text)
            token = answer.headers.get(_NEXT_PAGE)
            if not token:
                return

    def _without_header(self, text: str) -> str:
        header, _, rest = text.partition("\r\n") if self._format is Format.CSV else ("", "", text)
        self.rows += rest.count("\n")
        if self._headed or not header:
            return rest
        self._headed = True
        return text


@contextmanager
def _opened(into: Path | None) -> Iterator[TextIO]:
    """Stdout, or a file that is there only once it is whole."""
    if into is None:
        # What is written must come out as it came in, line ends too.
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out:
            yield out
        return
    draft = into.with_name(into.name + ".part")
    with draft.open("w", encoding="utf-8", newline="") as out:
        yield out
    draft.replace(into)


def _path(call: Call, tenant: str | None, by: Step | None) -> str:
    """Whose report it is. Raises Misuse for what only admins may ask for."""
    if call.connection.admin_key is not None:
        return admin_path("usage")
    if tenant is not None or by is Step.TENANT:
        raise Misuse(
            "--tenant and --by tenant are for admins: a tenant's key shows its own usage.",
            "Leave them away, or set FILEGATE_ADMIN_KEY.",
        )
    return _OWN_PATH


def _span(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    return (
        None if start is None else read_moment(start),
        None if end is None else read_moment(end),
    )


def _pieces(
    since: datetime | None, until: datetime | None, step: Step
) -> Iterator[tuple[datetime | None, datetime | None]]:
    """A span in pieces that one report can have, from the earliest on."""
    longest = _LONGEST.get(step)
    if since is None or longest is None:
        yield since, until
        return
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    end = max(until or now, since + timedelta(hours=1))
    while end - since > longest:
        yield since, since + longest
        since += longest
    yield since, until


def _between(since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    return {
        "from": None if since is None else write_moment(since),
        "to": None if until is None else write_moment(until),
    }
