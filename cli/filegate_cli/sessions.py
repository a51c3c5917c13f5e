"""Upload sessions: the resumable protocol, spoken by hand so that an upload can be gone on with.

Start, chunks, `query` and `cancel` as the Google Gen AI SDKs and Google's upload servers have them
(/upload/…/files; commands in X-Goog-Upload-Command). The session's URL is all it takes to go on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from filegate_cli.client import Client
from filegate_cli.output import Resource
from filegate_cli.problems import Problem

if TYPE_CHECKING:
    import httpx

GRANULARITY: Final = 8_388_608
"""Bytes of every chunk but the last, as the gateway and Google want it."""

_START_PATH: Final = "/upload/v1/files"
_SLICE: Final = 262_144
"""Bytes that are read and sent at once; progress moves in steps of it."""
_OUT_OF_STEP: Final = frozenset({409, 412, 416})


@dataclass(frozen=True)
class Announcement:
    """What a start says of a file; `size` in bytes."""

    size: int
    mime_type: str
    file_name: str
    display_name: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Standing:
    """What a session says of itself: bytes `received`, and the file once that is whole."""

    received: int
    file: Resource | None = None


class Interrupted(Exception):
    """No answer came, or none that ends anything: the session may be asked and gone on with."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem: Final = problem


class Ended(Exception):
    """The session is cancelled, expired, unknown or refused: nothing can be added to it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem: Final = problem


class UploadSession:
    """An upload that has begun, known by its URL alone. No key is sent with it."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self.url: Final = url

    @classmethod
    def start(cls, client: Client, announced: Announcement) -> "UploadSession":
        """Announce a file. Raises Problem, with the gateway's reason where it refuses."""
        metadata: dict[str, Any] = {
            "mimeType": announced.mime_type,
            "sizeBytes": str(announced.size),
            "displayName": announced.display_name,
            "name": announced.name,
        }
        answer = client.send(
            "POST",
            _START_PATH,
            {"file": {name: value for name, value in metadata.items() if value is not None}},
            headers={
                "x-goog-upload-protocol": "resumable",
                "x-goog-upload-command": "start",
                "x-goog-upload-header-content-length": str(announced.size),
                "x-goog-upload-header-content-type": announced.mime_type,
                "x-goog-upload-file-name": announced.file_name.encode("ascii", "replace").decode(),
            },
        )
        url = answer.headers.get("x-goog-upload-url")
        if not url:
            raise Problem(
                f"{client.url} took the start of the upload and named no URL to send it to.",
                "Are --url or FILEGATE_URL the gateway's base URL, with its stage if it has one?",
            )
        return cls(client, url)

    def query(self) -> Standing:
        """Ask how much came in. Raises Interrupted and Ended."""
        return self._command("query", {}, b"")

    def cancel(self) -> None:
        """Give the upload up, so that its bytes are free again. Raises Interrupted."""
        try:
            self._command("cancel", {}, b"")
        except Ended:
            return

    def send(
        self, source: BinaryIO, offset: int, length: int, sent: Callable[[int], None], *, last: bool
    ) -> Standing:
        """Send `length` bytes of a file from `offset` on; `last` ends the upload.

        `sent` hears of bytes as they go, and stops it by raising. Raises Interrupted, Ended, and
        Problem if the file has become shorter.
        """
        headers = {"x-goog-upload-offset": str(offset), "content-length": str(length)}
        content = _slices(source, offset, length, sent)
        standing = self._command("upload, finalize" if last else "upload", headers, content)
        if standing.file is None and last:
            # Upstream has the bytes and not yet the file; `query` tells when it has.
            raise Interrupted(Problem("The upload's last chunk was taken, but it is not whole."))
        return standing if last else Standing(offset + length)

    def _command(
        self, command: str, headers: dict[str, str], content: bytes | Iterator[bytes]
    ) -> Standing:
        import httpx  # noqa: PLC0415 - a third of the time that `--help` would take

        try:
            answer = self._client.http.post(
                self.url,
                headers={**headers, "x-goog-upload-command": command},
                content=content,
                timeout=httpx.Timeout(120, connect=10),
            )
        except httpx.HTTPError as error:
            raise Interrupted(self._client.unreachable(error)) from None
        return self._standing(answer)

    def _standing(self, answer: "httpx.Response") -> Standing:
        said = answer.headers.get("x-goog-upload-status", "")
        received = answer.headers.get("x-goog-upload-size-received", "")
        if answer.is_success and said == "active":
            return Standing(int(received) if received.isdigit() else 0)
        if answer.is_success and said == "final":
            file = self._client.read(answer).get("file")
            if isinstance(file, dict):
                return Standing(int(file.get("sizeBytes") or 0), file)
        if answer.is_success and said == "cancelled":
            raise Ended(Problem("The upload was cancelled."))
        problem = self._client.refusal(answer)
        code = answer.status_code
        if code >= 500 or code == 429 or code in _OUT_OF_STEP or said == "active":
            raise Interrupted(problem)
        raise Ended(problem)


def _slices(
    source: BinaryIO, offset: int, length: int, sent: Callable[[int], None]
) -> Iterator[bytes]:
    source.seek(offset)
    left = length
    while left:
        part = source.read(min(_SLICE, left))
        if not part:
            raise Problem(
                "The file became shorter while it was uploaded.",
                "Run the command again when nothing writes to the file any more.",
            )
        yield part
        left -= len(part)
        sent(len(part))
