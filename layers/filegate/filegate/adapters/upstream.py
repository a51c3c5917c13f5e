"""Upstream: the Gemini File API over HTTPS, with a key the tenant never sees.

The key goes in a header and nowhere else: in a URL it would come back in `X-Goog-Upload-URL`
(wire 3.3). Nothing of an upstream response leaves this module but what is named here.
"""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx

from filegate import __version__
from filegate.adapters.deadline import DEADLINE
from filegate.adapters.hosts import may_lead_to
from filegate.adapters.project_keys import KeysOf, Told
from filegate.adapters.refusals import (
    Subject,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
    read_refusal,
    read_wait,
)
from filegate.instants import SECOND, Instant
from filegate.redaction import REDACTOR

_AGENT: Final = f"filegate/{__version__}"
_TRANSIENT: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_CHUNK_HEADERS: Final = (
    "content-type",
    "retry-after",
    "x-goog-upload-status",
    "x-goog-upload-size-received",
    "x-goog-upload-chunk-granularity",
)
_LONGEST_CONNECT = 3.0
_LONGEST_SILENCE = 15.0
"""Seconds without a byte until an answer is given up."""
_LONGEST_ANSWER = 20.0
"""Seconds until an answer has to be whole, however steadily it drips."""
KEPT_AT_REST: Final = 60.0
"""Seconds that a connection is kept between two calls, a quarter of what Google's front ends keep
it for: an end that comes while the function is frozen may be known only once a call has failed."""
_LISTED: Final = "100"
"""Files on a page, as many as upstream gives (wire 6.2)."""
_PATH_PART: Final = re.compile(r"[A-Za-z0-9_-]+")


class UploadState(StrEnum):
    """How an upstream session stands (wire section 4)."""

    ACTIVE = "active"
    FINAL = "final"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class FileToSend:
    """What upstream is told of a file before its bytes; `size` in bytes, None if not known."""

    file_id: str
    display_name: str | None
    mime_type: str | None
    size: int | None

    def metadata(self) -> dict[str, Any]:
        """The `file` object of a start or multipart request."""
        fields = {
            "name": f"files/{self.file_id}",
            "displayName": self.display_name,
            "mimeType": self.mime_type,
        }
        return {"file": {name: value for name, value in fields.items() if value is not None}}


@dataclass(frozen=True)
class DocumentToSend:
    """What upstream is told of a document before its bytes; `size` in bytes, None if not known."""

    metadata: Mapping[str, Any]
    """The body of a start: `displayName`, `customMetadata`, `chunkingConfig`, `mimeType`."""
    mime_type: str | None
    size: int | None


@dataclass(frozen=True)
class DocumentUpload:
    """What became of an upload to a store; one that upstream refused at its end is CANCELLED."""

    state: UploadState
    size: int | None = None
    """Bytes of the document once FINAL, None if upstream does not say."""
    document: str | None = None
    """The document's id in its store once FINAL, None if upstream does not say."""


@dataclass(frozen=True)
class DirectUpload:
    """An upload whose chunks go straight to upstream."""

    upload_id: str
    url: str
    """Upstream's own URL for them, a capability by itself (wire 3.3); free of any key."""


@dataclass(frozen=True)
class ChunkAnswer:
    """Upstream's answer to a chunk, whatever it is: what a client may have of it."""

    status: int
    headers: Mapping[str, str]
    """Those that the chunk route of the template lets through, in lower case."""
    text: str


def create_client(base_url: str) -> httpx.Client:
    """One client per process: connections and TLS sessions are kept across invocations.

    Deadlines end before the function's own (28 s), so that a caller always gets an answer.
    Redirects are not followed: the key would follow them.
    """
    # httpx logs each request's URL at INFO, and a session's URL is a capability.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.Client(
        base_url=base_url,
        headers={"user-agent": _AGENT, "x-goog-api-client": _AGENT, "accept": "application/json"},
        timeout=httpx.Timeout(_LONGEST_SILENCE, connect=_LONGEST_CONNECT),
        # A jar that takes nothing: what upstream sets for one tenant must not follow another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=httpx.HTTPTransport(
            retries=1, limits=httpx.Limits(max_connections=64, keepalive_expiry=KEPT_AT_REST)
        ),
    )


