"""What a client says about stores and documents to be: the bodies of section 9.

Every field may be written in camelCase or in snake_case, at every depth: stock clients mix both.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from gemini_simulator import errors
from gemini_simulator.limits import DISPLAY_NAME_CHARACTERS, METADATA_BYTES
from gemini_simulator.metadata import loose_json

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CUSTOM_METADATA = 20
MOST_TOKENS_PER_CHUNK = 512

_UNDERSCORE = re.compile(r"_([a-z])")
_INT32 = re.compile(r"-?[0-9]{1,10}")
_PART = r"[A-Za-z0-9!#$&^_.+-]+"
_MIME_TYPE = re.compile(rf"{_PART}/{_PART}(?:\s*;.*)?")

_STORE = frozenset(
    {
        "name",
        "displayName",
        "createTime",
        "updateTime",
        "activeDocumentsCount",
        "pendingDocumentsCount",
        "failedDocumentsCount",
        "sizeBytes",
        "embeddingModel",
    }
)
_DOCUMENT = frozenset({"customMetadata", "chunkingConfig"})
_UPLOAD = _DOCUMENT | {"displayName", "mimeType"}
_IMPORT = _DOCUMENT | {"fileName"}
_VALUES = ("stringValue", "numericValue", "stringListValue")


@dataclass(frozen=True, slots=True)
class StoreDraft:
    """A store to be."""

    display_name: str | None = None
    embedding_model: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A document to be; its metadata is spelled as upstream answers it."""

    display_name: str | None = None
    mime_type: str | None = None
    custom_metadata: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportDraft:
    """A document to be made from the file with the id `file_id`."""

    file_id: str
    custom_metadata: list[dict[str, object]]


def read_store_draft(body: bytes) -> StoreDraft:
    """The draft in the body of a create (section 9.1); raises `ApiError` 400.

    What only upstream sets is read and ignored.
    """
    fields = _fields(_payload(body), _STORE, "")
    display_name = _display_name(fields, "CreateFileSearchStoreRequest.file_search_store")
    return StoreDraft(display_name, _text(fields, "embeddingModel"))


def read_upload(body: bytes, mime_type: str | None = None) -> DocumentDraft:
    """The draft in the body of an upload (section 9.2); raises `ApiError` 400.

    `mime_type` is the header's; the body's goes before it.
    """
    request = "UploadToFileSearchStoreRequest"
    fields = _fields(_payload(body), _UPLOAD, "")
    display_name = _display_name(fields, request)
    mime_type = _text(fields, "mimeType") or mime_type
    if mime_type is not None and _MIME_TYPE.fullmatch(mime_type) is None:
        raise errors.bad_argument(
            f"* {request}.mime_type: When provided, MIME type must be in a valid type/subtype "
            "format (e.g., 'text/plain', 'application/pdf')."
        )
    _check_chunking(fields.get("chunkingConfig"), request)
    return DocumentDraft(display_name, mime_type, _custom_metadata(fields, request))


def read_import(body: bytes) -> ImportDraft:
    """The draft in the body of an import (section 9.3); raises `ApiError` 400."""
    request = "ImportFileRequest"
    fields = _fields(_payload(body), _IMPORT, "")
    prefix, _, file_id = (_text(fields, "fileName") or "").partition("files/")
    if prefix or not file_id:
        raise errors.bad_argument(f"* {request}.file_name: must be of the form files/{{file}}.")
    _check_chunking(fields.get("chunkingConfig"), request)
    return ImportDraft(file_id, _custom_metadata(fields, request))


def _payload(body: bytes) -> dict[str, object]:
    if len(body) > METADATA_BYTES:
        raise errors.too_large(METADATA_BYTES)
    return loose_json(body)


