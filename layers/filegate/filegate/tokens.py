"""Tokens: what a web page has in place of a tenant key. Sealed, so making one stores nothing.

A token is `fgt_<seal>`, and the page uses it as its API key. The seal holds what it allows: whose
it is, for what, how many bytes, from which origin, for how long. The first upload begins the count
of what is left of it (`TOKENUSE#<id>`), in the transaction that reserves the upload's bytes.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from filegate.adapters.table import Item, Key, Update
from filegate.errors import (
    TOKEN_SIZE_UNKNOWN,
    Status,
    StatusError,
    token_spent,
    token_type_refused,
)
from filegate.instants import HOUR, SECOND, Instant
from filegate.seals import SealBroken, Sealer

PURPOSE: Final = "browser token"
PREFIX: Final = "fgt_"
_SEALED: Final = re.compile(r"[A-Za-z0-9_-]{32,8192}")
ANY_COUNT: Final = 10**9
"""Uploads of a token whose number nobody limits."""
_COUNT_KEPT: Final = 24 * HOUR
"""From the end of a token until TTL may collect its count."""


@dataclass(frozen=True)
class Token:
    """What a token allows; bytes and files over its whole life, `expires_at` in epoch ms."""

    id: str
    tenant: str
    key_sha256: str
    """Hexadecimal SHA-256 of the key that made it, without which it is worth nothing."""
    scopes: tuple[str, ...]
    byte_budget: int
    file_count: int
    """Uploads it may start."""
    mime_types: tuple[str, ...]
    """MIME types it may upload, `type/*` for all of a type; empty for any."""
    origin: str | None
    """The one origin it works from; None for any that its tenant allows."""
    expires_at: Instant

    def seal(self, sealer: Sealer) -> str:
        """The text that a page sends as its API key."""
        fields = {
            "id": self.id,
            "tenant": self.tenant,
            "key": self.key_sha256,
            "scopes": self.scopes,
            "bytes": self.byte_budget,
            "files": self.file_count,
            "types": self.mime_types,
            "origin": self.origin,
            "until": self.expires_at,
        }
        return PREFIX + sealer.seal(json.dumps(fields, separators=(",", ":")))

    @classmethod
    def open(cls, text: str, sealer: Sealer) -> "Token":
        """The token behind a text. Raises SealBroken; expiry is the caller's to judge."""
        sealed = text.removeprefix(PREFIX)
        if sealed == text or not _SEALED.fullmatch(sealed):
            raise SealBroken
        fields = json.loads(sealer.open(sealed))
        return cls(
            id=fields["id"],
            tenant=fields["tenant"],
            key_sha256=fields["key"],
            scopes=tuple(fields["scopes"]),
            byte_budget=fields["bytes"],
            file_count=fields["files"],
            mime_types=tuple(fields["types"]),
            origin=fields["origin"],
            expires_at=fields["until"],
        )

    def check_upload(self, mime_type: str | None, size: int | None) -> None:
        """Raise StatusError unless a file announced like this may be uploaded.

        Only an announced size, in bytes, can be held to a budget.
        """
        if not self._takes(mime_type):
            raise StatusError(token_type_refused(mime_type, self.mime_types))
        if size is None:
            raise StatusError(TOKEN_SIZE_UNKNOWN)

    def _takes(self, mime_type: str | None) -> bool:
        if not self.mime_types:
            return True
        kind = (mime_type or "").partition(";")[0].strip().lower()
        return any(
            kind.startswith(allowed.removesuffix("*"))
            if allowed.endswith("/*")
            else kind == allowed
            for allowed in self.mime_types
        )

    def spend(self, size: int) -> Update:
        """The write that takes an upload of `size` bytes from what is left, if that is enough.

        The first begins the count. It belongs into the transaction that reserves the bytes.
        Raises StatusError where the whole budget would not do.
        """
        if size > self.byte_budget:
            raise StatusError(self.too_little_left(size, None))
        return Update(
            self._count_key,
            "SET #bytesLeft = if_not_exists(#bytesLeft, :budget) - :bytes,"
            " #filesLeft = if_not_exists(#filesLeft, :count) - :one,"
            " #tenant = :tenant, #garbageAt = :garbage",
            # Where nothing is counted yet the whole budget is there, and that does.
            "attribute_not_exists(pk) OR (#bytesLeft >= :bytes AND #filesLeft >= :one)",
            {
                ":budget": self.byte_budget,
                ":bytes": size,
                ":count": self.file_count,
                ":one": 1,
                ":tenant": self.tenant,
                ":garbage": (self.expires_at + _COUNT_KEPT) // SECOND,
            },
        )

    def give_back(self, size: int) -> Update:
        """The write that undoes `spend`, for an upload that upstream never opened."""
        return Update(
            self._count_key,
            "SET #bytesLeft = #bytesLeft + :bytes, #filesLeft = #filesLeft + :one",
            "attribute_exists(pk)",
            {":bytes": size, ":one": 1},
        )

    def too_little_left(self, size: int, count: Item | None) -> Status:
        """The refusal of an upload of `size` bytes, with what is left by the count as it stands."""
        item = count or {"bytesLeft": self.byte_budget, "filesLeft": self.file_count}
        bytes_left, files_left = int(item["bytesLeft"] or 0), int(item["filesLeft"] or 0)
        return token_spent(size, bytes_left, self.byte_budget, files_left)

    @property
    def _count_key(self) -> Key:
        return Key(f"TOKENUSE#{self.id}", "TOKENUSE")


def is_token(text: str) -> bool:
    """Whether a key is meant as a token. Says nothing about its validity."""
    return text.startswith(PREFIX)
