"""The text of an uploaded file of batch requests: of all other uploads no byte is kept."""

from __future__ import annotations

LARGEST = 1_048_576
"""Bytes; a longer file of requests is kept as little as any other upload."""

_TYPE = "jsonl"


class RequestText:
    """An upload's bytes as they arrive, as long as they are few."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data: bytes | None = b""

    def copy(self) -> RequestText:
        """The same bytes, which others can follow."""
        copied = RequestText()
        copied._data = self._data
        return copied

    def feed(self, data: bytes | memoryview) -> None:
        """Add the next bytes of the upload."""
        if self._data is None:
            return
        whole = len(self._data) + len(data) <= LARGEST
        self._data = self._data + data if whole else None

    def of(self, mime_type: str | None) -> str | None:
        """The text, if a file of this type holds requests: JSON lines, however it is spelled."""
        if self._data is None or mime_type is None or _TYPE not in mime_type.lower():
            return None
        return self._data.decode("utf-8", "replace")