def _fields(message: object, known: frozenset[str], where: str) -> dict[str, object]:
    """The fields of a message in camelCase, without those that are null."""
    if not isinstance(message, dict):
        raise errors.bad_value(where, "MESSAGE", str(message))
    fields: dict[str, object] = {}
    for name, value in cast("dict[str, object]", message).items():
        camel = _UNDERSCORE.sub(lambda match: match.group(1).upper(), name)
        if camel not in known:
            place = f" at '{where}'" if where else ""
            raise errors.bad_payload(f'Unknown name "{name}"{place}: Cannot find field.')
        if value is not None:
            fields[camel] = value
    return fields


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise errors.bad_value(name, "TYPE_STRING", str(value))
    return value or None


def _display_name(fields: dict[str, object], request: str) -> str | None:
    name = _text(fields, "displayName")
    if name is not None and len(name) > DISPLAY_NAME_CHARACTERS:
        raise errors.bad_argument(
            f"* {request}.display_name: must be no more than {DISPLAY_NAME_CHARACTERS} "
            "characters in length, including spaces."
        )
    return name


def _check_chunking(config: object, request: str) -> None:
    if config is None:
        return
    fields = _fields(config, frozenset({"whiteSpaceConfig"}), "chunking_config")
    where = "chunking_config.white_space_config"
    known = frozenset({"maxTokensPerChunk", "maxOverlapTokens"})
    white_space = _fields(fields.get("whiteSpaceConfig", {}), known, where)
    tokens = _int32(white_space.get("maxTokensPerChunk", MOST_TOKENS_PER_CHUNK), where)
    overlap = _int32(white_space.get("maxOverlapTokens", 0), where)
    if not 1 <= tokens <= MOST_TOKENS_PER_CHUNK:
        raise errors.bad_argument(
            f"* {request}.{where}.max_tokens_per_chunk: must be between 1 and "
            f"{MOST_TOKENS_PER_CHUNK}."
        )
    if not 0 <= overlap < tokens:
        raise errors.bad_argument(
            f"* {request}.{where}.max_overlap_tokens: must not be negative and must be less than "
            "max_tokens_per_chunk."
        )


def _custom_metadata(fields: dict[str, object], request: str) -> list[dict[str, object]]:
    entries = fields.get("customMetadata", [])
    if not isinstance(entries, list):
        raise errors.bad_value("custom_metadata", "LIST", str(entries))
    if len(entries) > MOST_CUSTOM_METADATA:
        raise errors.bad_argument(
            f"* {request}.custom_metadata: at most {MOST_CUSTOM_METADATA} entries are allowed."
        )
    return [
        _metadata_entry(entry, request, f"custom_metadata[{index}]")
        for index, entry in enumerate(entries)
    ]


def _metadata_entry(entry: object, request: str, where: str) -> dict[str, object]:
    fields = _fields(entry, frozenset({"key", *_VALUES}), where)
    key = _text(fields, "key")
    if key is None:
        raise errors.bad_argument(f"* {request}.{where}.key: key is required.")
    given = [name for name in _VALUES if name in fields]
    if len(given) != 1:
        raise errors.bad_argument(
            f"* {request}.{where}: exactly one of string_value, numeric_value and "
            "string_list_value is required."
        )
    name = given[0]
    return {"key": key, name: _READERS[name](fields[name], where)}


def _string(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise errors.bad_value(where, "TYPE_STRING", str(value))
    return value


def _numeric(value: object, where: str) -> float:
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise errors.bad_value(where, "TYPE_FLOAT", str(value))
    return int(number) if number.is_integer() else number


def _string_list(value: object, where: str) -> dict[str, object]:
    values = _fields(value, frozenset({"values"}), where).get("values", [])
    if not isinstance(values, list):
        raise errors.bad_value(where, "LIST", str(values))
    return {"values": [_string(item, where) for item in values]}


_READERS: dict[str, Callable[[object, str], object]] = {
    "stringValue": _string,
    "numericValue": _numeric,
    "stringListValue": _string_list,
}


def _int32(value: object, where: str) -> int:
    if isinstance(value, str) and _INT32.fullmatch(value) is not None:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.bad_value(where, "TYPE_INT32", str(value))
    return value
