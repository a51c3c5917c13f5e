"""Limits: what a tenant may use. One that is unset costs nothing: no write, no read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from filegate.adapters.table import Item, Value

GIB: Final = 1024**3
MAX_FILE_BYTES: Final = 2 * GIB
STORAGE_BYTES: Final = 20 * GIB
"""Upstream's own limits (seeds: 2 GB a file, 20 GB a project), and so the defaults here."""


class UploadMode(StrEnum):
    """Where a tenant's chunks go."""

    GATEWAY = "gateway"
    """Through API Gateway: any SDK, every chunk decided on."""
    DIRECT = "direct"
    """Straight to Google: no egress to pay, enforced at start and settlement (Python's SDK)."""


@dataclass(frozen=True)
class Limits:
    """A tenant's limits; sizes in bytes, `lifetime` in seconds; None and empty mean no limit."""

    storage: int = STORAGE_BYTES
    file: int = MAX_FILE_BYTES
    lifetime: int | None = None
    """How long a file is kept, where that is shorter than upstream's 48 hours."""
    open_sessions: int | None = None
    """Uploads that may be open at once."""
    requests_per_minute: int | None = None
    upload_mode: UploadMode = UploadMode.GATEWAY
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may call; empty for any."""
    models: tuple[str, ...] = ()
    """Models that may be called, by id; empty for all."""

    def fields(self) -> dict[str, Value]:
        """As attributes of the tenant's item, without what is unset."""
        fields: dict[str, Value] = {
            "limit": self.storage,
            "maxFileBytes": self.file,
            "lifetimeSeconds": self.lifetime,
            "maxOpenSessions": self.open_sessions,
            "requestsPerMinute": self.requests_per_minute,
            "uploadMode": str(self.upload_mode),
            "allowedOrigins": " ".join(self.allowed_origins) or None,
            "models": " ".join(self.models) or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "Limits":
        """Read the limits in a tenant's item."""

        def number(name: str) -> int | None:
            value = item.get(name)
            return None if value is None else int(value)

        return cls(
            storage=int(item.get("limit") or 0),
            file=int(item.get("maxFileBytes") or 0),
            lifetime=number("lifetimeSeconds"),
            open_sessions=number("maxOpenSessions"),
            requests_per_minute=number("requestsPerMinute"),
            upload_mode=UploadMode(str(item.get("uploadMode") or UploadMode.GATEWAY)),
            allowed_origins=tuple(str(item.get("allowedOrigins") or "").split()),
            models=tuple(str(item.get("models") or "").split()),
        )
