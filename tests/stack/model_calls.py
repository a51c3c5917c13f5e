"""Model calls by hand and what upstream saw of them, for what no SDK would send or show."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from filegate.usage_hours import UsageRecord
from local_stack import LocalStack, StackTenant
from resumable import send, start

Ask = Callable[[httpx.Client, str], httpx.Response]
"""A way to ask for a resource by its name."""

MODEL = "gemini-2.5-flash"
GENERATE = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent"
ORIGIN = "https://generativelanguage.googleapis.com"


def uploaded(tenant: StackTenant, content: bytes = b"abc", mime_type: str = "text/plain") -> str:
    """Store a file; answers its id."""
    answer = start(tenant, len(content), **{"X-Goog-Upload-Header-Content-Type": mime_type})
    stored = send(answer.headers["x-goog-upload-url"], "upload, finalize", content)
    name: str = stored.json()["file"]["name"]
    return name.removeprefix("files/")


def uri(file_id: str, version: str = "v1beta") -> str:
    """The URI of a file as upstream writes it."""
    return f"{ORIGIN}/{version}/files/{file_id}"


def prompt(*file_uris: str, text: str = "hello") -> dict[str, Any]:
    """A GenerateContentRequest over some files."""
    files = [{"fileData": {"fileUri": one, "mimeType": "text/plain"}} for one in file_uris]
    return {"contents": [{"role": "user", "parts": [*files, {"text": text}]}]}


def generate(
    tenant: StackTenant, body: object, path: str = GENERATE, **headers: str
) -> httpx.Response:
    """Post a JSON body, or bytes as they are, to a method of a model."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with tenant.http() as http:
        kind = {"content-type": "application/json", **headers}
        return http.post(path, content=content, headers=kind)


def calls(stack: LocalStack) -> list[Mapping[str, Any]]:
    """The model calls that upstream got since they were last forgotten, oldest first."""
    found: list[Mapping[str, Any]] = stack.simulator("GET", "/model-calls")["modelCalls"]
    return found


@contextlib.contextmanager
def watching(stack: LocalStack) -> Iterator[list[Mapping[str, Any]]]:
    """The model calls that upstream gets inside the block."""
    stack.simulator("DELETE", "/model-calls")
    seen: list[Mapping[str, Any]] = []
    yield seen
    seen.extend(calls(stack))


@contextlib.contextmanager
def streaming(stack: LocalStack, **settings: float | None) -> Iterator[None]:
    """Let upstream stream in another way: `events`, `delaySeconds`, `bytesPerEvent`, …"""
    usual = stack.simulator("GET", "/streaming")
    stack.simulator("POST", "/streaming", settings)
    try:
        yield
    finally:
        stack.simulator("POST", "/streaming", usual)


def model_usage(stack: LocalStack, tenant: StackTenant, model: str = MODEL) -> dict[str, int]:
    """What a tenant used of a model, all hours together."""
    total: dict[str, int] = {}
    for item in stack.tenant_items(tenant.id):
        if str(item["sk"]).startswith("USAGE#") and str(item["sk"]).endswith(f"#{model}"):
            for name, amount in UsageRecord.read(item).amounts.items():
                total[name] = total.get(name, 0) + amount
    return total
