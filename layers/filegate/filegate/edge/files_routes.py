"""Files routes: every method that tenants call, as the OpenAPI of the File API describes it.

The functions serve them (functions/files, generate, stores and sessions); a test compares. Nothing
that answers a request imports this.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from filegate.answers import EVENT_STREAM
from filegate.batches import ACTIONS
from filegate.edge.admin_resources import UsageResource
from filegate.edge.admin_routes import ROUTES as ADMIN_ROUTES
from filegate.edge.files_resources import (
    BatchEmbedContentsResponse,
    BrowserToken,
    CachedContent,
    CachedContentsPage,
    CountTokensResponse,
    Document,
    DocumentsPage,
    EmbedContentResponse,
    Empty,
    FileResource,
    FileSearchStore,
    FileSearchStoresPage,
    FilesPage,
    GenerateContentResponse,
    ModelResource,
    ModelsPage,
    Operation,
    OperationsPage,
    RegisteredFiles,
    UploadedFile,
)
from filegate.model_calls import OPERATIONS
from filegate.pages import MAX_PAGE_SIZE
from filegate.registrations import Registration
from filegate.store_requests import MOST_A_PAGE, FileImport, NewDocument, NewStore
from filegate.token_requests import TokenRequest
from filegate.wire import FileMetadata

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
RELATED: Final = "multipart/related"
TEXT: Final = "text/plain"


class Credential(StrEnum):
    """What a method takes to know its caller; the names are those of the security schemes."""

    KEY = "tenantKey"
    KEY_IN_QUERY = "tenantKeyInQuery"
    TOKEN = "browserToken"  # noqa: S105 - a name
    GOOGLE = "googleToken"


@dataclass(frozen=True)
class Parameter:
    """A query parameter or header."""

    name: str
    says: str
    schema: Mapping[str, object]
    place: str = "query"
    required: bool = False


@dataclass(frozen=True)
class Answer:
    """A success: its code, its forms by media type, and the headers it has.

    None as a form is bytes of no known shape.
    """

    forms: Mapping[str, type[BaseModel] | list[type[BaseModel]] | None]
    code: int = 200
    headers: tuple[Parameter, ...] = ()
    says: str = "OK"


@dataclass(frozen=True)
class Route:
    """One method."""

    operation: str
    method: str
    path: str
    """With `{parameters}`; a colon begins what is done to the resource before it."""
    summary: str
    answers: tuple[Answer, ...]
    body: Mapping[str, type[BaseModel] | None] | None = None
    """By media type; None as a form is what upstream alone reads, or bytes."""
    parameters: tuple[Parameter, ...] = ()
    refused: tuple[int, ...] = ()
    """Codes besides those that any method may be refused with."""
    credentials: tuple[Credential, ...] = (Credential.KEY, Credential.KEY_IN_QUERY)
    needs_credential: bool = True
    example: Mapping[str, object] | None = None
    """A JSON body that is good."""
    model: str = "gemini-2.5-flash"
    """What `{model}` may be, where the path has one."""
    upstream_refuses: bool = False
    """Whether upstream's own refusals pass, which are plain text on the upload server (wire 4)."""


def _text(name: str, says: str, place: str = "query") -> Parameter:
    return Parameter(name, says, {"type": "string"}, place)


def _one_of(name: str, says: str, values: Iterable[str], place: str = "query") -> Parameter:
    return Parameter(name, says, {"type": "string", "enum": list(values)}, place)


def _ok(model: type[BaseModel]) -> tuple[Answer, ...]:
    return (Answer({JSON: model}),)


def _pages(most: int | None) -> tuple[Parameter, ...]:
    says = "as many as upstream gives" if most is None else f"{most} at most; zero is 10"
    size: dict[str, object] = {"type": "integer", "minimum": 0}
    if most is not None:
        size["maximum"] = 999_999_999
    return (
        Parameter("pageSize", f"Resources a page: {says}.", size),
        _text("pageToken", "The nextPageToken of the page before, good for this list alone."),
    )


