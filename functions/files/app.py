"""Files: upload start, single-request upload, get, list, delete. Parses, calls, answers."""

from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.edge.logs import LOGGER
from filegate.edge.requests import Request, read_request
from filegate.edge.responses import (
    answer_error,
    answer_json,
    answer_open_upload,
    answer_text,
    status_of,
)
from filegate.edge.upstream_wiring import UpstreamWiring
from filegate.errors import ROUTE_UNKNOWN, StatusError
from filegate.multipart import read_parts
from filegate.names import VERSIONS
from filegate.pages import open_position, read_page_size, seal_position
from filegate.records import FileRecord
from filegate.sessions import GRANULARITY
from filegate.tenants import FILES_READ, FILES_WRITE, Tenant
from filegate.upload_requests import Protocol, protocol_of, read_start, whole_request
from filegate.wire import NewFile, read_metadata

app = APIGatewayRestResolver()
metrics = Metrics()
wiring = UpstreamWiring.from_environment()


@app.post("/upload/<version>/files")
@app.post("/resumable/upload/<version>/files")
def upload(version: str) -> Response[str]:
    """`media.upload`: a resumable start, or a whole small file."""
    request = _request(version)
    protocol = protocol_of(request.headers, request.query)
    if protocol is Protocol.RESUMABLE:
        return _start(version, request)
    return _send_whole(version, request, protocol)


def _start(version: str, request: Request) -> Response[str]:
    now = request.received_at

    def start(tenant: Tenant) -> Response[str]:
        announced = read_start(request.headers, request.body)
        opened = wiring.uploads.start(tenant, version, announced, now)
        _note("upload.start", opened.record, bytes=opened.record.bytes)
        metrics.add_metric("BytesReserved", MetricUnit.Bytes, opened.record.bytes)
        url = f"{request.base_url}/upload/{version}/sessions/{opened.sealed_session}"
        return answer_open_upload(url, GRANULARITY)

    return wiring.as_tenant(request.tenant_key, FILES_WRITE, now, start)


def _send_whole(version: str, request: Request, protocol: Protocol) -> Response[str]:
    now = request.received_at
    headers = request.headers

    def send(tenant: Tenant) -> Response[str]:
        if protocol is Protocol.MULTIPART:
            metadata_part, part = read_parts(headers.get("content-type", ""), request.body)
            metadata = read_metadata(bytes(metadata_part.content))
            content, mime_type = bytes(part.content), part.headers.get("content-type")
        else:
            metadata, content = NewFile(), request.body
            mime_type = headers.get("x-goog-upload-header-content-type") or headers.get(
                "content-type"
            )
        announced = whole_request(metadata, mime_type, len(content))
        record = wiring.uploads.send_whole(tenant, version, announced, content, now)
        _note("upload.whole", record, bytes=record.bytes)
        return answer_text(f'{{"file":{record.snapshot}}}')

    return wiring.as_tenant(request.tenant_key, FILES_WRITE, now, send)


@app.get("/<version>/files")
def list_files(version: str) -> Response[str]:
    """`files.list`: the tenant's stored files, newest first."""
    request = _request(version)
    now = request.received_at

    def list_page(tenant: Tenant) -> Response[str]:
        size = read_page_size(request.query.get("pageSize") or request.query.get("page_size"))
        token = request.query.get("pageToken") or request.query.get("page_token")
        after = open_position(tenant.id, token, wiring.pages) if token else None
        page = wiring.files.list_page(tenant, size, after, now)
        fields = []
        if page.records:
            snapshots = ",".join(record.snapshot or "{}" for record in page.records)
            fields.append(f'"files":[{snapshots}]')
        if page.continue_after is not None:
            next_token = seal_position(tenant.id, page.continue_after, wiring.pages)
            fields.append(f'"nextPageToken":"{next_token}"')
        return answer_text(f"{{{','.join(fields)}}}")

    return wiring.as_tenant(request.tenant_key, FILES_READ, now, list_page)


@app.get("/<version>/files/<file>")
def get_file(version: str, file: str) -> Response[str]:
    """`files.get`: one file, from the ledger's own snapshot where it cannot have changed."""
    request = _request(version)
    now = request.received_at
    fresh = "no-cache" in request.headers.get("cache-control", "").lower()

    def get(tenant: Tenant) -> Response[str]:
        record = wiring.files.get(tenant, _file_id(file), now, from_upstream=fresh)
        return answer_text(record.snapshot or "{}")

    return wiring.as_tenant(request.tenant_key, FILES_READ, now, get)


@app.delete("/<version>/files/<file>")
def delete_file(version: str, file: str) -> Response[str]:
    """`files.delete`: the file goes and its bytes come back."""
    request = _request(version)
    now = request.received_at

    def delete(tenant: Tenant) -> Response[str]:
        wiring.files.delete(tenant, _file_id(file), now)
        LOGGER.info("files.delete", extra={"tenant": tenant.id, "file": file})
        return answer_json({})

    return wiring.as_tenant(request.tenant_key, FILES_WRITE, now, delete)


@app.not_found
def unknown_route(_error: Exception) -> Response[str]:
    """A path the API has, with a method or a spelling it has not."""
    return answer_error(ROUTE_UNKNOWN, upload=_is_upload())


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools has no types here
def refuse(error: Exception) -> Response[str]:
    """Every failure as a google.rpc Status; one that nobody foresaw is logged with its trace."""
    status = status_of(error)
    metrics.add_metric("Refusals", MetricUnit.Count, 1)
    if status.code >= 500:
        LOGGER.exception("request failed", extra={"code": status.code})
    else:
        LOGGER.info("request refused", extra={"code": status.code, "reason": status.status})
    return answer_error(status, upload=_is_upload())


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (API Gateway REST proxy integration)."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return app.resolve(event, context)


def _request(version: str) -> Request:
    if version not in VERSIONS:
        raise StatusError(ROUTE_UNKNOWN)
    return read_request(app.current_event.raw_event, wiring.settings.public_base_url)


def _file_id(file: str) -> str:
    # Path parameters come percent-encoded, and some clients encode the colon of an action.
    file_id = unquote(file)
    if ":" in file_id:
        raise StatusError(ROUTE_UNKNOWN)
    return file_id


def _is_upload() -> bool:
    return app.current_event.path.startswith(("/upload/", "/resumable/"))


def _note(event: str, record: FileRecord, **fields: int) -> None:
    LOGGER.info(event, extra={"tenant": record.tenant, "file": record.file_id, **fields})
