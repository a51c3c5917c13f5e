"""Store requests: what bodies and queries about File Search stores and their documents may say.

Read in both spellings, as SDKs mix them in one body (wire 9.2), and written anew in one for
upstream. A field nobody knows is refused: what it would do is not known either.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from filegate.errors import StatusError, invalid_argument
from filegate.pages import read_page_size
from filegate.upload_requests import announced_size, is_mime_type, require_start
from filegate.wire import MAX_DISPLAY_NAME, Text, WireModel, read_message

MOST_METADATA: Final = 20
"""Entries of custom metadata a document may have (wire 9.5)."""
MOST_TOKENS: Final = 512
"""Tokens a chunk of a document may have (seeds: WhiteSpaceConfig.maxTokensPerChunk, 2**9)."""
MOST_A_PAGE: Final = 20
"""Stores or documents a page may have (wire 9.1, 9.5)."""

_LONGEST_KEY: Final = 512
_LONGEST_NAME: Final = 1_024


def _display_name(value: str) -> str:
    if len(value) > MAX_DISPLAY_NAME:
        raise ValueError(
            f"the display name has {len(value)} characters; {MAX_DISPLAY_NAME} is the most"
        )
    return value


def _mime_type(value: str) -> str:
    if value and not is_mime_type(value):
        raise ValueError("a MIME type has the form type/subtype, such as text/plain")
    return value


def _int32(value: object) -> int:
    """Int32 in proto3 JSON: a number or a string of decimal digits, nothing else."""
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic takes no TypeError
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("must be a whole number that is not negative")
    return int(text)


def _float(value: object) -> float:
    """A number in proto3 JSON, or its text; neither infinite nor NaN, which JSON cannot say."""
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise ValueError("must be a number")
    return number


DisplayName = Annotated[
    Text, AfterValidator(_display_name), Field(json_schema_extra={"maxLength": MAX_DISPLAY_NAME})
]
MimeType = Annotated[Text, Field(max_length=256), AfterValidator(_mime_type)]
Int32 = Annotated[
    int,
    BeforeValidator(_int32),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 999_999_999},
                {"type": "string", "pattern": "^[0-9]{1,9}$"},
            ]
        }
    ),
]
Float = Annotated[
    float,
    BeforeValidator(_float),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]


class _Message(WireModel):
    model_config = ConfigDict(extra="forbid")

    def canonical(self) -> dict[str, Any]:
        """The message as upstream is to read it: camelCase, without what was not given."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def body(self) -> bytes:
        """The canonical message as the JSON of a request."""
        return json.dumps(self.canonical()).encode()


class StringList(_Message):
    """A list of texts as a metadata value."""

    values: list[Text] = Field(default_factory=list)


class CustomMetadata(_Message):
    """One key of a document, with one value of one of three kinds (wire 9.2)."""

    key: Annotated[Text, Field(min_length=1, max_length=_LONGEST_KEY)]
    string_value: Text | None = None
    numeric_value: Float | None = None
    string_list_value: StringList | None = None

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        values = (self.string_value, self.numeric_value, self.string_list_value)
        if sum(value is not None for value in values) != 1:
            raise ValueError(
                "exactly one of stringValue, numericValue and stringListValue is required"
            )
        return self


class WhiteSpaceConfig(_Message):
    """How to cut text at white space (seeds: WhiteSpaceConfig); both numbers in words."""

    max_tokens_per_chunk: Int32 | None = None
    max_overlap_tokens: Int32 | None = None

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        tokens = MOST_TOKENS if self.max_tokens_per_chunk is None else self.max_tokens_per_chunk
        if not 1 <= tokens <= MOST_TOKENS:
            raise ValueError(f"maxTokensPerChunk is {tokens}; it must be from 1 to {MOST_TOKENS}")
        if self.max_overlap_tokens is not None and self.max_overlap_tokens >= tokens:
            raise ValueError(
                f"maxOverlapTokens is {self.max_overlap_tokens}; it must be less than the "
                f"{tokens} tokens a chunk may have"
            )
        return self


class ChunkingConfig(_Message):
    """How to cut a document (seeds: ChunkingConfig)."""

    white_space_config: WhiteSpaceConfig | None = None


class _About(_Message):
    """What may be said of a document however it comes."""

    custom_metadata: Annotated[list[CustomMetadata], Field(max_length=MOST_METADATA)] | None = None
    chunking_config: ChunkingConfig | None = None


class NewDocument(_About):
    """The body of `uploadToFileSearchStore` (seeds: media.upload)."""

    display_name: DisplayName | None = None
    mime_type: MimeType | None = None


class FileImport(_About):
    """The body of `importFile` (wire 9.3)."""

    file_name: Annotated[Text, Field(min_length=1, max_length=_LONGEST_NAME)]


class NewStore(_Message):
    """The body of a store's create (wire 9.1)."""

    display_name: DisplayName | None = None
    embedding_model: Annotated[Text, Field(max_length=256)] | None = None


@dataclass(frozen=True)
class DocumentRequest:
    """A validated announcement of a document; `size` in bytes, None if it is not known."""

    document: NewDocument
    mime_type: str | None
    """The one in the body, or else the one a header names."""
    size: int | None


def read_store(body: bytes) -> NewStore:
    """A create. Raises StatusError."""
    return read_message(body, NewStore)


def read_document(body: bytes) -> NewDocument:
    """The metadata of an upload, in each form that a file's may have. Raises StatusError."""
    return read_message(body, NewDocument)


def read_import(body: bytes) -> FileImport:
    """An import. Raises StatusError."""
    return read_message(body, FileImport)


def read_document_start(headers: Mapping[str, str], body: bytes) -> DocumentRequest:
    """A resumable start (wire 9.2). `headers` have lower-case names. Raises StatusError."""
    require_start(headers)
    announced = headers.get("x-goog-upload-header-content-type")
    return document_request(read_document(body), announced, announced_size(headers))


def document_request(
    document: NewDocument, content_type: str | None, size: int | None
) -> DocumentRequest:
    """A document with the type a header gives its content. Raises StatusError."""
    mime_type = document.mime_type or content_type or None
    if mime_type is not None and not is_mime_type(mime_type):
        raise StatusError(
            invalid_argument(
                "* UploadToFileSearchStoreRequest.mime_type: When provided, MIME type must be in a "
                "valid type/subtype format (e.g., 'text/plain', 'application/pdf').",
                "mimeType",
            )
        )
    return DocumentRequest(document, mime_type, size)


def read_force(query: Mapping[str, str]) -> bool:
    """Whether `force` is set; Python's SDK writes `True` (wire 9.1). Raises StatusError."""
    text = query.get("force", "")
    known = {"true": True, "1": True, "false": False, "0": False, "": False}
    force = known.get(text.lower())
    if force is None:
        raise StatusError(
            invalid_argument(f"force is {text[:40]!r}; it must be true or false.", "force")
        )
    return force


def read_page(query: Mapping[str, str]) -> dict[str, str]:
    """`pageSize` as upstream is to read it, and `pageToken` as it came. Raises StatusError."""
    page: dict[str, str] = {}
    size = query.get("pageSize") or query.get("page_size")
    if size:
        page["pageSize"] = str(read_page_size(size, MOST_A_PAGE))
    token = query.get("pageToken") or query.get("page_token")
    if token:
        page["pageToken"] = token
    return page
