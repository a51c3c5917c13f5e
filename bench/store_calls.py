"""Store calls: events for the function of File Search stores; see `calls` for what each costs."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from bench.caller import SMALL, TAIL, Caller
from bench.events import Event, authorized, proxied

_STORES: Final = "/{version}/fileSearchStores"
_STORE: Final = f"{_STORES}/{{store}}"
_UPLOAD: Final = "/upload/{version}/fileSearchStores/{store}"
_SESSION: Final = "/upload/{version}/storeSessions/{session}"
_IMPORT_OPERATION: Final = f"{_STORE}/operations/{{operation}}"


class StoreCaller:
    """Builds events of stores as a tenant; `store` is a name, `fileSearchStores/{id}`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(self) -> Event:
        """`fileSearchStores.create`."""
        body = {"displayName": "manuals"}
        return self._caller.request("POST", "/v1beta/fileSearchStores", _STORES, body)

    def list(self, page_size: int) -> Event:
        """`fileSearchStores.list`."""
        path = f"/v1beta/fileSearchStores?pageSize={page_size}"
        return self._caller.request("GET", path, _STORES)

    def store(self, method: str, store: str) -> Event:
        """`fileSearchStores.get` and `.delete`."""
        return self._caller.request(method, f"/v1beta/{store}", _STORE)

    def start(self, store: str) -> Event:
        """A resumable start of a document of one chunk."""
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(TAIL),
            "X-Goog-Upload-Header-Content-Type": "text/plain",
        }
        path = f"/upload/v1beta/{store}:uploadToFileSearchStore"
        return self._caller.request("POST", path, _UPLOAD, {"displayName": "manual"}, headers)

    def last_chunk(self, started: Mapping[str, Any]) -> Event:
        """The authorizer's event for the one chunk of an upload; `started` answered its start."""
        [url] = started["multiValueHeaders"]["X-Goog-Upload-URL"]
        headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        return authorized("POST", httpx.URL(url).path, headers, _SESSION)

    def whole(self, store: str) -> Event:
        """A small document in one request."""
        headers = {
            "x-goog-api-key": self._caller.key,
            "Content-Type": "text/plain",
            "X-Goog-Upload-Protocol": "raw",
        }
        path = f"/upload/v1beta/{store}:uploadToFileSearchStore"
        return proxied("POST", path, headers, _UPLOAD, SMALL)

    def import_file(self, store: str, file: str) -> Event:
        """`importFile` of an own file."""
        path = f"/v1beta/{store}:importFile"
        return self._caller.request("POST", path, _STORE, {"fileName": f"files/{file}"})

    def operation(self, name: str) -> Event:
        """`operations.get` of an import."""
        return self._caller.request("GET", f"/v1beta/{name}", _IMPORT_OPERATION)

    def documents(self, store: str) -> Event:
        """`documents.list`."""
        return self._caller.request("GET", f"/v1beta/{store}/documents", f"{_STORE}/documents")
