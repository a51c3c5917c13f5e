"""Progress of long work, on stderr: bars for people, lines for logs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from filegate_cli.output import is_for_people
from filegate_cli.quantities import show_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def counting(title: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows a number that changes while something goes on."""
    if not is_for_people(sys.stderr):
        shown: list[int] = []

        def write(count: int) -> None:
            if shown[-1:] != [count]:
                shown[:] = [count]
                sys.stderr.write(f"{title}: {count} {unit}\n")
                sys.stderr.flush()

        yield write
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is somebody to see it

    with Console(stderr=True).status(f"{title} …") as status:
        yield lambda count: status.update(f"{title}: {count} {unit}")


class Meter(Protocol):
    """Shows how far one upload has come. Used from one thread."""

    def at(self, sent: int) -> None:
        """So many bytes are there."""

    def say(self, text: str) -> None:
        """Something worth knowing happened to it."""

    def close(self) -> None:
        """It is over."""


class Meters(Protocol):
    """Shows how far many uploads have come. Safe for many threads."""

    def meter(self, title: str, size: int) -> Meter:
        """A meter for one more upload, of `size` bytes."""

    def finished(self) -> None:
        """One more is over."""


@contextmanager
def metering(files: int) -> Iterator[Meters]:
    """Shows the uploads of so many files while they go on."""
    if not is_for_people(sys.stderr):
        yield _Lines()
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is somebody to see it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress, files)


class _Bars:
    """A bar for each upload that is going on, for people."""

    def __init__(self, progress: "Progress", files: int) -> None:
        self._progress = progress
        self._files = files
        self._over = 0

    def meter(self, title: str, size: int) -> Meter:
        return _Bar(self._progress, title, size)

    def finished(self) -> None:
        self._over += 1
        if self._files > 1:
            self._progress.console.print(f"{self._over} of {self._files} files", style="dim")


class _Bar:
    def __init__(self, progress: "Progress", title: str, size: int) -> None:
        self._progress = progress
        self._title = title
        self._task: TaskID = progress.add_task(title, total=size or 1)

    def at(self, sent: int) -> None:
        self._progress.update(self._task, completed=sent)

    def say(self, text: str) -> None:
        self._progress.console.print(f"{self._title}: {text}", markup=False, highlight=False)

    def close(self) -> None:
        self._progress.remove_task(self._task)


class _Lines:
    """A line for what is worth one, for logs."""

    def meter(self, title: str, size: int) -> Meter:
        return _Line(title, size)

    def finished(self) -> None:
        return


class _Line:
    """Says each quarter of an upload."""

    def __init__(self, title: str, size: int) -> None:
        self._title = title
        self._size = size
        self._quarter = 0

    def at(self, sent: int) -> None:
        quarter = 4 * sent // self._size if self._size else 4
        if quarter > self._quarter:
            self.say(f"{25 * quarter} % of {show_size(self._size)}")
        self._quarter = quarter

    def say(self, text: str) -> None:
        sys.stderr.write(f"{self._title}: {text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        return
