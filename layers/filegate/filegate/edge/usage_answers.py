"""Usage answers: reports as JSON, CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from aws_lambda_powertools.event_handler import Response

from filegate.admin_errors import tenant_not_found
from filegate.edge.responses import answer_json
from filegate.errors import StatusError, invalid_argument, token_cannot
from filegate.instants import Instant
from filegate.tenants import Caller, is_tenant_id
from filegate.usage_hours import MODEL_AMOUNTS, STORAGE_AMOUNTS
from filegate.usage_reports import Row, Span, Step, UsageReports

OWN_STEPS: Final = (Step.HOUR, Step.DAY)
"""What a tenant may ask for."""
NEXT_PAGE: Final = "X-Next-Page-Token"
"""Where the token of the next page stands in answers that have no place for it."""
_OWN_PARAMETERS: Final = ("from", "to", "by", "format", "key")
_PARAMETERS: Final = ("tenant", "from", "to", "by", "format", "pageSize", "pageToken")
_LARGEST: Final = 5_000_000
"""Bytes of an answer: 6 MB a Lambda call, less its envelope (aws-facts 1)."""
_ENOUGH: Final = 2_500_000
"""Bytes after which a page of many tenants ends; the next one may add as much again."""


class Format(StrEnum):
    """How a report is written."""

    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"


def answer_own_usage(
    reports: UsageReports, caller: Caller, query: Mapping[str, str], now: Instant
) -> "Response[str]":
    """`GET /v1/usage`: what the caller used. Raises StatusError.

    Any key of the tenant will do, as nothing of its files is shown; a browser token will not.
    """
    if caller.tenant.token is not None:
        raise StatusError(token_cannot("read the tenant's usage"))
    wanted = _read_format(query, _OWN_PARAMETERS)
    span = Span.read(query.get("from"), query.get("to"), query.get("by"), now, OWN_STEPS)
    return _answer(reports.rows(caller.tenant.id, span, now), wanted)


def answer_usage(
    reports: UsageReports,
    query: Mapping[str, str],
    now: Instant,
    tenants: Callable[[], Iterable[str]],
    seal: Callable[[str], str],
) -> "Response[str]":
    """`GET /admin/v1/usage`: what one tenant used, or all of them, tenant after tenant.

    `tenants` names them from where the page begins. A page ends when it is large enough, and its
    token is the last tenant's id, sealed. Raises StatusError.
    """
    wanted = _read_format(query, _PARAMETERS)
    span = Span.read(
        query.get("from"), query.get("to"), query.get("by") or Step.TENANT, now, tuple(Step)
    )
    if one := query.get("tenant"):
        if not is_tenant_id(one):
            raise StatusError(tenant_not_found(one))
        return _answer(reports.rows(one, span, now), wanted)
    rows: list[Row] = []
    size = 0
    unfinished = None
    for tenant in tenants():
        if size > _ENOUGH and rows:
            unfinished = rows[-1].tenant
            break
        found = reports.rows(tenant, span, now)
        rows.extend(found)
        size += sum(len(json.dumps(row.json())) for row in found)
    return _answer(rows, wanted, None if unfinished is None else seal(unfinished))


def _answer(rows: Iterable[Row], wanted: Format, next_page: str | None = None) -> "Response[str]":
    if wanted is Format.JSON:
        page = {"usage": [row.json() for row in rows]}
        more = {} if next_page is None else {"nextPageToken": next_page}
        answer = answer_json({**page, **more})
    else:
        text, kind = (
            (_csv(rows), "text/csv; charset=utf-8")
            if wanted is Format.CSV
            else (_json_lines(rows), "application/jsonl; charset=utf-8")
        )
        answer = Response(200, kind, text, {} if next_page is None else {NEXT_PAGE: next_page})
    if len(str(answer.body).encode()) > _LARGEST:
        raise StatusError(
            invalid_argument(
                "This report is larger than an answer can be (5 MB). Ask for a shorter time, or "
                "by day instead of by hour.",
                "from",
            )
        )
    return answer


def _json_lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row.json()) + "\n" for row in rows)


def _csv(rows: Iterable[Row]) -> str:
    """A line for each row, with an empty `model`, and one for each model called in it.

    Requests and refusals by name stand in one cell, as `files.get=3 files.list=1`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    storage, model = STORAGE_AMOUNTS, MODEL_AMOUNTS
    writer.writerow(
        ["tenant", "from", "to", "complete", "model", *storage, *model, "operations", "refusals"]
    )
    for row in rows:
        said = row.json()
        head = [said["tenant"], said["from"], said["to"], str(said["complete"]).lower()]
        asked = sum(row.requests.values())
        writer.writerow(
            [
                *head,
                "",
                *(said[name] for name in storage),
                *(asked if name == "requests" else "" for name in model),
                _cell(said["requests"]),
                _cell(said["refusals"]),
            ]
        )
        for one in said["models"]:
            nothing = [""] * len(storage)
            writer.writerow([*head, one["model"], *nothing, *(one[name] for name in model), "", ""])
    return out.getvalue()


def _cell(amounts: Mapping[str, int]) -> str:
    return " ".join(f"{name}={amount}" for name, amount in amounts.items())


def _read_format(query: Mapping[str, str], known: Iterable[str]) -> Format:
    for name in query:
        if name not in known:
            may_be = ", ".join(one for one in known if one != "key")
            raise StatusError(
                invalid_argument(
                    f"The query parameter {name[:40]!r} cannot be used here. Known ones: {may_be}.",
                    name[:40],
                )
            )
    text = query.get("format") or Format.JSON
    try:
        return Format(text)
    except ValueError:
        may_be = ", ".join(Format)
        message = f"format is {text[:40]!r}; it can be {may_be}."
        raise StatusError(invalid_argument(message, "format")) from None
