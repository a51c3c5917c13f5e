"""Project keys: the hidden keys, and which of them to try when one is refused.

A key is rotated by putting the new one into the project's secret. While that happens an instance
may hold the old key a little after upstream dropped it, or read the new one a little before
upstream takes it; either way one of the two works, so both are tried before a request fails.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from filegate.adapters.secret_store import SecretMissing, SecretStore, SecretUnavailable
from filegate.redaction import REDACTOR

KeysOf: TypeAlias = Callable[[str], Iterator[str]]
"""The keys of a project to try in turn: the next is asked for once the one before is refused."""
Told: TypeAlias = Callable[[str, str | None], None]
"""Hears what upstream said to a project's key: why it was refused, None if it was taken."""


class ProjectKeyUnusable(SecretUnavailable):
    """A project's secret is missing, or holds what no key can be: its operator has to mend it."""

    def __init__(self, project: str, secret: str) -> None:
        """`secret` is its name."""
        super().__init__(f"the secret {secret} holds no usable key")
        self.project: Final = project
        self.secret: Final = secret


class ProjectKeys:
    """The key of each project: the secret `{prefix}{project}`."""

    def __init__(self, secrets: SecretStore, prefix: str) -> None:
        self._secrets = secrets
        self._prefix = prefix

    def in_turn(self, project: str) -> Iterator[str]:
        """The key as it is known; then as it is now, if it has changed; then the one before it.

        The last to come is the key as it is up to a second later: it may have changed, or begun to
        be good, while the others were tried. A refused key costs one read of the secret, and two
        before a request fails, shared by all who wait for them. Raises SecretUnavailable, and
        ProjectKeyUnusable where the service has none that could be used.
        """
        name = self._prefix + project
        try:
            yield from self._in_turn(name)
        except (SecretMissing, _NoKey) as error:
            raise ProjectKeyUnusable(project, name) from error

    def _in_turn(self, name: str) -> Iterator[str]:
        known = _learn(self._secrets.read(name))
        yield known
        fresh = _learn(self._secrets.reread(name, refused=known))
        if fresh != known:
            yield fresh
        tried = {known, fresh}
        before = self._secrets.previous(name)
        if before is not None and (key := _learn(before)) not in tried:
            tried.add(key)
            yield key
        last = _learn(self._secrets.reread(name, refused=fresh, patient=True))
        if last != fresh or len(tried) > 1:
            yield last


class _NoKey(Exception):
    """The text of a secret cannot be a key."""


def _learn(secret: str) -> str:
    key = secret.strip()
    if not (key.isascii() and key.isprintable() and key):
        raise _NoKey
    REDACTOR.learn(key)
    return key