class Upstream:
    """The operations of the File API that Filegate needs.

    All raise UpstreamUnavailable, UpstreamKeyRefused and, unless they say otherwise,
    UpstreamRefused.
    """

    def __init__(
        self,
        client: httpx.Client,
        keys_of: KeysOf,
        told: Told = lambda _project, _refusal: None,
    ) -> None:
        """`keys_of` gives a project's keys to try in turn; `told` hears what upstream says."""
        self._client = client
        self._keys_of = keys_of
        self._told = told

    def start_upload(self, project: str, version: str, file: FileToSend) -> str:
        """Open a resumable upload (wire 3.1) and return its `upload_id`."""
        return _upload_id(self._start_upload(project, version, file, None))

    def start_direct(
        self, project: str, version: str, file: FileToSend, origin: str | None
    ) -> DirectUpload:
        """Open a resumable upload for a client that sends its chunks to upstream itself.

        `origin` is that of the page it comes from, which upstream lets read its answers (wire 3.3).
        """
        answer = self._start_upload(project, version, file, origin)
        return _direct_upload(answer, self._client.base_url)

    def _start_upload(
        self, project: str, version: str, file: FileToSend, origin: str | None
    ) -> httpx.Response:
        return self._send(
            project,
            "POST",
            _upload_path(None, version),
            headers=_announcement(file.size, file.mime_type, origin),
            json=file.metadata(),
        )

    def start_document(
        self, project: str, version: str, store: str, document: DocumentToSend
    ) -> str:
        """Open a resumable upload to a store (wire 9.2) and return its `upload_id`."""
        return _upload_id(self._start_document(project, version, store, document, None))

    def start_direct_document(
        self, project: str, version: str, store: str, document: DocumentToSend, origin: str | None
    ) -> DirectUpload:
        """As `start_direct`, for an upload to a store."""
        answer = self._start_document(project, version, store, document, origin)
        return _direct_upload(answer, self._client.base_url)

    def _start_document(
        self, project: str, version: str, store: str, document: DocumentToSend, origin: str | None
    ) -> httpx.Response:
        return self._send(
            project,
            "POST",
            _upload_path(store, version),
            Subject.CONTENT,
            headers=_announcement(document.size, document.mime_type, origin),
            json=document.metadata,
        )

    def send_document(
        self, version: str, store: str, upload_id: str, content: bytes
    ) -> Mapping[str, Any]:
        """Send all bytes of an upload to a store and end it; answers the Operation.

        The session authorizes itself (wire 3.3): no key goes along.
        """
        answer = self._request(
            "POST",
            _upload_path(store, version),
            params=_session_query(upload_id),
            headers={"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"},
            content=content,
        )
        if not answer.is_success:
            raise _refusal(answer, Subject.SESSION)
        return _object(_json(answer))

    def send_whole(
        self, project: str, version: str, file: FileToSend, content: bytes
    ) -> Mapping[str, Any]:
        """Upload a small file in one multipart request (wire 5.1) and return its File."""
        boundary = token_hex(24)  # Random: content that holds it would forge a part.
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n".encode(),
                json.dumps(file.metadata()).encode(),
                f"\r\n--{boundary}\r\n".encode(),
                f"Content-Type: {file.mime_type or 'application/octet-stream'}\r\n\r\n".encode(),
                content,
                f"\r\n--{boundary}--".encode(),
            )
        )
        answer = self._send(
            project,
            "POST",
            f"/upload/{version}/files",
            headers={
                "x-goog-upload-protocol": "multipart",
                "content-type": f"multipart/related; boundary={boundary}",
            },
            content=body,
        )
        return _object(_object(_json(answer)).get("file"))

    def get_file(self, project: str, file_id: str) -> Mapping[str, Any] | None:
        """The File as upstream has it now; None if it has none of that id."""
        try:
            return _object(_json(self._send(project, "GET", f"/v1beta/files/{file_id}")))
        except UpstreamRefused as refusal:
            if refusal.missing:
                return None
            raise

    def list_files(
        self, project: str, page_token: str | None = None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """A page of all files of a project (wire 6.2), whoever made them, and the next one's token.

        The token is None at the end.
        """
        query = {"pageSize": _LISTED} | ({} if page_token is None else {"pageToken": page_token})
        answer = _object(_json(self._send(project, "GET", "/v1beta/files", params=query)))
        files = answer.get("files", [])
        if not isinstance(files, list):
            raise UpstreamUnavailable("upstream's list of files is none")
        return [_object(file) for file in files], str(answer.get("nextPageToken") or "") or None

    def delete_file(self, project: str, file_id: str) -> Instant | None:
        """Delete a file; one that is not there any more counts as deleted.

        Answers the second in which upstream says that it did, None if it does not say.
        """
        try:
            answer = self._send(project, "DELETE", f"/v1beta/files/{file_id}")
        except UpstreamRefused as refusal:
            if not refusal.missing:
                raise
            return None
        return _date(answer)

    def create_file(self, project: str, version: str, file: FileToSend) -> Mapping[str, Any]:
        """Make a file of metadata only (wire R11) and return its File."""
        answer = self._send(project, "POST", f"/{version}/files", json=file.metadata())
        return _object(_object(_json(answer)).get("file"))

    def register_files(
        self,
        project: str,
        version: str,
        uris: Sequence[str],
        authorization: str,
        quota_project: str | None,
    ) -> Sequence[Mapping[str, Any]]:
        """Register Cloud Storage objects with the caller's own Google token (wire 6.6)."""
        headers = {"authorization": authorization}
        if quota_project:
            headers["x-goog-user-project"] = quota_project
        answer = self._send(
            project,
            "POST",
            f"/{version}/files:register",
            Subject.CALLERS_TOKEN,
            headers=headers,
            json={"uris": uris},
        )
        files = _object(_json(answer)).get("files")
        return [_object(file) for file in files] if isinstance(files, list) else []

    def call(
        self,
        project: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        subject: Subject = Subject.OWN_NAMES,
    ) -> Mapping[str, Any]:
        """One JSON call; answers the JSON object, redacted. `path` begins with `/` and a version.

        `body` goes as it is. `subject` says what a 403 can be about: CONTENT where the body is
        what a tenant wrote.
        """
        headers = {} if body is None else {"content-type": "application/json"}
        answer = self._send(
            project, method, path, subject, params=query, headers=headers, content=body
        )
        return _object(_json(answer))

    def query_upload(self, upload_id: str) -> UploadState:
        """How an upload stands. A session upstream does not know counts as cancelled."""
        return _upload_state(self._ask(upload_id, "query"), "query")

    def query_document(self, store: str, upload_id: str) -> DocumentUpload:
        """What became of an upload to a store, by its Operation once it has ended (wire 4)."""
        answer = self._ask(upload_id, "query", store)
        state = _upload_state(answer, "query")
        if state is not UploadState.FINAL:
            return DocumentUpload(state)
        if answer.is_success:
            return _document_upload(answer)
        if answer.is_client_error and answer.status_code not in _TRANSIENT:
            return DocumentUpload(UploadState.CANCELLED)
        raise _no_answer(answer, "query")

    def delete_document(self, project: str, store: str, document: str) -> None:
        """Delete a document; one that is not there any more counts as deleted."""
        path = f"/v1beta/fileSearchStores/{store}/documents/{document}"
        try:
            self._send(project, "DELETE", path, params={"force": "true"})
        except UpstreamRefused as refusal:
            if not refusal.missing:
                raise

    def cancel_upload(self, upload_id: str, store: str | None = None) -> UploadState:
        """End an upload; answers how it stands then: FINAL if it had been finalized before."""
        return _upload_state(self._ask(upload_id, "cancel", store), "cancel")

    def send_chunk(
        self, version: str, upload_id: str, command: str, offset: int | None, content: bytes
    ) -> ChunkAnswer:
        """Send a chunk or command of a session, which authorizes itself: no key goes along."""
        headers = {"x-goog-upload-command": command}
        if offset is not None:
            headers["x-goog-upload-offset"] = str(offset)
        answer = self._request(
            "POST",
            _upload_path(None, version),
            params=_session_query(upload_id),
            headers=headers,
            content=content,
        )
        passed = {name: answer.headers[name] for name in _CHUNK_HEADERS if name in answer.headers}
        return ChunkAnswer(answer.status_code, passed, REDACTOR.redact(answer.text))

    def _ask(self, upload_id: str, command: str, store: str | None = None) -> httpx.Response:
        # The session authorizes itself (wire 3.3): no key goes along.
        return self._request(
            "POST",
            _upload_path(store),
            params=_session_query(upload_id),
            headers={"x-goog-upload-command": command},
        )

    def _send(
        self,
        project: str,
        method: str,
        path: str,
        subject: Subject = Subject.OWN_NAMES,
        **request: Any,  # noqa: ANN401
    ) -> httpx.Response:
        refusal = UpstreamKeyRefused()
        for key in self._keys_of(project):
            try:
                answer = self._attempt(key, method, path, subject, **request)
            except UpstreamKeyRefused as refused:
                refusal = refused
                self._told(project, refused.text)
            else:
                self._told(project, None)
                return answer
        raise refusal

    def _attempt(
        self,
        key: str,
        method: str,
        path: str,
        subject: Subject,
        **request: Any,  # noqa: ANN401
    ) -> httpx.Response:
        headers = {**request.pop("headers", {}), "x-goog-api-key": key}
        answer = self._request(method, path, headers=headers, **request)
        if answer.is_success:
            return answer
        raise _refusal(answer, subject)

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        answer, failure = None, ""
        left = DEADLINE.left(_LONGEST_ANSWER)
        if not left:
            raise UpstreamUnavailable("no time is left for another call")
        ends = time.monotonic() + left
        silence = httpx.Timeout(min(_LONGEST_SILENCE, left), connect=min(_LONGEST_CONNECT, left))
        try:
            with self._client.stream(method, path, timeout=silence, **request) as answer:
                answer.stream = _Ending(answer.stream, ends)
                answer.read()
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # InvalidURL: of a redirect.
            failure = type(error).__name__
        if answer is None or failure:
            # Raised out here: an httpx error holds the request, and the request holds the key.
            raise UpstreamUnavailable(failure)
        return answer


class _Ending(httpx.SyncByteStream):
    """The body of an answer, given up if it is not whole at a moment of the monotonic clock."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, ends: float) -> None:
        assert isinstance(stream, httpx.SyncByteStream)  # noqa: S101 - the client is not async
        self._stream = stream
        self._ends = ends

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if time.monotonic() > self._ends:
                raise httpx.ReadTimeout("the answer does not end")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _date(answer: httpx.Response) -> Instant | None:
    """When upstream made an answer, by its own clock (RFC 9110, 6.6.1): whole seconds."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
        return int(moment.timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None


def _upload_path(store: str | None, version: str = "v1beta") -> str:
    if store is None:
        return f"/upload/{version}/files"
    return f"/upload/{version}/fileSearchStores/{store}:uploadToFileSearchStore"


def _announcement(size: int | None, mime_type: str | None, origin: str | None) -> dict[str, str]:
    """The headers of a resumable start (wire 3.1)."""
    headers = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
    if origin is not None and origin.isascii() and origin.isprintable():
        headers["origin"] = origin
    if size is not None:
        headers["x-goog-upload-header-content-length"] = str(size)
    if mime_type is not None:
        headers["x-goog-upload-header-content-type"] = mime_type
    return headers


def _session_query(upload_id: str) -> dict[str, str]:
    return {"upload_id": upload_id, "upload_protocol": "resumable"}


def _upload_state(answer: httpx.Response, command: str) -> UploadState:
    status = answer.headers.get("x-goog-upload-status", "")
    if status in set(UploadState):
        return UploadState(status)
    if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return UploadState.CANCELLED
    if answer.is_client_error and answer.status_code not in _TRANSIENT:
        raise _refusal(answer, Subject.SESSION)
    raise _no_answer(answer, command)


def _no_answer(answer: httpx.Response, command: str) -> UpstreamUnavailable:
    wait = read_wait(answer.headers.get("retry-after"))
    return UpstreamUnavailable(f"{command} was answered with {answer.status_code}", wait)


def _document_upload(answer: httpx.Response) -> DocumentUpload:
    """What a finalized upload became; its Operation leaves out a size of zero (proto3 JSON)."""
    try:
        response = _object(_json(answer)).get("response")
    except UpstreamUnavailable:
        response = None
    details = response if isinstance(response, dict) else {}
    size = _whole(details.get("sizeBytes"))
    received = _whole(answer.headers.get("x-goog-upload-size-received"))
    document = str(details.get("documentName", "")).rpartition("/")[2]
    return DocumentUpload(
        UploadState.FINAL,
        received if size is None else size,
        document if _PATH_PART.fullmatch(document) else None,
    )


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _upload_id(answer: httpx.Response) -> str:
    try:
        query = urlsplit(answer.headers.get("x-goog-upload-url", "")).query
        [upload_id] = parse_qs(str(query))["upload_id"]
    except (KeyError, ValueError):
        raise UpstreamUnavailable("upstream returned no upload URL") from None
    return upload_id


def _direct_upload(answer: httpx.Response, base: httpx.URL) -> DirectUpload:
    """Upstream's URL with what names the session and nothing else, as a key could be among it.

    Raises UpstreamUnavailable for a URL where a client must not be sent with its bytes.
    """
    upload_id = _upload_id(answer)
    parts = urlsplit(answer.headers["x-goog-upload-url"])
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path, urlencode(_session_query(upload_id)), ""))
    if REDACTOR.redact(url) != url:
        raise UpstreamUnavailable("upstream's upload URL holds a key")
    if not _may_be_used(url, base):
        raise UpstreamUnavailable("upstream's upload URL leads elsewhere")
    return DirectUpload(upload_id, url)


def _may_be_used(url: str, base: httpx.URL) -> bool:
    try:
        return may_lead_to(httpx.URL(url), base)
    except httpx.InvalidURL:
        return False


def _refusal(answer: httpx.Response, subject: Subject) -> UpstreamRefused | UpstreamKeyRefused:
    return read_refusal(answer.status_code, answer.headers.get("retry-after"), answer.text, subject)


def _json(answer: httpx.Response) -> object:
    try:
        return json.loads(REDACTOR.redact(answer.text))
    except (ValueError, RecursionError):
        raise UpstreamUnavailable("upstream's answer is not JSON") from None


def _object(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise UpstreamUnavailable("upstream's answer is not the JSON object it should be")
