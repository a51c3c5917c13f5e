"""Redaction: secrets are struck out by value, wherever text leaves the process.

By value and not by pattern: upstream keys change shape (`AIza…`, `AQ.…`), their text does not.
"""

import json
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


REDACTOR: Final = Redactor()
"""The one redactor of a process: adapters teach it, the edge and the ledger ask it."""
