"""Browser tokens for tests: made as a backend makes them, used as a page uses them."""

from dataclasses import dataclass
from typing import Any

import httpx

from filegate.adapters.table import Update
from filegate.tenants import tenant_key
from local_stack import NO_TLS, LocalStack, StackTenant
from resumable import send, start

PAGE = "https://app.example.com"
ELSEWHERE = "https://evil.example.com"


@dataclass
class Page(StackTenant):
    """A page of an origin, with a token (or a key) of a tenant."""

    origin: str | None = None

    def http(self) -> httpx.Client:
        """A plain HTTP client that sends the token, and the page's origin."""
        headers = {"x-goog-api-key": self.key}
        if self.origin is not None:
            headers["origin"] = self.origin
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60, verify=NO_TLS)


def ask(tenant: StackTenant, **fields: Any) -> httpx.Response:  # noqa: ANN401 - whatever JSON
    """Ask for a token."""
    with tenant.http() as http:
        return http.post("/v1/tokens", json=fields)


def page(
    tenant: StackTenant,
    at: str | None = None,
    **fields: Any,  # noqa: ANN401
) -> Page:
    """A page at an origin with a token of its own."""
    answer = ask(tenant, **{"byteBudget": 10**9, **fields})
    assert answer.status_code == 200, answer.text
    return Page(tenant.id, answer.json()["token"], tenant.base_url, at)


def upload(tenant: StackTenant, content: bytes = b"abc", **headers: str) -> str:
    """Upload a file in chunks; answers its name."""
    opened = start(tenant, len(content), **headers)
    assert opened.status_code == 200, opened.text
    stored = send(opened.headers["x-goog-upload-url"], "upload, finalize", content)
    assert stored.status_code == 200, stored.text
    name: str = stored.json()["file"]["name"]
    return name


def allow_origins(stack: LocalStack, tenant: StackTenant, *origins: str) -> None:
    """Let only pages of these origins call; for a tenant that nobody has used yet."""
    allowed = {":allowed": " ".join(origins)}
    stack.table.update(
        Update(tenant_key(tenant.id), "SET #allowedOrigins = :allowed", values=allowed)
    )


def counts(stack: LocalStack, tenant: StackTenant) -> list[tuple[int, int]]:
    """Bytes and uploads left of each token of a tenant that was used."""
    return [
        (int(item["bytesLeft"] or 0), int(item["filesLeft"] or 0))
        for item in stack.items()
        if item["sk"] == "TOKENUSE" and item["tenant"] == tenant.id
    ]
