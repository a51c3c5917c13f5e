"""Stands in for IPython's display: what would be shown is printed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Markdown:
    """Text that a notebook renders."""

    data: str

    def __repr__(self) -> str:
        """Return the text as it stands."""
        return self.data


class Image:
    """A picture that a notebook shows; it has to be there."""

    def __init__(self, filename: str) -> None:
        self._filename = filename
        self._size = Path(filename).stat().st_size

    def __repr__(self) -> str:
        """Return what it is and how large."""
        return f"<{self._filename}: {self._size} bytes>"


def display(shown: object) -> None:
    """Print what a notebook would show."""
    sys.stdout.write(f"{shown!r}\n")
