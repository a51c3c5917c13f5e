"""Caller: a tenant of its own table, whose requests are events for the functions."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx

from bench.events import Event, authorized, proxied, scheduled
from bench.functions import FILES, JANITOR, SESSIONS, Functions
from bench.stack import LocalStack
from filegate.adapters.table import Table
from filegate.limits import Limits
from filegate.names import random_characters
from filegate.registry import Registry
from filegate_local import aws
from filegate_local.stack import template_path

TABLE_NAME: Final = "filegate-bench"
CHUNK: Final = 8 * 1024 * 1024
"""Bytes of a plain chunk."""
TAIL: Final = 1024
"""Bytes of the last chunk."""
SMALL: Final = b"x" * TAIL
"""Content of a file that is uploaded in one request."""

_UPLOAD: Final = "/upload/{version}/files"
_SESSION: Final = "/upload/{version}/sessions/{session}"
_FILES: Final = "/{version}/files"
_FILE: Final = "/{version}/files/{file}"


@dataclass(frozen=True)
class OpenUpload:
    """An upload that has begun; `path` is where its chunks go."""

    path: str


class Caller:
    """Builds events as one tenant and carries the answers on; never in the way of what is measured.

    Its table is not the running gateway's, so that the gateway's own janitor leaves it alone.
    """

    def __init__(self, stack: LocalStack, functions: Functions) -> None:
        self._functions = functions
        self._upstream = httpx.Client(base_url=stack.upstream_url, timeout=60)
        client = stack.dynamodb()
        declared = cast("Any", aws.table_properties(template_path()))
        if TABLE_NAME not in client.list_tables()["TableNames"]:
            client.create_table(TableName=TABLE_NAME, **declared)
            Registry(Table(stack.service(), TABLE_NAME)).create_project(aws.PROJECT, _now())
        self._registry = Registry(Table(stack.service(), TABLE_NAME))
        self.tenant: Final = f"b{random_characters(12)}"
        self._registry.create_tenant(self.tenant, aws.PROJECT, _now())
        self.key = self.new_key()

    def new_key(self) -> str:
        """Another key of the same tenant: one that no function remembers."""
        return self._registry.issue_key(self.tenant, "bench", _now())

    def key_of(self, limits: Limits) -> str:
        """A key of another tenant, with limits of its own."""
        tenant = f"b{random_characters(12)}"
        self._registry.create_tenant(tenant, aws.PROJECT, _now(), limits)
        return self._registry.issue_key(tenant, "bench", _now())

    def renew_key(self) -> None:
        """Call with another key from now on."""
        self.key = self.new_key()

    # -- events

    def request(
        self,
        method: str,
        path: str,
        resource: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Event:
        """Any request; `resource` is its path in the template, `body` goes as JSON."""
        sent = {**self._headers(), **(headers or {})}
        if body is None:
            return proxied(method, path, sent, resource)
        sent["Content-Type"] = "application/json"
        return proxied(method, path, sent, resource, json.dumps(body).encode())

    def get(self, file: str, key: str | None = None) -> Event:
        """`files.get`."""
        return proxied("GET", f"/v1beta/files/{file}", self._headers(key), _FILE)

    def list(self, page_size: int) -> Event:
        """`files.list`."""
        path = f"/v1beta/files?pageSize={page_size}"
        return proxied("GET", path, self._headers(), _FILES)

    def delete(self, file: str) -> Event:
        """`files.delete`."""
        return proxied("DELETE", f"/v1beta/files/{file}", self._headers(), _FILE)

    def start(self, key: str | None = None) -> Event:
        """A resumable start of a file of one chunk and a tail."""
        headers = {
            **self._headers(key),
            "Content-Type": "application/json",
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(CHUNK + TAIL),
            "X-Goog-Upload-Header-Content-Type": "video/mp4",
        }
        body = b'{"file": {"displayName": "talk.mp4"}}'
        return proxied("POST", "/upload/v1beta/files", headers, _UPLOAD, body)

    def whole(self, key: str | None = None) -> Event:
        """A small file in one request."""
        headers = {
            **self._headers(key),
            "Content-Type": "text/plain",
            "X-Goog-Upload-Protocol": "raw",
        }
        return proxied("POST", "/upload/v1beta/files", headers, _UPLOAD, SMALL)

    def create(self) -> Event:
        """`files.create`: a file of metadata only."""
        body = {"file": {"displayName": "notes", "mimeType": "text/plain"}}
        return self.request("POST", "/v1beta/files", _FILES, body)

    def register(self, count: int) -> Event:
        """`files.register` of so many Cloud Storage objects."""
        path = "/v1beta/files:register"
        body = {"uris": [f"gs://bucket/report-{number}.pdf" for number in range(count)]}
        headers = {"Authorization": "Bearer ya29.the-callers-own"}
        return self.request("POST", path, "/{version}/files:register", body, headers)

    def plain_chunk(self, upload: OpenUpload) -> Event:
        """The authorizer's event for the first chunk."""
        return self.plain_chunk_at(upload.path)

    def plain_chunk_at(self, path: str) -> Event:
        """The authorizer's event for the first chunk of whatever upload has this path."""
        headers = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}
        return authorized("POST", path, headers, _SESSION)

    def last_chunk(self, upload: OpenUpload) -> Event:
        """The authorizer's event for the tail."""
        headers = {
            "X-Goog-Upload-Command": "upload, finalize",
            "X-Goog-Upload-Offset": str(CHUNK),
        }
        return authorized("POST", upload.path, headers, _SESSION)

    def round(self, ahead: float = 0.0) -> Event:
        """The janitor's event, `ahead` seconds from now."""
        return scheduled(time.time() + ahead)

    # -- what is carried on

    def opened(self, answer: Mapping[str, Any]) -> OpenUpload:
        """The upload behind the answer to a start."""
        _require(answer, 200)
        [url] = answer["multiValueHeaders"]["X-Goog-Upload-URL"]
        return OpenUpload(httpx.URL(url).path)

    def send(self, admitted: Mapping[str, Any], size: int) -> str | None:
        """Send a chunk of `size` bytes upstream, as the gateway does once the authorizer allows.

        Answers the file's id if that finished the upload of one.
        """
        passes = admitted["context"]
        store = passes.get("store")
        answer = self._upstream.post(
            "/upload/v1beta/files"
            if store is None
            else f"/upload/v1beta/fileSearchStores/{store}:uploadToFileSearchStore",
            params={"upload_id": passes["uploadId"], "upload_protocol": "resumable"},
            headers={
                "X-Goog-Upload-Command": passes["command"],
                "X-Goog-Upload-Offset": passes["offset"],
            },
            content=bytes(size),
        ).raise_for_status()
        if store is not None or "finalize" not in passes["command"]:
            return None
        return _file_id(answer.json())

    def store(self) -> str:
        """Upload a small file in one request; answers its id."""
        answer = self._functions.call(FILES, self.whole())
        _require(answer, 200)
        return _file_id(json.loads(answer["body"]))

    def open(self) -> OpenUpload:
        """Start an upload."""
        return self.opened(self._functions.call(FILES, self.start()))

    def finish(self, upload: OpenUpload) -> str:
        """Send both chunks of an upload; answers the id of its file, which is not settled yet."""
        self.send(self._functions.call(SESSIONS, self.plain_chunk(upload)), CHUNK)
        file = self.send(self._functions.call(SESSIONS, self.last_chunk(upload)), TAIL)
        if file is None:
            raise RuntimeError("the last chunk did not finish the upload")
        return file

    def sweep(self, ahead: float) -> dict[str, Any]:
        """A round of the janitor `ahead` seconds from now."""
        return self._functions.call(JANITOR, self.round(ahead))

    def _headers(self, key: str | None = None) -> dict[str, str]:
        return {"x-goog-api-key": key or self.key}


def _require(answer: Mapping[str, Any], status: int) -> None:
    if answer["statusCode"] != status:
        raise RuntimeError(f"expected {status}: {answer['statusCode']} {answer['body']}")


def _file_id(answer: Mapping[str, Any]) -> str:
    return str(answer["file"]["name"]).removeprefix("files/")


def _now() -> int:
    return time.time_ns() // 1_000_000
