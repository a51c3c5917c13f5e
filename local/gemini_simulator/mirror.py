"""A hostile upstream for leak tests: it echoes the caller's key and the upload id.

Off unless the control plane turns it on. It changes finished answers and, of streamed ones, event
by event, so the honest code does not know of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from gemini_simulator.answers import json_text
from gemini_simulator.callers import caller_key
from gemini_simulator.errors import UploadError
from gemini_simulator.requests import CONTROL_PREFIX
from gemini_simulator.rewriting import rewriting
from gemini_simulator.streams import EVENT_TYPE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gemini_simulator.upstream import Upstream

_URL_FIELDS = frozenset({"uri", "downloadUri", "fileUri"})
_URL_HEADERS = ("x-goog-upload-url", "x-goog-upload-control-url", "location")


class Mirror:
    """ASGI middleware that rewrites every answer while `Upstream.reflecting` is set."""

    def __init__(self, app: ASGIApp, upstream: Upstream) -> None:
        self._app = app
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the answer back and put the secrets in."""
        if (
            scope["type"] != "http"
            or not self._upstream.reflecting
            or scope["path"].startswith(CONTROL_PREFIX)
        ):
            await self._app(scope, receive, send)
            return

        def reflect(headers: MutableHeaders, body: bytes) -> bytes:
            return self._rewrite(HTTPConnection(scope), headers, body)

        held = rewriting(send, reflect)
        streamed = False

        async def reflected(message: Message) -> None:
            nonlocal streamed
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                streamed = headers.get("content-type", "").startswith(EVENT_TYPE)
                if streamed:
                    reflect(headers, b"")
                    message = {**message, "headers": headers.raw}
            elif streamed:
                key = caller_key(HTTPConnection(scope))
                message = {**message, "body": _echo_event(message["body"], key)}
            await (send if streamed else held)(message)

        await self._app(scope, receive, reflected)

    def _rewrite(self, request: HTTPConnection, headers: MutableHeaders, body: bytes) -> bytes:
        key = caller_key(request)
        upload_id = request.query_params.get("upload_id")
        if upload_id is not None:
            self._echo_session(request, headers, upload_id)
        known = key or self._session_key(upload_id)
        if known is not None and known.isascii() and known.isprintable():
            headers["x-goog-api-key"] = known
            headers["x-debug-key"] = known
        if key is None or request.url.path.startswith("/download/"):
            return body
        for name in _URL_HEADERS:
            if name in headers and upload_id is None:
                headers[name] = _with_key(headers[name], key)
        return _echo_body(headers.get("content-type", ""), body, key, files=upload_id is None)

    def _echo_session(
        self, request: HTTPConnection, headers: MutableHeaders, upload_id: str
    ) -> None:
        headers["x-guploader-uploadid"] = upload_id
        headers["x-goog-upload-url"] = str(request.url)
        headers["set-cookie"] = f"upload_id={upload_id}; Path=/"

    def _session_key(self, upload_id: str | None) -> str | None:
        if upload_id is None:
            return None
        try:
            return self._upstream.sessions.find(upload_id).project.key
        except UploadError:
            return None


def _echo_body(content_type: str, body: bytes, key: str, *, files: bool) -> bytes:
    kind = content_type.partition(";")[0].strip()
    if kind == "text/plain":
        return body + f" (key={key})".encode() if body else body
    if kind != "application/json" or not body:
        return body
    value = json.loads(body)
    if isinstance(value, list):
        for item in value:
            _echo_value(item, key, files=files)
        return json.dumps(value).encode()
    _echo_value(value, key, files=files)
    return json_text(value)


def _echo_event(body: bytes, key: str | None) -> bytes:
    data, _, end = body.removeprefix(b"data: ").partition(b"\r\n")
    if not data or key is None:
        return body
    value = cast("dict[str, object]", json.loads(data))
    _echo_value(value, key, files=True)
    return b"data: " + json.dumps(value).encode() + b"\r\n" + end


def _echo_value(value: dict[str, object], key: str, *, files: bool) -> None:
    error = value.get("error")
    if isinstance(error, dict) and "name" not in value:
        error["message"] = f"{error['message']} (key={key})"
        error.setdefault("details", []).append(
            {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": f"key={key}"}
        )
    elif files and value:
        for resource in _files(value) or [value]:
            resource["debugKey"] = key
        _echo_urls(value, key)


def _echo_urls(value: object, key: str) -> None:
    if isinstance(value, list):
        for item in value:
            _echo_urls(item, key)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in _URL_FIELDS and isinstance(inner, str):
                value[name] = _with_key(inner, key)
            else:
                _echo_urls(inner, key)


def _files(value: dict[str, object]) -> list[dict[str, object]]:
    if isinstance(value.get("file"), dict):
        return [cast("dict[str, object]", value["file"])]
    return cast("list[dict[str, object]]", value.get("files", []))


def _with_key(url: str, key: str) -> str:
    if "key=" in url.partition("?")[2].split("upload_id=")[0]:
        return url
    base, _, query = url.partition("?")
    return f"{base}?key={quote(key, safe='')}" + (f"&{query}" if query else "")
