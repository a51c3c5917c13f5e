"""What a caller writes becomes a key of the table only if it can be one.

DynamoDB answers a key that is too long (2048 bytes, 1024 of them for the sort key), or that is no
UTF-8, with a ValidationException, which nobody could tell from a fault of the gateway's own.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import pytest

from filegate.adapters.table import Item, Key, Page, Table
from filegate.audit import By
from filegate.downloads import Downloads
from filegate.edge.audit_queries import AuditQuery
from filegate.edge.usage_answers import answer_usage
from filegate.errors import KEY_INVALID, StatusError
from filegate.files import Files
from filegate.holdings import Holdings, Kind
from filegate.idempotency import Attempt
from filegate.intents import Intents
from filegate.inventory import Inventory
from filegate.key_registry import KeyRegistry
from filegate.ledger import Ledger
from filegate.ownership import Ownership
from filegate.project_registry import ProjectRegistry
from filegate.seals import KeyRing, Sealer
from filegate.tenant_registry import TenantRegistry
from filegate.tenants import Credential, Tenant, Tenants
from filegate.usage_reports import UsageReports

if TYPE_CHECKING:
    from filegate.adapters.upstream import Upstream
    from filegate.adapters.upstream_stream import UpstreamStream
    from filegate.appointments import Keeper

NOW = 1_790_000_000_000
ACME = Tenant("acme", "acme0001", "p1", active=True, max_file_bytes=2**31)
BY = By("admin")
RING = KeyRing("k1", {"k1": "a" * 32})


class StrictTable:
    """An empty table that takes the keys AWS takes."""

    def __init__(self) -> None:
        self.reads = 0

    def get(self, key: Key) -> Item | None:
        return self._check(key.pk, key.sk)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        return [self.get(key) for key in keys]

    def get_each(self, keys: Sequence[Key]) -> list[Item | None]:
        return self.get_many(keys)

    def query(self, pk: str, sk_prefix: str = "", **_: Any) -> Page:  # noqa: ANN401
        self._check(pk, sk_prefix or "-")
        return Page([], None)

    def pages(self, pk: str, sk_prefix: str = "", **_: Any) -> list[Page]:  # noqa: ANN401
        return [self.query(pk, sk_prefix)]

    def _check(self, pk: str, sk: str) -> Item | None:
        self.reads += 1
        assert 1 <= len(pk.encode()) <= 2_048
        assert 1 <= len(sk.encode()) <= 1_024
        return None


IDS = [
    *(
        "x" * 1_100,
        "x" * 5_120,
        "é" * 1_100,
        "\0",
        "a\0b",
        "\ud800",
        "a" * 200 + "\udfff",
        "a" * 64,
    ),
    *("", "#", "x#TENANT", "\n", "a" * 128, "A-_" * 40),
]


def _strict() -> tuple[StrictTable, Table]:
    table = StrictTable()
    return table, cast("Table", table)


def _ask(table: Table, text: str) -> list[Callable[[], object]]:
    upstream, stream = cast("Upstream", None), cast("UpstreamStream", None)
    ledger, holdings, intents = Ledger(table), Holdings(table), Intents(table)
    keys, files = KeyRegistry(table), Files(ledger, upstream, cast("Keeper", None))
    tenants = Tenants(table, Sealer("t", lambda: RING, lambda: RING))
    downloads, ownership = Downloads(stream, holdings), Ownership(ledger, holdings)

    async def media() -> None:
        async with downloads.open_media(ACME, "v1beta", text, "blob"):
            pass

    def names(key: str, begin: str = "") -> Callable[[], object]:
        body = json.dumps({key: begin + text}).encode()
        return lambda: ownership.check(ACME, body, NOW)

    return [
        lambda: keys.revoke("acme", text, NOW, BY),
        lambda: keys.rotate("acme", text, 0, NOW, BY),
        lambda: TenantRegistry(table).find(text),
        lambda: ProjectRegistry(table).find(text),
        *[
            lambda kind=kind: Inventory(upstream, holdings, intents, kind).find(ACME, text, NOW)
            for kind in Kind
        ],
        lambda: files.get(ACME, text, NOW),
        lambda: files.delete(ACME, text, NOW),
        lambda: asyncio.run(media()),
        *(names(key) for key in ("fileUri", "fileName", "cachedContent", "whatever")),
        names("fileUri", "files/"),
        names("fileUri", "https://generativelanguage.googleapis.com/v1beta/files/"),
        names("cachedContent", "cachedContents/"),
        names("fileSearchStoreNames", "fileSearchStores/"),
        names("whatever", "fileSearchStores/"),
        *(
            lambda key=key: tenants.authenticate(Credential(key), NOW)
            for key in (text, f"fg_{text}_{'A' * 43}", f"fg_acme_{text}", f"fgt_{text}")
        ),
        lambda: AuditQuery.read(f"tenants/{text}", None, None, NOW),
        lambda: Attempt.read(text, "POST /x", "{}"),
        lambda: answer_usage(
            UsageReports(table), {"tenant": text}, NOW, lambda: iter(()), lambda last: last
        ),
    ]


@pytest.mark.parametrize("text", IDS, ids=range(len(IDS)))
def test_an_odd_id_is_refused_or_read_as_a_key_that_can_be_one(text: str) -> None:
    _, table = _strict()
    for ask in _ask(table, text):
        with suppress(StatusError):
            ask()


@pytest.mark.parametrize("length", [32, 300, 1_100, 5_120])
def test_a_key_with_an_overlong_id_is_not_valid_and_not_looked_for(length: int) -> None:
    strict, table = _strict()
    tenants = Tenants(table, Sealer("t", lambda: RING, lambda: RING))

    with pytest.raises(StatusError) as refusal:
        tenants.authenticate(Credential(f"fg_{'a' * length}_{'A' * 43}"), NOW)

    assert refusal.value.status is KEY_INVALID
    assert strict.reads == 0
