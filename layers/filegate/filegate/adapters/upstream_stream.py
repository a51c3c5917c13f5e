"""Upstream streams: answers of the Gemini API that pass through as they come, never held whole.

What `upstream` does for calls whose answer is small and is read here, this does for answers that
are the caller's: model calls, downloads, media.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import anyio.to_thread
import httpx

from filegate import __version__
from filegate.adapters.hosts import is_upstream, may_lead_to
from filegate.adapters.project_keys import KeysOf, Told
from filegate.adapters.refusals import (
    Subject,
    UpstreamKeyRefused,
    UpstreamUnavailable,
    read_refusal,
)
from filegate.adapters.upstream import KEPT_AT_REST
from filegate.redaction import REDACTOR

_AGENT: Final = f"filegate/{__version__}"
_SILENCE: Final = 290.0
"""Seconds without a byte until an answer is given up: API Gateway ends a stream after five minutes
of silence, and the caller is to hear of it before (aws-facts 1)."""
_REDIRECTS: Final = 3
_LONGEST_REFUSAL: Final = 64 * 1024


@dataclass(frozen=True)
class StreamedAnswer:
    """A success on its way: its type, and its bytes as they come, free of secrets.

    Reading `pieces` raises UpstreamUnavailable if the answer ends before its end.
    """

    content_type: str
    pieces: AsyncIterator[bytes]


def create_stream_client(base_url: str) -> httpx.AsyncClient:
    """One client per process. Redirects are not followed: the key would follow them."""
    # httpx logs each request's URL at INFO, and a redirect's URL may be a capability.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        base_url=base_url,
        headers={
            "user-agent": _AGENT,
            "x-goog-api-client": _AGENT,
            "accept": "*/*",
            # Compressed pieces could not be read for their usage, nor redacted.
            "accept-encoding": "identity",
        },
        timeout=httpx.Timeout(_SILENCE, connect=3.0, pool=10.0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=httpx.AsyncHTTPTransport(
            retries=1,
            limits=httpx.Limits(
                max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_AT_REST
            ),
        ),
    )


class UpstreamStream:
    """Opens streamed answers, with a key the tenant never sees."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        keys_of: KeysOf,
        told: Told = lambda _project, _refusal: None,
    ) -> None:
        """`keys_of` gives a project's keys to try in turn; `told` hears what upstream says."""
        self._client = client
        self._keys_of = keys_of
        self._told = told

    @asynccontextmanager
    async def open(
        self,
        project: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: bytes | None = None,
        subject: Subject = Subject.OWN_NAMES,
    ) -> AsyncIterator[StreamedAnswer]:
        """An answer whose bytes are still to come; leaving the block ends the call upstream.

        `path` begins with `/` and is percent-encoded where it has to be. Raises
        UpstreamUnavailable, UpstreamKeyRefused and UpstreamRefused, all before the first byte.
        """
        request = self._client.build_request(
            method,
            path,
            params=query,
            content=body,
            headers={} if body is None else {"content-type": "application/json"},
        )
        answer = await self._send(project, request, subject)
        try:
            yield StreamedAnswer(
                answer.headers.get("content-type", "application/octet-stream"), _pieces(answer)
            )
        finally:
            await answer.aclose()

    async def _send(self, project: str, request: httpx.Request, subject: Subject) -> httpx.Response:
        refusal = UpstreamKeyRefused()
        keys = self._keys_of(project)
        while key := await anyio.to_thread.run_sync(next, keys, None):
            try:
                answer = await self._follow(request, key, subject)
            except UpstreamKeyRefused as refused:
                refusal = refused
                self._told(project, refused.text)
            else:
                self._told(project, None)
                return answer
        raise refusal

    async def _follow(self, request: httpx.Request, key: str, subject: Subject) -> httpx.Response:
        """The answer behind up to three redirects; the key goes to upstream's own host alone."""
        for _ in range(1 + _REDIRECTS):
            self._sign(request, key)
            answer = await self._attempt(request)
            if answer.is_success:
                return answer
            if answer.next_request is None or request.method != "GET":
                raise await _refusal(answer, subject)
            await answer.aclose()
            request = answer.next_request
            if "key" in request.url.params:
                # Upstream repeats a key in its URLs (wire 3.3); ours goes in a header alone.
                request.url = request.url.copy_remove_param("key")
            if not self._may_go_to(request.url):
                break
        raise UpstreamUnavailable("upstream redirects elsewhere")

    def _sign(self, request: httpx.Request, key: str) -> None:
        request.headers.pop("x-goog-api-key", None)
        if is_upstream(request.url, self._client.base_url):
            request.headers["x-goog-api-key"] = key

    def _may_go_to(self, url: httpx.URL) -> bool:
        if REDACTOR.redact(str(url)) != str(url):
            return False
        return may_lead_to(url, self._client.base_url)

    async def _attempt(self, request: httpx.Request) -> httpx.Response:
        answer, failure = None, ""
        try:
            answer = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # InvalidURL: of a redirect.
            failure = type(error).__name__
        if answer is None:
            # Raised out here: an httpx error holds the request, and the request holds the key.
            raise UpstreamUnavailable(failure)
        return answer


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    redactor = REDACTOR.stream()
    failure = ""
    try:
        async for piece in answer.aiter_bytes():
            if clean := redactor.feed(piece):
                yield clean
    except httpx.HTTPError as error:
        failure = type(error).__name__
    if failure:
        raise UpstreamUnavailable(failure)
    if rest := redactor.finish():
        yield rest


async def _refusal(answer: httpx.Response, subject: Subject) -> Exception:
    text = bytearray()
    try:
        async for piece in answer.aiter_bytes():
            text += piece
            if len(text) > _LONGEST_REFUSAL:
                break
    except httpx.HTTPError:
        text.clear()
    finally:
        await answer.aclose()
    return read_refusal(
        answer.status_code,
        answer.headers.get("retry-after"),
        text.decode(errors="replace"),
        subject,
    )
