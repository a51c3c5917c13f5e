"""Downloads: the bytes of generated files and of a store's media, streamed to their owner.

Upstream redirects a download, and its own SDKs would follow with the key they were given. Here the
redirect is followed on this side, so the caller never learns where the bytes are.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio.to_thread

from filegate.adapters.refusals import Subject
from filegate.adapters.upstream_stream import StreamedAnswer, UpstreamStream
from filegate.errors import StatusError, store_not_found
from filegate.grants import Grant
from filegate.holdings import Holdings, Kind
from filegate.tenants import Tenant

_MEDIA: Final = {"alt": "media"}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Downloads:
    """Opens downloads. Raises StatusError, and what ledger and upstream raise."""

    def __init__(self, upstream: UpstreamStream, holdings: Holdings) -> None:
        self._upstream = upstream
        self._holdings = holdings

    @asynccontextmanager
    async def open_file(self, version: str, grant: Grant) -> AsyncIterator[StreamedAnswer]:
        """The bytes of a generated file (wire 6.5); upstream refuses one that was uploaded."""
        async with self._upstream.open(
            grant.project,
            "GET",
            f"/{version}/files/{grant.file_id}:download",
            query=_MEDIA,
            subject=Subject.CONTENT,
        ) as answer:
            yield answer

    @asynccontextmanager
    async def open_media(
        self, tenant: Tenant, version: str, store_id: str, blob_id: str
    ) -> AsyncIterator[StreamedAnswer]:
        """The bytes of a store's media, as citations name them (wire 9.6)."""
        if not (_ID.fullmatch(store_id) and _ID.fullmatch(blob_id)):
            raise StatusError(store_not_found(store_id))
        holding = await anyio.to_thread.run_sync(
            lambda: self._holdings.find(tenant.id, Kind.STORE, store_id)
        )
        if holding is None:
            raise StatusError(store_not_found(store_id))
        async with self._upstream.open(
            holding.project,
            "GET",
            f"/{version}/{holding.name}/media/{blob_id}",
            query=_MEDIA,
            subject=Subject.CONTENT,
        ) as answer:
            yield answer
