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

    from gemini_simulator.projects import Project
    from gemini_simulator.upstream import Upstream


async def clock(request: Request, upstream: Upstream) -> Response:
    """`GET` tells the time; `POST` takes `advanceSeconds` or `offsetSeconds`."""
    if request.method == "POST":
        change = await _body(request)
        if "advanceSeconds" in change:
            upstream.clock.advance(_number(change["advanceSeconds"]))
        if "offsetSeconds" in change:
            upstream.clock.set_offset(_number(change["offsetSeconds"]))
    now = upstream.clock.now()
    return JSONResponse({"now": timestamp(now), "epochSeconds": epoch_seconds(now)})


async def projects(_request: Request, upstream: Upstream) -> Response:
    """`GET` shows what each key stores, without the keys."""
    return JSONResponse(
        {"projects": [_project(project, upstream) for project in upstream.projects]}
    )


async def requests(request: Request, upstream: Upstream) -> Response:
    """`GET` shows the requests received, `DELETE` forgets them; `POST` takes `hashChunks`."""
    log = upstream.requests
    if request.method == "DELETE":
        log.entries.clear()
    if request.method == "POST":
        log.hash_chunks = (await _body(request)).get("hashChunks") is not False
    return JSONResponse({"requests": [entry.to_json() for entry in log.entries]})


async def faults(request: Request, upstream: Upstream) -> Response:
    """`POST` sets a rule, `DELETE` drops all; every answer shows the rules as they stand."""
    if request.method == "DELETE":
        upstream.faults.clear()
    if request.method == "POST":
        rule = await _body(request)
        try:
            upstream.faults.add(Fault.from_json(rule))
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            raise ValueError(f"not a fault rule: {error!r}") from error
    return JSONResponse({"faults": upstream.faults.to_json()})


async def reflect(request: Request, upstream: Upstream) -> Response:
    """`POST {"enabled": bool}` turns the hostile mirror on or off."""
    upstream.reflecting = (await _body(request)).get("enabled") is True
    return JSONResponse({"enabled": upstream.reflecting})


async def rekey(request: Request, upstream: Upstream) -> Response:
    """`POST {"index": n, "key": text}` changes a project's key; its files stay."""
    change = await _body(request)
    index, key = change.get("index"), change.get("key")
    if not isinstance(index, int) or not isinstance(key, str) or not key:
        raise ValueError("index (number) and key (text) are required")
    if not upstream.projects.rekey(index, key):
        raise ValueError("no such project, or the key belongs to another one")
    return JSONResponse({"index": index})


async def limits(request: Request, upstream: Upstream) -> Response:
    """`POST` takes `fileBytes`, `projectBytes`, `processingSeconds` and `processingGets`."""
    now = upstream.limits
    if request.method == "POST":
        change = await _body(request)
        now.file_bytes = int(_number(change.get("fileBytes", now.file_bytes)))
        now.project_bytes = int(_number(change.get("projectBytes", now.project_bytes)))
        now.processing_seconds = _number(change.get("processingSeconds", now.processing_seconds))
        now.processing_gets = int(_number(change.get("processingGets", now.processing_gets)))
    return JSONResponse(
        {
            "fileBytes": now.file_bytes,
            "projectBytes": now.project_bytes,
            "processingSeconds": now.processing_seconds,
            "processingGets": now.processing_gets,
        }
    )


async def file(request: Request, upstream: Upstream) -> Response:
    """`POST {"delete": true}` loses a file, `{"sizeBytes": n}` lies about its size."""
    file_id = request.path_params["file_id"]
    change = await _body(request)
    for project in upstream.projects:
        found = project.peek(file_id)
        if found is None or change.get("index", project.index) != project.index:
            continue
        if change.get("delete") is True:
            project.delete(file_id)
        if "sizeBytes" in change:
            found.reported_size = int(_number(change["sizeBytes"]))
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
    files: list[dict[str, object]] = [
        {
            "name": file.name,
            "displayName": file.display_name,
            "mimeType": file.mime_type,
            "sizeBytes": file.size,
            "sha256": file.sha256,
            "state": file.state,
            "createTime": timestamp(file.created),
            "expirationTime": timestamp(file.expires, 9),
        }
        for file in project.newest_first()
    ]
    open_sessions = sum(
        session.project is project and session.status == ACTIVE for session in upstream.sessions
    )
    return {
        "index": project.index,
        "bytesStored": project.bytes_stored,
        "files": files,
        "openSessions": open_sessions,
    }


async def _body(request: Request) -> dict[str, object]:
    body = await request.json()
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return cast("dict[str, object]", body)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"not a number: {value!r}")
    return value
