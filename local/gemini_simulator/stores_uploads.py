"""Uploads straight into a File Search store: what their bytes become (section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemini_simulator.stores_drafts import DocumentDraft, read_upload

if TYPE_CHECKING:
    from starlette.requests import Request

    from gemini_simulator.projects import Project
    from gemini_simulator.stores import ProjectStores
    from gemini_simulator.upstream import Upstream


class DocumentTarget:
    """A document of one store, waiting for its bytes."""

    def __init__(self, stores: ProjectStores, store_id: str, draft: DocumentDraft) -> None:
        self.store_id = store_id
        self._stores = stores
        self._draft = draft

    @property
    def largest(self) -> int:
        """The most bytes it may get."""
        return self._stores.document_bytes

    def keep(self, size: int, sha256: str) -> dict[str, object]:
        """Keep a complete upload; the Operation that answers it. Raises `ApiError` 400 or 403."""
        operation = self._stores.add_document(self.store_id, self._draft, size, sha256, "upload")
        return operation.begun(f"fileSearchStores/{self.store_id}")


def target_of(
    request: Request,
    upstream: Upstream,
    project: Project,
    metadata: bytes,
    mime_type: str | None = None,
) -> DocumentTarget | None:
    """What an upload request to the path of a store makes, or None on the path of files.

    Raises `ApiError` 403 for a store the project does not have and 400 for bad metadata: both
    before any byte is sent.
    """
    store_id = request.path_params.get("store_id")
    if store_id is None:
        return None
    stores = upstream.stores.of(project)
    stores.get(store_id)
    return DocumentTarget(stores, store_id, read_upload(metadata, mime_type))
