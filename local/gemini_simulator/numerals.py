"""Whole numbers in headers and queries."""

from __future__ import annotations

_INT64_DIGITS = 19


def natural(text: str) -> int | None:
    """The number written in at most 19 plain digits, or None for any other text."""
    if len(text) > _INT64_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
