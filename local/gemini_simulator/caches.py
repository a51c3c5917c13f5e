"""Cached contents: each project owns its caches, which expire by the simulator's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gemini_simulator import errors, names
from gemini_simulator.clock import NANOSECONDS, timestamp
from gemini_simulator.limits import CACHE_SECONDS
from gemini_simulator.listings import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gemini_simulator.clock import Clock
    from gemini_simulator.projects import Project

_TTL = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_PAGE = 50
_LARGEST_PAGE = 1000


@dataclass(slots=True)
class CachedContent:
    """One cache; moments are nanoseconds since the epoch."""

    cache_id: str
    number: int
    model: str
    display_name: str | None
    tokens: int
    created: int
    updated: int
    expires: int

    def resource(self) -> dict[str, object]:
        """The CachedContent as JSON: what is cached is never shown again."""
        return {
            "name": f"cachedContents/{self.cache_id}",
            "model": self.model,
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "expireTime": timestamp(self.expires, 9),
            "displayName": self.display_name or "",
            "usageMetadata": {"totalTokenCount": self.tokens},
        }


class ProjectCaches:
    """The caches of one project."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._caches: dict[str, CachedContent] = {}
        self._last_number = 0

    def create(
        self, model: str, display_name: str | None, tokens: int, fields: Mapping[str, object]
    ) -> CachedContent:
        """A new cache; `fields` may say when it expires."""
        now = self._clock.now()
        expires = expiry(fields, now)
        self._last_number += 1
        cache = CachedContent(
            cache_id=names.new_file_id(),
            number=self._last_number,
            model=model,
            display_name=display_name,
            tokens=tokens,
            created=now,
            updated=now,
            expires=now + CACHE_SECONDS * NANOSECONDS if expires is None else expires,
        )
        self._caches[cache.cache_id] = cache
        return cache

    def get(self, cache_id: str) -> CachedContent:
        """A live cache; raises `ApiError` 403 for any other id."""
        for cache in self.all():
            if cache.cache_id == cache_id:
                return cache
        raise errors.no_such_cache()

    def update(self, cache_id: str, fields: Mapping[str, object]) -> CachedContent:
        """Let a cache expire at another time."""
        cache = self.get(cache_id)
        now = self._clock.now()
        expires = expiry(fields, now)
        if expires is not None:
            cache.expires = expires
        cache.updated = now
        return cache

    def delete(self, cache_id: str) -> None:
        """Forget a live cache."""
        del self._caches[self.get(cache_id).cache_id]

    def all(self) -> list[CachedContent]:
        """The live caches, oldest first."""
        now = self._clock.now()
        return [cache for cache in self._caches.values() if cache.expires > now]


class Caches:
    """The caches of all projects and how they are listed."""

    def __init__(self, projects: int, clock: Clock) -> None:
        self.listing = Listing(_DEFAULT_PAGE, _LARGEST_PAGE)
        self._clock = clock
        self._projects = [ProjectCaches(clock) for _ in range(projects)]

    def add_project(self) -> None:
        """Room for one project more."""
        self._projects.append(ProjectCaches(self._clock))

    def of(self, project: Project) -> ProjectCaches:
        """The caches of `project`."""
        return self._projects[project.index]


def expiry(fields: Mapping[str, object], now: int) -> int | None:
    """The moment that `ttl` or `expireTime` says, or None; raises `ApiError` 400 for nonsense."""
    ttl, expire_time = fields.get("ttl"), fields.get("expireTime")
    if ttl is not None:
        match = _TTL.fullmatch(str(ttl))
        if match is None:
            raise errors.bad_value("cached_content.ttl", "TYPE_DURATION", str(ttl))
        seconds, fraction = match.groups()
        return now + int(seconds) * NANOSECONDS + int((fraction or "").ljust(9, "0"))
    if expire_time is None:
        return None
    try:
        moment = datetime.fromisoformat(str(expire_time))
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        # In UTC it may be before the first year or after the last one.
        return (aware.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        field = "cached_content.expire_time"
        raise errors.bad_value(field, "TYPE_TIMESTAMP", str(expire_time)) from None
