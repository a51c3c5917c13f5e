"""Wire: the shapes of the Gemini File API, validated at the border (seeds: REST Resource: files).

Both spellings are read, as upstream reads them (proto3 JSON): `displayName` and `display_name`,
int64 as number or string. Fields nobody knows yet are kept.
"""

import re
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from filegate.errors import Status, StatusError, invalid_argument
from filegate.instants import Instant, parse_rfc3339
from filegate.json_objects import read_json

MAX_DISPLAY_NAME: Final = 512
_MAX_METADATA: Final = 64 * 1024
_LONGEST_FIELD: Final = 200
_STRING: Final = re.compile(
    r"""(?P<double>"(?:[^"\\]|\\.)*+)(?P<end>"?)|'(?P<single>(?:[^'\\]|\\.)*+)(?P<close>'?)""",
    re.DOTALL,
)
"""A string in either kind of quotes, closed or not: a pattern that wants the closing quote would
look for it again from every quote there is, which is quadratic."""
_ESCAPE_OR_QUOTE: Final = re.compile(r"""\\.|\"""", re.DOTALL)


def _either_spelling(name: str) -> AliasChoices:
    return AliasChoices(to_camel(name), name)


class WireModel(BaseModel):
    """Base of everything read from the wire: camelCase or snake_case, unknown fields kept."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(
            validation_alias=_either_spelling, serialization_alias=to_camel
        ),
        # Most requests bring no message at all: a cold start does not build what reads them.
        defer_build=True,
        extra="allow",
        frozen=True,
        populate_by_name=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, value: object) -> object:
        """Both spellings of one field would be two answers to one question."""
        if isinstance(value, dict):
            for name in cls.model_fields:
                if name != to_camel(name) and name in value and to_camel(name) in value:
                    raise ValueError(f"{to_camel(name)} is given twice")
        return value


def _int64(value: object) -> object:
    """Int64 in proto3 JSON: a number or a string of decimal digits, nothing else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number of bytes")


def _encodable(value: str) -> str:
    """JSON can spell half a character (`"\\ud800"`), which no later step could write."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return value


def _instant(value: object) -> object:
    if isinstance(value, str):
        return parse_rfc3339(value)
    raise ValueError("must be an RFC 3339 timestamp")


Text = Annotated[str, AfterValidator(_encodable)]
INT64_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
        {"type": "string", "pattern": "^[0-9]{1,19}$"},
    ]
}
"""What a count of bytes may be written as, for OpenAPI."""
ByteCount = Annotated[
    int, BeforeValidator(_int64), Field(ge=0, lt=2**63), WithJsonSchema(INT64_SCHEMA)
]


class FileState(StrEnum):
    """Life of a file upstream (seeds: State)."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class File(WireModel):
    """What the ledger needs of an upstream File; the rest is kept and passed on unread."""

    name: str
    size_bytes: ByteCount = 0
    state: str = FileState.UNSPECIFIED
    create_time: Annotated[Instant, BeforeValidator(_instant)] | None = None
    expiration_time: Annotated[Instant, BeforeValidator(_instant)] | None = None

    @property
    def processing(self) -> bool:
        """Whether upstream still works on the file, so its metadata will change."""
        return self.state == FileState.PROCESSING


class NewFile(WireModel):
    """The `file` of a start request: what the client says about the file it will send."""

    name: Annotated[Text, Field(max_length=1024)] | None = None
    display_name: Text | None = None
    mime_type: Annotated[Text, Field(max_length=256)] | None = None
    size_bytes: ByteCount | None = None


class FileMetadata(WireModel):
    """The body of a start, of `files.create`, and the first part of a multipart upload."""

    file: NewFile | None = None


Message = TypeVar("Message", bound=WireModel)


def read_message(body: bytes, message: type[Message]) -> Message:
    """The body of a request as one message.

    Accepts what upstream accepts (wire 3.1): nothing, `{}`, JSON in both spellings, and the
    single-quoted text of Google's own cURL samples. Raises StatusError on anything else.
    """
    if len(body) > _MAX_METADATA:
        raise StatusError(invalid_argument("The request's metadata is larger than 64 KiB."))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise StatusError(invalid_argument("The request body is not UTF-8.")) from None
    try:
        return message.model_validate(_parse(text) if text.strip() else {})
    except ValidationError as error:
        raise StatusError(_refusal(error)) from None


def _refusal(error: ValidationError) -> Status:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:_LONGEST_FIELD]
    if first["type"] == "extra_forbidden":
        unknown = f'Invalid JSON payload received. Unknown name "{field}": Cannot find field.'
        return invalid_argument(unknown, field)
    sentence = first["msg"].removeprefix("Value error, ")
    place = f' at "{field}"' if field else ""
    return invalid_argument(f"Invalid value{place}: {sentence}.", field)


def read_metadata(body: bytes) -> NewFile:
    """The `file` in a start or multipart metadata body. Raises StatusError."""
    new_file = read_message(body, FileMetadata).file or NewFile()
    if new_file.display_name is not None and len(new_file.display_name) > MAX_DISPLAY_NAME:
        raise StatusError(
            invalid_argument(
                f"* CreateFileRequest.file.display_name: The display name has "
                f"{len(new_file.display_name)} characters; {MAX_DISPLAY_NAME} is the most.",
                "file.displayName",
            )
        )
    return new_file


def _parse(text: str) -> dict[str, Any]:
    parsed: object
    try:
        parsed = read_json(text)
    except RecursionError:
        parsed = None
    except ValueError:
        parsed = _parse_single_quoted(text)
    if not isinstance(parsed, dict):
        raise StatusError(
            invalid_argument(
                "Invalid JSON payload received. The body of this request is one JSON object, with "
                "no key twice and no NaN or Infinity, or empty."
            )
        )
    return parsed


def _parse_single_quoted(text: str) -> object:
    """Google's own cURL samples quote with single quotes: JSON but for that, and read as such."""
    try:
        return read_json(_STRING.sub(_double_quoted, text))
    except (ValueError, RecursionError):
        return None


def _double_quoted(string: re.Match[str]) -> str:
    """Raises ValueError for a string that does not end."""
    if not string["end"] and not string["close"]:
        raise ValueError("a string has no end")
    if string["double"] is not None:
        return string[0]
    requote = {"\\'": "'", '"': '\\"'}
    inner = _ESCAPE_OR_QUOTE.sub(
        lambda found: requote.get(found.group(), found.group()), string["single"]
    )
    return f'"{inner}"'


def read_file(resource: object) -> File:
    """Validate a File that upstream sent. Raises ValueError if it is not one."""
    return File.model_validate(resource)
