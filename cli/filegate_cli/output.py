"""Output: JSON for programs, tables for people, and nothing of one in the other.

Stdout has what was asked for. What a person likes to know besides goes to stderr.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

Resource = Mapping[str, Any]
"""A JSON object as the API answers it."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and how to read its text out of a resource."""

    title: str
    read: Callable[[Resource], str]
    right: bool = False


def text_of(*path: str) -> Callable[[Resource], str]:
    """Reads the text at a path of a resource; empty where there is none."""

    def read(resource: Resource) -> str:
        found: Any = resource
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, bool):
            return "yes" if found else "no"
        if isinstance(found, list | tuple):
            return " ".join(str(one) for one in found)
        return "" if found is None else str(found)

    return read


def is_for_people(stream: TextIO) -> bool:
    """Whether colours, bars and boxes are welcome: on a terminal, unless NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


class Output:
    """Writes what a command found."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json: Final = as_json

    def one(self, resource: Resource, rows: Sequence[Column]) -> None:
        """One resource: a JSON document, or a line for each thing to know of it."""
        if self.as_json:
            self.line(resource)
            return
        pairs = [(row.title, _visible(row.read(resource))) for row in rows]
        pairs = [(title, text) for title, text in pairs if text]
        if is_for_people(sys.stdout):
            _rich_pairs(pairs)
            return
        width = max((len(title) for title, _ in pairs), default=0)
        for title, text in pairs:
            self.text(f"{title:<{width}}  {text}")

    def many(self, resources: Iterable[Resource], columns: Sequence[Column], nothing: str) -> None:
        """Many resources: a line of JSON for each as it comes, or a table, or a word of nothing."""
        if self.as_json:
            for resource in resources:
                self.line(resource)
            return
        rows = [[_visible(column.read(one)) for column in columns] for one in resources]
        if not rows:
            self.note(nothing)
        elif is_for_people(sys.stdout):
            _rich_table(columns, rows)
        else:
            _plain_table(columns, rows)

    def line(self, resource: Resource) -> None:
        """A line of JSON, at once."""
        sys.stdout.write(json.dumps(resource, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def text(self, text: str) -> None:
        """A line of text, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line for the person at the terminal; programs that read stdout never see it."""
        sys.stderr.write(_visible(text) + "\n")
        sys.stderr.flush()


def complain(sentence: str, advice: str) -> None:
    """Say on stderr what was wrong and what to do."""
    if is_for_people(sys.stderr):
        from rich.console import Console  # noqa: PLC0415 - only where there is somebody to see it
        from rich.text import Text  # noqa: PLC0415

        text = Text.assemble(("filegate: ", "bold red"), _visible(sentence))
        if advice:
            text.append(f"\n{_visible(advice)}", style="dim")
        Console(stderr=True).print(text, soft_wrap=True)
        return
    sys.stderr.write(f"filegate: {_visible(sentence)}\n")
    if advice:
        sys.stderr.write(f"{_visible(advice)}\n")


def _visible(text: str) -> str:
    """A text without anything that could command a terminal."""
    return "".join(one if one.isprintable() or one == "\n" else "�" for one in text)


def _plain_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.title.upper() for column in columns], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.flush()


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich import box  # noqa: PLC0415 - only where there is somebody to see it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold cyan", pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)


def _rich_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where there is somebody to see it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    for title, text in pairs:
        table.add_row(Text(title, style="bold cyan"), Text(text, style=_STYLES.get(text, "")))
    Console().print(table)


_STYLES: Final = {
    "ACTIVE": "green",
    "ok": "green",
    "uploaded": "green",
    "PROCESSING": "yellow",
    "SUSPENDED": "yellow",
    "draining": "yellow",
    "left out": "yellow",
    "DELETING": "red",
    "FAILED": "red",
    "failed": "red",
    "REVOKED": "red",
    "EXPIRED": "red",
    "lost": "red",
}
"""Colours of states: the same word has the same colour in every table."""
