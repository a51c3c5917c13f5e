"""What every refusal has to look like, and the proof that it changed nothing."""

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx

from filegate.adapters.table import Item
from filegate.usage_hours import UsageRecord
from local_stack import LocalStack, StackTenant

STATUSES = frozenset(
    {
        "ABORTED",
        "ALREADY_EXISTS",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "FAILED_PRECONDITION",
        "INTERNAL",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
        "UNIMPLEMENTED",
    }
)
"""Names of google.rpc.Code."""


def refused(
    answer: httpx.Response,
    codes: int | Collection[int] = range(400, 500),
    *,
    status: str | None = None,
    final: bool | None = None,
    origin: str = "*",
) -> str:
    """Check that an answer is a refusal in Google's shape; answers its message.

    `final` says whether it has to tell an SDK to stop sending, or must not; `origin` is that of
    the page that asked, which has to be able to read it.
    """
    wanted = {codes} if isinstance(codes, int) else codes
    seen = f"{answer.status_code} {answer.text[:300]!r}"
    assert answer.status_code in wanted, seen
    assert answer.headers["content-type"].lower().startswith("application/json"), seen
    body = answer.json()
    assert set(body) == {"error"}, seen
    error = body["error"]
    assert error["code"] == answer.status_code, seen
    assert isinstance(error["message"], str), seen
    assert error["message"], seen
    assert error["status"] in STATUSES, seen
    if status is not None:
        assert error["status"] == status, seen
    if final is not None:
        assert answer.headers.get("x-goog-upload-status") == ("final" if final else None), seen
    assert answer.headers.get_list("access-control-allow-origin") == [origin], seen
    message: str = error["message"]
    return message


def refused_by_upstream(answer: httpx.Response, code: int, words: str, upload_status: str) -> None:
    """Check that an answer is upstream's own: plain text, with the state of the upload."""
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert words in answer.text
    assert answer.headers["x-goog-upload-status"] == upload_status


def essence(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without what differs from request to request by nature."""
    ids = {"date", "x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id"}
    headers = sorted(pair for pair in answer.headers.multi_items() if pair[0] not in ids)
    return answer.status_code, headers, answer.content


def everything_of(stack: LocalStack, tenant: StackTenant) -> list[Item]:
    """A tenant's own record, its files, its stores with what is on its way there, and its usage."""
    return [
        item
        for prefix in ("DOCUMENT#", "FILE#", "TENANT", "USAGE#", "fileSearchStores#")
        for item in stack.table.query(f"TENANT#{tenant.id}", prefix).items
    ]


@contextlib.contextmanager
def unchanged(stack: LocalStack, *tenants: StackTenant) -> Iterator[None]:
    """Check that what happens inside changes nothing for these tenants and stores nothing."""
    before = [everything_of(stack, tenant) for tenant in tenants]
    upstream = {**stack.upstream_files(), **stack.upstream_documents()}
    yield
    assert [everything_of(stack, tenant) for tenant in tenants] == before
    assert {*stack.upstream_files(), *stack.upstream_documents()} <= set(upstream)


def usage(stack: LocalStack, tenant: StackTenant) -> Mapping[str, int]:
    """A tenant's usage but for byte-seconds, which only a report tells; all hours together."""
    total: dict[str, int] = {}
    for item in everything_of(stack, tenant):
        if str(item["sk"]).startswith("USAGE#"):
            for name, amount in UsageRecord.read(item).amounts.items():
                total[name] = total.get(name, 0) + amount
    return total


def settled(stack: LocalStack, tenant: StackTenant, content: bytes) -> Mapping[str, Any]:
    """Check that a tenant has one file, whole, counted once; answers it as listed."""
    before = stack.available(tenant) + sum(int(r["bytes"] or 0) for r in stack.records(tenant))
    with tenant.http() as http:
        [file] = http.get("/v1beta/files").raise_for_status().json()["files"]
    stored = stack.upstream_files()[file["name"]]
    assert stored["sizeBytes"] == len(content)
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()
    assert int(file["sizeBytes"]) == len(content)
    [record] = stack.records(tenant)
    assert record["state"] == "STORED"
    assert record["bytes"] == len(content)
    assert stack.available(tenant) == before - len(content)
    assert usage(stack, tenant)["uploads"] == 1
    assert usage(stack, tenant)["bytesIn"] == len(content)
    found: Mapping[str, Any] = file
    return found
