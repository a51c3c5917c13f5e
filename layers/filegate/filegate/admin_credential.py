"""Admin credential: who may use the admin API. One secret, generated with the stack.

It is rotated by putting another into the secret. The new one is taken within seconds, as a key that
does not match makes the secret be read anew; the old one is refused within a minute.
"""

import hmac
import threading
import time
from collections.abc import Callable
from typing import Final

from filegate.adapters.secret_store import SecretStore
from filegate.admin_errors import ADMIN_KEY_REFUSED
from filegate.errors import StatusError
from filegate.redaction import REDACTOR

KEEP: Final = 60.0
"""Seconds the secret is used before it is read again, so that a rotated one dies soon."""
REREAD_PAUSE: Final = 5.0
"""Seconds between two reads because of a key that did not match: anybody can send one."""


class AdminCredential:
    """Compares keys with the secret, in a time that tells nothing of it. Safe for threads."""

    def __init__(
        self, secrets: SecretStore, name: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`name` is the secret's name or ARN."""
        self._secrets = secrets
        self._name = name
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: str | None = None
        self._read_at = 0.0

    def require(self, key: str | None) -> None:
        """Raise StatusError, always the same, for a key that is missing or wrong.

        Raises SecretUnavailable if there is nothing to compare with.
        """
        # A header can hold half a character, which is no key and must be refused as any other.
        sent = (key or "").encode("utf-8", "surrogatepass")
        if self._matches(sent, self._current(KEEP)) or self._matches(
            sent, self._current(REREAD_PAUSE)
        ):
            return
        raise StatusError(ADMIN_KEY_REFUSED)

    @staticmethod
    def _matches(sent: bytes, secret: str) -> bool:
        return hmac.compare_digest(sent, secret.encode()) and bool(secret)

    def _current(self, age: float) -> str:
        """The secret, read not longer ago than `age` seconds."""
        with self._lock:
            now = self._monotonic()
            if self._known is None or now - self._read_at >= age:
                secret = self._secrets.reread(self._name).strip()
                REDACTOR.learn(secret)
                self._known, self._read_at = secret, now
            return self._known
