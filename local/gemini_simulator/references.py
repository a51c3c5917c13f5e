"""References in a request's JSON, read as leniently as any upstream might (sections 7 and 12).

Nobody knows how Google reads an odd reference. So whatever might be one counts: at any depth, in
any spelling, on any host, encoded or not, in every value of a repeated key.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FILE_KEYS = frozenset({"name", "names", "file", "files", "fileid", "fileids", "uris"})
_FILE_KEY_ENDINGS = ("fileuri", "fileuris", "filename", "filenames", "uri")
_CACHE_KEYS = frozenset({"cachedcontent", "cachedcontents", "cachedcontentname"})
_STORE_KEYS = frozenset({"filesearchstorename", "filesearchstorenames"})

_FILE = re.compile(r"files/+([a-z0-9-]+)")
_NOT_WORD = re.compile(r"[_\-\s]")
_IGNORED = re.compile(r"[\t\r\n\x00]")


@dataclass(slots=True)
class References:
    """The ids a request names, in order and as often as it names them, and its texts."""

    files: list[str] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def characters(self) -> int:
        """Characters of text."""
        return sum(map(len, self.texts))

    @property
    def words(self) -> int:
        """Words of text, which count as tokens."""
        return sum(len(text.split()) for text in self.texts)


class _Object(list[tuple[str, object]]):
    """A JSON object with all its pairs, those of repeated keys too."""


def read_references(text: str | bytes) -> References:
    """All references in JSON `text`; raises `ValueError` for anything but JSON."""
    found = References()
    _walk(json.loads(text, object_pairs_hook=_Object), found)
    return found


def references_of(value: object) -> References:
    """All references in a parsed value."""
    return read_references(json.dumps(value))


def file_ids(value: str) -> list[str]:
    """The ids after each `files/` in a name or URI."""
    return _FILE.findall(_plain(value))


def _walk(value: object, found: References) -> None:
    if isinstance(value, _Object):
        for name, inner in value:
            _take(_NOT_WORD.sub("", _plain(name)), inner, found)
            _walk(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, found)


def _take(key: str, value: object, found: References) -> None:
    texts = list(_strings(value))
    if key in _FILE_KEYS or key.endswith(_FILE_KEY_ENDINGS):
        for text in texts:
            found.files += file_ids(text)
    if key in _CACHE_KEYS:
        found.caches += _ids(texts, "cachedcontents/")
    if key in _STORE_KEYS:
        found.stores += _ids(texts, "filesearchstores/")
    if key == "text":
        found.texts += texts


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and not isinstance(value, _Object):
        yield from (item for item in value if isinstance(item, str))


def _ids(texts: Iterable[str], collection: str) -> Iterator[str]:
    for text in texts:
        resource_id = _plain(text).rpartition(collection)[2].strip(" /")
        if resource_id:
            yield resource_id


def _plain(text: str) -> str:
    while (decoded := unquote(text)) != text:
        text = decoded
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _IGNORED.sub("", plain).replace("\\", "/")
