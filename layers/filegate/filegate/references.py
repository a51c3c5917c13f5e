"""References: every file, cache and store that a JSON body names, found wherever it hides.

Upstream resolves names for its whole project, so what a tenant may name is decided here. The rule
is to fail closed. A field known to hold a reference must hold one that is understood. Any other
string is looked at too, as upstream may know fields that we do not: what reads as the name of a
project's resource counts as one. Only what upstream never resolves is let be: text of a prompt,
inline bytes, and the free-form data of function calls, their results and schemas, where a foreign
id is still refused.

A reference is read in its most generous sense (percent-encoding, letter case, host, port, version,
trailing bits) and forwarded in its one canonical spelling, so that upstream cannot read another
name out of it than the one that was checked.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias
from urllib.parse import unquote

from filegate.errors import (
    StatusError,
    gcs_not_registered,
    json_unreadable,
    reference_not_understood,
)
from filegate.json_objects import read_json
from filegate.names import VERSIONS, is_generated_id

Path: TypeAlias = tuple[str | int, ...]

DEEPEST: Final = 100
"""Levels a body may be nested: what protobuf parsers read by default."""
MOST_REFERENCES: Final = 3_000

_ORIGIN: Final = "https://generativelanguage.googleapis.com"
_UPSTREAM: Final = "generativelanguage"
_DOWNLOAD: Final = ":download?alt=media"
_NAMING_KEYS: Final = ("uri", "uris", "url", "urls", "name", "names")
_FREE_FORM: Final = frozenset({("functioncall", "args"), ("functionresponse", "response")})
_SCHEMA_KEYS: Final = frozenset(
    {"parameters", "parametersjsonschema", "responseschema", "responsejsonschema"}
)
_MARKS: Final = re.compile(
    r"%|files|generativelanguage|gs:|(?:cachedcontents|stores|batches|tunedmodels|corpora|"
    r"operations|environments)/"
)
_REQUESTS_KEY: Final = "filename"
_DECODED_AT_MOST: Final = 8
_FILE: Final = re.compile(r"(?P<before>.*?)files/+(?P<id>[a-z0-9-]+)(?P<after>.*)", re.DOTALL)
_NAME_BEFORE: Final = re.compile(r"/*(?:(?:up|down)load/+)?(?:v[0-9][a-z0-9]*/+)?")
_VERSIONED: Final = re.compile(r"/v[0-9][a-z0-9]*/+$")
_STARTS_AS_NAME: Final = re.compile(r"https?:|/|v[0-9][a-z0-9]*/|files/")
_LINE_BREAKS: Final = {ord(char): None for char in "\t\n\r\f\v"}
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:|//")
_EXTERNAL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?")
_BARE_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_CACHE: Final = re.compile(r"(?:cachedContents/)?([A-Za-z0-9_-]{1,128})")
_STORE: Final = re.compile(r"(?:fileSearchStores|ragStores)/([a-z0-9-]{1,64})")
_OTHER_RESOURCE: Final = re.compile(
    r"/*(?:v[0-9][a-z0-9]*/+)?(?:cachedcontents|filesearchstores|ragstores|batches|tunedmodels|"
    r"corpora|generatedfiles|environments|operations)/\S+"
)


class Target(StrEnum):
    """What a reference names; the value is the first part of the resource name."""

    FILE = "files"
    CACHE = "cachedContents"
    STORE = "fileSearchStores"


@dataclass(frozen=True)
class Reference:
    """One reference as it was understood."""

    target: Target
    id: str
    """The resource's id; of a file without its owner's tag where the client left that out."""
    text: str
    """The value as the client wrote it."""
    path: Path
    is_uri: bool = False
    is_requests: bool = False
    """A file of requests, whose lines upstream reads as if they stood in this body."""
    free_form: bool = False
    """In data that upstream does not resolve: whose it is matters, and not whether it lives."""

    def canonical(self, full_id: str) -> str:
        """The value as upstream is to read it; as it came if that is canonical already."""
        name = f"{self.target}/{full_id}"
        if self.free_form or self.text == name:
            return self.text
        if not self.is_uri:
            return name
        spellings = {f"{_ORIGIN}/{version}/{name}" for version in VERSIONS}
        if self.text in spellings or self.text.removesuffix(_DOWNLOAD) in spellings:
            return self.text
        return f"{_ORIGIN}/v1beta/{name}"


def read_document(body: bytes) -> Mapping[str, object]:
    """The JSON object in a request's body.

    Stricter than upstream may be, so that both read the same: UTF-8, one object, no key twice, no
    NaN, at most `DEEPEST` levels. Raises StatusError.
    """
    try:
        document = read_json(body.decode())
    except UnicodeDecodeError:
        raise StatusError(json_unreadable("it is not UTF-8")) from None
    except RecursionError:
        raise StatusError(json_unreadable("it is nested too deeply")) from None
    except ValueError as error:
        raise StatusError(json_unreadable(str(error))) from None
    if not isinstance(document, dict):
        raise StatusError(json_unreadable("it is not a JSON object"))
    return document


def find_references(document: Mapping[str, object]) -> Sequence[Reference]:
    """Every reference in a document, in its order. Raises StatusError for one not understood."""
    found: list[Reference] = []
    for leaf in _leaves(document):
        reference = _read(leaf)
        if reference is not None:
            found.append(reference)
    if len(found) > MOST_REFERENCES:
        raise StatusError(json_unreadable(f"it names more than {MOST_REFERENCES} files"))
    return found


def write_document(document: Mapping[str, object], values: Mapping[Path, str]) -> bytes:
    """The document as JSON with other values at some paths. Raises StatusError.

    Numbers keep their value, which is all that a JSON number has.
    """
    try:
        return json.dumps(
            _with(document, values, ()), allow_nan=False, separators=(",", ":")
        ).encode()
    except ValueError:
        raise StatusError(json_unreadable("it holds a number out of range")) from None


def place(path: Path) -> str:
    """A path as people write it: `contents[0].parts[1].fileData.fileUri`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True)
