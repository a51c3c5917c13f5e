"""The isolation table: every route asked for what is own, foreign, missing, expired and malformed.

What the requests get is what docs/isolation.md says. With FILEGATE_WRITE_DOCS=1 the table is
written there instead.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest

from apigateway_standin.template import Template
from filegate.adapters.table import Item
from isolation_rows import ROWS, Caller, Lists, Names, Plain, Row, missing, parts
from local_stack import LocalStack
from refusals import essence, refused

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "isolation.md"
API: Final = cast(
    "Mapping[str, Any]", Template.load(ROOT / "template.yaml").section("GatewayApi").values
)
ROUTES: Final = [
    f"{method} {path}"
    for path, methods in API["DefinitionBody"]["paths"].items()
    for method in methods
    # The admin API is the operator's, and takes no tenant's key (test_admin_tenants.py).
    if method != "options" and not path.startswith("/admin/")
]
COLUMNS: Final = ("own", "foreign", "missing", "expired", "malformed")
NOTHING: Final = "–"
LIFE: Final = 49 * 3600
"""Seconds after which files, cached contents, sessions and grants have ended."""

_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
_OF_SOMETHING_NEW: Final = re.compile(
    rb"essions/[A-Za-z0-9_-]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
)
_JANITORS: Final = ("/upload/", "/v1beta/files/", "/v1beta/fileSearchStores/")
_RECONCILERS: Final = "/v1beta/files?pageSize=100"

Essence = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]

_lines: dict[Row, str] = {}


def identity(row: Row) -> str:
    """A row as test ids name it."""
    return f"{row.route} {how(row)}".replace("`", "")


def how(row: Row) -> str:
    """What a row's requests say, besides their route."""
    return "" if isinstance(row, Lists) else row.how


def cell(answer: httpx.Response) -> str:
    """Status code and google.rpc status of an answer."""
    assert answer.status_code < 500, answer.text
    if answer.status_code < 400:
        return str(answer.status_code)
    refused(answer)
    return f"{answer.status_code} {answer.json()['error']['status']}"


def blanked(answer: httpx.Response, name: str) -> Essence:
    """An answer with each id of a name replaced, and what each new thing has of its own."""
    ids = [part.encode() for part in parts(name)]

    def blank(text: bytes) -> bytes:
        for number, one in enumerate(ids):
            text = text.replace(one, b"<id %d>" % number)
        return _OF_SOMETHING_NEW.sub(b"<new>", text)

    status, headers, body = essence(answer)
    pairs = tuple(
        (header.encode(), blank(value.encode()))
        for header, value in headers
        if header != "x-amzn-remapped-date"  # The date of a function that streams.
    )
    return status, pairs, blank(body)


def heard(stack: LocalStack, *ids: str) -> list[str]:
    """What upstream was asked, but for the janitor's looks at what is none of these.

    And for the reconciler's, which comes by each day and looks at all.
    """
    return [
        f"{request['method']} {request['path']}"
        for request in stack.simulator("GET", "/requests")["requests"]
        if request["path"] != _RECONCILERS
        and (
            not request["path"].startswith(_JANITORS) or any(one in request["path"] for one in ids)
        )
    ]


@contextlib.contextmanager
def untouched(stack: LocalStack, *callers: Caller) -> Iterator[None]:
    """Check that what happens inside changes no record of these callers.

    But for how often they asked, which is counted whatever they asked for.
    """

    def records() -> list[list[Item]]:
        return [
            [
                item
                for item in stack.tenant_items(caller.tenant.id)
                if not str(item["sk"]).startswith("REQUESTS#")
            ]
            for caller in callers
        ]

    before = records()
    yield
    assert records() == before


def fill(stack: LocalStack, row: Row) -> tuple[Mapping[str, str], str]:
    """The cells of a row, and why some are empty."""
    owner, stranger = Caller(stack, stack.tenant()), Caller(stack, stack.tenant())
    match row:
        case Names():
            return fill_names(row, owner, stranger)
        case Lists():
            return fill_lists(row, owner, stranger)
        case Plain():
            return fill_plain(row, owner)


