"""Redaction: secrets are struck out by value, wherever text leaves the process.

By value and not by pattern: upstream keys change shape (`AIza…`, `AQ.…`), their text does not.
"""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
_SHORTEST: Final = 8


class Redactor:
    """Knows this process's secrets and removes them from text."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._forms: list[str] = []

    def learn(self, secret: str) -> None:
        """Remember a secret in each form it takes: as it is, JSON-escaped, percent-encoded.

        Anything shorter than 8 characters is no key and would strike out ordinary text.
        """
        if len(secret) < _SHORTEST or secret in self._known:
            return
        self._known.add(secret)
        spellings = {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret, safe=""),
        }
        # The longest first: of two secrets that begin alike, the longer leaves no tail behind.
        self._forms = sorted({*self._forms, *spellings}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """`text` without any secret learnt so far."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        return text

    def stream(self) -> "StreamRedactor":
        """A redactor for one stream of bytes, of the secrets learnt so far."""
        return StreamRedactor([form.encode() for form in self._forms])


class StreamRedactor:
    """Removes secrets from bytes that come in pieces, also where one is cut in two.

    Only what may be the beginning of a secret is held back, so pieces pass on without delay.
    """

    def __init__(self, forms: Sequence[bytes]) -> None:
        """`forms`: every spelling of every secret, the longest first."""
        self._forms = forms
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What may go on of all that has come so far."""
        data = self._held + piece
        for form in self._forms:
            if form in data:
                data = data.replace(form, REDACTED.encode())
        keep = max((_beginning_at_end(form, data) for form in self._forms), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def finish(self) -> bytes:
        """The rest, once nothing more comes."""
        held, self._held = self._held, b""
        return held


def _beginning_at_end(form: bytes, data: bytes) -> int:
    """How many bytes at the end of `data` are a beginning of `form`, and not all of it."""
    for size in range(min(len(form) - 1, len(data)), 0, -1):
        if data.endswith(form[:size]):
            return size
    return 0


REDACTOR: Final = Redactor()
"""The one redactor of a process: adapters teach it, the edge and the ledger ask it."""
