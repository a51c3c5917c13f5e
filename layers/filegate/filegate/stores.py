"""Stores: the File Search stores of a tenant, made and kept by upstream (wire 9.1).

Whose a store is stands in a record here; what is in it is upstream's word. All that lives under a
store (documents, operations, uploads) is its owner's, so whoever asks for one asks here first.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from filegate.adapters.upstream import Upstream
from filegate.errors import StatusError
from filegate.holdings import Holding, Holdings, Kind
from filegate.instants import Instant
from filegate.intents import Intents
from filegate.inventory import Inventory
from filegate.store_requests import NewStore
from filegate.tenants import Tenant

_ASKED_AT_ONCE: Final = 20


class Stores:
    """What a tenant may do with stores; `version` is one of names.VERSIONS.

    Raises what the table and upstream raise, and StatusError for a store that is missing or another
    tenant's.
    """

    def __init__(self, upstream: Upstream, holdings: Holdings, intents: Intents) -> None:
        self._inventory = Inventory(upstream, holdings, intents, Kind.STORE)

    def find(self, tenant: Tenant, store_id: str, now: Instant) -> Holding:
        """The record of a tenant's own store: one read. Raises StatusError."""
        return self._inventory.find(tenant, store_id, now)

    def create(
        self, tenant: Tenant, version: str, store: NewStore, now: Instant
    ) -> Mapping[str, Any]:
        """Make an empty store, and record whose it is."""
        path = f"/{version}/{Kind.STORE}"
        return self._inventory.create(tenant, path, store.body(), store.display_name, now)

    def get(self, tenant: Tenant, version: str, store_id: str, now: Instant) -> Mapping[str, Any]:
        """The store as upstream has it now: its counts change with every document."""
        holding = self.find(tenant, store_id, now)
        resource = self._inventory.call(holding, "GET", version)
        self._inventory.refresh(holding, resource)
        return resource

    def page(
        self, tenant: Tenant, version: str, page_size: int, after: str | None, now: Instant
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Up to `page_size` stores in the order of ids, and the id to go on after.

        One query, and upstream's word for each store shown, side by side: its counts are what a
        list is read for, and they change without us. One that upstream no longer has is left out.
        """
        held, following = self._inventory.page(tenant, page_size, after, now)
        if not held:
            return [], following

        def current(holding: Holding) -> Mapping[str, Any] | None:
            try:
                return self._inventory.call(holding, "GET", version)
            except StatusError:
                return None

        with ThreadPoolExecutor(min(len(held), _ASKED_AT_ONCE)) as pool:
            stores = pool.map(current, held)
            return [store for store in stores if store is not None], following

    def delete(
        self, tenant: Tenant, version: str, store_id: str, now: Instant, *, force: bool
    ) -> None:
        """Delete a store upstream and forget it; with documents in it only by `force`."""
        query = {"force": "true"} if force else None
        self._inventory.delete(tenant, version, store_id, now, query=query)
