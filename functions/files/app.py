"""Files: uploads, create, register, get, list, delete. Parses, calls, answers."""

from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.batch_inputs import is_batch_input
from filegate.chunks import Chunk, SessionRefused
from filegate.edge.cors import for_pages
from filegate.edge.files_wiring import FilesWiring
from filegate.edge.logs import LOGGER
from filegate.edge.requests import Request
from filegate.edge.responses import (
    answer_chunk,
    answer_json,
    answer_open_upload,
    answer_redirect,
    answer_text,
)
from filegate.edge.rest_function import RestFunction
from filegate.errors import (
    ROUTE_UNKNOWN,
    SESSION_UNKNOWN,
    StatusError,
    invalid_argument,
    token_cannot,
)
from filegate.multipart import read_parts
from filegate.pages import open_position, read_page_size, seal_position
from filegate.records import FileRecord
from filegate.sessions import GRANULARITY
from filegate.tenants import FILES_READ, FILES_WRITE, OWN_FILES, Tenant
from filegate.token_requests import answer_of, mint, read_token_request
from filegate.upload_requests import (
    Protocol,
    protocol_of,
    read_start,
    require_size,
    whole_request,
)
from filegate.wire import NewFile, read_metadata

function = RestFunction()
app, metrics = function.app, function.metrics
wiring = FilesWiring.from_environment()

_DOWNLOAD = ":download"
_MEDIA = "media"
_LISTED = "files"


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
        # What is to be read on its way has to come by here.
        read = is_batch_input(announced.mime_type, announced.size)
        direct = tenant.sends_direct and not read
        origin = request.credential.origin
        opened = wiring.uploads.start(tenant, version, announced, now, direct=direct, origin=origin)
        _note("upload.start", opened.record, bytes=opened.record.bytes)
        metrics.add_metric("BytesReserved", MetricUnit.Bytes, opened.record.bytes)
        route = "batchSessions" if read else "sessions"
        url = f"{request.base_url}/upload/{version}/{route}/{opened.sealed_session}"
        return answer_open_upload(opened.direct_url or url, GRANULARITY)

    return wiring.as_tenant(request.credential, FILES_WRITE, now, start, "upload.start")


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
        require_size(headers, len(content))
        announced = whole_request(metadata, mime_type, len(content))
        sha256 = None
        if is_batch_input(announced.mime_type, len(content)):
            sha256 = wiring.batch_inputs.checked(tenant, content, now)
        record = wiring.uploads.send_whole(tenant, version, announced, content, now, sha256)
        _note("upload.whole", record, bytes=record.bytes)
        return answer_text(f'{{"file":{record.snapshot}}}')

    return wiring.as_tenant(request.credential, FILES_WRITE, now, send, "upload.whole")


@app.post("/upload/<version>/batchSessions/<session>")
@app.put("/upload/<version>/batchSessions/<session>")
def send_batch_input(version: str, session: str) -> Response[str]:
    """A chunk of a JSONL file of requests, whose lines are read on their way upstream."""
    request = _request(version)
    chunk = Chunk(
        version=version,
        sealed_session=session,
        command=request.headers.get("x-goog-upload-command"),
        offset=request.headers.get("x-goog-upload-offset"),
        credential=request.credential,
    )
    try:
        answer = wiring.batch_inputs.send(chunk, request.body, request.received_at)
    except SessionRefused:
        raise StatusError(SESSION_UNKNOWN) from None
    return answer_chunk(answer.status, answer.headers, answer.text)


@app.post("/<version>/files")
def create_file(version: str) -> Response[str]:
    """`CreateFile`: a file of metadata only."""
    request = _request(version)
    now = request.received_at

    def create(tenant: Tenant) -> Response[str]:
        announced = whole_request(read_metadata(request.body), None, 0)
        record = wiring.uploads.create(tenant, version, announced, now)
        _note("files.create", record)
        return answer_text(f'{{"file":{record.snapshot}}}')

    return wiring.as_tenant(request.credential, FILES_WRITE, now, create, "files.create")


@app.post("/<version>/files:register")
def register_files(version: str) -> Response[str]:
    """`files.register`: Cloud Storage objects as files, with the caller's own Google token."""
    request = _request(version)
    now = request.received_at

    def register(tenant: Tenant) -> Response[str]:
        if tenant.token is not None:
            raise StatusError(token_cannot("register Cloud Storage objects"))
        files = wiring.registrations.register(
            tenant,
            version,
            request.body,
            request.headers.get("authorization"),
            request.headers.get("x-goog-user-project"),
            now,
        )
        LOGGER.info("files.register", extra={"tenant": tenant.id, "count": len(files)})
        return answer_json({"files": files})

    return wiring.as_tenant(request.credential, FILES_WRITE, now, register, "files.register")


