"""Registry: making projects, tenants and keys. Each is one transaction and safe to repeat."""

import hashlib
import string
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import choice
from typing import Final

from filegate.adapters.table import ConditionsFailed, Key, Put, Table
from filegate.instants import Instant
from filegate.names import new_tag
from filegate.tenants import FILES_READ, FILES_WRITE, is_tenant_id, key_key, tenant_key

GIB: Final = 1024**3
MAX_FILE_BYTES: Final = 2 * GIB
STORAGE_BYTES: Final = 20 * GIB
"""Upstream's own limits (seeds: 2 GB a file, 20 GB a project), and so the defaults here."""
ALL_SCOPES: Final = (FILES_READ, FILES_WRITE)
_SECRET_LENGTH: Final = 43
_SECRET_ALPHABET: Final = string.ascii_letters + string.digits


class AlreadyExists(Exception):
    """There is one of that name already; nothing was changed."""


@dataclass(frozen=True)
class Limits:
    """A tenant's limits in bytes."""

    storage: int = STORAGE_BYTES
    file: int = MAX_FILE_BYTES


def project_key(project_id: str) -> Key:
    """Where an upstream project's record stands."""
    return Key(f"PROJECT#{project_id}", "PROJECT")


class Registry:
    """Creates what the ledger counts on."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create_project(self, project_id: str, now: Instant, capacity: int = STORAGE_BYTES) -> None:
        """Register an upstream project of `capacity` bytes. Raises AlreadyExists."""
        key = project_key(project_id)
        self._create(
            [
                {
                    "pk": key.pk,
                    "sk": key.sk,
                    "capacity": capacity,
                    "available": capacity,
                    "createdAt": now,
                }
            ]
        )

    def create_tenant(
        self, tenant_id: str, project_id: str, now: Instant, limits: Limits | None = None
    ) -> None:
        """Register a tenant placed on a project, under a tag no other tenant has.

        Raises AlreadyExists, ValueError for what is no tenant id.
        """
        _require_tenant_id(tenant_id)
        limits = limits or Limits()
        tag = new_tag()
        key = tenant_key(tenant_id)
        self._create(
            [
                {
                    "pk": key.pk,
                    "sk": key.sk,
                    "tag": tag,
                    "status": "ACTIVE",
                    "project": project_id,
                    "limit": limits.storage,
                    "available": limits.storage,
                    "maxFileBytes": limits.file,
                    "createdAt": now,
                },
                {"pk": f"TAG#{tag}", "sk": "TAG", "tenant": tenant_id},
            ]
        )

    def issue_key(
        self,
        tenant_id: str,
        label: str,
        now: Instant,
        scopes: Iterable[str] = ALL_SCOPES,
        expires_at: Instant | None = None,
    ) -> str:
        """A new key for a tenant; this is the only time its text exists.

        Raises ValueError for what is no tenant id.
        """
        _require_tenant_id(tenant_id)
        secret = "".join(choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
        text = f"fg_{tenant_id}_{secret}"
        key = key_key(text)
        self._create(
            [
                {
                    "pk": key.pk,
                    "sk": key.sk,
                    "tenant": tenant_id,
                    "keyId": hashlib.sha256(text.encode()).hexdigest()[:12],
                    "label": label,
                    "scopes": " ".join(scopes),
                    "expiresAt": expires_at,
                    "revoked": False,
                    "createdAt": now,
                }
            ]
        )
        return text

    def _create(self, items: Iterable[dict[str, str | int | bool | None]]) -> None:
        try:
            self._table.transact([Put(item, "attribute_not_exists(pk)") for item in items])
        except ConditionsFailed:
            raise AlreadyExists from None


def _require_tenant_id(text: str) -> None:
    if not is_tenant_id(text):
        raise ValueError(f"{text!r} is no tenant id: 1 to 31 characters of a-z, 0-9 and dashes")
