"""The files that the samples presume, of the kind and size of the originals, made here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

JETPACK_BYTES = 357_556
"""The quickstart shows curl fetching 349 KiB."""

SOURCES = 200
"""Files of the code base that the quickstart puts into one prompt."""

_POEM = b"""Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?
"""


@dataclass(frozen=True)
class Media:
    """`folder` is the samples' `media`; `downloads` is what their curl and git come back with."""

    folder: Path
    downloads: Path

    @property
    def poem(self) -> Path:
        """The file that the samples of the reference upload."""
        return self.folder / "poem.txt"

    @property
    def jetpack(self) -> Path:
        """The picture that the quickstart downloads."""
        return self.downloads / "jetpack.jpg"

    @property
    def guidelines(self) -> Path:
        """The Markdown file that the quickstart downloads."""
        return self.downloads / "CONTRIBUTING.md"

    @property
    def code_base(self) -> Path:
        """The repository that the quickstart clones."""
        return self.downloads / "python-genai"


def make_media(folder: Path) -> Media:
    """Write all of it below `folder`."""
    media = Media(folder / "media", folder / "downloads")
    media.folder.mkdir()
    media.downloads.mkdir()
    media.poem.write_bytes(_POEM)
    noise = hashlib.shake_128(b"jetpack").digest(JETPACK_BYTES - 4)
    media.jetpack.write_bytes(b"\xff\xd8" + noise + b"\xff\xd9")
    media.guidelines.write_text("# Contributing\n\nFile an issue before you start writing.\n" * 40)
    _write_code_base(media.code_base)
    return media


def _write_code_base(folder: Path) -> None:
    """200 small source files, and beside them what the sample leaves out."""
    for number in range(SOURCES):
        path = folder / "google" / f"part{number // 20}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""Module {number}."""\n\nNUMBER = {number}\n')
    for left_out in ("google/tests/test_client.py", "README.md"):
        path = folder / left_out
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# left out\n")