_FILES: Final = "/{version}/files"
_FILE: Final = "/{version}/files/{file}"
_MODEL: Final = "/{version}/models/{model}"
_CACHES: Final = "/{version}/cachedContents"
_CACHE: Final = "/{version}/cachedContents/{cachedContent}"
_BATCH: Final = "/{version}/batches/{batch}"
_STORES: Final = "/{version}/fileSearchStores"
_STORE: Final = "/{version}/fileSearchStores/{store}"
_DOCUMENT: Final = _STORE + "/documents/{document}"
_TOKENS_TOO: Final = (Credential.KEY, Credential.KEY_IN_QUERY, Credential.TOKEN)
_FORCE: Final = Parameter(
    "force", "Delete what has been processed, too.", {"type": "boolean", "default": False}
)
_ALT_MEDIA: Final = _one_of("alt", "Only media.", ("media",))
_SIZE: Final = {"type": "string", "pattern": "^[0-9]{0,19}$"}
_UPLOAD_HEADERS: Final = (
    Parameter(
        "X-Goog-Upload-URL",
        "Where the chunks go: a capability by itself.",
        {"type": "string", "format": "uri"},
        "header",
    ),
    Parameter("X-Goog-Upload-Control-URL", "The same URL.", {"type": "string"}, "header"),
    Parameter("X-Goog-Upload-Status", "`active`.", {"type": "string"}, "header"),
    Parameter(
        "X-Goog-Upload-Chunk-Granularity",
        "Every chunk but the last is a multiple of this many bytes.",
        _SIZE,
        "header",
    ),
)
_OPENED: Final = Answer(
    {TEXT: None}, headers=_UPLOAD_HEADERS, says="A resumable upload is open; there is no body"
)
_UPLOAD: Final = (
    _one_of(
        "X-Goog-Upload-Protocol",
        "How the bytes come. `resumable` opens an upload, the others send a whole small file.",
        ("resumable", "multipart", "raw"),
        "header",
    ),
    _one_of("X-Goog-Upload-Command", "`start` with resumable.", ("start",), "header"),
    Parameter(
        "X-Goog-Upload-Header-Content-Length",
        "Bytes that will come; absent if they are not known.",
        _SIZE,
        "header",
    ),
    Parameter(
        "X-Goog-Upload-Header-Content-Type",
        "The content's MIME type.",
        {"type": "string", "pattern": "^$|^[!-.0-~]+/[ -~]+$"},
        "header",
    ),
    _one_of(
        "uploadType",
        "As the header X-Goog-Upload-Protocol, for whole files; resumable beside the header only.",
        ("media", "multipart", "raw", "resumable"),
    ),
)
_CHUNK: Final = (
    Parameter(
        "X-Goog-Upload-Command",
        "What to do: `upload` a chunk, `upload, finalize` the last one, `query` or `cancel`.",
        {
            "type": "string",
            "enum": ["upload", "upload, finalize", "finalize", "query", "cancel"],
        },
        "header",
        required=True,
    ),
    Parameter(
        "X-Goog-Upload-Offset",
        "Bytes sent before this chunk, a whole number; read with `upload` alone.",
        {"type": "string"},
        "header",
    ),
)
_CHUNK_HEADERS: Final = (
    Parameter("X-Goog-Upload-Status", "active, final or cancelled.", {"type": "string"}, "header"),
    Parameter("X-Goog-Upload-Size-Received", "Bytes received so far.", _SIZE, "header"),
)
_CHUNK_REFUSALS: Final = (409, 412, 413, 416)


def _upload(operation: str, path: str, what: str, *, whole: type[BaseModel]) -> Route:
    metadata = FileMetadata if whole is UploadedFile else NewDocument
    return Route(
        operation,
        "POST",
        path,
        f"Upload {what}: open a resumable upload, or send one of up to 4 MiB whole.",
        (Answer({**_OPENED.forms, JSON: whole}, headers=_OPENED.headers, says="Open, or whole"),),
        {JSON: metadata, BYTES: None, RELATED: None},
        _UPLOAD,
        (409, 413),
        _TOKENS_TOO,
    )


