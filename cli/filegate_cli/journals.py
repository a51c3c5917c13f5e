"""Journals: what is kept of an upload under way, so that the next run of the command goes on.

One small file for each upload, for its owner's eyes only: a session's URL is a capability. It is
locked while a command works on it, and gone once the upload is whole.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TextIO

from filegate_cli.problems import Problem

if sys.platform != "win32":
    import fcntl

_SUFFIX: Final = ".upload.json"


@dataclass(frozen=True)
class Begun:
    """An upload under way: its session's URL, and the file as it was when it began.

    `size` in bytes, `changed_at` in nanoseconds of the file system's clock.
    """

    url: str
    path: str
    size: int
    changed_at: int
    announced: str
    """What the start said of it besides: type, name, display name."""

    def is_of(self, other: "Begun") -> bool:
        """Whether both are of one file that has not changed since, announced alike."""
        return (self.path, self.size, self.changed_at, self.announced) == (
            other.path,
            other.size,
            other.changed_at,
            other.announced,
        )


class Journal:
    """The journal of one upload, open and locked."""

    def __init__(self, path: Path, text: TextIO) -> None:
        self._path = path
        self._text = text

    def read(self) -> Begun | None:
        """What was written, None where there is nothing that can be gone on with."""
        self._text.seek(0)
        try:
            return Begun(**json.loads(self._text.read()))
        except (ValueError, TypeError):
            return None

    def write(self, begun: Begun) -> None:
        """Keep an upload that has begun, on the disk before its first byte is sent."""
        self._text.seek(0)
        self._text.truncate()
        self._text.write(json.dumps(asdict(begun)))
        self._text.flush()
        os.fsync(self._text.fileno())

    def drop(self) -> None:
        """Forget it: the upload is whole, or nothing can be added to it."""
        self._path.unlink(missing_ok=True)


def default_directory() -> Path:
    """Where journals are unless told otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "filegate" / "uploads"


@contextmanager
def opened_journal(directory: Path, gateway: str, owner: str, path: Path) -> Iterator[Journal]:
    """The journal of a file's upload to a gateway as somebody. Raises Problem if it is in use."""
    name = hashlib.sha256(f"{gateway}\n{owner}\n{path}".encode()).hexdigest()[:32] + _SUFFIX
    where = directory / name
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = os.fdopen(os.open(where, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise Problem(
            f"{directory} cannot keep what it takes to go on with an upload: {error.strerror}.",
            "Name a directory that can be written to with --state.",
        ) from None
    with text:
        _lock(text, path)
        yield Journal(where, text)


def _lock(text: TextIO, path: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(text, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Problem(
            f"{path} is being uploaded by another `filegate upload` right now.",
            "Wait for it to end; two would only get in each other's way.",
        ) from None
