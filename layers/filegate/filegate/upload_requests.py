"""Upload requests: what the headers and body of an upload request say, in all their spellings."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from filegate.errors import StatusError, invalid_argument
from filegate.wire import NewFile, read_metadata


class Protocol(StrEnum):
    """How the bytes will come (wire sections 3 and 5)."""

    RESUMABLE = "resumable"
    MULTIPART = "multipart"
    RAW = "raw"


_KNOWN_TYPES: Final = frozenset({"media", "multipart", "resumable"})
_UPLOAD_TYPES: Final = _KNOWN_TYPES | {"", *Protocol}
_JSONL: Final = "jsonl"
"""What Google's guide to batches calls the type of a file of requests, and upstream takes."""


@dataclass(frozen=True)
class UploadRequest:
    """A validated announcement of a file; `size` in bytes, None if the client does not know it."""

    name: str | None
    display_name: str | None
    mime_type: str | None
    size: int | None


def protocol_of(headers: Mapping[str, str], query: Mapping[str, str]) -> Protocol:
    """Which upload protocol a request speaks. Raises StatusError for one that is not served."""
    named = headers.get("x-goog-upload-protocol") or query.get("upload_protocol") or ""
    upload_type = query.get("uploadType", "")
    if upload_type not in _UPLOAD_TYPES:
        raise StatusError(
            invalid_argument(
                f"uploadType is {upload_type[:40]!r}; it can be {', '.join(sorted(_KNOWN_TYPES))}.",
                "uploadType",
            )
        )
    if not named and upload_type == "resumable":
        raise StatusError(
            invalid_argument(
                "uploadType=resumable is not served here. Start the upload with the header "
                "X-Goog-Upload-Protocol: resumable, as the Google Gen AI SDKs do.",
                "uploadType",
            )
        )
    if not named and headers.get("x-goog-upload-command"):
        return Protocol.RESUMABLE
    spoken = named.strip().lower() or {"media": "raw", "": "raw"}.get(upload_type, upload_type)
    if not named and not upload_type and _is_multipart(headers):
        return Protocol.MULTIPART
    try:
        return Protocol(spoken)
    except ValueError:
        raise StatusError(
            invalid_argument(
                f"The upload protocol {spoken[:40]!r} is not known. Use resumable, multipart or "
                "raw.",
                "X-Goog-Upload-Protocol",
            )
        ) from None


def read_start(headers: Mapping[str, str], body: bytes) -> UploadRequest:
    """A resumable start (wire 3.1). `headers` have lower-case names. Raises StatusError."""
    require_start(headers)
    metadata = read_metadata(body)
    announced = announced_size(headers)
    if None not in {announced, metadata.size_bytes} and announced != metadata.size_bytes:
        raise StatusError(
            invalid_argument(
                f"The request announces two sizes: {announced} bytes in "
                f"X-Goog-Upload-Header-Content-Length and {metadata.size_bytes} in file.sizeBytes.",
                "file.sizeBytes",
            )
        )
    return _request(
        metadata,
        headers.get("x-goog-upload-header-content-type"),
        metadata.size_bytes if announced is None else announced,
    )


def require_start(headers: Mapping[str, str]) -> None:
    """Raises StatusError unless the command is `start`."""
    command = headers.get("x-goog-upload-command", "").strip().lower()
    if command != "start":
        raise StatusError(
            invalid_argument(
                f"X-Goog-Upload-Command is {command[:40]!r}; an upload begins with `start`, and "
                "its chunks go to the URL that the start answers in X-Goog-Upload-URL.",
                "X-Goog-Upload-Command",
            )
        )


def require_size(headers: Mapping[str, str], size: int) -> None:
    """Raises StatusError if a single-request upload announces other than the bytes it has."""
    announced = announced_size(headers)
    if announced not in {None, size}:
        raise StatusError(
            invalid_argument(
                f"X-Goog-Upload-Header-Content-Length says {announced} bytes, and {size} were "
                "sent.",
                "X-Goog-Upload-Header-Content-Length",
            )
        )


def whole_request(metadata: NewFile, content_type: str | None, size: int) -> UploadRequest:
    """A single-request upload: its metadata with the type and the size of its content."""
    if metadata.size_bytes not in {None, size}:
        raise StatusError(
            invalid_argument(
                f"file.sizeBytes says {metadata.size_bytes} bytes, and {size} were sent.",
                "file.sizeBytes",
            )
        )
    return _request(metadata, content_type, size)


def _request(metadata: NewFile, content_type: str | None, size: int | None) -> UploadRequest:
    mime_type = metadata.mime_type or content_type or None
    if mime_type not in {None, _JSONL} and not is_mime_type(mime_type):
        raise StatusError(
            invalid_argument(
                "* CreateFileRequest.file.mime_type: When provided, MIME type must be in a valid "
                "type/subtype format.",
                "file.mimeType",
            )
        )
    return UploadRequest(metadata.name or None, metadata.display_name, mime_type, size)


def announced_size(headers: Mapping[str, str]) -> int | None:
    """Bytes a start says will come, None if it does not say. Raises StatusError."""
    text = headers.get("x-goog-upload-header-content-length", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise StatusError(
            invalid_argument(
                f"X-Goog-Upload-Header-Content-Length is {text[:40]!r}; it must be the file's "
                "size in bytes, a whole number.",
                "X-Goog-Upload-Header-Content-Length",
            )
        )
    return int(text)


def is_mime_type(text: str) -> bool:
    """Whether a text has the form of a MIME type, parameters included."""
    kind, slash, rest = text.partition("/")
    return bool(kind and slash and rest) and text.isascii() and text.isprintable()


def _is_multipart(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("multipart/related")