def fill_names(row: Names, owner: Caller, stranger: Caller) -> tuple[Mapping[str, str], str]:
    """The stranger asks first, so that the owner's own answer shows that nothing was harmed."""
    stack, thing = owner.stack, row.thing
    own_ids = [stranger.store, stranger.file, owner.store] if "Store" in row.route else []
    foreign = thing.make(owner)
    nothing = missing(foreign)
    stack.simulator("DELETE", "/requests")
    stack.simulator("DELETE", "/model-calls")

    unchanged = [owner] if row.creates or row.uploads else [owner, stranger]
    with untouched(stack, *unchanged):
        of_foreign = row.ask(stranger, foreign)
        of_missing = row.ask(stranger, nothing)
    assert blanked(of_foreign, foreign) == blanked(of_missing, nothing)
    with untouched(stack, owner, *([] if row.uploads else [stranger])):
        of_malformed = row.ask(stranger, thing.malformed)
        assert of_malformed.status_code >= 400, of_malformed.text
    if not row.creates:
        refused(of_foreign)
        assert stack.simulator("GET", "/model-calls")["modelCalls"] == []
    if not row.creates and not row.asks_upstream:
        assert heard(stack, *parts(foreign), *parts(nothing), *own_ids) == []

    of_own = row.ask(owner, foreign)
    assert of_own.is_success or of_own.status_code == (409 if row.creates else 302), of_own.text
    cells = {
        "own": cell(of_own),
        "foreign": cell(of_foreign),
        "missing": cell(of_missing),
        "malformed": cell(of_malformed),
    }
    if thing.lasting is not None:
        return cells, f"expired: {thing.lasting}"
    ended = thing.make(owner)
    stack.advance(LIFE)
    stack.simulator("DELETE", "/model-calls")
    of_ended = row.ask(owner, ended)
    assert stack.simulator("GET", "/model-calls")["modelCalls"] == []
    if thing.gone_is_missing and not row.creates:
        assert blanked(of_ended, ended) == blanked(row.ask(owner, nothing), nothing)
    return {**cells, "expired": cell(of_ended)}, ""


def fill_lists(row: Lists, owner: Caller, stranger: Caller) -> tuple[Mapping[str, str], str]:
    """A list is asked with the owner's thing in it, and by the stranger, and after its end."""
    name = row.thing.make(owner)

    def ask(caller: Caller, *, shown: bool) -> str:
        answer = caller.ask("GET", row.path)
        assert answer.is_success, answer.text
        assert (name in answer.text) is shown, answer.text
        return cell(answer) if shown else f"{cell(answer)}, not in it"

    cells = {"own": ask(owner, shown=True), "foreign": ask(stranger, shown=False)}
    reason = "names nothing"
    if row.thing.lasting is not None:
        return cells, f"{reason}; expired: {row.thing.lasting}"
    owner.stack.advance(LIFE)
    return {**cells, "expired": ask(owner, shown=False)}, reason


def fill_plain(row: Plain, owner: Caller) -> tuple[Mapping[str, str], str]:
    """What names nothing of a tenant's has its own answer, and one to nonsense."""
    of_own = row.own(owner)
    assert of_own.is_success, of_own.text
    cells = {"own": cell(of_own)}
    for column, ask in (("missing", row.missing), ("malformed", row.malformed)):
        if ask is not None:
            with untouched(owner.stack, owner):
                answer = ask(owner)
            assert answer.status_code >= 400, answer.text
            cells[column] = cell(answer)
    return cells, row.reason


def line(stack: LocalStack, row: Row) -> str:
    """A row as the document has it; each is asked once."""
    if row not in _lines:
        cells, reason = fill(stack, row)
        method, path = row.route.split(" ")
        columns = (
            f"`{method.upper()} {path}`",
            how(row),
            *(cells.get(column, NOTHING) for column in COLUMNS),
            reason,
        )
        _lines[row] = "| " + " | ".join(columns) + " |\n"
    return _lines[row]


def table(stack: LocalStack) -> str:
    """The whole table, its routes in the order of the template."""
    heads = ("route", "named by", *COLUMNS, "why –")
    ordered = sorted(ROWS, key=lambda row: ROUTES.index(row.route))
    return "".join(
        (
            "| " + " | ".join(heads) + " |\n",
            "| " + " | ".join("---" for _ in heads) + " |\n",
            *(line(stack, row) for row in ordered),
        )
    )


def test_every_route_has_a_row() -> None:
    """A new route comes with a row, and a row has a route."""
    assert {row.route for row in ROWS} == set(ROUTES)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_foreign_is_missing(stack: LocalStack, row: Row) -> None:
    assert line(stack, row)


def test_the_table_is_in_the_documentation(stack: LocalStack) -> None:
    text = DOCUMENT.read_text()
    before, rest = text.split(_BEGIN)
    documented, after = rest.split(_END)
    seen = table(stack)
    if os.environ.get("FILEGATE_WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{_BEGIN}{seen}{_END}{after}")
        return
    assert documented == seen, "see docs/isolation.md on how to write it anew"
