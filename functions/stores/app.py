"""Stores: File Search stores, uploads into them, documents, operations. Parses, calls, answers."""

from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.edge.cors import for_pages
from filegate.edge.logs import LOGGER
from filegate.edge.requests import Request
from filegate.edge.responses import answer_json, answer_open_upload
from filegate.edge.rest_function import RestFunction
from filegate.edge.stores_wiring import StoresWiring
from filegate.errors import ROUTE_UNKNOWN, StatusError
from filegate.holdings import Kind
from filegate.multipart import read_parts
from filegate.pages import open_position, read_page_size, seal_position
from filegate.sessions import GRANULARITY
from filegate.store_requests import (
    MOST_A_PAGE,
    NewDocument,
    document_request,
    read_document,
    read_document_start,
    read_force,
    read_import,
    read_page,
    read_store,
)
from filegate.tenants import STORES, Tenant
from filegate.upload_requests import Protocol, protocol_of, require_size

function = RestFunction()
app, metrics = function.app, function.metrics
wiring = StoresWiring.from_environment()

_UPLOAD = "uploadToFileSearchStore"
_RAG_UPLOAD = "uploadToRagStore"
_IMPORT = "importFile"


@app.post("/upload/<version>/fileSearchStores/<store>")
@app.post("/resumable/upload/<version>/fileSearchStores/<store>")
def upload(version: str, store: str) -> Response[str]:
    """`uploadToFileSearchStore`: a resumable start, or a whole small document."""
    return _upload(version, store, _UPLOAD)


@app.post("/upload/<version>/ragStores/<store>")
def upload_to_rag_store(version: str, store: str) -> Response[str]:
    """`media.upload` as the seeds spell it; a ragStore is a fileSearchStore (wire 9)."""
    return _upload(version, store, _RAG_UPLOAD)


def _upload(version: str, store: str, wanted: str) -> Response[str]:
    request = _request(version)
    store_id, action = _split(store)
    if action != wanted:
        raise StatusError(ROUTE_UNKNOWN)
    protocol = protocol_of(request.headers, request.query)
    if protocol is Protocol.RESUMABLE:
        return _start(version, store_id, request)
    return _send_whole(version, store_id, request, protocol)


def _start(version: str, store_id: str, request: Request) -> Response[str]:
    now = request.received_at

    def start(tenant: Tenant) -> Response[str]:
        announced = read_document_start(request.headers, request.body)
        origin = request.credential.origin
        opened = wiring.document_uploads.start(tenant, version, store_id, announced, now, origin)
        _note("document.start", tenant, store_id, bytes=opened.record.bytes)
        metrics.add_metric("BytesReserved", MetricUnit.Bytes, opened.record.bytes)
        url = f"{request.base_url}/upload/{version}/storeSessions/{opened.sealed_session}"
        return answer_open_upload(opened.direct_url or url, GRANULARITY)

    return wiring.as_tenant(request.credential, STORES, now, start, "documents.start")


def _send_whole(version: str, store_id: str, request: Request, protocol: Protocol) -> Response[str]:
    now = request.received_at
    headers = request.headers

    def send(tenant: Tenant) -> Response[str]:
        if protocol is Protocol.MULTIPART:
            metadata_part, part = read_parts(headers.get("content-type", ""), request.body)
            document = read_document(bytes(metadata_part.content))
            content, mime_type = bytes(part.content), part.headers.get("content-type")
        else:
            document, content = NewDocument(), request.body
            mime_type = headers.get("x-goog-upload-header-content-type") or headers.get(
                "content-type"
            )
        require_size(headers, len(content))
        announced = document_request(document, mime_type, len(content))
        operation = wiring.document_uploads.send_whole(
            tenant, version, store_id, announced, content, now
        )
        _note("document.whole", tenant, store_id, bytes=len(content))
        return answer_json(operation)

    return wiring.as_tenant(request.credential, STORES, now, send, "documents.whole")


