"""Quantities as people write and read them: sizes in bytes, spans of time, numbers, moments."""

import re
from datetime import UTC, datetime
from typing import Final

import typer

_UNITS: Final[dict[str, int]] = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"(\d{1,9})([smhd])", re.IGNORECASE | re.ASCII)


def read_size(text: str) -> int:
    """Bytes of a size such as `500MB`, `2GiB` or `1048576`. Raises BadParameter."""
    match = _SIZE.fullmatch(text.strip())
    factor = None if match is None else _UNITS.get(match[3].lower())
    if match is None or factor is None:
        raise typer.BadParameter(
            f"{text!r} is no size. Write bytes, as 1048576, or a number with a unit: KB, MB, GB, "
            "TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024)."
        )
    fraction = match[2] or ""
    scaled = int(match[1] + fraction) * factor
    parts: int = 10 ** len(fraction)
    whole, rest = divmod(scaled, parts)
    if rest:
        raise typer.BadParameter(f"{text!r} is no whole number of bytes.")
    return whole


def read_span(text: str) -> str:
    """A span such as `90s`, `30m`, `24h` or `7d` as the API spells it: `86400s`.

    Raises BadParameter.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no span of time. Write it as 90s, 30m, 24h or 7d.")
    return f"{int(match[1]) * _SECONDS[match[2].lower()]}s"


def read_count(text: str) -> int:
    """A whole number that is not negative. Raises BadParameter."""
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit() and len(stripped) < 16):
        raise typer.BadParameter(f"{text!r} is no whole number.")
    return int(stripped)


def read_moment(text: str) -> datetime:
    """A date, or an RFC 3339 time; one without a zone is UTC. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no date and no time. Write 2026-11-01 or 2026-11-01T06:00:00Z."
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def write_moment(moment: datetime) -> str:
    """A moment in RFC 3339, as the API takes it; to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_size(size: object) -> str:
    """A size in bytes for people: `20.0 GiB`, and small ones to the byte."""
    if isinstance(size, bool) or not isinstance(size, int | str):
        return ""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def show_span(span: object) -> str:
    """A span as the API spells it (`86400s`), for people: `1d`."""
    if not isinstance(span, str) or not span.removesuffix("s").isdigit():
        return ""
    seconds = int(span.removesuffix("s"))
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def show_moment(moment: object) -> str:
    """An RFC 3339 time without fractions of a second, for people."""
    return re.sub(r"\.\d+(?=Z|[+-])", "", moment) if isinstance(moment, str) else ""


def show_date(moment: object) -> str:
    """The date of an RFC 3339 time, where a table has no room for more."""
    return moment[:10] if isinstance(moment, str) else ""
