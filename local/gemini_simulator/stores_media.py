"""Media that citations of a File Search store name (section 9.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from gemini_simulator import errors
from gemini_simulator.callers import caller_key

if TYPE_CHECKING:
    from starlette.requests import Request

    from gemini_simulator.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Media:
    """One blob: its text, or `size` zero bytes when it has none."""

    mime_type: str
    text: str | None
    size: int

    def content(self) -> bytes:
        """The bytes a download gives."""
        return bytes(self.size) if self.text is None else self.text.encode()


async def get_media(request: Request, upstream: Upstream) -> Response:
    """`GET fileSearchStores/{s}/media/{blob}?alt=media`; no other form of it is known."""
    project = upstream.projects.owner(caller_key(request))
    store = upstream.stores.of(project).get(request.path_params["store_id"])
    media = store.media.get(request.path_params["blob_id"])
    if media is None:
        raise errors.no_such_resource("Media", request.path_params["blob_id"])
    if request.query_params.get("alt") != "media":
        raise errors.bad_argument("Media is served with alt=media only.")
    return Response(media.content(), headers={"content-type": media.mime_type})
