"""Generate: model calls, cached contents, batches, downloads. Parses, calls, answers.

An ASGI app behind the Lambda Web Adapter, as Python's own runtime cannot stream an answer.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from filegate.edge.cors import ForPages
from filegate.edge.generate_wiring import GenerateWiring
from filegate.edge.logs import LOGGER
from filegate.edge.passing import PassingAnswer
from filegate.edge.requests import Request
from filegate.edge.statuses import JSON, refusal_headers, status_of
from filegate.edge.web_requests import read_query, read_web_request
from filegate.errors import ROUTE_UNKNOWN, StatusError, invalid_argument
from filegate.holdings import Kind
from filegate.model_calls import OPERATIONS, Metered, ModelCall
from filegate.names import VERSIONS
from filegate.pages import open_position, read_page_size, seal_position
from filegate.tenants import GENERATE, OWN_FILES, STORES, Tenant

metrics = Metrics()
wiring = GenerateWiring.from_environment()

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BATCH_OPERATIONS = frozenset({"batchGenerateContent", "asyncBatchEmbedContent"})
_DOWNLOAD = ":download"

Handler = Callable[[Tenant, Request], Mapping[str, Any]]
Endpoint = Callable[[WebRequest], Awaitable[ASGIApp]]


async def call_model(request: WebRequest) -> ASGIApp:
    """`models.generateContent` and its kin; batches are made here too."""
    asked = await _read(request)
    model, _, operation = asked.parameters["model"].partition(":")
    if operation in _BATCH_OPERATIONS and _MODEL.fullmatch(model):
        return await _answer_json(asked, GENERATE, _create_batch, "batches.create")
    if operation not in OPERATIONS or not _MODEL.fullmatch(model):
        raise StatusError(ROUTE_UNKNOWN)
    query = read_query(asked.query, ("alt", "prettyPrint"))
    _require_alt(query, "json", "sse")
    _require_boolean(query, "prettyPrint")
    tenant = await _authenticate(asked, GENERATE)
    call = ModelCall(asked.parameters["version"], model, operation, query, asked.body)
    metered = Metered()

    def ended() -> None:
        _note_call(tenant, call, metered)

    opening = wiring.model_calls.open(tenant, call, asked.received_at, metered)
    return PassingAnswer(wiring.watched(opening, tenant.id, asked.received_at), refuse, ended)


async def download_file(request: WebRequest) -> ASGIApp:
    """`files.download`: the bytes of a generated file."""
    asked = await _read(request)
    file_id, colon, action = asked.parameters["file"].partition(":")
    if colon + action != _DOWNLOAD:
        raise StatusError(ROUTE_UNKNOWN)
    sealed = _read_media_query(asked, "grant").get("grant")
    now = asked.received_at
    if sealed is None:
        tenant = await _authenticate(asked, OWN_FILES)
        wiring.request_counts.asked(tenant.id, "files.download", now)
        grant = await run_in_threadpool(wiring.grants.give, tenant, file_id, now)
    else:
        grant = await run_in_threadpool(
            wiring.grants.check, sealed, file_id, asked.credential.key, now
        )
    LOGGER.info("files.download", extra={"tenant": grant.tenant, "file": grant.file_id})
    opening = wiring.downloads.open_file(asked.parameters["version"], grant)
    return PassingAnswer(wiring.watched(opening, grant.tenant, now), _refused, _count_request)


async def download_media(request: WebRequest) -> ASGIApp:
    """`fileSearchStores.media`: what a citation shows."""
    asked = await _read(request)
    _read_media_query(asked)
    tenant = await _authenticate(asked, STORES)
    store, media = asked.parameters["store"], asked.parameters["media"]
    opening = wiring.downloads.open_media(tenant, asked.parameters["version"], store, media)
    now = asked.received_at
    wiring.request_counts.asked(tenant.id, "media.download", now)
    return PassingAnswer(wiring.watched(opening, tenant.id, now), _refused, _count_request)


def _list_models(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    query = read_query(asked.query, ("pageSize", "pageToken"))
    path = f"/{asked.parameters['version']}/models"
    return wiring.upstream.call(tenant.project, "GET", path, query=query)


def _get_model(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    model = asked.parameters["model"]
    if not _MODEL.fullmatch(model):
        raise StatusError(ROUTE_UNKNOWN)
    path = f"/{asked.parameters['version']}/models/{model}"
    return wiring.upstream.call(tenant.project, "GET", path, query=read_query(asked.query, ()))


def _create_cache(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    read_query(asked.query, ())
    version = asked.parameters["version"]
    return wiring.caches.create(tenant, version, asked.body, asked.received_at)


def _list_caches(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    size, after = _read_page(tenant, asked, Kind.CACHE)
    caches, rest = wiring.caches.page(tenant, size, after, asked.received_at)
    return _page(tenant, Kind.CACHE, caches, rest)


def _get_cache(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    read_query(asked.query, ())
    version, cache_id = asked.parameters["version"], asked.parameters["cache"]
    return wiring.caches.get(tenant, version, cache_id, asked.received_at)


def _update_cache(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    query = read_query(asked.query, ("updateMask", "update_mask"))
    mask = query.get("updateMask", query.get("update_mask"))
    version, cache_id = asked.parameters["version"], asked.parameters["cache"]
    return wiring.caches.update(tenant, version, cache_id, asked.body, mask, asked.received_at)


def _delete_cache(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    version, cache_id = asked.parameters["version"], asked.parameters["cache"]
    wiring.caches.delete(tenant, version, cache_id, asked.received_at)
    return {}


def _create_batch(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    read_query(asked.query, ())
    model, _, operation = asked.parameters["model"].partition(":")
    return wiring.batches.create(
        tenant, asked.parameters["version"], model, operation, asked.body, asked.received_at
    )


def _list_batches(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    size, after = _read_page(tenant, asked, Kind.BATCH)
    version = asked.parameters["version"]
    batches, rest = wiring.batches.page(tenant, version, size, after, asked.received_at)
    return _page(tenant, Kind.BATCH, batches, rest, field="operations")


def _get_batch(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    read_query(asked.query, ())
    version, batch_id = asked.parameters["version"], asked.parameters["batch"]
    return wiring.batches.get(tenant, version, batch_id, asked.received_at)


def _cancel_batch(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    batch_id, _, action = asked.parameters["batch"].partition(":")
    if action != "cancel":
        raise StatusError(ROUTE_UNKNOWN)
    return wiring.batches.cancel(tenant, asked.parameters["version"], batch_id, asked.received_at)


def _delete_batch(tenant: Tenant, asked: Request) -> Mapping[str, Any]:
    version, batch_id = asked.parameters["version"], asked.parameters["batch"]
    wiring.batches.delete(tenant, version, batch_id, asked.received_at)
    return {}


async def _answer_json(asked: Request, scope: str, handler: Handler, event: str) -> Response:
    def act(tenant: Tenant) -> Mapping[str, Any]:
        value = handler(tenant, asked)
        LOGGER.info(event, extra={"tenant": tenant.id})
        return value

    value = await run_in_threadpool(
        wiring.as_tenant, asked.credential, scope, asked.received_at, act, event
    )
    _count_request()
    return _json(value, 200, {})


async def _read(request: WebRequest) -> Request:
    asked = await read_web_request(request)
    if asked.parameters["version"] not in VERSIONS:
        raise StatusError(ROUTE_UNKNOWN)
    return asked


async def _authenticate(asked: Request, scope: str) -> Tenant:
    caller = await run_in_threadpool(wiring.admit, asked.credential, asked.received_at)
    return caller.require(scope)


def _read_media_query(asked: Request, *more: str) -> Mapping[str, str]:
    query = read_query(asked.query, ("alt", *more))
    _require_alt(query, "media")
    return query


def _require_alt(query: Mapping[str, str], *forms: str) -> None:
    if query.get("alt", forms[0]) not in forms:
        may_be = " or ".join(forms)
        raise StatusError(invalid_argument(f"The query parameter alt can be {may_be} here.", "alt"))


def _require_boolean(query: Mapping[str, str], name: str) -> None:
    text = query.get(name, "")
    if text.lower() not in {"", "true", "false", "1", "0"}:
        raise StatusError(invalid_argument(f"{name} is {text[:40]!r}; it is true or false.", name))


def _read_page(tenant: Tenant, asked: Request, kind: Kind) -> tuple[int, str | None]:
    query = read_query(asked.query, ("pageSize", "pageToken", "page_size", "page_token"))
    size = read_page_size(query.get("pageSize") or query.get("page_size"))
    token = query.get("pageToken") or query.get("page_token")
    if not token:
        return size, None
    return size, open_position(tenant.id, kind, token, wiring.pages)


def _page(
    tenant: Tenant,
    kind: Kind,
    items: Sequence[Mapping[str, Any]],
    rest: str | None,
    field: str | None = None,
) -> Mapping[str, Any]:
    page: dict[str, Any] = {field or str(kind): list(items)} if items else {}
    if rest is not None:
        page["nextPageToken"] = seal_position(tenant.id, kind, rest, wiring.pages)
    return page


def _note_call(tenant: Tenant, call: ModelCall, metered: Metered) -> None:
    _count_request()
    if not metered.answered:
        return
    tokens = metered.tokens.total if metered.tokens else 0
    metrics.add_metric("Tokens", MetricUnit.Count, tokens)
    for name, happened in (
        ("AnswersBroken", not metered.complete),
        ("UsageUnread", metered.unread),
        ("UsageLost", not metered.counted),
        ("GeneratedFilesLost", metered.files_lost > 0),
    ):
        if happened:
            metrics.add_metric(name, MetricUnit.Count, 1)
    LOGGER.info(
        f"models.{call.operation}",
        extra={
            "tenant": tenant.id,
            "model": call.model,
            "tokens": tokens,
            "complete": metered.complete,
            "filesMade": metered.files_made,
        },
    )
    metrics.flush_metrics()


def _count_request() -> None:
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.flush_metrics()


def refuse(error: Exception) -> Response:
    """Every failure as a google.rpc Status; one that nobody foresaw is logged with its trace."""
    status = status_of(error)
    metrics.add_metric("Refusals", MetricUnit.Count, 1)
    if status.code >= 500:
        LOGGER.error("request failed", exc_info=error, extra={"code": status.code})
    else:
        LOGGER.info("request refused", extra={"code": status.code, "reason": status.status})
    headers = refusal_headers(status, upload=False)
    return _json(status.body(), status.code, headers)


def _json(value: Mapping[str, Any], code: int, headers: Mapping[str, str]) -> Response:
    # In ASCII: what a client wrote can hold half a character, which no encoding has.
    return Response(json.dumps(value), code, headers, JSON)


async def _unknown_route(_request: WebRequest, _error: Exception) -> Response:
    return _refused(StatusError(ROUTE_UNKNOWN))


def _refused(error: Exception) -> Response:
    answer = refuse(error)
    _count_request()
    return answer


def _route(path: str, method: str, endpoint: Endpoint) -> Route:
    async def guarded(request: WebRequest) -> ASGIApp:
        try:
            return await endpoint(request)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            return _refused(error)

    return Route(path, guarded, methods=[method])


def _json_route(path: str, method: str, handler: Handler, event: str) -> Route:
    async def endpoint(request: WebRequest) -> ASGIApp:
        return await _answer_json(await _read(request), GENERATE, handler, event)

    return _route(path, method, endpoint)


async def _ready(_request: WebRequest) -> Response:
    return Response()


_CACHE = "/{version}/cachedContents/{cache}"
_BATCH = "/{version}/batches/{batch}"

app = Starlette(
    routes=[
        Route("/ready", _ready),
        _route("/{version}/models/{model}", "POST", call_model),
        _json_route("/{version}/models", "GET", _list_models, "models.list"),
        _json_route("/{version}/models/{model}", "GET", _get_model, "models.get"),
        _json_route("/{version}/cachedContents", "POST", _create_cache, "cachedContents.create"),
        _json_route("/{version}/cachedContents", "GET", _list_caches, "cachedContents.list"),
        _json_route(_CACHE, "GET", _get_cache, "cachedContents.get"),
        _json_route(_CACHE, "PATCH", _update_cache, "cachedContents.patch"),
        _json_route(_CACHE, "DELETE", _delete_cache, "cachedContents.delete"),
        _json_route("/{version}/batches", "GET", _list_batches, "batches.list"),
        _json_route(_BATCH, "GET", _get_batch, "batches.get"),
        _json_route(_BATCH, "POST", _cancel_batch, "batches.cancel"),
        _json_route(_BATCH, "DELETE", _delete_batch, "batches.delete"),
        _route("/download/{version}/files/{file}", "GET", download_file),
        _route("/{version}/fileSearchStores/{store}/media/{media}", "GET", download_media),
    ],
    exception_handlers={404: _unknown_route, 405: _unknown_route},
    middleware=[Middleware(ForPages)],
)
app.router.redirect_slashes = False