@app.post("/<version>/ragStores/<store>")
def call_rag_store(version: str, store: str) -> Response[str]:
    """`ragStores.uploadToRagStore` on the metadata URI (seeds)."""
    request = _request(version)
    store_id, action = _split(store)
    if action != _RAG_UPLOAD:
        raise StatusError(ROUTE_UNKNOWN)
    return _create_document(version, store_id, request)


@app.post("/<version>/fileSearchStores/<store>")
def call_store(version: str, store: str) -> Response[str]:
    """`importFile`, and `uploadToFileSearchStore` on the metadata URI."""
    request = _request(version)
    store_id, action = _split(store)
    if action == _IMPORT:
        return _import_file(version, store_id, request)
    if action == _UPLOAD:
        return _create_document(version, store_id, request)
    raise StatusError(ROUTE_UNKNOWN)


def _create_document(version: str, store_id: str, request: Request) -> Response[str]:
    now = request.received_at

    def create(tenant: Tenant) -> Response[str]:
        document = read_document(request.body)
        operation = wiring.documents.create(tenant, version, store_id, document, now)
        _note("document.create", tenant, store_id)
        return answer_json(operation)

    return wiring.as_tenant(request.credential, STORES, now, create, "documents.create")


def _import_file(version: str, store_id: str, request: Request) -> Response[str]:
    now = request.received_at

    def import_file(tenant: Tenant) -> Response[str]:
        wanted = read_import(request.body)
        operation = wiring.documents.import_file(tenant, version, store_id, wanted, now)
        _note("document.import", tenant, store_id)
        return answer_json(operation)

    return wiring.as_tenant(request.credential, STORES, now, import_file, "documents.import")


@app.post("/<version>/fileSearchStores")
def create_store(version: str) -> Response[str]:
    """`fileSearchStores.create`."""
    request = _request(version)
    now = request.received_at

    def create(tenant: Tenant) -> Response[str]:
        store = wiring.stores.create(tenant, version, read_store(request.body), now)
        LOGGER.info("store.create", extra={"tenant": tenant.id, "store": store["name"]})
        return answer_json(store)

    return wiring.as_tenant(request.credential, STORES, now, create, "stores.create")


@app.get("/<version>/fileSearchStores")
def list_stores(version: str) -> Response[str]:
    """`fileSearchStores.list`: the tenant's own, in the order of their ids."""
    request = _request(version)
    now = request.received_at
    query = request.query

    def list_page(tenant: Tenant) -> Response[str]:
        size = read_page_size(query.get("pageSize") or query.get("page_size"), MOST_A_PAGE)
        token = query.get("pageToken") or query.get("page_token")
        after = open_position(tenant.id, Kind.STORE, token, wiring.pages) if token else None
        stores, following = wiring.stores.page(tenant, version, size, after, now)
        page: dict[str, Any] = {}
        if stores:
            page["fileSearchStores"] = stores
        if following is not None:
            token = seal_position(tenant.id, Kind.STORE, following, wiring.pages)
            page["nextPageToken"] = token
        return answer_json(page)

    return wiring.as_tenant(request.credential, STORES, now, list_page, "stores.list")


@app.get("/<version>/fileSearchStores/<store>")
def get_store(version: str, store: str) -> Response[str]:
    """`fileSearchStores.get`."""
    request = _request(version)
    now = request.received_at
    store_id = _id(store)
    return wiring.as_tenant(
        request.credential,
        STORES,
        now,
        lambda tenant: answer_json(wiring.stores.get(tenant, version, store_id, now)),
        "stores.get",
    )


@app.delete("/<version>/fileSearchStores/<store>")
def delete_store(version: str, store: str) -> Response[str]:
    """`fileSearchStores.delete`; a body is not read, as JS sends `{}` (wire 9.1)."""
    request = _request(version)
    now = request.received_at
    store_id = _id(store)

    def delete(tenant: Tenant) -> Response[str]:
        wiring.stores.delete(tenant, version, store_id, now, force=read_force(request.query))
        _note("store.delete", tenant, store_id)
        return answer_json({})

    return wiring.as_tenant(request.credential, STORES, now, delete, "stores.delete")


