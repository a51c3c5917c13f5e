"""Usage as it is kept and told: requests and refusals counted, closed hours on the event bus."""

import csv
import io
import json
import time

from bus_listener import listening, tell_all
from filegate.instants import HOUR, format_rfc3339, parse_rfc3339
from filegate.usage import GRACE, SPREAD, hour_start
from filegate.usage_reports import Row, Span, Step, UsageReports
from local_stack import LocalStack, StackTenant
from model_calls import GENERATE, MODEL, generate, prompt, uploaded
from refusals import refused

WAIT = 30.0


def report(stack: LocalStack, tenant: StackTenant) -> Row | None:
    """All that a tenant used."""
    now = stack.now()
    span = Span(now - now % HOUR - 4 * HOUR, now - now % HOUR + HOUR, Step.TENANT)
    return next(iter(UsageReports(stack.table).rows(tenant.id, span, now)), None)


def test_requests_are_counted_by_operation_and_refusals_by_status(
    stack: LocalStack, tenant: StackTenant
) -> None:
    name = f"files/{uploaded(tenant)}"
    with tenant.http() as http:
        for _ in range(3):
            http.get(f"/v1beta/{name}").raise_for_status()
        for _ in range(2):
            assert http.get("/v1beta/files/of-somebody-else").status_code == 403
        assert http.get("/v1beta/files?pageToken=forged").status_code == 400
        http.delete(f"/v1beta/{name}").raise_for_status()
        generate(tenant, prompt()).raise_for_status()

        def list_files() -> None:
            http.get("/v1beta/files").raise_for_status()

        deadline = time.monotonic() + WAIT
        asked = 1
        while True:
            list_files()
            asked += 1
            row = report(stack, tenant)
            assert row is not None
            if row.requests.get("files.list") == asked:
                break
            assert time.monotonic() < deadline, row
    assert row.requests == {
        "upload.start": 1,
        "files.get": 5,
        "files.delete": 1,
        "files.list": asked,
        "models.generateContent": 1,
    }
    assert row.refusals == {"403": 2, "400": 1}
    assert row.models[MODEL]["requests"] == 1


def test_a_refused_model_call_is_counted_as_refused(stack: LocalStack, tenant: StackTenant) -> None:
    foreign = prompt("https://generativelanguage.googleapis.com/v1beta/files/foreign")
    assert generate(tenant, foreign, GENERATE).status_code == 403
    row = report(stack, tenant)
    assert row is not None
    assert row.refusals == {"403": 1}
    assert row.models == {}


def test_what_has_no_tenant_is_counted_for_none(stack: LocalStack, tenant: StackTenant) -> None:
    stranger = StackTenant(tenant.id, tenant.key[:-1] + "!", tenant.base_url)
    with stranger.http() as http:
        assert http.get("/v1beta/files").status_code == 400
    assert report(stack, tenant) is None


def test_each_closed_hour_is_on_the_bus(stack: LocalStack, tenant: StackTenant) -> None:
    file_id = uploaded(tenant, b"x" * 1_000)
    generate(tenant, prompt()).raise_for_status()
    stack.run_janitor()
    with listening(stack) as listener:
        # Two hours on, and a little: both are closed, though nothing happened in the second.
        stack.advance(2 * 3_600 + (GRACE + SPREAD) / 1_000 + 60)
        tell_all(stack, tenant)
        listener.until(lambda: len(listener.of(tenant, "storage")) >= 2)
        listener.until(lambda: len(listener.of(tenant, "model")) >= 1)
        listener.until(lambda: len(listener.of(tenant, "requests")) >= 1)
    first, second = sorted(listener.of(tenant, "storage"), key=lambda one: str(one["from"]))[:2]
    stored = stack.upstream_files()[f"files/{file_id}"]
    created = parse_rfc3339(str(stored["createTime"])) // 1_000
    assert (first["uploads"], first["bytesIn"]) == (1, 1_000)
    assert first["byteSeconds"] == 1_000 * (parse_rfc3339(str(first["to"])) // 1_000 - created)
    assert (second["uploads"], second["byteSeconds"]) == (0, 3_600_000)
    assert second["from"] == first["to"]
    [model] = listener.of(tenant, "model")
    assert (model["model"], model["requests"]) == (MODEL, 1)
    for event in listener.heard.values():
        told = event["detail"]
        assert event["source"] == "filegate"
        assert event["detail-type"] == told["type"] == "dev.filegate.usage.hour.v1"
        assert told["specversion"] == "1.0"
        assert set(told) == {
            *("specversion", "id", "source", "type", "subject", "time"),
            *("datacontenttype", "data"),
        }


def test_a_tenant_reads_its_own_usage_in_every_format(
    stack: LocalStack, tenant: StackTenant
) -> None:
    uploaded(tenant, b"x" * 1_000)
    generate(tenant, prompt()).raise_for_status()
    stack.run_janitor()
    stack.advance(600)
    stack.run_janitor()
    start = format_rfc3339(hour_start(stack.now()) - 2 * HOUR)
    with tenant.http() as http:
        answers = {
            kind: http.get("/v1/usage", params={"from": start, "by": "day", "format": kind})
            for kind in ("json", "jsonl", "csv")
        }
        refusal = http.get("/v1/usage", params={"by": "tenant"})
    rows = answers["json"].raise_for_status().json()["usage"]
    assert sum(row["uploads"] for row in rows) == 1
    assert sum(row["bytesIn"] for row in rows) == 1_000
    assert sum(row["byteSeconds"] for row in rows) >= 600_000
    assert [one["model"] for row in rows for one in row["models"]] == [MODEL]
    lines = [json.loads(line) for line in answers["jsonl"].text.splitlines()]
    assert [line["uploads"] for line in lines] == [row["uploads"] for row in rows]
    table = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    assert sum(int(line["uploads"] or 0) for line in table) == 1
    assert [line["model"] for line in table if line["model"]] == [MODEL]
    assert "hour, day" in refused(refusal, 400)


def test_any_key_of_a_tenant_reads_usage_and_no_other_does(
    stack: LocalStack, tenant: StackTenant
) -> None:
    scoped = stack.registry.issue_key(tenant.id, "narrow", stack.now(), scopes=["stores"])
    uploaded(tenant)
    narrow = StackTenant(tenant.id, scoped, stack.base_url)
    with narrow.http() as http, stack.tenant().http() as other, stack.http() as nobody:
        [row] = http.get("/v1/usage?by=day").raise_for_status().json()["usage"]
        assert row["tenant"] == tenant.id
        assert other.get("/v1/usage").raise_for_status().json() == {"usage": []}
        refused(nobody.get("/v1/usage"), 403)
        refused(other.get(f"/v1/usage?tenant={tenant.id}"), 400)
