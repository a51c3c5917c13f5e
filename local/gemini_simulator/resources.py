"""The File resource's own routes: list, get, delete and download (sections 6.2 to 6.5)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from starlette.responses import Response

from gemini_simulator import errors
from gemini_simulator.answers import api_json, origin_of
from gemini_simulator.callers import caller_key
from gemini_simulator.clock import http_date
from gemini_simulator.numerals import natural

if TYPE_CHECKING:
    from starlette.requests import Request

    from gemini_simulator.upstream import Upstream

_DEFAULT_PAGE = 10
_LARGEST_PAGE = 100
_INT32 = 2**31


async def list_files(request: Request, upstream: Upstream) -> Response:
    """A page of the caller's files, newest first; `{}` when there is none."""
    project = upstream.projects.owner(caller_key(request))
    query = request.query_params
    size = _page_size(query.get("pageSize") or query.get("page_size") or "0")
    token = query.get("pageToken") or query.get("page_token")
    before = None
    if token:
        before = upstream.pages.open(project.index, token)
        if before is None:
            raise errors.bad_argument("Page token is invalid.")
    found = list(itertools.islice(project.newest_first(before), size + 1))
    page: dict[str, object] = {}
    if found:
        page["files"] = [file.resource() for file in found[:size]]
    if len(found) > size:
        page["nextPageToken"] = upstream.pages.seal(project.index, found[size - 1].number)
    return api_json(page)


async def get_file(request: Request, upstream: Upstream) -> Response:
    """One File, not wrapped."""
    project = upstream.projects.owner(caller_key(request))
    return api_json(project.get(request.path_params["file_id"]).resource())


async def delete_file(request: Request, upstream: Upstream) -> Response:
    """Delete one File; a body is ignored, as one SDK sends `{}` (section 6.3)."""
    project = upstream.projects.owner(caller_key(request))
    deleted = project.delete(request.path_params["file_id"])
    answer = api_json({})
    # To the second the moment in the log, whatever time the answer takes.
    answer.headers["date"] = http_date(deleted)
    return answer


async def redirect_download(request: Request, upstream: Upstream) -> Response:
    """Google answers a download with a redirect, whose target wants the key again."""
    project = upstream.projects.owner(caller_key(request))
    project.get(request.path_params["file_id"])
    home = f"{origin_of(request)}/download{request.url.path}?alt=media"
    location = upstream.download_target or home
    return Response(status_code=302, headers={"location": location})


async def download(request: Request, upstream: Upstream) -> Response:
    """The bytes of a generated file; uploads, and what others keep, have none to give."""
    project = upstream.projects.owner(caller_key(request))
    file = project.get(request.path_params["file_id"])
    if file.source != "GENERATED":
        raise errors.not_downloadable()
    return Response(file.content(), headers={"content-type": file.mime_type})


def _page_size(text: str) -> int:
    size = natural(text.removeprefix("-"))
    if size is None or size >= _INT32:
        raise errors.bad_value("page_size", "TYPE_INT32", text)
    if size and text.startswith("-"):
        raise errors.bad_argument("* ListFilesRequest.page_size: must not be negative.")
    return min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
