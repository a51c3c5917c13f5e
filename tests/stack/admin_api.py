"""The admin API by plain HTTP; every answer is checked against what the API says it answers."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from filegate.edge.admin_routes import ROUTES, Route
from filegate.names import random_characters
from local_stack import NO_TLS, LocalStack, StackTenant

HEADER = "x-filegate-admin-key"
Json = Mapping[str, Any]


def route_of(method: str, path: str) -> Route:
    """The route a request goes to."""
    for route in ROUTES.values():
        pattern = re.sub(r"\{\w+\}", "[^/:]+", route.path)
        if route.method == method and re.fullmatch(pattern, path):
            return route
    raise AssertionError(f"no route {method} {path}")


class AdminApi:
    """A client of a stack's admin API."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.key = str(stack.ready["admin_key"])
        self.http = httpx.Client(
            base_url=stack.base_url, headers={HEADER: self.key}, timeout=60, verify=NO_TLS
        )

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    def ask(
        self, method: str, path: str, body: object = None, *, once: str | None = None, **query: str
    ) -> httpx.Response:
        """Ask for `path`, below `/admin/v1`; `once` is an Idempotency-Key."""
        headers = {} if once is None else {"Idempotency-Key": once}
        full = f"/admin/v1{path}"
        content = None if body is None else json.dumps(body)
        answer = self.http.request(method, full, content=content, headers=headers, params=query)
        # No page may read what the admin API answers.
        assert "access-control-allow-origin" not in answer.headers
        if answer.status_code == 200 and query.get("format", "json") == "json":
            route_of(method, full).answer.model_validate(answer.json())
        return answer

    def got(
        self, method: str, path: str, body: object = None, *, once: str | None = None, **query: str
    ) -> Json:
        """What is answered, as JSON; it has to be 200."""
        answer = self.ask(method, path, body, once=once, **query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def get(self, path: str, **query: str) -> Json:
        """Get something."""
        return self.got("GET", path, **query)

    def post(self, path: str, body: object = None, *, once: str | None = None) -> Json:
        """Make or do something."""
        return self.got("POST", path, body, once=once)

    def patch(self, path: str, body: object) -> Json:
        """Change something."""
        return self.got("PATCH", path, body)

    def pages(self, path: str, field: str, **query: str) -> list[Json]:
        """Everything that a list has, page by page."""
        found: list[Json] = []
        token: str | None = ""
        while token is not None:
            page = self.get(path, **query, **({"pageToken": token} if token else {}))
            found += page[field]
            token = page.get("nextPageToken")
        return found

    def tenant(self, **limits: object) -> StackTenant:
        """A new tenant with a key, made by the API."""
        tenant_id = new_id()
        # Not where there is most room: other tests have projects, and break them.
        self.post("/tenants", {"id": tenant_id, "limits": limits, "project": "default"})
        return self.issue(tenant_id)

    def issue(self, tenant_id: str, **fields: object) -> StackTenant:
        """A tenant with a new key."""
        key = self.post(f"/tenants/{tenant_id}/keys", {"label": "test", **fields})["key"]
        return StackTenant(tenant_id, str(key), self._stack.base_url)

    def actions(self, subject: str) -> list[str]:
        """What the audit log has about a subject, oldest first."""
        entries = self.pages("/audit", "entries", subject=subject)
        return [str(entry["action"]) for entry in reversed(entries)]


def new_id() -> str:
    """An id that nobody has."""
    return f"a{random_characters(12)}"


def refused_admin(answer: httpx.Response, code: int, status: str, field: str | None = None) -> str:
    """Check that an answer is a refusal; answers its message.

    `field` is the part of the body, or the parameter, that it has to name.
    """
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"].lower().startswith("application/json")
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert (error["code"], error["status"]) == (code, status), error
    violations = [
        violation["field"]
        for detail in error.get("details", [])
        for violation in detail.get("fieldViolations", [])
    ]
    assert violations == ([] if field is None else [field]), error
    message: str = error["message"]
    assert message
    return message
