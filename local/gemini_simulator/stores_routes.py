"""The routes of File Search stores but for uploads (sections 9.1 and 9.3)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from gemini_simulator import errors, starts, stores_pages, stores_uploads
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key
from gemini_simulator.stores_drafts import DocumentDraft, read_import, read_store_draft

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.files import StoredFile
    from gemini_simulator.projects import Project
    from gemini_simulator.upstream import Upstream


async def create_store(request: Request, upstream: Upstream) -> Response:
    """`POST fileSearchStores`."""
    project = upstream.projects.owner(caller_key(request))
    draft = read_store_draft(await starts.read_metadata(request))
    return api_json(upstream.stores.of(project).create(draft).resource())


async def list_stores(request: Request, upstream: Upstream) -> Response:
    """A page of the caller's stores, newest first; `{}` when there is none."""
    project = upstream.projects.owner(caller_key(request))
    shown, token = stores_pages.page_of(
        request, upstream.stores.pages[""], project.index, upstream.stores.of(project).all()
    )
    page: dict[str, object] = {}
    if shown:
        page["fileSearchStores"] = [store.resource() for store in shown]
    if token is not None:
        page["nextPageToken"] = token
    return api_json(page)


async def get_store(request: Request, upstream: Upstream) -> Response:
    """One FileSearchStore."""
    project = upstream.projects.owner(caller_key(request))
    store = upstream.stores.of(project).get(request.path_params["store_id"])
    return api_json(store.resource())


async def delete_store(request: Request, upstream: Upstream) -> Response:
    """Delete one store; a body is ignored, as one SDK sends `{}` (section 9.1)."""
    project = upstream.projects.owner(caller_key(request))
    upstream.stores.of(project).delete(
        request.path_params["store_id"], force=stores_pages.forced(request)
    )
    return api_json({})


async def upload_metadata(request: Request, upstream: Upstream) -> Response:
    """`:uploadToFileSearchStore` without `/upload`: a document without bytes (section 9.2)."""
    project = upstream.projects.owner(caller_key(request))
    body = await starts.read_metadata(request)
    target = stores_uploads.target_of(request, upstream, project, body)
    if target is None:
        raise errors.not_found()
    return api_json(target.keep(0, sha256().hexdigest()))


async def import_file(request: Request, upstream: Upstream) -> Response:
    """`:importFile` makes a document from a file of the same project (section 9.3).

    It is named after the file's display name or, assumed, its id.
    """
    project = upstream.projects.owner(caller_key(request))
    stores = upstream.stores.of(project)
    store = stores.get(request.path_params["store_id"])
    draft = read_import(await starts.read_metadata(request))
    file = _active(upstream, project, draft.file_id)
    operation = stores.add_document(
        store.store_id,
        DocumentDraft(file.display_name or file.file_id, file.mime_type, draft.custom_metadata),
        file.size,
        file.sha256,
        "import",
    )
    return api_json(operation.begun(store.name))


def _active(upstream: Upstream, project: Project, file_id: str) -> StoredFile:
    file = project.peek(file_id)
    if file is None:
        raise errors.no_such_file(file_id)
    file.settle(upstream.clock.now())
    if file.state != "ACTIVE":
        raise errors.file_not_active(file_id)
    return file
