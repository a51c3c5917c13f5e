"""Files to upload: deterministic pseudo-random bytes, written once per session."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
CHUNK = 8 * MIB  # every SDK's chunk and upstream's granularity, bytes
LARGEST = 2048 * MIB  # upstream's limit for one file, bytes


@dataclass(frozen=True)
class Payload:
    """A file on disk and what is known of its bytes."""

    path: Path
    size: int
    sha256: str

    @property
    def wire_hash(self) -> str:
        """The hash as a File's `sha256Hash` carries it: base64 of the hexadecimal digits."""
        return base64.b64encode(self.sha256.encode()).decode()


class Payloads:
    """The session's files, by size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[int, Payload] = {}

    def of(self, size: int) -> Payload:
        """Return a text-named file of `size` bytes."""
        if size not in self._written:
            content = hashlib.shake_128(str(size).encode()).digest(size)
            path = self._folder / f"payload-{size}.txt"
            path.write_bytes(content)
            self._written[size] = Payload(path, size, hashlib.sha256(content).hexdigest())
        return self._written[size]

    def sparse(self, size: int) -> Path:
        """Return a file that announces `size` bytes and takes no room."""
        path = self._folder / f"sparse-{size}.txt"
        with path.open("wb") as file:
            file.truncate(size)
        return path


def hexadecimal(wire_hash: str) -> str:
    """Return the hexadecimal digits inside a File's `sha256Hash`."""
    return base64.b64decode(wire_hash).decode()
