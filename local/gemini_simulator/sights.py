"""What a model saw: the references of a request, resolved in the caller's project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gemini_simulator import errors
from gemini_simulator.stores import require_store

if TYPE_CHECKING:
    from gemini_simulator.files import StoredFile
    from gemini_simulator.projects import Project
    from gemini_simulator.references import References
    from gemini_simulator.upstream import Upstream

_FILE_TOKENS = 258
_GENERATING = "generate a file"
_MODALITIES = {"image": "IMAGE", "video": "VIDEO", "audio": "AUDIO", "text": "TEXT"}


@dataclass(frozen=True, slots=True)
class Sight:
    """The files a request shows, the tokens of the cache it uses (None without one), its text."""

    files: tuple[StoredFile, ...]
    characters: int
    words: int
    cached_tokens: int | None
    wants_file: bool

    @property
    def text(self) -> str:
        """The answer, the same for the same request."""
        count = len(self.files)
        named = ", ".join(f"{file.name} ({file.mime_type})" for file in self.files)
        files = f"{count} file{'' if count == 1 else 's'}{': ' if named else ''}{named}"
        return f"I saw {files}; {self.characters} characters of text."

    @property
    def own_tokens(self) -> int:
        """Tokens of the request without its cache: 258 a file, one a word."""
        return _FILE_TOKENS * len(self.files) + self.words

    @property
    def tokens(self) -> int:
        """Tokens of the whole prompt."""
        return self.own_tokens + (self.cached_tokens or 0)

    def details(self) -> list[dict[str, object]]:
        """Tokens of the request by modality."""
        counts = Counter({"TEXT": self.words} if self.words else {})
        for file in self.files:
            kind = file.mime_type.partition("/")[0]
            counts[_MODALITIES.get(kind, "DOCUMENT")] += _FILE_TOKENS
        return [{"modality": name, "tokenCount": count} for name, count in counts.items()]


def see(upstream: Upstream, project: Project, references: References) -> Sight:
    """Resolve `references`; raises `ApiError` 403 or 400 for the first that cannot be used."""
    now = upstream.clock.now()
    files = tuple(_usable(project, file_id, now) for file_id in references.files)
    caches = [upstream.caches.of(project).get(cache_id) for cache_id in references.caches]
    for store_id in references.stores:
        require_store(upstream, project, store_id)
    return Sight(
        files,
        references.characters,
        references.words,
        sum(cache.tokens for cache in caches) if caches else None,
        any(_GENERATING in text.casefold() for text in references.texts),
    )


def _usable(project: Project, file_id: str, now: int) -> StoredFile:
    file = project.peek(file_id)
    if file is None:
        raise errors.no_such_file(file_id)
    file.settle(now)
    if file.state != "ACTIVE":
        raise errors.file_not_active(file_id)
    return file
