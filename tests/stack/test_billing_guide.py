"""docs/guides/billing.md is run here, as it stands there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bus_listener import Listener, listening, tell_all
from filegate.instants import SECOND, format_rfc3339
from filegate.usage import GRACE, SPREAD, hour_start
from invoices import invoice_of_log, lives
from local_stack import LocalStack, StackTenant
from model_calls import MODEL, generate, prompt, uploaded

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "billing.md").read_text()


def block(mark: str, language: str) -> str:
    """The block of the guide that follows a comment."""
    [found] = re.findall(rf"<!-- {mark}[^>]* -->\n```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(found)


def run(stack: LocalStack, command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **stack.aws_environment, "FILEGATE_URL": stack.base_url, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def month_of(stack: LocalStack) -> str:
    return format_rfc3339(stack.now())[:7]


def test_a_tenant_looks_at_its_own_usage(stack: LocalStack, tenant: StackTenant) -> None:
    uploaded(tenant, b"x" * 1_000)
    with tenant.http() as http:
        http.get("/v1beta/files").raise_for_status()
    told = run(stack, ["sh", "-c", block("executed", "sh")], FILEGATE_KEY=tenant.key)
    [row] = json.loads(told)["usage"]
    assert (row["tenant"], row["uploads"], row["bytesIn"]) == (tenant.id, 1, 1_000)


def test_invoices_are_what_the_log_says(stack: LocalStack, tenant: StackTenant) -> None:
    name = f"files/{uploaded(tenant, b'x' * 5_000)}"
    generate(tenant, prompt()).raise_for_status()
    stack.advance(7_000)
    with tenant.http() as http:
        http.delete(f"/v1beta/{name}").raise_for_status()
    [life] = lives(stack, [name])
    code = block("invoice.py", "python")
    told = run(
        stack,
        [sys.executable, "-c", code, month_of(stack)],
        FILEGATE_ADMIN_KEY=str(stack.ready["admin_key"]),
    )
    [line] = [line for line in told.splitlines() if line.startswith(f"{tenant.id} ")]
    due = invoice_of_log([life], 0, stack.now() // SECOND)
    tokens = run_tokens(stack, tenant)
    assert line.split()[1:5] == [str(due.byte_seconds), "B·s", str(tokens), "tokens"]
    assert due.byte_seconds >= 5_000 * 7_000


def run_tokens(stack: LocalStack, tenant: StackTenant) -> int:
    """What the model said that the tenant's call used."""
    [item] = [one for one in stack.tenant_items(tenant.id) if str(one["sk"]).endswith(f"#{MODEL}")]
    return int(item["totalTokens"] or 0)


def test_a_listener_keeps_the_books(stack: LocalStack, tenant: StackTenant) -> None:
    with listening(stack) as listener:
        name = f"files/{uploaded(tenant, b'x' * 5_000)}"
        generate(tenant, prompt()).raise_for_status()
        stack.run_janitor()
        began = hour_start(stack.now())
        stack.advance(2 * 3_600 + (GRACE + SPREAD) / SECOND)
        tell_all(stack, tenant)
        told = books(stack, listener)
    [life] = lives(stack, [name])
    for start in (began, began + 3_600 * SECOND):
        due = invoice_of_log([life], start // SECOND, start // SECOND + 3_600)
        assert told[tenant.id, format_rfc3339(start), "storage"] == (due.byte_seconds, 0)
    assert told[tenant.id, format_rfc3339(began), MODEL] == (0, run_tokens(stack, tenant))


def books(stack: LocalStack, listener: Listener) -> Mapping[tuple[str, str, str], tuple[int, int]]:
    """What the guide's listener prints, by tenant, hour and kind or model."""
    code = block("listener.py", "python")
    printed = run(stack, [sys.executable, "-c", code], QUEUE_URL=listener.queue)
    lines = [line.split() for line in printed.splitlines()]
    return {
        (tenant, start, what): (int(byte_seconds), int(tokens))
        for tenant, start, what, byte_seconds, tokens in lines
    }


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)#]+)\)", GUIDE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / "guides" / link).exists()
