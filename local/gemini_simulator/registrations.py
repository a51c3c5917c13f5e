"""Files that come without an upload: registered or declared only (sections 1 and 6.6)."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from typing import TYPE_CHECKING

from gemini_simulator import errors
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key
from gemini_simulator.metadata import loose_json, read_draft
from gemini_simulator.payloads import fields_of
from gemini_simulator.starts import read_metadata

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream

_OBJECT = re.compile(r"gs://[a-z0-9][a-z0-9._-]*/\S.*")
_BEARER = re.compile(r"bearer\s+(\S+)", re.IGNORECASE)
_DENIED = "denied"
_SIZE = 1_048_576
"""Bytes that every registered object is said to have: nobody looks into the bucket."""


async def register_files(request: Request, upstream: Upstream) -> Response:
    """`POST files:register`: all of the objects or none; wants the caller's own token as well."""
    project = upstream.projects.owner(caller_key(request))
    token = _BEARER.fullmatch(request.headers.get("authorization", "").strip())
    if token is None:
        raise errors.unauthenticated()
    if _DENIED in token.group(1):
        raise errors.permission_denied()
    uris = fields_of(loose_json(await read_metadata(request))).get("uris")
    if not isinstance(uris, list) or not uris:
        raise errors.bad_argument("* RegisterFilesRequest.uris: uris is required")
    for uri in uris:
        if not isinstance(uri, str) or _OBJECT.fullmatch(uri) is None:
            raise errors.bad_value("uris", "TYPE_STRING", str(uri))
    files = [
        project.register(_mime_type(uri), _SIZE, hashlib.sha256(uri.encode()).hexdigest())
        for uri in uris
    ]
    return api_json({"files": [file.resource() for file in files]})


async def create_file(request: Request, upstream: Upstream) -> Response:
    """`POST files`: metadata only; the File is ready and has no bytes."""
    project = upstream.projects.owner(caller_key(request))
    file = project.declare(read_draft(await read_metadata(request)))
    return api_json({"file": file.resource()})


def _mime_type(uri: str) -> str:
    return mimetypes.guess_type(uri.rpartition("/")[2])[0] or "application/octet-stream"
