"""Token requests: what a backend asks a token to allow, and the token it gets."""

import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from filegate.errors import (
    StatusError,
    invalid_argument,
    origin_refused,
    scope_missing,
    token_cannot,
)
from filegate.instants import HOUR, MINUTE, SECOND, Instant, format_rfc3339
from filegate.tenants import ALL_SCOPES, FILES_WRITE, STORES, Caller, Credential, key_sha256
from filegate.tokens import ANY_COUNT, Token
from filegate.wire import ByteCount, Text, WireModel, read_message

LONGEST: Final = HOUR
"""The most a token may last, milliseconds: longer than a page is open, shorter than a leak is."""
USUAL: Final = 10 * MINUTE

_SECONDS: Final = re.compile(r"([1-9]\d{0,5})s")
_MIME_PATTERN: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/(?:\*|[a-z0-9!#$&^_.+-]{1,127})"
)
_HOST: Final = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LONGEST_ORIGIN: Final = 512


def read_origin(text: str) -> str:
    """An origin as browsers send it. Raises ValueError.

    That is scheme, host in lower case, and a port unless it is the scheme's own (RFC 6454 6.2).
    """
    # Before it is parsed: urlsplit takes time by the square of a host's accents.
    readable = text.isascii() and len(text) <= _LONGEST_ORIGIN
    try:
        parts = urlsplit(text if readable else "")
        port = parts.port
    except ValueError:
        raise ValueError("must be an origin, as in https://app.example.com") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "")
    usual = _DEFAULT_PORTS.get(parts.scheme)
    origin = f"{parts.scheme}://{host}"
    if port is not None and port != usual:
        origin += f":{port}"
    spelled = {origin, f"{origin}:{usual}"}
    if usual is None or not _HOST.fullmatch(host) or text.lower() not in spelled:
        raise ValueError("must be an origin, as in https://app.example.com")
    return origin


def _pattern(text: str) -> str:
    if not _MIME_PATTERN.fullmatch(text.lower()):
        raise ValueError("must be a MIME type, as in video/mp4, or all of a type, as in video/*")
    return text.lower()


def _lasts(value: object) -> object:
    match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) * SECOND > LONGEST:
        raise ValueError(f"must be seconds, from 1s to {LONGEST // SECOND}s")
    return int(match[1]) * SECOND


class TokenRequest(WireModel):
    """The body of `POST /v1/tokens`. What is not known is refused: it may be meant as a limit."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[
        tuple[Annotated[str, WithJsonSchema({"type": "string", "enum": list(ALL_SCOPES)})], ...],
        Field(min_length=1),
    ] = (FILES_WRITE,)
    byte_budget: ByteCount = 0
    file_count: Annotated[int, Field(ge=1, le=ANY_COUNT, strict=True)] = ANY_COUNT
    mime_types: Annotated[
        tuple[Annotated[Text, AfterValidator(_pattern)], ...], Field(max_length=20)
    ] = ()
    origin: Annotated[Text, AfterValidator(read_origin)] | None = None
    ttl: Annotated[
        int,
        BeforeValidator(_lasts),
        WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,5}s$"}),
        Field(json_schema_extra={"default": f"{USUAL // SECOND}s"}),
    ] = USUAL


def read_token_request(body: bytes) -> TokenRequest:
    """The body of a request for a token. Raises StatusError."""
    return read_message(body, TokenRequest)


def mint(caller: Caller, made_with: Credential, wanted: TokenRequest, now: Instant) -> Token:
    """A token that allows what is wanted, of the caller behind a credential. Raises StatusError."""
    tenant = caller.tenant
    if tenant.token is not None:
        raise StatusError(token_cannot("make tokens"))
    for scope in wanted.scopes:
        if scope not in ALL_SCOPES:
            known = ", ".join(ALL_SCOPES)
            message = f"The scope {scope[:40]!r} is not known. Known ones: {known}."
            raise StatusError(invalid_argument(message, "scopes"))
        if scope not in caller.scopes:
            raise StatusError(scope_missing(scope))
    if not wanted.byte_budget and {FILES_WRITE, STORES} & set(wanted.scopes):
        message = "A token that may upload needs a byteBudget: the bytes it may upload in all."
        raise StatusError(invalid_argument(message, "byteBudget"))
    allowed = tenant.limits.allowed_origins
    if wanted.origin is not None and allowed and wanted.origin not in allowed:
        raise StatusError(origin_refused(wanted.origin))
    return Token(
        id=uuid4().hex,
        tenant=tenant.id,
        key_sha256=key_sha256(made_with.key or ""),
        scopes=tuple(dict.fromkeys(wanted.scopes)),
        byte_budget=wanted.byte_budget,
        file_count=wanted.file_count,
        mime_types=tuple(dict.fromkeys(wanted.mime_types)),
        origin=wanted.origin,
        expires_at=now + wanted.ttl,
    )


def answer_of(token: Token, text: str) -> dict[str, Any]:
    """What a backend gets: the token's text, and what it allows; absent is without limit."""
    answer: dict[str, Any] = {
        "token": text,
        "expireTime": format_rfc3339(token.expires_at),
        "scopes": list(token.scopes),
        "byteBudget": token.byte_budget,
    }
    if token.file_count != ANY_COUNT:
        answer["fileCount"] = token.file_count
    if token.mime_types:
        answer["mimeTypes"] = list(token.mime_types)
    if token.origin is not None:
        answer["origin"] = token.origin
    return answer
