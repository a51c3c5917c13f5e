"""Caches: cached contents of a tenant, made and kept by upstream (wire 7).

Whose a cache is stands in a record here; all else is upstream's word. Caches end by themselves, and
the record knows when.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from filegate.adapters.upstream import Upstream
from filegate.errors import StatusError, cache_update_invalid
from filegate.holdings import Holdings, Kind
from filegate.instants import Instant, parse_rfc3339
from filegate.intents import Intents, display_name_of
from filegate.inventory import Inventory, shown
from filegate.models import require_model
from filegate.ownership import Ownership
from filegate.references import read_document
from filegate.tenants import Tenant

_EXPIRY: Final = frozenset({"ttl", "expireTime", "expire_time"})


class Caches:
    """What a tenant may do with cached contents; `version` is one of names.VERSIONS.

    Raises what the table and upstream raise, and StatusError for a cache that is missing, ended or
    another tenant's.
    """

    def __init__(
        self, upstream: Upstream, holdings: Holdings, intents: Intents, ownership: Ownership
    ) -> None:
        self._ownership = ownership
        self._inventory = Inventory(upstream, holdings, intents, Kind.CACHE)

    def create(self, tenant: Tenant, version: str, body: bytes, now: Instant) -> Mapping[str, Any]:
        """Make a cache of what the body holds, if all it names is the tenant's own.

        Raises StatusError.
        """
        require_model(tenant, None, body)
        checked = self._ownership.check(tenant, body, now)
        name = display_name_of(read_document(checked))
        path = f"/{version}/{Kind.CACHE}"
        return self._inventory.create(tenant, path, checked, name, now, ends_at=_end_of)

    def get(self, tenant: Tenant, version: str, cache_id: str, now: Instant) -> Mapping[str, Any]:
        """The cache as upstream has it now: one read, and a write if something is new."""
        holding = self._inventory.find(tenant, cache_id, now)
        resource = self._inventory.call(holding, "GET", version)
        self._inventory.refresh(holding, resource, _end_of(resource))
        return resource

    def page(
        self, tenant: Tenant, page_size: int, after: str | None, now: Instant
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Up to `page_size` caches as last seen, in the order of ids, and the id to go on after."""
        held, following = self._inventory.page(tenant, page_size, after, now)
        return [shown(holding) for holding in held], following

    def update(
        self,
        tenant: Tenant,
        version: str,
        cache_id: str,
        body: bytes,
        update_mask: str | None,
        now: Instant,
    ) -> Mapping[str, Any]:
        """Let a cache end at another time, which is all that upstream changes of one.

        Raises StatusError for a body that holds anything but `ttl` or `expireTime`.
        """
        holding = self._inventory.find(tenant, cache_id, now)
        _require_expiry(read_document(body), update_mask)
        query = {"updateMask": update_mask} if update_mask else None
        resource = self._inventory.call(holding, "PATCH", version, query=query, body=body)
        if not self._inventory.refresh(holding, resource, _end_of(resource)):
            # Someone else changed it too: whose end holds is upstream's to say.
            return self.get(tenant, version, cache_id, now)
        return resource

    def delete(self, tenant: Tenant, version: str, cache_id: str, now: Instant) -> None:
        """Delete a cache upstream and forget it."""
        self._inventory.delete(tenant, version, cache_id, now)


def _require_expiry(document: Mapping[str, object], update_mask: str | None) -> None:
    masked = [name.strip() for name in update_mask.split(",")] if update_mask else []
    for name in (*document, *masked):
        if name not in _EXPIRY:
            raise StatusError(cache_update_invalid(name))
    for name, value in document.items():
        if not isinstance(value, str):
            raise StatusError(cache_update_invalid(name))
    if not document:
        raise StatusError(cache_update_invalid(None))


def _end_of(resource: Mapping[str, Any]) -> Instant | None:
    """When upstream drops a cache by itself; None where it does not say."""
    try:
        return parse_rfc3339(str(resource.get("expireTime")))
    except ValueError:
        return None
