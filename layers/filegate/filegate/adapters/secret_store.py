"""Secrets Manager: where the upstream keys and the session key ring live.

A value is kept in this process's memory and nowhere else.
"""

import threading
import time
from dataclasses import dataclass
from typing import Final

from filegate.adapters.aws_service import SECRETS_MANAGER, AwsRefused, AwsService, AwsUnavailable

KEEP: Final = 300.0
"""Seconds a value is used before it is read again."""
_REREAD_PAUSE: Final = 1.0
"""Seconds between two reads of a secret whose value was refused: it changes once in weeks."""
_MISSING: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""No such secret or no value in it yet, and one marked for deletion (AWS: GetSecretValue)."""


class SecretUnavailable(Exception):
    """The secret cannot be read: it does not exist, access is denied, or the service is down."""


class SecretMissing(SecretUnavailable):
    """The service answers, and has no text under this name: nobody made it, or it is deleted."""


def create_client() -> AwsService:
    """Secrets Manager, with short deadlines. Raises SecretUnavailable."""
    try:
        return AwsService.connect(SECRETS_MANAGER, connect_timeout=1, read_timeout=2, attempts=2)
    except AwsUnavailable as failure:
        raise SecretUnavailable(str(failure)) from None


@dataclass(frozen=True)
class _Kept:
    """A value and the moment it was read, on this process's own clock."""

    value: str
    read_at: float


class SecretStore:
    """Reads secrets by name or ARN and keeps each for `KEEP` seconds.

    Of many threads that want a value at once, one reads it and the others wait for that.
    """

    def __init__(self, client: AwsService) -> None:
        self._client = client
        self._kept: dict[str, _Kept] = {}
        self._previous: dict[str, str | None] = {}
        self._reread_at: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}

    def read(self, name: str) -> str:
        """The secret's text; the last one known while the service is down.

        Raises SecretUnavailable.
        """
        kept = self._kept.get(name)
        if kept is not None and _is_young(kept):
            return kept.value
        with self._lock(name):
            kept = self._kept.get(name)
            if kept is not None and _is_young(kept):
                return kept.value
            try:
                return self._fetch(name)
            except SecretUnavailable:
                if kept is None:
                    raise
                return kept.value

    def reread(self, name: str, refused: str | None = None, *, patient: bool = False) -> str:
        """The secret's text, fresh: for a value that was just refused as too old.

        `refused` is that value, as far as the caller knows it: if another thread has read a newer
        one meanwhile, that is the answer. After a reread that brought nothing new, no other reaches
        the service for a second, so that forged input which asks for a fresh value cannot turn into
        a load on it; who is `patient` waits for that second's end instead, once for all who wait.
        A value that was read for the first time just before it changed does not stand for that
        second. Raises SecretUnavailable.
        """
        asked_at = time.monotonic()
        with self._lock(name):
            kept = self._kept.get(name)
            if kept is not None and refused is not None and kept.value.strip() != refused:
                return kept.value
            last = self._reread_at.get(name)
            if kept is not None and last is not None:
                left = last + _REREAD_PAUSE - time.monotonic()
                if last > asked_at or (left > 0 and not patient):
                    return kept.value
                if left > 0:
                    time.sleep(left)
            self._reread_at[name] = time.monotonic()
            fresh = self._fetch(name)
            if kept is None or fresh != kept.value:
                del self._reread_at[name]
            return fresh

    def previous(self, name: str) -> str | None:
        """The text the secret had before it was last changed; None if it cannot be had."""
        with self._lock(name):
            if name not in self._previous:
                try:
                    self._previous[name] = self._get(name, VersionStage="AWSPREVIOUS")
                except SecretUnavailable:
                    self._previous[name] = None
            return self._previous[name]

    def _lock(self, name: str) -> threading.Lock:
        return self._locks.setdefault(name, threading.Lock())

    def _fetch(self, name: str) -> str:
        value = self._get(name)
        self._kept[name] = _Kept(value, time.monotonic())
        self._previous.pop(name, None)
        return value

    def _get(self, name: str, **version: str) -> str:
        try:
            answer = self._client.call("GetSecretValue", {"SecretId": name, **version})
            return str(answer["SecretString"])
        except KeyError as error:
            raise SecretMissing("the secret is no text") from error
        except AwsRefused as error:
            if error.code in _MISSING:
                raise SecretMissing(error.code) from error
            raise SecretUnavailable(error.code) from error
        except AwsUnavailable as error:
            raise SecretUnavailable(str(error)) from error


def _is_young(kept: _Kept) -> bool:
    return time.monotonic() - kept.read_at < KEEP