class _Leaf:
    """A string of a document; `key` is the nearest one above, as plain letters."""

    text: str
    key: str
    path: Path
    free_form: bool


def _leaves(document: Mapping[str, object]) -> Iterator[_Leaf]:
    pending: list[tuple[object, str, Path, bool]] = [(document, "", (), False)]
    while pending:
        value, key, path, free_form = pending.pop()
        if len(path) > DEEPEST:
            raise StatusError(json_unreadable(f"it is nested deeper than {DEEPEST} levels"))
        if isinstance(value, str):
            yield _Leaf(value, key, path, free_form)
        elif isinstance(value, dict):
            inner = [
                (child, plain, (*path, name), free_form or _is_free_form(key, plain))
                for name, child in value.items()
                for plain in (name.replace("_", "").replace("-", "").lower(),)
            ]
            pending.extend(reversed(inner))
        elif isinstance(value, list):
            items = [(child, key, (*path, at), free_form) for at, child in enumerate(value)]
            pending.extend(reversed(items))


def _is_free_form(parent: str, key: str) -> bool:
    return (parent, key) in _FREE_FORM or key in _SCHEMA_KEYS


def _read(leaf: _Leaf) -> Reference | None:
    if not leaf.text:
        return None
    if leaf.free_form:
        return _read_free_form(leaf)
    return _READERS.get(leaf.key, _read_unknown)(leaf)


def _read_file(leaf: _Leaf) -> Reference | None:
    """A field that names a file: understood, a public URL, or refused."""
    plain = _decoded(leaf)
    file = _file_in(plain)
    if file is not None and _is_ours(plain, file):
        return _file_reference(leaf, plain, file)
    if _BARE_ID.fullmatch(plain):
        return Reference(
            Target.FILE,
            plain,
            leaf.text,
            leaf.path,
            is_uri=leaf.key == "fileuri",
            is_requests=leaf.key == _REQUESTS_KEY,
        )
    if plain.startswith("gs:"):
        raise StatusError(gcs_not_registered(place(leaf.path)))
    public = _EXTERNAL.fullmatch(leaf.text) and _UPSTREAM not in plain
    if not public or leaf.key != "fileuri":
        raise _not_understood(leaf)
    return None


def _read_cache(leaf: _Leaf) -> Reference:
    return _read_held(leaf, Target.CACHE, _CACHE)


def _read_store(leaf: _Leaf) -> Reference:
    return _read_held(leaf, Target.STORE, _STORE)


def _read_held(leaf: _Leaf, target: Target, form: re.Pattern[str]) -> Reference:
    match = form.fullmatch(leaf.text)
    if match is None:
        raise _not_understood(leaf)
    return Reference(target, match[1], leaf.text, leaf.path)


def _read_nothing(_leaf: _Leaf) -> None:
    """Text of a prompt and bytes: nothing that upstream would resolve."""


