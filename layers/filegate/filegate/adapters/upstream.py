"""Upstream: the Gemini File API over HTTPS, with a key the tenant never sees.

The key goes in a header and nowhere else: in a URL it would come back in `X-Goog-Upload-URL`
(wire 3.3). Nothing of an upstream response leaves this module but what is named here.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx

from filegate import __version__
from filegate.errors import STATUS_NAMES
from filegate.redaction import REDACTOR

_AGENT: Final = f"filegate/{__version__}"
_LONGEST_MESSAGE: Final = 8 * 1024
_WAIT: Final = re.compile(r"[0-9]{1,9}")
_TRANSIENT: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class UpstreamUnavailable(Exception):
    """No answer: not reached, cut off or too slow. Whether a request took effect is unknown."""


class UpstreamKeyRefused(Exception):
    """Upstream refuses the project's key, also after reading it anew."""


class UpstreamRefused(Exception):
    """Upstream answered with an error; its text is free of secrets and may be passed on."""

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        retry_after: int | None,
        *,
        in_words: bool = True,
    ) -> None:
        """`in_words`: whether it was a google.rpc Status, and not some page or text."""
        super().__init__(f"{code} {status}")
        self.in_words: Final = in_words
        self.code: Final = code
        self.status: Final = status
        self.message: Final = message
        self.retry_after: Final = retry_after


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
        timeout=httpx.Timeout(15.0, connect=3.0),
        # A jar that takes nothing: what upstream sets for one tenant must not follow another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=httpx.HTTPTransport(retries=1, limits=httpx.Limits(max_connections=64)),
    )


class Upstream:
    """The operations of the File API that Filegate needs.

    All raise UpstreamUnavailable, UpstreamKeyRefused and, unless they say otherwise,
    UpstreamRefused.
    """

    def __init__(
        self,
        client: httpx.Client,
        key_of: Callable[[str], str],
        fresh_key_of: Callable[[str], str],
    ) -> None:
        """`key_of` gives a project's key; `fresh_key_of` reads it anew after a refusal."""
        self._client = client
        self._key_of = key_of
        self._fresh_key_of = fresh_key_of

    def start_upload(self, project: str, version: str, file: FileToSend) -> str:
        """Open a resumable upload (wire 3.1) and return its `upload_id`."""
        headers = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
        if file.size is not None:
            headers["x-goog-upload-header-content-length"] = str(file.size)
        if file.mime_type is not None:
            headers["x-goog-upload-header-content-type"] = file.mime_type
        answer = self._send(
            project, "POST", f"/upload/{version}/files", headers=headers, json=file.metadata()
        )
        return _upload_id(answer.headers.get("x-goog-upload-url", ""))

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
            if _is_missing(refusal):
                return None
            raise

    def delete_file(self, project: str, file_id: str) -> None:
        """Delete a file; one that is not there any more counts as deleted."""
        try:
            self._send(project, "DELETE", f"/v1beta/files/{file_id}")
        except UpstreamRefused as refusal:
            if not _is_missing(refusal):
                raise

    def query_upload(self, upload_id: str) -> UploadState:
        """How an upload stands. A session upstream does not know counts as cancelled."""
        return self._command(upload_id, "query")

    def cancel_upload(self, upload_id: str) -> UploadState:
        """End an upload; answers how it stands then: FINAL if it had been finalized before."""
        return self._command(upload_id, "cancel")

    def _command(self, upload_id: str, command: str) -> UploadState:
        # The session authorizes itself (wire 3.3): no key goes along.
        answer = self._request(
            "POST",
            "/upload/v1beta/files",
            params={"upload_id": upload_id, "upload_protocol": "resumable"},
            headers={"x-goog-upload-command": command},
        )
        status = answer.headers.get("x-goog-upload-status", "")
        if status in set(UploadState):
            return UploadState(status)
        if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return UploadState.CANCELLED
        if answer.is_client_error and answer.status_code not in _TRANSIENT:
            raise _refusal(answer)
        raise UpstreamUnavailable(f"{command} was answered with {answer.status_code}")

    def _send(self, project: str, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        try:
            return self._attempt(self._key_of(project), method, path, **request)
        except UpstreamKeyRefused:
            # A key is rotated by changing the secret: read it once more before giving up.
            return self._attempt(self._fresh_key_of(project), method, path, **request)

    def _attempt(self, key: str, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        headers = {**request.pop("headers", {}), "x-goog-api-key": key}
        answer = self._request(method, path, headers=headers, **request)
        if answer.is_success:
            return answer
        refusal = _refusal(answer)
        if _is_about_the_key(answer, refusal):
            raise UpstreamKeyRefused
        raise refusal

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        answer, failure = None, ""
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            failure = type(error).__name__
        if answer is None:
            # Raised out here: an httpx error holds the request, and the request holds the key.
            raise UpstreamUnavailable(failure)
        return answer


def _upload_id(url: str) -> str:
    try:
        [upload_id] = parse_qs(urlsplit(url).query)["upload_id"]
    except (KeyError, ValueError):
        raise UpstreamUnavailable("upstream returned no upload URL") from None
    return upload_id


def _refusal(answer: httpx.Response) -> UpstreamRefused:
    code = answer.status_code
    message, status = answer.text, STATUS_NAMES.get(code, "UNKNOWN")
    error = _error_of(answer)
    if error is not None:
        message, status = str(error.get("message") or ""), str(error.get("status") or status)
    # Redacted when parsed, as JSON can spell a key in escapes, and before it is cut.
    message, status = REDACTOR.redact(message)[:_LONGEST_MESSAGE], REDACTOR.redact(status)
    after = answer.headers.get("retry-after", "")
    wait = int(after) if _WAIT.fullmatch(after) else None
    return UpstreamRefused(code, status, message, wait, in_words=error is not None)


def _error_of(answer: httpx.Response) -> Mapping[str, Any] | None:
    try:
        return _object(_object(json.loads(answer.text)).get("error"))
    except (ValueError, RecursionError, UpstreamUnavailable):
        return None


def _is_missing(refusal: UpstreamRefused) -> bool:
    """Whether a refusal means "no such file" (wire section 8: upstream says 403 for it).

    In the API's own words only: bytes are given back on it, and a 404 page can come from anything
    that stands between.
    """
    if refusal.code == HTTPStatus.NOT_FOUND:
        return refusal.in_words and refusal.status == "NOT_FOUND"
    return refusal.code == HTTPStatus.FORBIDDEN and "it may not exist" in refusal.message


def _is_about_the_key(answer: httpx.Response, refusal: UpstreamRefused) -> bool:
    """Whether a refusal is about the gateway's own key or project, not about the request.

    Every name the gateway asks for is its own, so a 403 that does not say "missing" can be about
    nothing else; its text may name the project and stays here. A bad key is 400 (wire section 8).
    """
    if refusal.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return not _is_missing(refusal)
    details = (_error_of(answer) or {}).get("details") or []
    reasons = [detail.get("reason") for detail in details if isinstance(detail, dict)]
    return refusal.code == HTTPStatus.BAD_REQUEST and (
        refusal.message.startswith("API key ")
        or any(str(reason).startswith("API_KEY_") for reason in reasons)
    )


def _json(answer: httpx.Response) -> object:
    try:
        return json.loads(REDACTOR.redact(answer.text))
    except (ValueError, RecursionError):
        raise UpstreamUnavailable("upstream's answer is not JSON") from None


def _object(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise UpstreamUnavailable("upstream's answer is not the JSON object it should be")
