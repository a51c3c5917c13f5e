"""multipart/related bodies: metadata in the first part, the file in the second (section 5.1)."""

from __future__ import annotations

import contextlib
import logging
from hashlib import sha256
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gemini_simulator import errors
from gemini_simulator.limits import METADATA_BYTES
from gemini_simulator.request_text import RequestText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from python_multipart.multipart import MultipartCallbacks

# The parser warns of every epilogue, which RFC 2046 allows.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class RelatedBody:
    """Streams a body: keeps the metadata, counts and hashes the file (bytes, SHA-256).

    What may be requests of a batch is kept as well.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not kind.startswith(b"multipart/") or not boundary:
            raise errors.bad_argument("Multipart body without a boundary.")
        self.metadata = bytearray()
        self.size = 0
        self.mime_type: str | None = None
        self.hash = sha256()
        self.requests = RequestText()
        self._part = 0
        self._header = bytearray()
        self._value = bytearray()
        self._ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_part_data": self._on_part_data,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_end": self._on_end,
        }
        with _malformed():
            self._parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> None:
        """Read the next bytes; raises `ApiError` 400 when they are not multipart."""
        with _malformed():
            self._parser.write(data)

    def close(self) -> None:
        """Check that the body was whole: two parts and the closing boundary."""
        if not self._ended or self._part != 2:
            raise errors.bad_argument("Malformed multipart body.")

    def _on_part_begin(self) -> None:
        self._part += 1

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._part == 1:
            self.metadata += piece
            if len(self.metadata) > METADATA_BYTES:
                raise errors.too_large(METADATA_BYTES)
        elif self._part == 2:
            self.size += len(piece)
            self.hash.update(piece)
            self.requests.feed(piece)

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._part == 2 and self._header.lower() == b"content-type":
            self.mime_type = self._value.decode("latin-1").strip()
        self._header.clear()
        self._value.clear()

    def _on_end(self) -> None:
        self._ended = True


@contextlib.contextmanager
def _malformed() -> Iterator[None]:
    try:
        yield
    except FormParserError:
        raise errors.bad_argument("Malformed multipart body.") from None
