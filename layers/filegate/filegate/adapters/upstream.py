"""Upstream: the Gemini File API over HTTPS, with a key the tenant never sees.

The key goes in a header and nowhere else: in a URL it would come back in `X-Goog-Upload-URL`
(wire 3.3). Nothing of an upstream response leaves this module but what is named here.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx

from filegate import __version__
from filegate.redaction import REDACTOR

_AGENT: Final = f"filegate/{__version__}"
_LARGEST_ERROR: Final = 64 * 1024


class UpstreamUnavailable(Exception):
    """No answer: not reached, cut off or too slow. Whether a request took effect is unknown."""


class UpstreamKeyRefused(Exception):
    """Upstream refuses the project's key, also after reading it anew."""


class UpstreamRefused(Exception):
    """Upstream answered with an error; its text is free of secrets and may be passed on."""

    def __init__(self, code: int, status: str, message: str, retry_after: int | None) -> None:
        super().__init__(f"{code} {status}")
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
        timeout=httpx.Timeout(20.0, connect=3.0),
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
        url = answer.headers.get("x-goog-upload-url", "")
        upload_ids = parse_qs(urlsplit(str(url)).query).get("upload_id")
        if not upload_ids:
            raise UpstreamUnavailable("upstream returned no upload URL")
        return upload_ids[0]

    def send_whole(
        self, project: str, version: str, file: FileToSend, content: bytes
    ) -> Mapping[str, Any]:
        """Upload a small file in one multipart request (wire 5.1) and return its File."""
        boundary = f"filegate-{file.file_id}"
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
        try:
            answer = self._client.post(
                "/upload/v1beta/files",
                params={"upload_id": upload_id, "upload_protocol": "resumable"},
                headers={"x-goog-upload-command": command},
            )
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(type(error).__name__) from None
        status = answer.headers.get("x-goog-upload-status", "")
        if status in set(UploadState):
            return UploadState(status)
        if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return UploadState.CANCELLED
        raise UpstreamUnavailable(f"{command} was answered with {answer.status_code}")

    def _send(self, project: str, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        try:
            return self._attempt(self._key_of(project), method, path, **request)
        except UpstreamKeyRefused:
            # A key is rotated by changing the secret: read it once more before giving up.
            return self._attempt(self._fresh_key_of(project), method, path, **request)

    def _attempt(self, key: str, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        headers = {**request.pop("headers", {}), "x-goog-api-key": key}
        try:
            answer = self._client.request(method, path, headers=headers, **request)
        except httpx.HTTPError as error:
            # `from None`: an httpx error holds the request, and the request holds the key.
            raise UpstreamUnavailable(type(error).__name__) from None
        if answer.is_success:
            return answer
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> UpstreamKeyRefused | UpstreamRefused:
    text = REDACTOR.redact(answer.text[:_LARGEST_ERROR])
    code = answer.status_code
    message, status, reasons = text, HTTPStatus(code).phrase if code in _PHRASES else "", ""
    try:
        error = _object(json.loads(text).get("error"))
    except (ValueError, AttributeError, UpstreamUnavailable):
        pass
    else:
        message = str(error.get("message", ""))
        status = str(error.get("status", status))
        reasons = str(error.get("details", ""))
    if code == HTTPStatus.UNAUTHORIZED or "API_KEY_" in reasons or "API key" in message:
        return UpstreamKeyRefused()
    after = answer.headers.get("retry-after", "")
    return UpstreamRefused(code, status, message, int(after) if after.isdecimal() else None)


_PHRASES: Final = frozenset(int(status) for status in HTTPStatus)


def _is_missing(refusal: UpstreamRefused) -> bool:
    """Whether a refusal means "no such file", and not that the key or the project is in trouble.

    Upstream says 403 for both (wire section 8); only its sentence tells them apart.
    """
    if refusal.code == HTTPStatus.NOT_FOUND:
        return True
    return refusal.code == HTTPStatus.FORBIDDEN and "it may not exist" in refusal.message


def _json(answer: httpx.Response) -> object:
    try:
        return json.loads(REDACTOR.redact(answer.text))
    except ValueError:
        raise UpstreamUnavailable("upstream's answer is not JSON") from None


def _object(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise UpstreamUnavailable("upstream's answer is not the JSON object it should be")
