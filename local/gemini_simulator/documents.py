"""Documents of File Search stores: the resource and its routes (section 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gemini_simulator import stores_pages
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key
from gemini_simulator.clock import timestamp

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream

DocumentState = Literal["STATE_PENDING", "STATE_ACTIVE", "STATE_FAILED"]


@dataclass(slots=True)
class Document:
    """One document; moments are nanoseconds since the epoch, the hash is hex."""

    document_id: str
    number: int
    display_name: str | None
    mime_type: str
    size: int
    sha256: str
    custom_metadata: list[dict[str, object]]
    created: int
    updated: int
    state: DocumentState = "STATE_PENDING"

    @property
    def has_chunks(self) -> bool:
        """Whether processing has left something that only `force` deletes."""
        return self.state == "STATE_ACTIVE" and self.size > 0

    def resource(self, store: str) -> dict[str, object]:
        """The Document as JSON; zeros and fields without a value are left out."""
        fields: dict[str, object] = {"name": f"{store}/documents/{self.document_id}"}
        if self.display_name is not None:
            fields["displayName"] = self.display_name
        if self.custom_metadata:
            fields["customMetadata"] = self.custom_metadata
        fields |= {
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "state": self.state,
            "mimeType": self.mime_type,
        }
        if self.size:
            fields["sizeBytes"] = str(self.size)
        return fields


async def list_documents(request: Request, upstream: Upstream) -> Response:
    """A page of a store's documents, newest first; `{}` when there is none."""
    project = upstream.projects.owner(caller_key(request))
    store = upstream.stores.of(project).get(request.path_params["store_id"])
    shown, token = stores_pages.page_of(
        request, upstream.stores.pages[store.name], project.index, store.documents.values()
    )
    page: dict[str, object] = {}
    if shown:
        page["documents"] = [document.resource(store.name) for document in shown]
    if token is not None:
        page["nextPageToken"] = token
    return api_json(page)


async def get_document(request: Request, upstream: Upstream) -> Response:
    """One Document."""
    project = upstream.projects.owner(caller_key(request))
    store = upstream.stores.of(project).get(request.path_params["store_id"])
    return api_json(store.document(request.path_params["document_id"]).resource(store.name))


async def delete_document(request: Request, upstream: Upstream) -> Response:
    """Delete one Document; what has been processed goes with `force` only."""
    project = upstream.projects.owner(caller_key(request))
    upstream.stores.of(project).delete_document(
        request.path_params["store_id"],
        request.path_params["document_id"],
        force=stores_pages.forced(request),
    )
    return api_json({})
