"""What the upstream service allows (wire reference, section 10)."""

from __future__ import annotations

from dataclasses import dataclass

CHUNK_GRANULARITY = 8_388_608
"""Bytes; every chunk but the last is a multiple of it (section 4, rule 2)."""

LEGACY_GRANULARITY = 262_144
"""Bytes; the same rule of the older `uploadType=resumable` protocol."""

LIFETIME_SECONDS = 48 * 3600
"""A file is gone this long after its upload."""

REGISTERED_SECONDS = 30 * 24 * 3600
"""A registered file is gone this long after its registration (section 10)."""

CACHE_SECONDS = 3600
"""A cache that says nothing else is gone this long after it was made."""

SESSION_SECONDS = 7 * 24 * 3600
"""A session URL stops working this long after its start (section 3.3)."""

DISPLAY_NAME_CHARACTERS = 512
METADATA_BYTES = 1_048_576


@dataclass(slots=True)
class Limits:
    """Sizes in bytes and the length of processing; tests may lower them."""

    file_bytes: int = 2_147_483_648
    project_bytes: int = 21_474_836_480
    processing_seconds: float = 5.0
    processing_gets: int = 2
    document_bytes: int = 104_857_600
    operation_polls: int = 1
