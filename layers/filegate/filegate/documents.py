"""Documents: what is in a store, and the operations that put it there (wire 9.3 to 9.5).

Upstream names documents and operations under their store, so whose they are is whose the store is.
What is missing in an own store is upstream's to say, in its own words.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from filegate.adapters.refusals import Subject
from filegate.adapters.upstream import Upstream
from filegate.errors import (
    StatusError,
    document_not_found,
    operation_not_found,
    projects_mixed,
)
from filegate.files import Files
from filegate.holdings import Holding
from filegate.instants import Instant
from filegate.ledger import Ledger
from filegate.store_requests import FileImport, NewDocument
from filegate.stores import Stores
from filegate.tenants import Tenant

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Documents:
    """What a tenant may do inside its stores; `version` is one of names.VERSIONS.

    Raises what ledger and upstream raise, and StatusError for a store that is missing or another
    tenant's.
    """

    def __init__(self, ledger: Ledger, upstream: Upstream, stores: Stores, files: Files) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._stores = stores
        self._files = files

    def page(
        self, tenant: Tenant, version: str, store_id: str, page: Mapping[str, str], now: Instant
    ) -> Mapping[str, Any]:
        """A page of a store's documents; `page` is upstream's own `pageSize` and `pageToken`."""
        store = self._stores.find(tenant, store_id, now)
        return self._call(store, "GET", version, "/documents", page)

    def get(
        self, tenant: Tenant, version: str, store_id: str, document_id: str, now: Instant
    ) -> Mapping[str, Any]:
        """One document."""
        store = self._stores.find(tenant, store_id, now)
        return self._call(store, "GET", version, _document(document_id))

    def delete(
        self,
        tenant: Tenant,
        version: str,
        store_id: str,
        document_id: str,
        now: Instant,
        *,
        force: bool,
    ) -> None:
        """Delete one document; what has been processed goes with `force` only."""
        store = self._stores.find(tenant, store_id, now)
        query = {"force": "true"} if force else None
        self._call(store, "DELETE", version, _document(document_id), query)

    def operation(
        self, tenant: Tenant, version: str, store_id: str, operation: str, now: Instant
    ) -> Mapping[str, Any]:
        """How far an import (`operations/{id}`) or upload (`upload/operations/{id}`) has come."""
        store = self._stores.find(tenant, store_id, now)
        operation_id = operation.removeprefix("upload/").removeprefix("operations/")
        if not _ID.fullmatch(operation_id):
            raise StatusError(operation_not_found(operation_id))
        return self._call(store, "GET", version, f"/{operation}")

    def create(
        self, tenant: Tenant, version: str, store_id: str, document: NewDocument, now: Instant
    ) -> Mapping[str, Any]:
        """Make a document of metadata only (seeds: media.upload, metadata URI).

        Counted once upstream has answered; answers the Operation.
        """
        store = self._stores.find(tenant, store_id, now)
        operation = self._add(store, version, ":uploadToFileSearchStore", document.body())
        self._ledger.count(tenant.id, now, documents=1)
        return operation

    def import_file(
        self, tenant: Tenant, version: str, store_id: str, wanted: FileImport, now: Instant
    ) -> Mapping[str, Any]:
        """Make a document of one of the tenant's own files, by its name (wire 9.3).

        Counted once upstream has answered; answers the Operation. Raises StatusError for a file
        that is missing, expired, another tenant's or not on the store's project.
        """
        store = self._stores.find(tenant, store_id, now)
        file_id = wanted.file_name.removeprefix("files/")
        file = self._files.get(tenant, file_id, now)
        if file.project != store.project:
            places = {file.name: file.project, store.name: store.project}
            raise StatusError(projects_mixed(places, store.project))
        body = wanted.model_copy(update={"file_name": file.name}).body()
        operation = self._add(store, version, ":importFile", body)
        self._ledger.count(tenant.id, now, imports=1)
        return operation

    def _add(self, store: Holding, version: str, action: str, body: bytes) -> Mapping[str, Any]:
        path = f"/{version}/{store.name}{action}"
        return self._upstream.call(store.project, "POST", path, body=body, subject=Subject.CONTENT)

    def _call(
        self,
        store: Holding,
        method: str,
        version: str,
        place: str,
        query: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        path = f"/{version}/{store.name}{place}"
        return self._upstream.call(store.project, method, path, query=query)


def _document(document_id: str) -> str:
    if not _ID.fullmatch(document_id):
        raise StatusError(document_not_found(document_id))
    return f"/documents/{document_id}"