def _chunks(operation: str, path: str, done: type[BaseModel]) -> Iterator[Route]:
    for method, suffix in (("POST", ""), ("PUT", "Put")):
        yield Route(
            operation + suffix,
            method,
            path,
            "Send a chunk, ask how far an upload has come, or cancel it.",
            (
                Answer(
                    {JSON: done, TEXT: None},
                    headers=_CHUNK_HEADERS,
                    says="Taken; with the last chunk, what was made of all",
                ),
            ),
            {BYTES: None},
            _CHUNK,
            _CHUNK_REFUSALS,
            _TOKENS_TOO,
            needs_credential=False,
            upstream_refuses=True,
        )


_CONTENT: Final = {"parts": [{"text": "Which animals are in this video?"}]}
_CONTENTS: Final = {"contents": [_CONTENT]}
_EMBEDDING_MODEL: Final = "gemini-embedding-001"
_EMBEDDED: Final = {"model": f"models/{_EMBEDDING_MODEL}", "content": _CONTENT}
_EXAMPLES: Final[Mapping[str, Mapping[str, object]]] = {
    "generateContent": _CONTENTS,
    "streamGenerateContent": _CONTENTS,
    "countTokens": _CONTENTS,
    "embedContent": {"content": _CONTENT},
    "batchEmbedContents": {"requests": [_EMBEDDED]},
    "batchGenerateContent": {
        "batch": {
            "displayName": "animals",
            "inputConfig": {"requests": {"requests": [{"request": _CONTENTS}]}},
        }
    },
    "asyncBatchEmbedContent": {
        "batch": {
            "displayName": "animals",
            "inputConfig": {"requests": {"requests": [{"request": _EMBEDDED}]}},
        }
    },
}
_ANSWER_OF: Final[Mapping[str, type[BaseModel]]] = {
    "generateContent": GenerateContentResponse,
    "streamGenerateContent": GenerateContentResponse,
    "countTokens": CountTokensResponse,
    "embedContent": EmbedContentResponse,
    "batchEmbedContents": BatchEmbedContentsResponse,
}
_CALL: Final = (
    _one_of("alt", "`sse` streams server-sent events.", ("json", "sse")),
    Parameter("prettyPrint", "Whether JSON is indented.", {"type": "boolean"}),
)


def _models() -> Iterator[Route]:
    yield Route(
        "models.list",
        "GET",
        "/{version}/models",
        "Models there are.",
        _ok(ModelsPage),
        parameters=_pages(None),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "models.get", "GET", _MODEL, "A model.", _ok(ModelResource), credentials=_TOKENS_TOO
    )
    for action in sorted(OPERATIONS):
        # A stream is a JSON array unless it is one of events.
        model = _ANSWER_OF[action]
        form = [model] if action == "streamGenerateContent" else model
        yield Route(
            f"models.{action}",
            "POST",
            f"{_MODEL}:{action}",
            "Call a model. Each file, cache and store that the body names has to be the caller's.",
            (Answer({JSON: form, EVENT_STREAM: None}),),
            {JSON: None},
            _CALL,
            (413,),
            _TOKENS_TOO,
            example=_EXAMPLES[action],
            model=_model_of(action),
        )
    for action in sorted(ACTIONS):
        yield Route(
            f"models.{action}",
            "POST",
            f"{_MODEL}:{action}",
            "Begin a batch of calls, inline or from a JSONL file that was uploaded here.",
            _ok(Operation),
            {JSON: None},
            refused=(413,),
            credentials=_TOKENS_TOO,
            example=_EXAMPLES[action],
            model=_model_of(action),
        )


def _model_of(action: str) -> str:
    return _EMBEDDING_MODEL if "embed" in action.lower() else Route.model


