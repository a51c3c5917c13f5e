"""The control plane: how a test moves the clock, looks inside and makes things go wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from starlette.responses import JSONResponse

from gemini_simulator.clock import epoch_seconds, timestamp
from gemini_simulator.faults import Fault
from gemini_simulator.state import ACTIVE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.files import StoredFile
    from gemini_simulator.projects import Project
    from gemini_simulator.stores import Store
    from gemini_simulator.upstream import Upstream


async def clock(request: Request, upstream: Upstream) -> Response:
    """`GET` tells the time; `POST` takes `advanceSeconds` or `offsetSeconds`."""
    if request.method == "POST":
        change = await body_of(request)
        if "advanceSeconds" in change:
            upstream.clock.advance(number(change["advanceSeconds"]))
        if "offsetSeconds" in change:
            upstream.clock.set_offset(number(change["offsetSeconds"]))
    now = upstream.clock.now()
    return JSONResponse({"now": timestamp(now), "epochSeconds": epoch_seconds(now)})


async def projects(request: Request, upstream: Upstream) -> Response:
    """`GET` shows what each project stores, without its keys.

    `POST {"key": text}` adds a project with this key, until the next reset or start.
    """
    if request.method == "POST":
        key = (await body_of(request)).get("key")
        if not isinstance(key, str) or not key or upstream.projects.knows(key):
            raise ValueError("key (text) is required, and must not be in use")
        return JSONResponse({"index": upstream.add_project(key)})
    return JSONResponse(
        {"projects": [_project(project, upstream) for project in upstream.projects]}
    )


async def requests(request: Request, upstream: Upstream) -> Response:
    """`GET` shows the requests received, `DELETE` forgets them; `POST` takes `hashChunks`."""
    log = upstream.requests
    if request.method == "DELETE":
        log.entries.clear()
    if request.method == "POST":
        log.hash_chunks = (await body_of(request)).get("hashChunks") is not False
    return JSONResponse({"requests": [entry.to_json() for entry in log.entries]})


async def faults(request: Request, upstream: Upstream) -> Response:
    """`POST` sets a rule, `DELETE` drops all; every answer shows the rules as they stand."""
    if request.method == "DELETE":
        upstream.faults.clear()
    if request.method == "POST":
        rule = await body_of(request)
        try:
            upstream.faults.add(Fault.from_json(rule))
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            raise ValueError(f"not a fault rule: {error!r}") from error
    return JSONResponse({"faults": upstream.faults.to_json()})


async def reflect(request: Request, upstream: Upstream) -> Response:
    """`POST {"enabled": bool}` turns the hostile mirror on or off."""
    upstream.reflecting = (await body_of(request)).get("enabled") is True
    return JSONResponse({"enabled": upstream.reflecting})


async def rekey(request: Request, upstream: Upstream) -> Response:
    """`POST {"index": n, "key": text}` changes a project's key; its files stay.

    With `"overlap": true` the keys it had are good as well, until the next change without.
    """
    change = await body_of(request)
    index, key = change.get("index"), change.get("key")
    if not isinstance(index, int) or not isinstance(key, str) or not key:
        raise ValueError("index (number) and key (text) are required")
    if not upstream.projects.rekey(index, key, overlap=change.get("overlap") is True):
        raise ValueError("no such project, or the key belongs to another one")
    return JSONResponse({"index": index})


async def limits(request: Request, upstream: Upstream) -> Response:
    """`POST` takes any of `fileBytes`, `projectBytes`, `documentBytes`, and of files' processing
    `processingSeconds` (documents' as well) and `processingGets`.
    """
    now = upstream.limits
    if request.method == "POST":
        change = await body_of(request)
        now.file_bytes = int(number(change.get("fileBytes", now.file_bytes)))
        now.project_bytes = int(number(change.get("projectBytes", now.project_bytes)))
        now.document_bytes = int(number(change.get("documentBytes", now.document_bytes)))
        now.processing_seconds = number(change.get("processingSeconds", now.processing_seconds))
        now.processing_gets = int(number(change.get("processingGets", now.processing_gets)))
    return JSONResponse(
        {
            "fileBytes": now.file_bytes,
            "projectBytes": now.project_bytes,
            "documentBytes": now.document_bytes,
            "processingSeconds": now.processing_seconds,
            "processingGets": now.processing_gets,
        }
    )


async def operations(request: Request, upstream: Upstream) -> Response:
    """`POST {"polls": n}`: as many polls of an operation to come see it not done."""
    if request.method == "POST":
        change = await body_of(request)
        polls = change.get("polls", upstream.limits.operation_polls)
        upstream.limits.operation_polls = int(number(polls))
    return JSONResponse({"polls": upstream.limits.operation_polls})


async def media(request: Request, upstream: Upstream) -> Response:
    """`POST {"index", "store", "mimeType", "text" or "sizeBytes"}` gives a store a blob."""
    change = await body_of(request)
    index, text = change.get("index", 0), change.get("text")
    if not isinstance(index, int) or not isinstance(text, str | None):
        raise TypeError("index is a number, text is text")
    size = int(number(change.get("sizeBytes", 0))) if text is None else len(text.encode())
    mime_type = str(change.get("mimeType", "application/octet-stream"))
    if size < 0:
        raise ValueError("sizeBytes must not be negative")
    store_id = str(change.get("store", "")).removeprefix("fileSearchStores/")
    for project in upstream.projects:
        if project.index == index:
            store = upstream.stores.of(project).get(store_id)
            return JSONResponse({"name": store.add_media(mime_type, text, size)})
    raise ValueError(f"no project {index}")


async def file(request: Request, upstream: Upstream) -> Response:
    """`POST {"delete": true}` loses a file, `{"sizeBytes": n}` lies about its size."""
    file_id = request.path_params["file_id"]
    change = await body_of(request)
    for project in upstream.projects:
        found = project.peek(file_id)
        if found is None or change.get("index", project.index) != project.index:
            continue
        if change.get("delete") is True:
            project.delete(file_id)
        if "sizeBytes" in change:
            found.reported_size = int(number(change["sizeBytes"]))
        return JSONResponse({"index": project.index, "file": found.resource()})
    return JSONResponse({"error": f"no file {file_id}"}, 404)


async def log(_request: Request, upstream: Upstream) -> Response:
    """`GET` shows what happened to files, expirations up to now included."""
    for project in upstream.projects:
        project.sweep()
    return JSONResponse({"events": upstream.events.entries()})


async def reset(_request: Request, upstream: Upstream) -> Response:
    """`POST` forgets everything but the keys given at the start."""
    upstream.reset()
    return JSONResponse({})


def _project(project: Project, upstream: Upstream) -> dict[str, object]:
    files = [_file(file) for file in project.newest_first()]
    open_sessions = sum(
        session.project is project and session.status == ACTIVE for session in upstream.sessions
    )
    return {
        "index": project.index,
        "bytesStored": project.bytes_stored,
        "files": files,
        "stores": [_store(store) for store in upstream.stores.of(project).all()],
        "openSessions": open_sessions,
    }


def _file(file: StoredFile) -> dict[str, object]:
    fields: dict[str, object] = {
        "name": file.name,
        "displayName": file.display_name,
        "mimeType": file.mime_type,
        "sizeBytes": file.size,
        "sha256": file.sha256,
        "state": file.state,
        "createTime": timestamp(file.created),
        "expirationTime": timestamp(file.expires, 9),
    }
    # Only uploads take storage; what sums the sizes up sees which files are no uploads.
    return fields if file.source == "UPLOADED" else fields | {"source": file.source}


def _store(store: Store) -> dict[str, object]:
    documents: list[dict[str, object]] = [
        {
            "name": f"{store.name}/documents/{document.document_id}",
            "displayName": document.display_name,
            "mimeType": document.mime_type,
            "sizeBytes": document.size,
            "sha256": document.sha256,
            "state": document.state,
        }
        for document in store.documents.values()
    ]
    return {"name": store.name, "displayName": store.display_name, "documents": documents}


async def body_of(request: Request) -> dict[str, object]:
    """The object in the body of a control request; raises `TypeError` or `ValueError`."""
    body = await request.json()
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return cast("dict[str, object]", body)


def number(value: object) -> float:
    """A number in a control request; raises `TypeError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"not a number: {value!r}")
    return value
