"""Chunks: whether a chunk may pass to upstream, decided from its URL and headers alone.

A plain chunk needs no database: all that matters is in the seal. Only a chunk that ends the upload
writes, so that whoever looks next knows to ask upstream. What is refused here can never be mended
by sending it again; the rest (wrong offsets, granularity, sizes) is upstream's to answer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filegate.errors import Status, StatusError, invalid_argument
from filegate.instants import Instant, format_rfc3339
from filegate.names import VERSIONS
from filegate.records import CLOSING_LOOK, FileRecord, State, record_key
from filegate.seals import SealBroken, Sealer
from filegate.sessions import GRANULARITY, Session
from filegate.tenants import Credential, tenant_of_credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from filegate.ledger import Ledger

_UPLOAD: Final = frozenset({"upload"})
_UPLOAD_FINALIZE: Final = frozenset({"upload", "finalize"})
_FINALIZE: Final = frozenset({"finalize"})
_QUERY: Final = frozenset({"query"})
_CANCEL: Final = frozenset({"cancel"})
_COMMANDS: Final = frozenset({_UPLOAD, _UPLOAD_FINALIZE, _FINALIZE, _QUERY, _CANCEL})
_CLOSING: Final = frozenset({_UPLOAD_FINALIZE, _FINALIZE, _CANCEL})


class SessionRefused(Exception):
    """The session is forged, another tenant's, or unknown: one answer for all, no details."""


@dataclass(frozen=True)
class Chunk:
    """A chunk as its URL and headers describe it; None where the client sent nothing."""

    version: str
    sealed_session: str
    command: str | None
    offset: str | None
    credential: Credential
    to_store: bool = False
    """Whether it came on the chunk route of stores."""


@dataclass(frozen=True)
class Admission:
    """What may pass: the session, and the command and offset as upstream is to read them."""

    session: Session
    command: str
    offset: int | None


def admit(
    chunk: Chunk,
    sealer: Sealer,
    tokens: Sealer,
    ledger: "Callable[[], Ledger]",
    now: Instant,
) -> Admission:
    """What of a chunk may pass, and under which session; `tokens` seals browser tokens.

    `ledger` is asked for by a chunk that ends the upload, and by no other.
    Raises SessionRefused where the caller has no business with the session, StatusError where the
    chunk itself is wrong.
    """
    if chunk.version not in VERSIONS:
        raise SessionRefused
    try:
        session = Session.open(chunk.sealed_session, sealer)
    except SealBroken:
        raise SessionRefused from None
    # Upstream keeps store uploads under another path, where a file's session means nothing.
    if chunk.to_store is (session.store is None):
        raise SessionRefused
    # Python sends no key with chunks, JS and Go do (wire 3.4). The URL is the credential; a key or
    # token that comes along must not be another tenant's. A token that has expired meanwhile is
    # good enough: it was good at the start, and the session has an end of its own.
    key = chunk.credential.key
    if key and tenant_of_credential(key, tokens) != session.tenant:
        raise SessionRefused
    if not session.admits(chunk.credential.origin):
        raise SessionRefused
    if now >= session.expires_at:
        raise StatusError(_session_expired(session))
    command = _read_command(chunk.command)
    offset = _read_offset(chunk.offset, command, session)
    if command in _CLOSING:
        _mark_closing(session, chunk.sealed_session, ledger(), now)
    return Admission(session, ", ".join(sorted(command, reverse=True)), offset)


def _read_command(text: str | None) -> frozenset[str]:
    command = frozenset(word.strip().lower() for word in (text or "").split(","))
    if command not in _COMMANDS:
        raise StatusError(
            invalid_argument(
                "X-Goog-Upload-Command must be upload, finalize, query or cancel, or upload and "
                "finalize together."
            )
        )
    return command


def _read_offset(text: str | None, command: frozenset[str], session: Session) -> int | None:
    if "upload" not in command:
        return None
    if not (text and text.isascii() and text.isdigit() and len(text) < 20):
        raise StatusError(
            invalid_argument(
                "X-Goog-Upload-Offset must be the number of bytes sent before this chunk."
            )
        )
    offset = int(text)
    least_end = offset + GRANULARITY if command == _UPLOAD else offset
    if least_end > session.reserved:
        raise StatusError(
            invalid_argument(
                f"A chunk at X-Goog-Upload-Offset {offset} goes past the {session.reserved} bytes "
                "this upload has reserved. Start a new upload that announces the file's real size."
            )
        )
    if command == _UPLOAD and offset % GRANULARITY:
        raise StatusError(
            invalid_argument(
                f"X-Goog-Upload-Offset is {offset}; every chunk but the last is a multiple of "
                f"{GRANULARITY} bytes, and so is the offset of the next."
            )
        )
    return offset


def _mark_closing(session: Session, sealed: str, ledger: "Ledger", now: Instant) -> None:
    from filegate.ledger import RecordChanged  # noqa: PLC0415 - a cold start's plain chunk has no use

    try:
        ledger.mark_closing(
            record_key(session.tenant, session.file_id, session.store),
            session.reservation,
            sealed,
            now,
            now + CLOSING_LOOK,
        )
    except RecordChanged as change:
        if not _answers_again(change.current, session):
            raise StatusError(_SESSION_ENDED) from None


def _answers_again(current: FileRecord | None, session: Session) -> bool:
    """Whether upstream may be asked again: the upload has ended there, and stays as it ended."""
    if current is None:
        # A document's record goes with its settlement. If it was abandoned before the session
        # expired, upstream had ended the upload: either way no byte can be stored any more.
        return session.store is not None
    return current.state is State.STORED and current.reservation == session.reservation


_SESSION_ENDED: Final = Status(
    400,
    "FAILED_PRECONDITION",
    "Upload has already been terminated. Start a new upload.",
)


def _session_expired(session: Session) -> Status:
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The upload session expired at {format_rfc3339(session.expires_at)} and its bytes are "
        "free again. Start a new upload.",
    )
