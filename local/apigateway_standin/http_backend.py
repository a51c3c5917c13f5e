"""The `http` (custom) integration: only what is mapped passes, in both directions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from apigateway_standin.connection import Disconnected
from apigateway_standin.exchange import Exchange, Reply
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.integration_settings import HttpIntegration, select
from apigateway_standin.limits import MAX_PAYLOAD
from apigateway_standin.media_types import BinaryMediaTypes, as_utf8
from apigateway_standin.response_headers import to_client

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from apigateway_standin.body import Body

_BODILESS = {"GET", "HEAD", "OPTIONS"}
_DROPPED = {"expect", "proxy-authenticate", "te", "via", "trailer", "upgrade"}


class HttpBackend:
    """Calls upstreams behind `http` integrations over one shared, keep-alive session."""

    def __init__(self, binary: BinaryMediaTypes) -> None:
        self._binary = binary
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def close(self) -> None:
        """Close the upstream connections."""
        await self._session.close()

    async def serve(self, integration: HttpIntegration, exchange: Exchange, body: Body) -> Reply:
        """Pass the body on while it arrives, and answer with the mapped upstream response.

        The timeout runs only while upstream is waited for, not while the client is still sending:
        API Gateway itself calls upstream when it has the whole request ("Request streaming isn't
        supported", aws-facts section 1). For the same reason a client that leaves in the middle
        leaves upstream with a broken request, never with a finished one.
        """
        method = integration.method or exchange.method
        headers = self._request_headers(integration, exchange, method)
        data: _Passage | bytes | None = None
        try:
            async with asyncio.timeout(None) as deadline:
                if not body.announced:
                    data = b"" if method not in _BODILESS else None
                    deadline.reschedule(_after(integration.timeout))
                elif body.length is None or not self._is_binary(exchange):
                    whole = await body.read()
                    data = whole if self._is_binary(exchange) else as_utf8(whole)
                    deadline.reschedule(_after(integration.timeout))
                else:
                    headers["Content-Length"] = str(body.length)
                    data = _Passage(body, _Deadline(deadline, integration.timeout))
                status, answer, payload = await self._call(
                    method, _url(integration, exchange), headers, data
                )
        except TimeoutError:
            raise GatewayFailure("INTEGRATION_TIMEOUT") from None
        except aiohttp.ClientError as error:
            if (cause := _cause(error)) is not None:
                raise cause from error
            raise GatewayFailure("INTEGRATION_FAILURE") from error
        return self._reply(integration, exchange, status, answer, payload)

    async def _call(
        self,
        method: str,
        url: URL,
        headers: dict[str, str],
        data: _Passage | bytes | None,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        async with self._session.request(
            method, url, headers=headers, data=data, allow_redirects=False
        ) as response:
            payload = bytearray()
            async for chunk in response.content.iter_any():
                payload += chunk
                if len(payload) > MAX_PAYLOAD:
                    response.close()
                    raise GatewayFailure("API_CONFIGURATION_ERROR")
            found = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in response.raw_headers
            ]
            return response.status, found, bytes(payload)

    def _is_binary(self, exchange: Exchange) -> bool:
        return self._binary.is_binary(exchange.header_of_any_case("Content-Type"))

    def _request_headers(
        self, integration: HttpIntegration, exchange: Exchange, method: str
    ) -> dict[str, str]:
        """API Gateway's own headers, overridden by the mapped ones.

        Own headers: Accept, User-Agent, trace and API id, and the client's Content-Type where there
        may be a body; as observed on AWS by LocalStack's validated tests of `HTTP`.
        """
        headers = {
            "Accept": "application/json",
            "User-Agent": f"AmazonAPIGateway_{exchange.api_id}",
            "X-Amzn-Apigateway-Api-Id": exchange.api_id,
            "X-Amzn-Trace-Id": exchange.trace_id,
        }
        content_type = exchange.header_of_any_case("Content-Type")
        if content_type and method not in _BODILESS:
            headers["Content-Type"] = content_type
        for name, source in integration.headers:
            value = source.read(exchange)
            if value is not None and name.lower() not in _DROPPED:
                for known in [key for key in headers if key.lower() == name.lower()]:
                    del headers[known]
                headers[name] = value
        return headers

    def _reply(
        self,
        integration: HttpIntegration,
        exchange: Exchange,
        status: int,
        answer: list[tuple[str, str]],
        payload: bytes,
    ) -> Reply:
        response = select(integration.responses, status)
        if response is None:
            raise GatewayFailure("API_CONFIGURATION_ERROR")
        headers = []
        for name, source in response.headers:
            value = source.read(exchange, answer)
            if value is not None:
                headers.append((name, value))
        if response.template is not None:
            return Reply(response.status, to_client(headers, exchange), response.template.encode())
        content_type = next((v for n, v in answer if n.lower() == "content-type"), None)
        try:
            body = self._binary.to_client(
                payload, content_type, exchange.header_of_any_case("Accept")
            )
        except ValueError:
            raise GatewayFailure("API_CONFIGURATION_ERROR") from None
        return Reply(response.status, to_client(headers, exchange), body)


class _Deadline:
    """The integration's timeout, which stands still while the client is waited for."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds

    def client_is_waited_for(self) -> None:
        self._timeout.reschedule(None)

    def upstream_is_waited_for(self) -> None:
        self._timeout.reschedule(_after(self._seconds))


class _Passage(aiohttp.Payload):
    """A body on its way; its bytes go to upstream's socket itself where that is not encrypted."""

    def __init__(self, body: Body, deadline: _Deadline) -> None:
        super().__init__(body)
        self._body = body
        self._deadline = deadline

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """aiohttp's own call, for logs and the like; never made for such a body."""
        del encoding, errors
        raise TypeError("a body on its way cannot be read twice")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """aiohttp's own call, once the head of the request may be sent."""
        writer.send_headers()
        transport = writer.transport
        if (
            transport is None
            or transport.get_extra_info("sslcontext") is not None
            or transport.get_write_buffer_size()
        ):
            await self._write_pieces(writer)
        else:
            with transport.get_extra_info("socket").dup() as target:
                await self._body.pass_to(target, self._deadline)
        self._deadline.upstream_is_waited_for()

    async def _write_pieces(self, writer: AbstractStreamWriter) -> None:
        self._deadline.client_is_waited_for()
        async for piece in self._body.chunks():
            self._deadline.upstream_is_waited_for()
            await writer.write(piece)
            self._deadline.client_is_waited_for()


def _after(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def _cause(error: BaseException | None) -> GatewayFailure | Disconnected | None:
    """What stopped the body, found behind the client library's own error."""
    while error is not None:
        if isinstance(error, GatewayFailure | Disconnected):
            return error
        error = error.__cause__ or error.__context__
    return None


def _url(integration: HttpIntegration, exchange: Exchange) -> URL:
    """The upstream URL: placeholders and query filled in, values decoded once and encoded again.

    "REST APIs decode URL-encoded request parameters before passing them to backend integrations"
    (Amazon API Gateway important notes); so an encoded slash arrives as a slash.
    """
    url = integration.uri
    for name, source in integration.path.items():
        value = source.read(exchange) or ""
        url = url.replace(f"{{{name}}}", quote(value, safe="/:@!$&'()*+,;=~"))
    pairs = [(name, source.read(exchange)) for name, source in integration.query]
    present = [(name, value) for name, value in pairs if value is not None]
    if present:
        url += ("&" if "?" in url else "?") + urlencode(present, quote_via=quote)
    return URL(url, encoded=True)
