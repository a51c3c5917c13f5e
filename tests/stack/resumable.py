"""The resumable protocol by hand, for what no SDK would send (wire section 3)."""

import httpx

from local_stack import NO_TLS, StackTenant

CHUNK = 8 * 1024 * 1024


def start(tenant: StackTenant, size: int | None, **headers: str) -> httpx.Response:
    """Announce an upload of `size` bytes, or of unknown size."""
    announced = {} if size is None else {"X-Goog-Upload-Header-Content-Length": str(size)}
    with tenant.http() as http:
        return http.post(
            "/upload/v1beta/files",
            headers={
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Type": "text/plain",
                **announced,
                **headers,
            },
        )


def started(tenant: StackTenant, size: int | None) -> str:
    """Start an upload and answer the URL for its chunks."""
    answer = start(tenant, size)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-goog-upload-url"]


def send(
    url: str, command: str, content: bytes = b"", offset: int | None = 0, **headers: str
) -> httpx.Response:
    """Send one chunk or command, without any key, as Python's SDK does."""
    where = {} if offset is None else {"X-Goog-Upload-Offset": str(offset)}
    return httpx.post(
        url,
        content=content,
        headers={"X-Goog-Upload-Command": command, **where, **headers},
        timeout=60,
        verify=NO_TLS,
    )
