"""The application: which route goes where, and how refusals are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gemini_simulator import (
    batches_routes,
    caches_routes,
    control,
    documents,
    errors,
    model_controls,
    model_routes,
    models,
    operations,
    registrations,
    resources,
    stores_media,
    stores_routes,
    uploads,
)
from gemini_simulator.answers import api_error, upload_answer
from gemini_simulator.dating import Dating
from gemini_simulator.faults import FaultLayer
from gemini_simulator.mirror import Mirror
from gemini_simulator.requests import CONTROL_PREFIX, Recorder
from gemini_simulator.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    Handler = Callable[[Request, Upstream], Awaitable[Response]]

_VERSIONS = ("v1", "v1beta", "v1alpha")

_STORE = "/fileSearchStores/{store_id}"
_STORE_UPLOAD = _STORE + ":uploadToFileSearchStore"
_DOCUMENT = _STORE + "/documents/{document_id}"

_STORES: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("/fileSearchStores", ("POST",), stores_routes.create_store),
    ("/fileSearchStores", ("GET",), stores_routes.list_stores),
    (_STORE_UPLOAD, ("POST",), stores_routes.upload_metadata),
    (_STORE + ":importFile", ("POST",), stores_routes.import_file),
    (_STORE, ("GET",), stores_routes.get_store),
    (_STORE, ("DELETE",), stores_routes.delete_store),
    (_STORE + "/upload/operations/{operation_id}", ("GET",), operations.get_upload),
    (_STORE + "/operations/{operation_id}", ("GET",), operations.get_import),
    (_STORE + "/documents", ("GET",), documents.list_documents),
    (_DOCUMENT, ("GET",), documents.get_document),
    (_DOCUMENT, ("DELETE",), documents.delete_document),
    (_STORE + "/media/{blob_id}", ("GET",), stores_media.get_media),
)

_MODELS: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("/models", ("GET",), models.list_models),
    ("/models/{model_id}", ("GET",), models.get_model),
    ("/models/{model_id}:{method}", ("POST",), model_routes.call_model),
    ("/cachedContents", ("POST",), caches_routes.create_cache),
    ("/cachedContents", ("GET",), caches_routes.list_caches),
    ("/cachedContents/{cache_id}", ("GET",), caches_routes.get_cache),
    ("/cachedContents/{cache_id}", ("PATCH",), caches_routes.update_cache),
    ("/cachedContents/{cache_id}", ("DELETE",), caches_routes.delete_cache),
    ("/batches", ("GET",), batches_routes.list_batches),
    ("/batches/{batch_id}:cancel", ("POST",), batches_routes.cancel_batch),
    ("/batches/{batch_id}", ("GET",), batches_routes.get_batch),
    ("/batches/{batch_id}", ("DELETE",), batches_routes.delete_batch),
)

_CONTROLS: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("clock", ("GET", "POST"), control.clock),
    ("projects", ("GET", "POST"), control.projects),
    ("requests", ("GET", "POST", "DELETE"), control.requests),
    ("faults", ("GET", "POST", "DELETE"), control.faults),
    ("reflect", ("POST",), control.reflect),
    ("rekey", ("POST",), control.rekey),
    ("limits", ("GET", "POST"), control.limits),
    ("files/{file_id}", ("POST",), control.file),
    ("operations", ("GET", "POST"), control.operations),
    ("media", ("POST",), control.media),
    ("streaming", ("GET", "POST"), model_controls.streaming),
    ("model-calls", ("GET", "DELETE"), model_controls.model_calls),
    ("generated", ("POST",), model_controls.generated),
    ("downloads", ("GET", "POST"), model_controls.downloads),
    ("log", ("GET",), control.log),
    ("reset", ("POST",), control.reset),
)


def create_app(keys: Sequence[str]) -> Starlette:
    """The service for `keys`, one project each, with its control plane under `/_simulator/`.

    >>> app = create_app(["AIza-first", "AIza-second"])
    """
    return serve_upstream(Upstream(keys))


def serve_upstream(upstream: Upstream) -> Starlette:
    """The service in front of `upstream`."""
    app = Starlette(
        routes=list(_routes(upstream)),
        middleware=[
            Middleware(Dating, upstream),
            Middleware(Recorder, upstream),
            Middleware(FaultLayer, upstream),
            Middleware(Mirror, upstream),
        ],
        exception_handlers={
            errors.ApiError: _api_error,
            errors.UploadError: _upload_error,
            ClientDisconnect: _disconnected,
            404: _not_found,
            405: _not_found,
        },
    )
    app.router.redirect_slashes = False
    return app


def _routes(upstream: Upstream) -> Iterator[Route]:
    def route(path: str, methods: Sequence[str], handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            return await handler(request, upstream)

        return Route(path, endpoint, methods=list(methods))

    def versioned(
        before: str, after: str, version: str, methods: Sequence[str], handler: Handler
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            request.path_params["version"] = version
            return await handler(request, upstream)

        return Route(f"{before}/{version}{after}", endpoint, methods=list(methods))

    for v in _VERSIONS:
        yield versioned("", "/files", v, ("GET",), resources.list_files)
        yield versioned("", "/files", v, ("POST",), registrations.create_file)
        yield versioned("", "/files:register", v, ("POST",), registrations.register_files)
        yield versioned("", "/files/{file_id}:download", v, ("GET",), resources.redirect_download)
        yield versioned("/download", "/files/{file_id}:download", v, ("GET",), resources.download)
        yield versioned("", "/files/{file_id}", v, ("GET",), resources.get_file)
        yield versioned("", "/files/{file_id}", v, ("DELETE",), resources.delete_file)
        for path in ("/files", _STORE_UPLOAD):
            yield versioned("/upload", path, v, ("POST", "PUT"), uploads.upload)
            yield versioned("/resumable/upload", path, v, ("POST", "PUT"), uploads.resumable)
        for path, methods, handler in (*_STORES, *_MODELS):
            yield versioned("", path, v, methods, handler)
    for path, methods, handler in _CONTROLS:
        yield route(CONTROL_PREFIX + path, methods, _controlled(handler))


def _controlled(handler: Handler) -> Handler:
    async def controlled(request: Request, upstream: Upstream) -> Response:
        try:
            return await handler(request, upstream)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return controlled


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ApiError)  # noqa: S101
    return api_error(error)


async def _upload_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.UploadError)  # noqa: S101
    headers = {} if error.upload_status is None else {"X-Goog-Upload-Status": error.upload_status}
    return upload_answer(error.text.encode(), error.code, headers)


async def _disconnected(_request: Request, _error: Exception) -> Response:
    """Nobody is there to read it; the framework wants an answer all the same."""
    return Response(status_code=400)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return api_error(errors.not_found())
