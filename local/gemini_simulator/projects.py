"""Projects: each API key owns its files and its storage."""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING

from gemini_simulator import errors, names
from gemini_simulator.clock import NANOSECONDS, Clock
from gemini_simulator.files import StoredFile
from gemini_simulator.limits import LIFETIME_SECONDS, REGISTERED_SECONDS, Limits
from gemini_simulator.metadata import Draft
from gemini_simulator.state import ProjectState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gemini_simulator.events import EventLog
    from gemini_simulator.files import Source
    from gemini_simulator.request_text import RequestText

_EMPTY = hashlib.sha256().hexdigest()

_BEFORE_CREATION = 18_000_000
"""Nanoseconds; upstream counts 48 h from a moment shortly before createTime (section 6.1)."""


class Project:
    """The files of one key; counts bytes and holds none but a few requests of batches."""

    def __init__(
        self, index: int, key: str, clock: Clock, limits: Limits, events: EventLog
    ) -> None:
        self.index = index
        self.keys = [key]
        self.bytes_stored = 0
        self._clock = clock
        self._limits = limits
        self._events = events
        self._files: dict[str, StoredFile] = {}
        self._expiries: list[tuple[int, int, str]] = []
        self._last_number = 0

    @property
    def key(self) -> str:
        """The newest of the keys that are good."""
        return self.keys[-1]

    def store(
        self, draft: Draft, size: int, sha256: str, requests: RequestText | None = None
    ) -> StoredFile:
        """Keep a complete upload; raises `ApiError` 400, 409 or 429 and then keeps nothing."""
        file = self._new(draft, size, sha256)
        if requests is not None:
            file.text = requests.of(file.mime_type)
        file.begin_processing()
        self._add(file)
        return file

    def declare(self, draft: Draft) -> StoredFile:
        """Keep a file that has metadata only; raises `ApiError` 409 for a name in use."""
        file = self._new(draft, 0, _EMPTY)
        self._add(file)
        return file

    def generate(
        self, mime_type: str, text: str | None, size: int = 0, file_id: str | None = None
    ) -> StoredFile:
        """Keep a file that upstream made itself, of `text` or of `size` zero bytes."""
        content = bytes(size) if text is None else text.encode()
        file = self._new(
            Draft(file_id, mime_type=mime_type),
            len(content),
            hashlib.sha256(content).hexdigest(),
            "GENERATED",
        )
        file.text = text
        self._add(file)
        return file

    def register(self, mime_type: str, size: int, sha256: str) -> StoredFile:
        """Keep a file whose bytes stay in the caller's own bucket (section 6.6)."""
        file = self._new(Draft(mime_type=mime_type), size, sha256, "REGISTERED")
        file.expires = file.created + REGISTERED_SECONDS * NANOSECONDS
        self._add(file)
        return file

    def get(self, file_id: str) -> StoredFile:
        """A live file, seen by one more get; raises the 403 of section 8 for any other id."""
        file = self._live(file_id)
        file.settle(self._clock.now())
        file.gets_left -= 1
        return file

    def delete(self, file_id: str) -> int:
        """Forget a live file and free its bytes; raises the 403 of section 8 for any other id.

        Answers when that was, in nanoseconds since the epoch.
        """
        file = self._live(file_id)
        self._drop(file)
        now = self._clock.now()
        self._events.add(now, file.event("deleted"), self.index, file.name, file.size)
        return now

    def peek(self, file_id: str) -> StoredFile | None:
        """A live file without being seen by a get."""
        self.sweep()
        return self._files.get(file_id)

    def newest_first(self, before: int | None = None) -> Iterator[StoredFile]:
        """Live files from the newest on, those numbered below `before` only."""
        self.sweep()
        now = self._clock.now()
        for file in reversed(self._files.values()):
            if before is None or file.number < before:
                file.settle(now)
                yield file

    def sweep(self) -> None:
        """Drop what has expired; each is logged with the moment of its expiration."""
        now = self._clock.now()
        while self._expiries and self._expiries[0][0] <= now:
            expires, number, file_id = heapq.heappop(self._expiries)
            file = self._files.get(file_id)
            if file is not None and file.number == number:
                self._drop(file)
                event = file.event("expired")
                self._events.add(expires, event, self.index, file.name, file.size)

    def state(self) -> ProjectState:
        """What another process needs to go on; the key is not part of it."""
        return ProjectState(self._last_number, list(self._files.values()))

    def restore(self, state: ProjectState) -> None:
        """Take over what another process held; what has expired since goes at the next look."""
        self._last_number = state.last_number
        for file in state.files:
            self._keep(file)

    def original(self, copy: StoredFile) -> StoredFile:
        """The live file that `copy` was read for, or `copy` itself when that file is gone."""
        file = self._files.get(copy.file_id)
        return file if file is not None and file.number == copy.number else copy

    def _new(self, draft: Draft, size: int, sha256: str, source: Source = "UPLOADED") -> StoredFile:
        self.sweep()
        now = self._clock.now()
        refusal = self._refusal(draft, size if source == "UPLOADED" else 0)
        if refusal is not None:
            name = None if draft.file_id is None else f"files/{draft.file_id}"
            self._events.add(now, "refused", self.index, name, size, refusal.message)
            raise refusal
        self._last_number += 1
        return StoredFile(
            file_id=draft.file_id or self._new_id(),
            number=self._last_number,
            display_name=draft.display_name,
            mime_type=draft.mime_type or "application/octet-stream",
            size=size,
            sha256=sha256,
            created=now,
            expires=now - _BEFORE_CREATION + LIFETIME_SECONDS * NANOSECONDS,
            updated=now,
            processed_at=now + round(self._limits.processing_seconds * NANOSECONDS),
            gets_left=self._limits.processing_gets,
            source=source,
        )

    def _add(self, file: StoredFile) -> None:
        self._keep(file)
        event = file.event("stored")
        self._events.add(file.created, event, self.index, file.name, file.size)

    def _refusal(self, draft: Draft, size: int) -> errors.ApiError | None:
        if size > self._limits.file_bytes:
            return errors.too_large(self._limits.file_bytes)
        if draft.file_id is not None and draft.file_id in self._files:
            return errors.name_taken(draft.file_id)
        if self.bytes_stored + size > self._limits.project_bytes:
            return errors.storage_full(self._limits.project_bytes)
        return None

    def _new_id(self) -> str:
        file_id = names.new_file_id()
        while file_id in self._files:
            file_id = names.new_file_id()
        return file_id

    def _live(self, file_id: str) -> StoredFile:
        self.sweep()
        file = self._files.get(file_id)
        if file is None:
            raise errors.no_such_file(file_id)
        return file

    def _keep(self, file: StoredFile) -> None:
        self._files[file.file_id] = file
        self.bytes_stored += file.stored_bytes
        heapq.heappush(self._expiries, (file.expires, file.number, file.file_id))

    def _drop(self, file: StoredFile) -> None:
        del self._files[file.file_id]
        self.bytes_stored -= file.stored_bytes


