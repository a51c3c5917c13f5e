"""Usage answers: the same rows as JSON, CSV and JSON lines, page by page."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from filegate.edge.usage_answers import NEXT_PAGE, answer_own_usage, answer_usage
from filegate.errors import StatusError
from filegate.instants import HOUR, parse_rfc3339
from filegate.limits import Limits
from filegate.tenants import Caller, Tenant
from filegate.usage_reports import Row, Span, UsageReports

if TYPE_CHECKING:
    from filegate.tokens import Token

NOW = parse_rfc3339("2026-11-23T09:30:00Z")
START = parse_rfc3339("2026-11-23T08:00:00Z")
TENANT = Tenant("acme", "aaaaaaaa", "default", True, 1, Limits())
CALLER = Caller(TENANT, frozenset({"stores"}), None)


class Reports:
    """Has a row for each tenant, or as many as it is told."""

    def __init__(self, rows: int = 1, width: int = 1) -> None:
        self.width = width
        self.number = rows
        self.asked: list[tuple[str, Span]] = []

    def rows(self, tenant: str, span: Span, now: int) -> list[Row]:
        assert now == NOW
        self.asked.append((tenant, span))
        return [
            Row(
                tenant,
                START + number * HOUR,
                START + (number + 1) * HOUR,
                complete=number == 0,
                amounts={"uploads": 2, "bytesIn": 10, "byteSeconds": 36_000},
                models={"gemini-" + "x" * self.width: {"requests": 3, "totalTokens": 7}},
                requests={"models.generateContent": 3, "files.get": 4},
                refusals={"403": 1},
            )
            for number in range(self.number)
        ]


def as_reports(reports: Reports) -> UsageReports:
    return cast("UsageReports", reports)


def own(query: dict[str, str], reports: Reports | None = None) -> Any:  # noqa: ANN401 - Powertools' own
    return answer_own_usage(as_reports(reports or Reports()), CALLER, query, NOW)


def test_json_says_all_and_zero_where_there_was_nothing() -> None:
    answer = own({"key": "fg_acme_x"})
    assert answer.status_code == 200
    [row] = json.loads(answer.body)["usage"]
    assert row == {
        "tenant": "acme",
        "from": "2026-11-23T08:00:00Z",
        "to": "2026-11-23T09:00:00Z",
        "complete": True,
        "uploads": 2,
        "bytesIn": 10,
        "byteSeconds": 36_000,
        "releases": 0,
        "documents": 0,
        "documentBytes": 0,
        "imports": 0,
        "registered": 0,
        "generated": 0,
        "cachesCreated": 0,
        "batchesCreated": 0,
        "storesCreated": 0,
        "requests": {"files.get": 4, "models.generateContent": 3},
        "refusals": {"403": 1},
        "models": [
            {
                "model": "gemini-x",
                "requests": 3,
                "promptTokens": 0,
                "cachedTokens": 0,
                "candidatesTokens": 0,
                "thoughtsTokens": 0,
                "toolsTokens": 0,
                "totalTokens": 7,
            }
        ],
    }


def test_json_lines_are_the_same_rows() -> None:
    answer = own({"format": "jsonl"}, Reports(rows=3))
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines == json.loads(own({}, Reports(rows=3)).body)["usage"]
    assert answer.headers["Content-Type"].startswith("application/jsonl")


def test_csv_has_a_header_a_line_for_each_row_and_one_for_each_model() -> None:
    answer = own({"format": "csv", "by": "day"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    row, model = csv.DictReader(io.StringIO(answer.body))
    assert (row["tenant"], row["from"], row["complete"]) == ("acme", "2026-11-23T08:00:00Z", "true")
    assert (row["model"], row["uploads"], row["byteSeconds"]) == ("", "2", "36000")
    assert (row["requests"], row["refusals"]) == ("7", "403=1")
    assert row["operations"] == "files.get=4 models.generateContent=3"
    assert (model["model"], model["requests"], model["totalTokens"]) == ("gemini-x", "3", "7")
    assert model["uploads"] == ""


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"format": "xml"}, "json, csv, jsonl"),
        ({"by": "tenant"}, "hour, day"),
        ({"since": "2026"}, "from, to, by, format"),
    ],
)
def test_what_is_not_understood_is_refused(query: dict[str, str], words: str) -> None:
    with pytest.raises(StatusError, match=words):
        own(query)


def test_a_browser_token_reads_no_usage() -> None:
    token = cast("Token", object())
    caller = replace(CALLER, tenant=replace(TENANT, token=token))
    with pytest.raises(StatusError, match="read the tenant's usage"):
        answer_own_usage(as_reports(Reports()), caller, {}, NOW)


def test_an_answer_that_would_be_too_large_is_refused() -> None:
    with pytest.raises(StatusError, match="shorter time"):
        own({}, Reports(rows=3, width=2_000_000))


def everyone() -> Iterator[str]:
    return iter(["acme", "globex", "initech"])


def admin(query: dict[str, str], reports: Reports) -> Any:  # noqa: ANN401 - Powertools' own
    return answer_usage(as_reports(reports), query, NOW, everyone, lambda last: f"after {last}")


def test_the_admin_sees_one_tenant_or_all() -> None:
    reports = Reports()
    [row] = json.loads(admin({"tenant": "globex", "by": "hour"}, reports).body)["usage"]
    assert row["tenant"] == "globex"
    page = json.loads(admin({}, reports).body)
    assert [row["tenant"] for row in page["usage"]] == ["acme", "globex", "initech"]
    assert "nextPageToken" not in page
    assert {str(span.step) for _, span in reports.asked[1:]} == {"tenant"}


def test_a_large_report_of_all_comes_in_pages() -> None:
    answer = admin({}, Reports(width=2_000_000))
    page = json.loads(answer.body)
    assert [row["tenant"] for row in page["usage"]] == ["acme", "globex"]
    assert page["nextPageToken"] == "after globex"
    lines = admin({"format": "jsonl"}, Reports(width=2_000_000))
    assert lines.headers[NEXT_PAGE] == "after globex"
