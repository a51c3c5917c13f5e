"""What tests of held resources share: two tenants, a real table, an upstream that is told what."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.unit.conftest import TABLE

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Key, Put, Table
from filegate.adapters.upstream import Upstream, create_client
from filegate.errors import Status, StatusError
from filegate.holdings import Holdings
from filegate.instants import hour_of
from filegate.intents import Intents
from filegate.ledger import Ledger
from filegate.ownership import Ownership
from filegate.records import FileRecord, State
from filegate.tenants import Tenant

if TYPE_CHECKING:
    from collections.abc import Callable


NOW = 1_790_000_000_000
ACME = Tenant("acme", "acme0001", "p1", active=True, max_file_bytes=2**31)
RIVAL = Tenant("rival", "rival002", "p1", active=True, max_file_bytes=2**31)
KEY = "AIzaSyUpstream_0123456789abcdefghij"
ODD_IDS = ["", ".", "a/b", "a b", "a?b=c", "a%2Fb", "ä", "\ud800", "a" * 129, "x\n"]
"""Ids that upstream never gives."""


@dataclass
class Google:
    """Stands in for upstream: answers by method and path, and keeps every request."""

    answers: dict[str, httpx.Response | Exception] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    on_request: "Callable[[httpx.Request], None] | None" = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
        answer = self.answers[f"{request.method} {request.url.raw_path.decode().partition('?')[0]}"]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    def say(self, call: str, answer: Mapping[str, Any]) -> None:
        """Answer a call, e.g. `GET /v1beta/batches/b1`, with JSON."""
        self.answers[call] = httpx.Response(200, json=answer)

    def refuse(self, call: str, code: int, status: str, message: str) -> None:
        """Refuse a call in upstream's words."""
        error = {"code": code, "status": status, "message": message}
        self.answers[call] = httpx.Response(code, json={"error": error})

    @property
    def calls(self) -> list[str]:
        """What was asked, in order."""
        return [f"{one.method} {one.url.raw_path.decode()}" for one in self.requests]

    def bodies(self) -> list[Any]:
        """The JSON bodies that came."""
        return [json.loads(one.content) for one in self.requests if one.content]


class CountingTable(Table):
    """A table that counts single reads."""

    reads = 0

    def get(self, key: Key) -> Any:  # noqa: ANN401 - an item
        self.reads += 1
        return super().get(key)


@dataclass
class World:
    """A table, an upstream and what stands between them."""

    table: CountingTable
    ledger: Ledger
    holdings: Holdings
    intents: Intents
    ownership: Ownership
    upstream: Upstream
    google: Google

    def store_file(self, tenant: Tenant, file_id: str) -> None:
        """Give a tenant a stored file."""
        record = FileRecord(
            tenant=tenant.id,
            file_id=file_id,
            reservation=file_id,
            project=tenant.project,
            state=State.STORED,
            bytes=0,
            created_at=NOW,
            deadline=NOW,
            due_at=NOW,
            snapshot="{}",
        )
        self.table.put(Put(record.item()))

    def used(self, tenant: Tenant, name: str) -> int:
        """A count in the tenant's usage record of this hour."""
        item = self.table.get(Key(f"TENANT#{tenant.id}", f"USAGE#{hour_of(NOW)}"))
        return int((item or {}).get(name) or 0)

    def records(self, tenant: Tenant, prefix: str) -> list[str]:
        """Sort keys of the tenant's records."""
        items = self.table.query(f"TENANT#{tenant.id}", prefix).items
        return [str(item["sk"]) for item in items]


@contextmanager
def open_world(dynamodb: AwsService, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of its own for one test."""
    table, google = CountingTable(dynamodb, TABLE), Google()
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(google))
    ledger, holdings = Ledger(table), Holdings(table)
    with create_client("https://upstream.test") as client:
        upstream = Upstream(client, lambda project: iter([KEY + project]))
        yield World(
            table,
            ledger,
            holdings,
            Intents(table),
            Ownership(ledger, holdings),
            upstream,
            google,
        )


def refusal(action: "Callable[[], object]") -> Status:
    """The status an action is refused with."""
    with pytest.raises(StatusError) as caught:
        action()
    return caught.value.status
