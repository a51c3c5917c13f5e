"""What a client says about a file before its bytes: the loose JSON of a start request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gemini_simulator import errors, names
from gemini_simulator.limits import DISPLAY_NAME_CHARACTERS, METADATA_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
_UNDERSCORE = re.compile(r"_([a-z])")
_INT64 = re.compile(r"-?[0-9]{1,19}")

_FIELDS = frozenset(
    {
        "name",
        "displayName",
        "mimeType",
        "sizeBytes",
        "createTime",
        "updateTime",
        "expirationTime",
        "sha256Hash",
        "uri",
        "downloadUri",
        "state",
        "source",
        "error",
        "videoMetadata",
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A file to be: every field is optional, upstream fills what is missing."""

    file_id: str | None = None
    display_name: str | None = None
    mime_type: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """What a client announced at start; `length` is None when it was not announced."""

    draft: Draft
    length: int | None
    version: str
    origin: str | None
    started: int


def read_draft(body: bytes) -> Draft:
    """The draft in a start body (section 3.1); raises `ApiError` on what upstream refuses.

    camelCase and snake_case, numbers and strings, single quotes and an empty body are all read.
    Names are checked here, at start: a client learns of a bad one before it sends bytes.
    """
    if len(body) > METADATA_BYTES:
        raise errors.too_large(METADATA_BYTES)
    fields = _file_fields(loose_json(body))
    size = fields.get("sizeBytes")
    if size is not None and not _is_int64(size):
        raise errors.bad_value("file.size_bytes", "TYPE_INT64", str(size))
    display_name = _text(fields, "displayName")
    if display_name is not None and len(display_name) > DISPLAY_NAME_CHARACTERS:
        raise errors.long_display_name()
    name = _text(fields, "name")
    file_id = None
    if name is not None:
        file_id = names.chosen_file_id(name)
        if file_id is None:
            raise errors.bad_name()
    return Draft(file_id, display_name, _text(fields, "mimeType"))


def loose_json(body: bytes) -> dict[str, object]:
    """The object in a body of upstream's loose JSON; raises `ApiError` 400 for anything else."""
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise errors.bad_payload("Invalid UTF-8.") from None
    if not text:
        return {}
    try:
        value = json.loads(_STRING.sub(_double_quoted, text))
        # A lone surrogate, written as an escape, is text that no answer could carry.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise errors.bad_payload("Unexpected token.") from None
    if not isinstance(value, dict):
        raise errors.bad_payload("Root element must be a message.")
    return value


def _double_quoted(match: re.Match[str]) -> str:
    inner = match.group(1)
    if inner is None:
        return match.group(0)
    return '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'


def _file_fields(payload: dict[str, object]) -> dict[str, object]:
    for name in payload:
        if name != "file":
            raise errors.bad_payload(f'Unknown name "{name}": Cannot find field.')
    file = payload.get("file")
    if file is None:
        return {}
    if not isinstance(file, dict):
        raise errors.bad_value("file", "type.googleapis.com/File", str(file))
    fields: dict[str, object] = {}
    for name, value in cast("dict[str, object]", file).items():
        camel = _UNDERSCORE.sub(lambda match: match.group(1).upper(), name)
        if camel not in _FIELDS:
            raise errors.bad_payload(f"Unknown name \"{name}\" at 'file': Cannot find field.")
        fields[camel] = value
    return fields


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise errors.bad_value(f"file.{name}", "TYPE_STRING", str(value))
    return value


def _is_int64(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (
        isinstance(value, str) and _INT64.fullmatch(value) is not None
    )