def _caches_and_batches() -> Iterator[Route]:
    yield Route(
        "cachedContents.create",
        "POST",
        _CACHES,
        "Cache contents.",
        _ok(CachedContent),
        {JSON: None},
        refused=(413,),
        credentials=_TOKENS_TOO,
        example={"model": f"models/{Route.model}", "ttl": "600s", **_CONTENTS},
    )
    yield Route(
        "cachedContents.list",
        "GET",
        _CACHES,
        "The caller's cached contents.",
        _ok(CachedContentsPage),
        parameters=_pages(MAX_PAGE_SIZE),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "cachedContents.get",
        "GET",
        _CACHE,
        "A cached content.",
        _ok(CachedContent),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "cachedContents.patch",
        "PATCH",
        _CACHE,
        "Let a cached content end at another time: `ttl` or `expireTime`.",
        _ok(CachedContent),
        {JSON: None},
        (_text("updateMask", "ttl or expireTime."),),
        (413,),
        _TOKENS_TOO,
        example={"ttl": "3600s"},
    )
    yield Route(
        "cachedContents.delete",
        "DELETE",
        _CACHE,
        "Delete a cached content.",
        _ok(Empty),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "batches.list",
        "GET",
        "/{version}/batches",
        "The caller's batches, without what is inlined in them.",
        _ok(OperationsPage),
        parameters=_pages(MAX_PAGE_SIZE),
        credentials=_TOKENS_TOO,
    )
    yield Route("batches.get", "GET", _BATCH, "A batch.", _ok(Operation), credentials=_TOKENS_TOO)
    yield Route(
        "batches.cancel",
        "POST",
        _BATCH + ":cancel",
        "Ask for a batch to end early; a body is not read.",
        _ok(Empty),
        refused=(413,),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "batches.delete",
        "DELETE",
        _BATCH,
        "Delete a batch.",
        _ok(Empty),
        credentials=_TOKENS_TOO,
    )


def _files() -> Iterator[Route]:
    yield _upload("media.upload", "/upload/{version}/files", "a file", whole=UploadedFile)
    yield _upload(
        "media.uploadResumable", "/resumable/upload/{version}/files", "a file", whole=UploadedFile
    )
    yield from _chunks("media.chunk", "/upload/{version}/sessions/{session}", UploadedFile)
    yield from _chunks(
        "media.chunkOfBatchInput", "/upload/{version}/batchSessions/{session}", UploadedFile
    )
    yield Route(
        "files.list",
        "GET",
        _FILES,
        "The caller's files, newest first.",
        _ok(FilesPage),
        parameters=_pages(MAX_PAGE_SIZE),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "files.create",
        "POST",
        _FILES,
        "Make a file of metadata only.",
        _ok(UploadedFile),
        {JSON: FileMetadata},
        refused=(409,),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "files.register",
        "POST",
        _FILES + ":register",
        "Make files of Cloud Storage objects, with the caller's own Google token.",
        _ok(RegisteredFiles),
        {JSON: Registration},
        (_text("x-goog-user-project", "The Google Cloud project that pays.", "header"),),
        (401,),
        (Credential.KEY, Credential.KEY_IN_QUERY, Credential.GOOGLE),
        example={"uris": ["gs://bucket/video.mp4"]},
    )
    yield Route(
        "files.get",
        "GET",
        _FILE,
        "A file.",
        _ok(FileResource),
        parameters=(_text("Cache-Control", "`no-cache` asks upstream.", "header"),),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "files.delete",
        "DELETE",
        _FILE,
        "Delete a file; its bytes come back.",
        _ok(Empty),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "files.download",
        "GET",
        _FILE + ":download",
        "Where the bytes of a generated file are.",
        (
            Answer(
                {TEXT: None},
                302,
                (Parameter("Location", "Good for a minute.", {"type": "string"}, "header"),),
                "There",
            ),
        ),
        parameters=(_ALT_MEDIA,),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "files.downloadBytes",
        "GET",
        "/download/{version}/files/{file}:download",
        "The bytes of a generated file; upstream refuses those of an uploaded one.",
        (Answer({"*/*": None}),),
        parameters=(_ALT_MEDIA, _text("grant", "From files.download, in place of a key.")),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "tokens.create",
        "POST",
        "/{version}/tokens",
        "Make a token for a page: an API key with scopes, a budget and an end.",
        _ok(BrowserToken),
        {JSON: TokenRequest},
        example={"scopes": ["files:write"], "byteBudget": "104857600", "ttl": "600s"},
    )


