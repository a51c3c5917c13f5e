"""Page tokens of files.list: opaque, signed, and bound to one project."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_MAC_BYTES = 16


class PageTokens:
    """Seals the number of the last file shown; a token that was not issued is never read."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def seal(self, project: int, number: int) -> str:
        """A token for the page after file `number` of `project`."""
        payload = number.to_bytes(8, "big")
        return base64.urlsafe_b64encode(payload + self._mac(project, payload)).decode()

    def open(self, project: int, token: str) -> int | None:
        """The sealed file number, or None for a token that is not this project's."""
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        payload, mac = raw[:8], raw[8:]
        if not hmac.compare_digest(mac, self._mac(project, payload)):
            return None
        return int.from_bytes(payload, "big")

    def _mac(self, project: int, payload: bytes) -> bytes:
        message = project.to_bytes(4, "big") + payload
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_MAC_BYTES]