def _read_unknown(leaf: _Leaf) -> Reference | None:
    """A field of which nothing is known: whatever reads as a resource of upstream's is one."""
    if _is_prose(leaf) or not _is_marked(leaf.text):
        return None
    plain = _decoded(leaf)
    file = _file_in(plain)
    if file is not None and _is_ours(plain, file) and _STARTS_AS_NAME.match(plain):
        return _file_reference(leaf, plain, file)
    if plain.startswith("gs:"):
        raise StatusError(gcs_not_registered(place(leaf.path)))
    for target, form in ((Target.CACHE, _CACHE), (Target.STORE, _STORE)):
        match = form.fullmatch(leaf.text) if "/" in leaf.text else None
        if match is not None:
            return Reference(target, match[1], leaf.text, leaf.path)
    if _UPSTREAM in plain or _OTHER_RESOURCE.fullmatch(plain):
        raise _not_understood(leaf)
    return None


def _is_prose(leaf: _Leaf) -> bool:
    """Words, and not a name with a blank in it: the first one is no path, and no field of names.

    URL parsers drop tabs and line ends wherever they are, so those part no words.
    """
    words = leaf.text.translate(_LINE_BREAKS).split()
    return (
        len(words) > 1 and not leaf.key.endswith(_NAMING_KEYS) and not set(words[0]) & set("/:%\\")
    )


def _is_marked(text: str) -> bool:
    """Whether a text has anything a reference has; most have not, and are read no further."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    return not plain or _MARKS.search(text.lower()) is not None


def _read_free_form(leaf: _Leaf) -> Reference | None:
    if not _is_marked(leaf.text):
        return None
    plain = _decoded(leaf)
    file = _file_in(plain)
    if file is None or not (_UPSTREAM in plain or is_generated_id(file["id"])):
        return None
    return Reference(Target.FILE, file["id"], leaf.text, leaf.path, free_form=True)


def _file_in(plain: str) -> re.Match[str] | None:
    """The first `files/{id}` in a text, where `files` is a whole segment."""
    match = _FILE.fullmatch(plain)
    if match is None or match["before"][-1:] not in {"", "/"}:
        return None
    return match


def _is_ours(plain: str, file: re.Match[str]) -> bool:
    """Whether a `files/{id}` can mean a file of upstream's, and not a page of someone else's."""
    if _UPSTREAM in plain or is_generated_id(file["id"]):
        return True
    if _SCHEME.match(plain):
        return _VERSIONED.search(file["before"]) is not None
    return _NAME_BEFORE.fullmatch(file["before"]) is not None


def _file_reference(leaf: _Leaf, plain: str, file: re.Match[str]) -> Reference:
    is_uri = leaf.key == "fileuri" or _SCHEME.match(plain) is not None
    return Reference(
        Target.FILE,
        file["id"],
        leaf.text,
        leaf.path,
        is_uri=is_uri,
        is_requests=leaf.key == _REQUESTS_KEY,
    )


def _decoded(leaf: _Leaf) -> str:
    """The text as the most generous reader could read it. Raises StatusError."""
    text = leaf.text
    for _ in range(_DECODED_AT_MOST):
        decoded = _compatible(unquote(_visible(text)))
        if decoded == text:
            return text.replace("\\", "/").casefold()
        text = decoded
    raise _not_understood(leaf)


def _visible(text: str) -> str:
    """The text without blanks and what is not printed, which URL parsers drop."""
    if text.isprintable() and " " not in text:
        return text
    return "".join(char for char in text if char.isprintable() and not char.isspace())


def _compatible(text: str) -> str:
    """The text in compatibility form, each character by itself: full-width letters as plain ones.

    Not the text as a whole: to put accents in order takes time by the square of their number, and
    no accent belongs into a name.
    """
    if text.isascii():
        return text
    forms = {ord(char): unicodedata.normalize("NFKC", char) for char in set(text)}
    return text.translate(forms)


def _not_understood(leaf: _Leaf) -> StatusError:
    return StatusError(reference_not_understood(place(leaf.path), leaf.text))


def _with(value: object, values: Mapping[Path, str], path: Path) -> object:
    if isinstance(value, dict):
        return {name: _with(child, values, (*path, name)) for name, child in value.items()}
    if isinstance(value, list):
        return [_with(child, values, (*path, at)) for at, child in enumerate(value)]
    return values.get(path, value)


_READERS: Final[Mapping[str, Callable[[_Leaf], Reference | None]]] = {
    "fileuri": _read_file,
    "filename": _read_file,
    "cachedcontent": _read_cache,
    "filesearchstorename": _read_store,
    "filesearchstorenames": _read_store,
    "ragstorename": _read_store,
    "ragstorenames": _read_store,
    "text": _read_nothing,
    "data": _read_nothing,
    "thoughtsignature": _read_nothing,
}
"""What is known of fields, by their names as plain letters; `cached_content` is `cachedcontent`."""
