"""Adoptions: owning files that upstream made under names of its own.

Registered Cloud Storage objects, and files that models and batches generate. Their ids carry no
tag, so whose they are is a record. They hold no bytes of the tenant's storage: upstream does not
count them either (wire 6.6, section 10).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from filegate.adapters.upstream import Upstream
from filegate.appointments import next_look, shortened, stored_from
from filegate.instants import HOUR, SECOND, Instant
from filegate.ledger import Ledger
from filegate.records import FileRecord, State
from filegate.snapshots import write_snapshot
from filegate.tenants import Tenant

REGISTERED: Final = "registered"
GENERATED: Final = "generated"
"""What such a file is counted as in the usage record."""

_REGISTERED_FOR: Final = 30 * 24 * HOUR
"""How long upstream keeps a registered object, where it names no expirationTime (wire 6.6)."""


class Adoptions:
    """Records files as a tenant's own. Raises what ledger and upstream raise."""

    def __init__(self, ledger: Ledger, upstream: Upstream) -> None:
        self._ledger = ledger
        self._upstream = upstream

    def adopt(
        self, tenant: Tenant, resources: Iterable[Mapping[str, Any]], now: Instant, counted_as: str
    ) -> None:
        """Own the Files that upstream has just shown. Raises ValueError for what is no File."""
        for resource in resources:
            self._ledger.adopt(_record(tenant, resource, now), now, counted_as)

    def adopt_named(
        self, tenant: Tenant, file_ids: Iterable[str], now: Instant, counted_as: str
    ) -> None:
        """Own files of which upstream has shown the ids; what is recorded already costs a read.

        Only what upstream itself generated, and only once: such a file is nobody else's before and
        nobody else's afterwards. Anything else that is named stays as it is.
        """
        wanted = list(dict.fromkeys(file_ids))
        known = self._ledger.find_many(tenant.id, wanted)
        for file_id, record in zip(wanted, known, strict=True):
            if record is None:
                resource = self._upstream.get_file(tenant.project, file_id) or _unseen(file_id)
                if resource.get("source") == "GENERATED":
                    generated = _record(tenant, resource, now)
                    self._ledger.adopt(generated, now, counted_as, exclusive=True)


def _record(tenant: Tenant, resource: Mapping[str, Any], now: Instant) -> FileRecord:
    stored = stored_from(resource, now, write_snapshot(resource))
    if resource.get("source") == "REGISTERED" and "expirationTime" not in resource:
        stored = replace(stored, expires_at=now + _REGISTERED_FOR)
    lifetime = tenant.limits.lifetime
    record = FileRecord(
        tenant=tenant.id,
        file_id=str(resource["name"]).removeprefix("files/"),
        reservation=uuid4().hex,
        project=tenant.project,
        state=State.STORED,
        bytes=0,
        created_at=now,
        deadline=stored.expires_at,
        due_at=stored.expires_at,
        stored_at=stored.created_at,
        processing=stored.processing,
        lifetime=None if lifetime is None else lifetime * SECOND,
    )
    stored = shortened(record, stored, resource)
    due_at, looks = next_look(stored, now, 0)
    return replace(
        record,
        due_at=due_at,
        looks=looks,
        expires_at=stored.expires_at,
        snapshot=stored.snapshot,
    )


def _unseen(file_id: str) -> Mapping[str, Any]:
    """A generated file that files.get does not show, though it can be downloaded."""
    uri = f"https://generativelanguage.googleapis.com/v1beta/files/{file_id}"
    return {
        "name": f"files/{file_id}",
        "uri": uri,
        "downloadUri": f"{uri}:download?alt=media",
        "state": "ACTIVE",
        "source": "GENERATED",
    }