class Projects:
    """All projects, found by the key a request carries."""

    def __init__(self, keys: Sequence[str], clock: Clock, limits: Limits, events: EventLog) -> None:
        self._clock = clock
        self._limits = limits
        self._events = events
        self._projects: list[Project] = []
        for key in keys:
            self.add(key)

    def __iter__(self) -> Iterator[Project]:
        return iter(self._projects)

    def owner(self, key: str | None) -> Project:
        """The project of `key`; raises `ApiError` 400 for a wrong key and 403 for none."""
        if not key:
            raise errors.missing_key()
        for project in self._projects:
            if key in project.keys:
                return project
        raise errors.invalid_key()

    def add(self, key: str) -> Project:
        """One project more, empty, with this key."""
        project = Project(len(self._projects), key, self._clock, self._limits, self._events)
        self._projects.append(project)
        return project

    def knows(self, key: str) -> bool:
        """Whether a project has this key."""
        return any(key in project.keys for project in self._projects)

    def rekey(self, index: int, key: str, *, overlap: bool) -> bool:
        """Give project `index` another key; False when there is no such project or key is used.

        With an `overlap` its other keys stay good, as Google's do until they are deleted.
        """
        if not 0 <= index < len(self._projects):
            return False
        if any(key in project.keys for project in self._projects if project.index != index):
            return False
        project = self._projects[index]
        others = [other for other in project.keys if overlap and other != key]
        project.keys = [*others, key]
        return True
