"""Multipart: `multipart/related` bodies of one JSON part and one content part (wire 5.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from filegate.errors import StatusError, invalid_argument

_MALFORMED: Final = (
    "The multipart body is malformed: it needs two parts, the file's metadata as JSON and then "
    "its content, divided by the boundary of the Content-Type header."
)
_ENCODED: Final = (
    "The content part has a Content-Transfer-Encoding that changes its bytes. Send it as binary."
)
_NO_BOUNDARY: Final = invalid_argument("The multipart Content-Type has no usable boundary.")
_AS_IT_IS: Final = frozenset({"binary", "7bit", "8bit"})
_LONGEST_BOUNDARY: Final = 70
_PARAMETER: Final = re.compile(
    r""";\s*+(?:(?P<name>[^\s;="]++)=(?P<value>"(?:[^"\\]|\\.)*+"|[^\s;"]++)\s*+)?""", re.DOTALL
)
"""A parameter of a header, or none (RFC 9110, 5.6.6). It never goes back, and each is read where
the one before it ends: reading is linear, whatever is sent."""
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass
class Part:
    """One part: its headers (names in lower case) and its bytes, exactly."""

    headers: dict[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


def read_boundary(content_type: str) -> str:
    """The boundary a Content-Type names. Raises StatusError if it names none."""
    boundaries = [value for name, value in _parameters(content_type) if name == "boundary"]
    if len(boundaries) != 1 or not 1 <= len(boundaries[0]) <= _LONGEST_BOUNDARY:
        raise StatusError(_NO_BOUNDARY)
    return boundaries[0]


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """The parameters of a header, names in lower case. Raises StatusError for a malformed one."""
    at = len(header.partition(";")[0])
    while at < len(header):
        found = _PARAMETER.match(header, at)
        if found is None:
            raise StatusError(_NO_BOUNDARY)
        if found["name"] is not None:
            value = found["value"]
            if value.startswith('"'):
                value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
            yield found["name"].lower(), value
        at = found.end()


def read_parts(content_type: str, body: bytes) -> tuple[Part, Part]:
    """The metadata part and the content part of a body. Raises StatusError if malformed."""
    # Imported here: only this rare path needs it, and every cold start would pay for it.
    from python_multipart.exceptions import MultipartParseError  # noqa: PLC0415
    from python_multipart.multipart import MultipartParser  # noqa: PLC0415

    reader = _PartReader()
    try:
        parser = MultipartParser(
            read_boundary(content_type).encode("latin-1"),
            {
                "on_part_begin": reader.begin,
                "on_part_data": reader.data,
                "on_header_field": reader.header_field,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_end,
                "on_end": reader.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, UnicodeError):
        raise StatusError(invalid_argument(_MALFORMED)) from None
    if not reader.ended or len(reader.parts) != 2:
        raise StatusError(invalid_argument(_MALFORMED))
    metadata, content = reader.parts
    if content.headers.get("content-transfer-encoding", "binary").lower() not in _AS_IT_IS:
        raise StatusError(invalid_argument(_ENCODED))
    return metadata, content


class _PartReader:
    """Collects what the streaming parser calls back with."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._field = bytearray()
        self._value = bytearray()

    def begin(self) -> None:
        self.parts.append(Part())

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += data[start:end]

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        name = self._field.decode("latin-1").lower()
        self.parts[-1].headers[name] = self._value.decode("latin-1").strip()
        self._field.clear()
        self._value.clear()

    def end(self) -> None:
        self.ended = True