@app.get("/<version>/fileSearchStores/<store>/documents")
def list_documents(version: str, store: str) -> Response[str]:
    """`documents.list`."""
    request = _request(version)
    now = request.received_at
    store_id = _id(store)

    def list_page(tenant: Tenant) -> Response[str]:
        page = read_page(request.query)
        # Upstream's own token, sealed: what it opens there, and for whom, nobody here knows.
        listed = f"{Kind.STORE}/{store_id}/documents"
        if token := page.get("pageToken"):
            page["pageToken"] = open_position(tenant.id, listed, token, wiring.pages)
        answer = dict(wiring.documents.page(tenant, version, store_id, page, now))
        if following := answer.get("nextPageToken"):
            token = seal_position(tenant.id, listed, str(following), wiring.pages)
            answer["nextPageToken"] = token
        return answer_json(answer)

    return wiring.as_tenant(request.credential, STORES, now, list_page, "documents.list")


@app.get("/<version>/fileSearchStores/<store>/documents/<document>")
def get_document(version: str, store: str, document: str) -> Response[str]:
    """`documents.get`."""
    request = _request(version)
    now = request.received_at
    store_id, document_id = _id(store), _id(document)
    return wiring.as_tenant(
        request.credential,
        STORES,
        now,
        lambda tenant: answer_json(
            wiring.documents.get(tenant, version, store_id, document_id, now)
        ),
        "documents.get",
    )


@app.delete("/<version>/fileSearchStores/<store>/documents/<document>")
def delete_document(version: str, store: str, document: str) -> Response[str]:
    """`documents.delete`."""
    request = _request(version)
    now = request.received_at
    store_id, document_id = _id(store), _id(document)

    def delete(tenant: Tenant) -> Response[str]:
        force = read_force(request.query)
        wiring.documents.delete(tenant, version, store_id, document_id, now, force=force)
        _note("document.delete", tenant, store_id)
        return answer_json({})

    return wiring.as_tenant(request.credential, STORES, now, delete, "documents.delete")


@app.get("/<version>/fileSearchStores/<store>/operations/<operation>")
def get_import_operation(version: str, store: str, operation: str) -> Response[str]:
    """`operations.get` of an import."""
    return _operation(version, store, f"operations/{_id(operation)}")


@app.get("/<version>/fileSearchStores/<store>/upload/operations/<operation>")
def get_upload_operation(version: str, store: str, operation: str) -> Response[str]:
    """`upload.operations.get` of an upload."""
    return _operation(version, store, f"upload/operations/{_id(operation)}")


def _operation(version: str, store: str, operation: str) -> Response[str]:
    request = _request(version)
    now = request.received_at
    store_id = _id(store)
    return wiring.as_tenant(
        request.credential,
        STORES,
        now,
        lambda tenant: answer_json(
            wiring.documents.operation(tenant, version, store_id, operation, now)
        ),
        "operations.get",
    )


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (API Gateway REST proxy integration)."""
    return for_pages(function.answer(event, context), event)


def _request(version: str) -> Request:
    return function.request(version, wiring.settings.public_base_url)


def _split(store: str) -> tuple[str, str]:
    """`{store}:{action}`; path parameters come percent-encoded, the colon by some clients too."""
    store_id, _, action = unquote(store).partition(":")
    return store_id, action


def _id(part: str) -> str:
    name = unquote(part)
    if ":" in name:
        raise StatusError(ROUTE_UNKNOWN)
    return name


def _note(event: str, tenant: Tenant, store_id: str, **fields: int) -> None:
    LOGGER.info(event, extra={"tenant": tenant.id, "store": store_id, **fields})
