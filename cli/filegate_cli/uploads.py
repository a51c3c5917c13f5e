"""`filegate upload`: many files at once, each gone on with where an earlier run was broken off."""

import hashlib
import mimetypes
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from filegate_cli.client import Client
from filegate_cli.commands import Call, as_tenant
from filegate_cli.journals import Begun, Journal, default_directory, opened_journal
from filegate_cli.output import Column, Resource, complain, text_of
from filegate_cli.problems import Misuse, Problem, Unfinished
from filegate_cli.progress import Meter, Meters, metering
from filegate_cli.quantities import show_moment, show_size
from filegate_cli.sessions import (
    GRANULARITY,
    Announcement,
    Ended,
    Interrupted,
    Standing,
    UploadSession,
)

_TRIES: Final = 6
"""Times that a session is asked and gone on with before a file is given up for now."""
_PATIENCE: Final = 8.0
_TYPES: Final = {".jsonl": "application/jsonl", ".md": "text/markdown", ".webp": "image/webp"}
"""Types of names that Python's own table does not have everywhere."""
_UNKNOWN_TYPE: Final = "application/octet-stream"

_GOES_ON: Final = "Run the same command again: what is not whole goes on where it stands."

_COLUMNS: Final = (
    Column("File", text_of("path")),
    Column("Status", text_of("status")),
    Column("Name", text_of("file", "name")),
    Column("State", text_of("file", "state")),
    Column("Size", lambda one: show_size((one.get("file") or {}).get("sizeBytes")), right=True),
    Column("Expires", lambda one: show_moment((one.get("file") or {}).get("expirationTime"))),
)


@as_tenant
def upload(
    call: Call,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES...",
            help="Files to upload.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
        ),
    ],
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Files at once.")] = 4,
    mime_type: Annotated[
        str | None, typer.Option(help="Type of all of them. Default: by each one's name.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name it shall have, as files/my-talk; for one file only."),
    ] = None,
    display_name: Annotated[
        str | None, typer.Option(help="Display name. Default: the file's own name.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Directory for what it takes to go on later. Default: ~/.cache/filegate/uploads."
        ),
    ] = None,
) -> None:
    """Upload files. Run the same command again after an interruption: it goes on.

    What is known of an upload under way is kept until it is whole. The next run asks the gateway
    how much came in and sends the rest; a file that has changed meanwhile begins anew. Exit code 1
    if any file failed; the others are uploaded all the same.

    Examples:

      filegate upload talk.mp4

      filegate upload *.pdf --parallel 8 --json | jq -r .file.uri

      filegate upload talk.mp4 --name files/my-talk --display-name "My talk"
    """
    unique = list({path.resolve(): path for path in paths}.values())
    if name is not None and len(unique) > 1:
        raise Misuse(
            f"--name is for one file, and {len(unique)} were given.",
            "Leave it away, or upload them one by one.",
        )
    wanted = _Wanted(mime_type, name, display_name)
    directory = default_directory() if state is None else state
    results: list[_Result] = []
    try:
        with metering(len(unique)) as meters:
            uploads = _Uploads(call.client, call.connection.key or "", wanted, directory, meters)
            for result in uploads.run(unique, parallel):
                results.append(result)
                if call.output.as_json:
                    call.output.line(result.json())
    except KeyboardInterrupt:
        raise Problem("Interrupted.", _GOES_ON) from None
    if not call.output.as_json:
        results.sort(key=lambda result: unique.index(result.path))
        _show(call, results)
    problems = [result.problem for result in results if result.problem is not None]
    if problems:
        kept = any(isinstance(problem, Unfinished) for problem in problems)
        raise Problem(
            f"{len(problems)} of {len(results)} files failed."
            if len(results) > 1
            else "The file was not uploaded.",
            _GOES_ON if kept else "",
        )


@dataclass(frozen=True)
class _Wanted:
    """What the options say of the files."""

    mime_type: str | None
    name: str | None
    display_name: str | None

    def announce(self, path: Path, size: int) -> Announcement:
        """What a start says of a file."""
        guessed = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
        return Announcement(
            size=size,
            mime_type=self.mime_type or guessed or _UNKNOWN_TYPE,
            file_name=path.name,
            display_name=path.name if self.display_name is None else self.display_name,
            name=self.name,
        )


@dataclass(frozen=True)
class _Result:
    """What became of one file; `resumed_at` in bytes, None if it was begun anew."""

    path: Path
    resumed_at: int | None = None
    file: Resource | None = None
    problem: Problem | None = None

    def json(self) -> Resource:
        """As a line of JSON."""
        line: dict[str, Any] = {
            "path": str(self.path),
            "status": "uploaded" if self.problem is None else "failed",
        }
        if self.resumed_at is not None:
            line["resumedAt"] = self.resumed_at
        if self.file is not None:
            line["file"] = self.file
        if self.problem is not None:
            line["error"] = {"message": self.problem.sentence, "advice": self.problem.advice}
        return line


class _Stopped(Exception):
    """The person at the keyboard wants it to end."""