def _stores() -> Iterator[Route]:
    upload = ":uploadToFileSearchStore"
    for operation, path in (
        ("media.uploadToFileSearchStore", "/upload/{version}/fileSearchStores/{store}" + upload),
        (
            "media.uploadToFileSearchStoreResumable",
            "/resumable/upload/{version}/fileSearchStores/{store}" + upload,
        ),
        ("media.uploadToRagStore", "/upload/{version}/ragStores/{store}:uploadToRagStore"),
    ):
        yield _upload(operation, path, "a document into a store", whole=Operation)
    yield from _chunks(
        "media.chunkOfDocument", "/upload/{version}/storeSessions/{session}", Operation
    )
    for operation, path in (
        ("fileSearchStores.uploadToFileSearchStore", _STORE + upload),
        ("ragStores.uploadToRagStore", "/{version}/ragStores/{store}:uploadToRagStore"),
    ):
        yield Route(
            operation,
            "POST",
            path,
            "Make a document of metadata only.",
            _ok(Operation),
            {JSON: NewDocument},
            credentials=_TOKENS_TOO,
        )
    yield Route(
        "fileSearchStores.importFile",
        "POST",
        _STORE + ":importFile",
        "Make a document of one of the caller's files.",
        _ok(Operation),
        {JSON: FileImport},
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.create",
        "POST",
        _STORES,
        "Make a store.",
        _ok(FileSearchStore),
        {JSON: NewStore},
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.list",
        "GET",
        _STORES,
        "The caller's stores.",
        _ok(FileSearchStoresPage),
        parameters=_pages(MOST_A_PAGE),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.get",
        "GET",
        _STORE,
        "A store.",
        _ok(FileSearchStore),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.delete",
        "DELETE",
        _STORE,
        "Delete a store; one that has documents with `force` only.",
        _ok(Empty),
        parameters=(_FORCE,),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.documents.list",
        "GET",
        _STORE + "/documents",
        "A store's documents.",
        _ok(DocumentsPage),
        parameters=_pages(MOST_A_PAGE),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.documents.get",
        "GET",
        _DOCUMENT,
        "A document.",
        _ok(Document),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.documents.delete",
        "DELETE",
        _DOCUMENT,
        "Delete a document.",
        _ok(Empty),
        parameters=(_FORCE,),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.operations.get",
        "GET",
        _STORE + "/operations/{operation}",
        "How far an import has come.",
        _ok(Operation),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.upload.operations.get",
        "GET",
        _STORE + "/upload/operations/{operation}",
        "How far an upload into a store has come.",
        _ok(Operation),
        credentials=_TOKENS_TOO,
    )
    yield Route(
        "fileSearchStores.media.download",
        "GET",
        _STORE + "/media/{media}",
        "What a citation shows.",
        (Answer({"*/*": None}),),
        parameters=(_ALT_MEDIA,),
        credentials=_TOKENS_TOO,
    )


def _usage() -> Route:
    own = ADMIN_ROUTES["usage.own"]
    return Route(
        own.operation,
        own.method,
        own.path,
        own.summary,
        (Answer({JSON: UsageResource, **dict.fromkeys(own.tables)}),),
        parameters=tuple(_text(one.name, one.says) for one in own.query),
    )


ROUTES: Final = {
    route.operation: route
    for route in (*_files(), *_models(), *_caches_and_batches(), *_stores(), _usage())
}
"""Every method by the name of its operation."""