@app.get("/<version>/files")
def list_files(version: str) -> Response[str]:
    """`files.list`: the tenant's stored files, newest first."""
    request = _request(version)
    now = request.received_at

    def list_page(tenant: Tenant) -> Response[str]:
        size = read_page_size(request.query.get("pageSize") or request.query.get("page_size"))
        token = request.query.get("pageToken") or request.query.get("page_token")
        after = open_position(tenant.id, _LISTED, token, wiring.pages) if token else None
        page = wiring.files.list_page(tenant, size, after, now)
        fields = []
        if page.records:
            snapshots = ",".join(record.snapshot or "{}" for record in page.records)
            fields.append(f'"files":[{snapshots}]')
        if page.continue_after is not None:
            next_token = seal_position(tenant.id, _LISTED, page.continue_after, wiring.pages)
            fields.append(f'"nextPageToken":"{next_token}"')
        return answer_text(f"{{{','.join(fields)}}}")

    return wiring.as_tenant(request.credential, FILES_READ, now, list_page, "files.list")


@app.get("/<version>/files/<file>")
def get_file(version: str, file: str) -> Response[str]:
    """`files.get`: one file, from the ledger's own snapshot where it cannot have changed."""
    request = _request(version)
    if unquote(file).endswith(_DOWNLOAD):
        return _redirect_download(version, file, request)
    now = request.received_at
    fresh = "no-cache" in request.headers.get("cache-control", "").lower()

    def get(tenant: Tenant) -> Response[str]:
        record = wiring.files.get(tenant, _file_id(file), now, from_upstream=fresh)
        return answer_text(record.snapshot or "{}")

    return wiring.as_tenant(request.credential, OWN_FILES, now, get, "files.get")


def _redirect_download(version: str, file: str, request: Request) -> Response[str]:
    """`files.download`: to the route whose answer streams, as Google redirects too (wire 6.5)."""
    if request.query.get("alt", _MEDIA) != _MEDIA:
        raise StatusError(invalid_argument("The query parameter alt can be media here.", "alt"))

    def redirect(tenant: Tenant) -> Response[str]:
        file_id = _file_id(unquote(file).removesuffix(_DOWNLOAD))
        grant = wiring.grants.give(tenant, file_id, now)
        query = f"alt=media&grant={wiring.grants.seal(grant)}"
        path = f"/download/{version}/files/{grant.file_id}{_DOWNLOAD}"
        return answer_redirect(f"{request.base_url}{path}?{query}")

    now = request.received_at
    return wiring.as_tenant(request.credential, OWN_FILES, now, redirect, "files.download")


@app.delete("/<version>/files/<file>")
def delete_file(version: str, file: str) -> Response[str]:
    """`files.delete`: the file goes and its bytes come back."""
    request = _request(version)
    now = request.received_at

    def delete(tenant: Tenant) -> Response[str]:
        wiring.files.delete(tenant, _file_id(file), now)
        LOGGER.info("files.delete", extra={"tenant": tenant.id, "file": file})
        return answer_json({})

    return wiring.as_tenant(request.credential, FILES_WRITE, now, delete, "files.delete")


@app.post("/<version>/tokens")
def make_token(version: str) -> Response[str]:
    """A browser token, for a backend to hand to its page. Nothing is stored."""
    request = _request(version)
    now = request.received_at
    caller = wiring.admit(request.credential, now)
    token = mint(caller, request.credential, read_token_request(request.body), now)
    LOGGER.info("tokens.create", extra={"tenant": token.tenant, "token": token.id})
    return answer_json(answer_of(token, token.seal(wiring.tokens)))


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (API Gateway REST proxy integration)."""
    return for_pages(function.answer(event, context), event)


def _request(version: str) -> Request:
    return function.request(version, wiring.settings.public_base_url)


def _file_id(file: str) -> str:
    # Path parameters come percent-encoded, and some clients encode the colon of an action.
    file_id = unquote(file)
    if ":" in file_id:
        raise StatusError(ROUTE_UNKNOWN)
    return file_id


def _note(event: str, record: FileRecord, **fields: int) -> None:
    LOGGER.info(event, extra={"tenant": record.tenant, "file": record.file_id, **fields})