class _Uploads:
    """Uploads files, several at once."""

    def __init__(
        self, client: Client, key: str, wanted: _Wanted, directory: Path, meters: Meters
    ) -> None:
        self._client = client
        self._owner = _owner(key)
        self._wanted = wanted
        self._directory = directory
        self._meters = meters
        self._stop = threading.Event()

    def run(self, paths: Sequence[Path], parallel: int) -> Iterator[_Result]:
        """Upload files and tell of each as it is over."""
        with ThreadPoolExecutor(parallel) as pool:
            try:
                pending: set[Future[_Result]] = {pool.submit(self._one, path) for path in paths}
                while pending:
                    over, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in over:
                        yield future.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, path: Path) -> _Result:
        try:
            with path.open("rb") as source:
                return self._read(path, source)
        except OSError as error:
            return _Result(path, problem=Problem(f"{path} cannot be read: {error.strerror}."))
        except Problem as problem:
            return _Result(path, problem=problem)
        finally:
            self._meters.finished()

    def _read(self, path: Path, source: BinaryIO) -> _Result:
        where = path.resolve()
        with opened_journal(self._directory, self._client.url, self._owner, where) as journal:
            transfer = _Transfer(self._client, self._wanted, journal, source, where)
            meter = self._meters.meter(path.name, transfer.size)
            try:
                file = transfer.run(meter, self._stop)
            finally:
                meter.close()
            return _Result(path, transfer.resumed_at, file)


class _Transfer:
    """One file on its way. `resumed_at` is how much of it was there, None if it began anew."""

    def __init__(
        self, client: Client, wanted: _Wanted, journal: Journal, source: BinaryIO, path: Path
    ) -> None:
        status = os.fstat(source.fileno())
        self._client = client
        self._journal = journal
        self._source = source
        self._announced = wanted.announce(path, status.st_size)
        self._file = Begun("", str(path), status.st_size, status.st_mtime_ns, repr(self._announced))
        self.size: Final = status.st_size
        self.resumed_at: int | None = None

    def run(self, meter: Meter, stop: threading.Event) -> Resource:
        """Upload it; the file as the gateway has it. Raises Problem, and _Stopped on request."""
        session = self._begun_before()
        before = session is not None
        standing: Standing | None = None
        failures = 0
        while True:
            try:
                if session is None:
                    session, standing = self._begin(), Standing(0)
                elif standing is None:
                    standing = self._ask(session, meter, before=before)
                elif standing.file is not None:
                    self._journal.drop()
                    return standing.file
                else:
                    standing = self._send(session, standing.received, meter, stop)
                    before, failures = False, 0
            except Ended as end:
                self._journal.drop()
                if not before:
                    raise end.problem from None
                meter.say(f"begins anew: {end.problem.sentence}")
                session, before, self.resumed_at = None, False, None
            except Interrupted as interruption:
                failures += 1
                if failures == _TRIES:
                    problem = interruption.problem
                    raise Unfinished(problem.sentence, problem.advice) from None
                meter.say(f"was interrupted: {interruption.problem.sentence}")
                stop.wait(min(_PATIENCE, 0.25 * 2.0**failures))
                standing = None

    def _begun_before(self) -> UploadSession | None:
        """The session of an earlier run, if it was for this very file."""
        begun = self._journal.read()
        if begun is None:
            return None
        session = UploadSession(self._client, begun.url)
        if begun.is_of(self._file):
            return session
        # Its bytes are free at once, instead of when the session expires.
        with suppress(Interrupted):
            session.cancel()
        return None

    def _begin(self) -> UploadSession:
        try:
            session = UploadSession.start(self._client, self._announced)
        except Problem:
            self._journal.drop()
            raise
        self._journal.write(replace(self._file, url=session.url))
        return session

    def _ask(self, session: UploadSession, meter: Meter, *, before: bool) -> Standing:
        standing = session.query()
        received = standing.received
        if standing.file is None and received % GRANULARITY and received != self.size:
            # Neither the gateway nor Google takes a chunk that begins in the middle of one.
            with suppress(Interrupted):
                session.cancel()
            raise Ended(Problem(f"{received} bytes came in, which is no whole chunk."))
        if before:
            self.resumed_at = received
        meter.say(f"goes on at {show_size(received)} of {show_size(self.size)}")
        return standing

    def _send(
        self, session: UploadSession, offset: int, meter: Meter, stop: threading.Event
    ) -> Standing:
        at = offset

        def sent(count: int) -> None:
            nonlocal at
            at += count
            meter.at(at)
            if stop.is_set():
                raise _Stopped

        meter.at(offset)
        length = min(GRANULARITY, self.size - offset)
        last = offset + length == self.size
        return session.send(self._source, offset, length, sent, last=last)


def _owner(key: str) -> str:
    """Who uploads: the tenant that a key names, or the key's hash. Keys rotate, tenants stay."""
    parts = key.split("_")
    named = len(parts) == 3 and parts[0] == "fg"
    return parts[1] if named else hashlib.sha256(key.encode()).hexdigest()


def _show(call: Call, results: Sequence[_Result]) -> None:
    for result in results:
        if result.problem is not None:
            complain(f"{result.path}: {result.problem.sentence}", result.problem.advice)
    call.output.many([result.json() for result in results], _COLUMNS, "")
