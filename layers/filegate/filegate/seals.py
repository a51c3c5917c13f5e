"""Seals: AES-256-GCM over small texts that travel through clients, with a key ring for rotation.

A sealed text is `version | key id length | key id | nonce | ciphertext`, base64url without
padding, so it survives every URL parser the SDKs use (wire section 12, item 7).
"""

import binascii
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = 1
_NONCE: Final = 12
_KEY_BYTES: Final = 32
_LEAST_SECRET: Final = 32
_LONGEST_NAME: Final = 255


class SealBroken(Exception):
    """The text was not sealed by this gateway for this purpose, or was changed since."""


class KeyRingInvalid(Exception):
    """The key ring secret is not what this gateway can seal with; the message says why."""


@dataclass(frozen=True)
class KeyRing:
    """Named secrets; new seals use `primary`, old ones open with the secret they name."""

    primary: str
    secrets: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `{"primary": "k2", "k1": "<32+ characters>", "k2": "…"}`.

        Raises KeyRingInvalid.
        """
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            raise KeyRingInvalid("the key ring is not JSON") from None
        if not isinstance(entries, dict):
            raise KeyRingInvalid("the key ring is not a JSON object")
        primary = entries.pop("primary", None)
        if not isinstance(primary, str) or primary not in entries:
            raise KeyRingInvalid("`primary` does not name a key of the ring")
        for name, secret in entries.items():
            if not isinstance(secret, str) or len(secret) < _LEAST_SECRET:
                raise KeyRingInvalid(f"a key is shorter than {_LEAST_SECRET} characters")
            if not (name.isascii() and 1 <= len(name) <= _LONGEST_NAME):
                raise KeyRingInvalid(f"a key's name has 1 to {_LONGEST_NAME} ASCII characters")
        return cls(primary, entries)


class Sealer:
    """Seals and opens texts of one purpose; a text of another purpose does not open."""

    def __init__(
        self, purpose: str, ring: Callable[[], KeyRing], fresh_ring: Callable[[], KeyRing]
    ) -> None:
        """`fresh_ring` is asked once when a text names a key that `ring` does not have."""
        self._purpose = purpose
        self._ring = ring
        self._fresh_ring = fresh_ring
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, text: str) -> str:
        """Seal a text under the ring's primary key."""
        ring = self._ring()
        name = ring.primary.encode()
        head = bytes((_VERSION, len(name))) + name
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(ring.secrets[ring.primary]).encrypt(nonce, text.encode(), head)
        return urlsafe_b64encode(head + nonce + sealed).rstrip(b"=").decode()

    def open(self, sealed: str) -> str:
        """The text behind a seal. Raises SealBroken."""
        try:
            raw = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
            if raw[0] != _VERSION or urlsafe_b64encode(raw).rstrip(b"=").decode() != sealed:
                raise SealBroken
            end = 2 + raw[1]
            secret = self._secret(raw[2:end].decode())
            text = self._cipher(secret).decrypt(
                raw[end : end + _NONCE], raw[end + _NONCE :], raw[:end]
            )
        except (binascii.Error, ValueError, IndexError, InvalidTag):
            raise SealBroken from None
        return text.decode()

    def _secret(self, name: str) -> str:
        secret = self._ring().secrets.get(name) or self._fresh_ring().secrets.get(name)
        if secret is None:
            raise SealBroken
        return secret

    def _cipher(self, secret: str) -> AESGCM:
        cipher = self._ciphers.get(secret)
        if cipher is None:
            derivation = HKDF(SHA256(), _KEY_BYTES, salt=None, info=self._purpose.encode())
            cipher = self._ciphers[secret] = AESGCM(derivation.derive(secret.encode()))
        return cipher
