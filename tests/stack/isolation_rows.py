"""Rows of the isolation table: every route, and every way in which a request names something."""

import json
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, TypeAlias

import httpx

from local_stack import LocalStack, StackTenant
from model_calls import MODEL, prompt, uri

VERSION: Final = "v1beta"
STORES: Final = "fileSearchStores"
EMBEDDING: Final = "gemini-embedding-001"
CONTENT: Final = b"abc"
LINE: Final = json.dumps({"key": "a", "request": prompt()}).encode()
JSONL: Final = "application/jsonl"
TOKEN: Final = "Bearer ya29.caller-token-0123456789"

_COLLECTIONS: Final = frozenset({"documents", "operations", "upload", "media", "grant"})


@dataclass
class Caller:
    """A tenant that asks, with a store and a file of its own for requests that name two things."""

    stack: LocalStack
    tenant: StackTenant

    @cached_property
    def store(self) -> str:
        """The id of an own store."""
        return make_store(self)

    @cached_property
    def file(self) -> str:
        """The id of an own file."""
        return make_file(self)

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:  # noqa: ANN401
        """Send a request with the tenant's key."""
        with self.tenant.http() as http:
            return http.request(method, path, **arguments)

    def made(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a request that has to succeed; answers its JSON."""
        answer = self.ask(method, path, **arguments)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        found: dict[str, Any] = answer.json()
        return found


Make: TypeAlias = Callable[[Caller], str]
Ask: TypeAlias = Callable[[Caller, str], httpx.Response]
"""A request about what a name names: an id, or the ids of a path, `store/documents/document`."""


@dataclass(frozen=True)
class Thing:
    """A kind of thing that requests name."""

    make: Make
    """Makes one of the caller's and answers its name."""
    malformed: str = "Not_An_Id"
    lasting: str | None = None
    """Why it has no end by itself, if it has none."""
    gone_is_missing: bool = True
    """Whether it is answered as a missing one after its end."""


@dataclass(frozen=True)
class Names:
    """A row of requests that name one thing."""

    route: str
    """Method and path as in the template."""
    how: str
    """What in the request names it, and what kind of request it is."""
    thing: Thing
    ask: Ask
    creates: bool = False
    """Whether the name is for something new, so that the caller may get it."""
    uploads: bool = False
    """Whether it takes an upload of the caller's own to ask."""
    asks_upstream: bool = False
    """Whether upstream is asked: in the caller's own store it is upstream's to know."""


@dataclass(frozen=True)
class Lists:
    """A row of requests for a list."""

    route: str
    thing: Thing
    path: str


@dataclass(frozen=True)
class Plain:
    """A row of requests that name nothing of a tenant's."""

    route: str
    how: str
    reason: str
    own: Callable[[Caller], httpx.Response]
    malformed: Callable[[Caller], httpx.Response] | None = None
    missing: Callable[[Caller], httpx.Response] | None = None


Row: TypeAlias = Names | Lists | Plain


def parts(name: str) -> list[str]:
    """The ids in a name."""
    return [part for part in name.split("/") if part not in _COLLECTIONS]


def missing(name: str) -> str:
    """A name of the same form that names nothing."""
    return "/".join(
        part if part in _COLLECTIONS else re.sub("[a-z]|[A-Z]|[0-9]", _another, part)
        for part in name.split("/")
    )


def _another(character: re.Match[str]) -> str:
    kinds = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
    [kind] = [kind for kind in kinds if character[0] in kind]
    return random.choice(kind)  # noqa: S311 - a name that nobody has is no secret


# -- what there is to name


def make_file(caller: Caller, content: bytes = CONTENT, mime_type: str = "text/plain") -> str:
    """A file that is settled, so that no look at it changes its record."""
    path = f"/upload/{VERSION}/files?uploadType=media"
    made = caller.made("POST", path, content=content, headers={"content-type": mime_type})
    name: str = made["file"]["name"]
    return caller.made("GET", f"/{VERSION}/{name}")["name"].removeprefix("files/")  # type: ignore[no-any-return]


def make_generated(caller: Caller) -> str:
    """A file that a model made."""
    path = f"/{VERSION}/models/{MODEL}:generateContent"
    answer = caller.made("POST", path, json=prompt(text="please generate a file"))
    file_data = answer["candidates"][0]["content"]["parts"][-1]["fileData"]
    return str(file_data["fileUri"]).rpartition("/")[2]


def make_grant(caller: Caller) -> str:
    """A file that a model made, and the grant that its download was sent on with."""
    answer = caller.ask("GET", f"/{VERSION}/files/{make_generated(caller)}:download?alt=media")
    url = httpx.URL(answer.headers["location"])
    return f"{url.path.rpartition('/')[2].removesuffix(':download')}/grant/{url.params['grant']}"


def make_session(
    caller: Caller, path: str = f"/upload/{VERSION}/files", mime_type: str = "text/plain"
) -> str:
    """An open upload of three bytes: the last part of its URL."""
    headers = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(len(CONTENT)),
        "X-Goog-Upload-Header-Content-Type": mime_type,
    }
    answer = caller.ask("POST", path, headers=headers)
    assert answer.is_success, answer.text
    return str(answer.headers["x-goog-upload-url"]).rpartition("/")[2]


def make_store_session(caller: Caller) -> str:
    """The same into a store."""
    path = f"/upload/{VERSION}/{STORES}/{caller.store}:uploadToFileSearchStore"
    return make_session(caller, path)


def make_cache(caller: Caller) -> str:
    """A cached content."""
    body = {"model": f"models/{MODEL}", **prompt()}
    made = caller.made("POST", f"/{VERSION}/cachedContents", json=body)
    return str(made["name"]).removeprefix("cachedContents/")


def make_batch(caller: Caller) -> str:
    """A batch of one inlined request."""
    path = f"/{VERSION}/models/{MODEL}:batchGenerateContent"
    return str(caller.made("POST", path, json=inlined(prompt()))["name"]).removeprefix("batches/")


def make_store(caller: Caller) -> str:
    """A store."""
    made = caller.made("POST", f"/{VERSION}/{STORES}", json={"displayName": "s"})
    return str(made["name"]).removeprefix(f"{STORES}/")


def make_upload_operation(caller: Caller) -> str:
    """An upload into a store."""
    path = f"/upload/{VERSION}/{STORES}/{caller.store}:uploadToFileSearchStore?uploadType=media"
    made = caller.made("POST", path, content=CONTENT, headers={"content-type": "text/plain"})
    return str(made["name"]).removeprefix(f"{STORES}/")


def make_import_operation(caller: Caller) -> str:
    """An import into a store."""
    path = f"/{VERSION}/{STORES}/{caller.store}:importFile"
    made = caller.made("POST", path, json={"fileName": f"files/{caller.file}"})
    return str(made["name"]).removeprefix(f"{STORES}/")


def make_document(caller: Caller) -> str:
    """A document."""
    make_upload_operation(caller)
    documents = caller.made("GET", f"/{VERSION}/{STORES}/{caller.store}/documents")["documents"]
    return str(documents[0]["name"]).removeprefix(f"{STORES}/")


def make_media(caller: Caller) -> str:
    """A blob of a store, as citations name it."""
    blob = {"store": f"{STORES}/{caller.store}", "mimeType": "image/png", "text": "picture"}
    made = caller.stack.simulator("POST", "/media", blob)
    return str(made["name"]).removeprefix(f"{STORES}/")


def make_token(make: Make, path: str, caller: Caller) -> str:
    """The page token of a list of two."""
    for _ in range(2):
        make(caller)
    return str(caller.made("GET", path, params={"pageSize": 1})["nextPageToken"])


_STAYS: Final = "stays until it is deleted"
_TOKEN: Final = "a page token has no end of its own"

FILE: Final = Thing(make_file)
REQUESTS: Final = Thing(partial(make_file, content=LINE, mime_type=JSONL))
GENERATED: Final = Thing(make_generated)
GRANT: Final = Thing(make_grant, malformed="Not_An_Id/grant/x")
SESSION: Final = Thing(make_session, malformed="x", gone_is_missing=False)
BATCH_SESSION: Final = Thing(
    partial(make_session, mime_type=JSONL), malformed="x", gone_is_missing=False
)
STORE_SESSION: Final = Thing(make_store_session, malformed="x", gone_is_missing=False)
CACHE: Final = Thing(make_cache, malformed="Not.An.Id")
BATCH: Final = Thing(make_batch, malformed="Not.An.Id", lasting=f"a batch {_STAYS}")
STORE: Final = Thing(make_store, lasting=f"a store {_STAYS}")
DOCUMENT: Final = Thing(
    make_document, malformed="Not_An_Id/documents/Not.An.Id", lasting=f"a document {_STAYS}"
)
IMPORT: Final = Thing(
    make_import_operation,
    malformed="Not_An_Id/operations/Not.An.Id",
    lasting="an operation stays as long as its store",
)
UPLOAD: Final = Thing(
    make_upload_operation,
    malformed="Not_An_Id/upload/operations/Not.An.Id",
    lasting=IMPORT.lasting,
)
MEDIA: Final = Thing(
    make_media,
    malformed="Not_An_Id/media/Not.An.Id",
    lasting="media stay as long as their store",
)


# -- ways to ask


def at(method: str, path: str, **arguments: Any) -> Ask:  # noqa: ANN401
    """A request to a path with the name in it."""

    def ask(caller: Caller, name: str) -> httpx.Response:
        return caller.ask(method, path.format(name), **arguments)

    return ask


def posts(path: str, body: Callable[[str], object]) -> Ask:
    """A request with the name in its JSON."""
    return lambda caller, name: caller.ask("POST", path, json=body(name))


def calls(operation: str, body: Callable[[str], object], model: str = MODEL) -> Ask:
    """A model call with the name in its JSON."""
    return posts(f"/{VERSION}/models/{model}:{operation}", body)


def downloads_by_grant(caller: Caller, name: str) -> httpx.Response:
    """A download with a grant, and with the caller's own key."""
    file_id, grant = parts(name)
    query = {"alt": "media", "grant": grant}
    return caller.ask("GET", f"/download/{VERSION}/files/{file_id}:download", params=query)


def in_own_store(ask: Ask) -> Ask:
    """The same request about what has this id in the caller's own store."""
    return lambda caller, name: ask(caller, "/".join([caller.store, *name.split("/")[1:]]))


def into_own_store(caller: Caller, name: str) -> httpx.Response:
    """An import into the caller's own store."""
    path = f"/{VERSION}/{STORES}/{caller.store}:importFile"
    return caller.ask("POST", path, json={"fileName": f"files/{name}"})


def imports(caller: Caller, name: str) -> httpx.Response:
    """An import of the caller's own file."""
    path = f"/{VERSION}/{STORES}/{name}:importFile"
    return caller.ask("POST", path, json={"fileName": f"files/{caller.file}"})


def runs_lines(caller: Caller, name: str) -> httpx.Response:
    """A batch of a new file of requests, one of which has the named file."""
    file_id = "requests"
    caller.ask("DELETE", f"/{VERSION}/files/{file_id}")
    line = json.dumps({"key": "a", "request": by_uri(name)})
    upload = _multipart(named_file(file_id), line, JSONL)
    caller.made("POST", f"/upload/{VERSION}/files", **upload)
    return calls("batchGenerateContent", from_file)(caller, file_id)


def starts(path: str, body: Callable[[str], object] = lambda _: {}) -> Ask:
    """The start of an upload of three bytes."""
    headers = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(len(CONTENT)),
    }
    return lambda caller, name: caller.ask(
        "POST", path.format(name), headers=headers, json=body(name)
    )


def sends_multipart(path: str, body: Callable[[str], object] = lambda _: {}) -> Ask:
    """A whole upload in two parts."""
    return lambda caller, name: caller.ask(
        "POST", path.format(name), **_multipart(body(name), "abc", "text/plain")
    )


def _multipart(metadata: object, content: str, mime_type: str) -> dict[str, Any]:
    pieces = [
        *("--B", "Content-Type: application/json", "", json.dumps(metadata)),
        *("--B", f"Content-Type: {mime_type}", "", content, "--B--"),
    ]
    kind = "multipart/related; boundary=B"
    headers = {"X-Goog-Upload-Protocol": "multipart", "content-type": kind}
    return {"headers": headers, "content": "\r\n".join(pieces).encode()}


def sends_raw(path: str, protocol: str) -> Ask:
    """A whole upload without metadata."""
    headers = {"X-Goog-Upload-Protocol": protocol} if protocol == "raw" else {}
    query = {} if protocol == "raw" else {"uploadType": protocol}
    headers["content-type"] = "text/plain"
    return lambda caller, name: caller.ask(
        "POST", path.format(name), headers=headers, params=query, content=CONTENT
    )


def chunk(method: str, path: str, command: str) -> Ask:
    """A command to a session, with the caller's own key."""
    headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": "0"}
    content = CONTENT if "upload" in command else b""
    return at(method, path, headers=headers, content=content)


# -- bodies


def named_file(name: str) -> object:
    """Metadata of a file with a name of the client's choice."""
    return {"file": {"name": f"files/{name}"}}


def by_uri(name: str) -> dict[str, Any]:
    """A prompt over a file."""
    return prompt(uri(name))


def snake(name: str) -> dict[str, Any]:
    """The same in the spelling of the curl samples."""
    return {"contents": [{"parts": [{"file_data": {"file_uri": uri(name)}}]}]}


def bare(name: str) -> dict[str, Any]:
    """The same by name, where a URI belongs."""
    return prompt(f"files/{name}")


def instructed(name: str) -> dict[str, Any]:
    """A prompt whose system instruction has a file."""
    return {**prompt(), "systemInstruction": {"parts": prompt(uri(name))["contents"][0]["parts"]}}


def answered(name: str) -> dict[str, Any]:
    """A prompt with a function's answer that has a file."""
    response = {"name": "f", "response": {}, "parts": [{"fileData": {"fileUri": uri(name)}}]}
    part = {"functionResponse": response}
    return {"contents": [*prompt()["contents"], {"role": "user", "parts": [part]}]}


def by_cache(name: str) -> dict[str, Any]:
    """A prompt over a cached content."""
    return {**prompt(), "cachedContent": f"cachedContents/{name}"}


def by_store(name: str, collection: str = STORES) -> dict[str, Any]:
    """A prompt with a store to search."""
    search = {"fileSearch": {"fileSearchStoreNames": [f"{collection}/{name}"]}}
    return {**prompt(), "tools": [search]}


def counted(name: str) -> dict[str, Any]:
    """A whole request to count the tokens of."""
    return {"generateContentRequest": {"model": f"models/{MODEL}", **by_uri(name)}}


def embedded(name: str) -> dict[str, Any]:
    """A file to embed."""
    return {"model": f"models/{EMBEDDING}", "content": by_uri(name)["contents"][0]}


def inlined(*bodies: object) -> dict[str, Any]:
    """A batch of requests."""
    requests = [{"request": one} for one in bodies]
    return {"batch": {"displayName": "b", "inputConfig": {"requests": {"requests": requests}}}}


def from_file(name: str) -> dict[str, Any]:
    """A batch of a file of requests."""
    return {"batch": {"displayName": "b", "inputConfig": {"fileName": f"files/{name}"}}}


def cached(body: object) -> object:
    """A cached content to make."""
    assert isinstance(body, dict)
    return {"model": f"models/{MODEL}", **body}


# -- the rows


def _uploads() -> Iterable[Row]:
    for path in ("/upload/{version}/files", "/resumable/upload/{version}/files"):
        route, where = f"post {path}", path.replace("{version}", VERSION)
        yield Names(route, "start, new `file.name`", FILE, starts(where, named_file), creates=True)
    route, where = "post /upload/{version}/files", f"/upload/{VERSION}/files"
    yield Names(
        route, "multipart, new `file.name`", FILE, sends_multipart(where, named_file), creates=True
    )
    for protocol in ("raw", "media"):
        ask = sends_raw(where, protocol)
        yield Plain(
            route,
            f"`{protocol}`",
            "names nothing",
            lambda caller, ask=ask: ask(caller, ""),  # type: ignore[misc]
            lambda caller: caller.ask("POST", f"/upload/{VERSION}/files?uploadType=x"),
        )
    route = "post /{version}/files"
    ask = posts(f"/{VERSION}/files", named_file)
    yield Names(route, "new `file.name`", FILE, ask, creates=True)
    yield Plain(
        "post /{version}/files:register",
        "`uris`",
        "names Cloud Storage objects, and the caller's own Google token says which it may read",
        partial(_registers, "gs://bucket/report.pdf"),
        partial(_registers, "gs://bucket"),
    )


def _registers(object_uri: str, caller: Caller) -> httpx.Response:
    headers = {"authorization": TOKEN}
    path = f"/{VERSION}/files:register"
    return caller.ask("POST", path, json={"uris": [object_uri]}, headers=headers)


def _sessions() -> Iterable[Row]:
    for place, thing in (
        ("sessions", SESSION),
        ("storeSessions", STORE_SESSION),
        ("batchSessions", BATCH_SESSION),
    ):
        path = f"/upload/{VERSION}/{place}/{{}}"
        for method, commands in {
            "post": ("upload, finalize", "query", "cancel"),
            "put": ("upload, finalize",),
        }.items():
            route = f"{method} /upload/{{version}}/{place}/{{session}}"
            for command in commands:
                yield Names(route, f"`{command}`", thing, chunk(method, path, command))


def _files() -> Iterable[Row]:
    yield from _listing("files", FILE)
    route, path = "get /{version}/files/{file}", f"/{VERSION}/files/{{}}"
    yield Names(route, "`{file}`", FILE, at("GET", path))
    fresh = {"Cache-Control": "no-cache"}
    yield Names(route, "`{file}`, `no-cache`", FILE, at("GET", path, headers=fresh))
    yield Names(route, "`{file}`, generated", GENERATED, at("GET", path))
    download = f"{path}:download?alt=media"
    yield Names(route, "`{file}:download`", GENERATED, at("GET", download))
    route = "delete /{version}/files/{file}"
    yield Names(route, "`{file}`", FILE, at("DELETE", path))
    yield Names(route, "`{file}`, generated", GENERATED, at("DELETE", path))
    route = "get /download/{version}/files/{file}"
    yield Names(route, "`{file}`, with the key", GENERATED, at("GET", f"/download{download}"))
    yield Names(route, "`{file}` and `grant`", GRANT, downloads_by_grant)


def _listing(collection: str, thing: Thing) -> Iterable[Row]:
    route, path = f"get /{{version}}/{collection}", f"/{VERSION}/{collection}"
    yield Lists(route, thing, path)
    token = Thing(partial(make_token, thing.make, path), malformed="x", lasting=_TOKEN)
    yield Names(route, "`pageToken`", token, at("GET", f"{path}?pageSize=1&pageToken={{}}"))


def _models() -> Iterable[Row]:
    public = "models are everybody's"
    yield Plain(
        "get /{version}/models",
        "",
        f"names nothing; {public}",
        lambda caller: caller.ask("GET", f"/{VERSION}/models"),
        lambda caller: caller.ask("GET", f"/{VERSION}/models?pageSize=x"),
    )
    yield Plain(
        "get /{version}/models/{model}",
        "`{model}`",
        public,
        lambda caller: caller.ask("GET", f"/{VERSION}/models/{MODEL}"),
        lambda caller: caller.ask("GET", f"/{VERSION}/models/.a"),
        lambda caller: caller.ask("GET", f"/{VERSION}/models/no-such-model"),
    )
    route = "post /{version}/models/{model}"
    for operation in ("generateContent", "streamGenerateContent", "countTokens"):
        for how, thing, body in (
            ("fileData.fileUri", FILE, by_uri),
            ("file_data.file_uri", FILE, snake),
            ("fileData.fileUri` as `files/{file}", FILE, bare),
            ("systemInstruction", FILE, instructed),
            ("functionResponse.parts", FILE, answered),
            ("cachedContent", CACHE, by_cache),
            ("fileSearchStoreNames", STORE, by_store),
        ):
            yield Names(route, f"`{operation}`, `{how}`", thing, calls(operation, body))
    old = partial(by_store, collection="ragStores")
    how = "`generateContent`, `fileSearchStoreNames` as `ragStores/{store}`"
    yield Names(route, how, STORE, calls("generateContent", old))
    how = "`countTokens`, `generateContentRequest`"
    yield Names(route, how, FILE, calls("countTokens", counted))
    for operation, body in {
        "embedContent": embedded,
        "batchEmbedContents": lambda name: {"requests": [embedded(name)]},
    }.items():
        how = f"`{operation}`, `fileData.fileUri`"
        yield Names(route, how, FILE, calls(operation, body, EMBEDDING))
    yield from _batch_starts(route)


def _batch_starts(route: str) -> Iterable[Row]:
    operation = "batchGenerateContent"
    yield Names(
        route, f"`{operation}`, `inputConfig.fileName`", REQUESTS, calls(operation, from_file)
    )
    how = f"`{operation}`, a line of `inputConfig.fileName`"
    yield Names(route, how, FILE, runs_lines, uploads=True)
    for how, thing, body in (
        ("fileData.fileUri", FILE, by_uri),
        ("cachedContent", CACHE, by_cache),
        ("fileSearchStoreNames", STORE, by_store),
    ):
        ask = calls(operation, _inlining(body))
        yield Names(route, f"`{operation}`, inlined `{how}`", thing, ask)
    operation = "asyncBatchEmbedContent"
    ask = calls(operation, from_file, EMBEDDING)
    yield Names(route, f"`{operation}`, `inputConfig.fileName`", REQUESTS, ask)
    ask = calls(operation, _inlining(embedded), EMBEDDING)
    yield Names(route, f"`{operation}`, inlined `fileData.fileUri`", FILE, ask)


def _inlining(body: Callable[[str], object]) -> Callable[[str], object]:
    return lambda name: inlined(prompt(), body(name))


def _caches() -> Iterable[Row]:
    yield from _listing("cachedContents", CACHE)
    route, path = "post /{version}/cachedContents", f"/{VERSION}/cachedContents"
    for how, body in (("contents", by_uri), ("systemInstruction", instructed)):
        ask = posts(path, lambda name, body=body: cached(body(name)))  # type: ignore[misc]
        yield Names(route, f"`{how}`, `fileData.fileUri`", FILE, ask)
    ask = posts(path, lambda name: cached(by_store(name)))
    yield Names(route, "`tools`, `fileSearchStoreNames`", STORE, ask)
    place, path = "/{version}/cachedContents/{cachedContent}", f"{path}/{{}}"
    yield Names(f"get {place}", "`{cachedContent}`", CACHE, at("GET", path))
    change = at("PATCH", path, json={"ttl": "60s"})
    yield Names(f"patch {place}", "`{cachedContent}`", CACHE, change)
    yield Names(f"delete {place}", "`{cachedContent}`", CACHE, at("DELETE", path))


def _batches() -> Iterable[Row]:
    yield from _listing("batches", BATCH)
    place, path = "/{version}/batches/{batch}", f"/{VERSION}/batches/{{}}"
    yield Names(f"get {place}", "`{batch}`", BATCH, at("GET", path))
    cancel = at("POST", f"{path}:cancel", json={})
    yield Names(f"post {place}", "`{batch}:cancel`", BATCH, cancel)
    yield Names(f"delete {place}", "`{batch}`", BATCH, at("DELETE", path))


def _store_uploads() -> Iterable[Row]:
    for prefix in ("upload", "resumable/upload"):
        route = f"post /{prefix}/{{version}}/{STORES}/{{store}}"
        path = f"/{prefix}/{VERSION}/{STORES}/{{}}:uploadToFileSearchStore"
        yield Names(route, "`{store}`, start", STORE, starts(path))
    route = f"post /upload/{{version}}/{STORES}/{{store}}"
    path = f"/upload/{VERSION}/{STORES}/{{}}:uploadToFileSearchStore"
    yield Names(route, "`{store}`, multipart", STORE, sends_multipart(path))
    for protocol in ("raw", "media"):
        yield Names(route, f"`{{store}}`, `{protocol}`", STORE, sends_raw(path, protocol))
    route = "post /upload/{version}/ragStores/{store}"
    path = f"/upload/{VERSION}/ragStores/{{}}:uploadToRagStore"
    yield Names(route, "`{store}`, start", STORE, starts(path))
    yield Names(route, "`{store}`, `media`", STORE, sends_raw(path, "media"))
    body = {"displayName": "d"}
    path = f"/{VERSION}/ragStores/{{}}:uploadToRagStore"
    route = "post /{version}/ragStores/{store}"
    yield Names(route, "`{store}`", STORE, at("POST", path, json=body))


def _stores() -> Iterable[Row]:
    yield from _listing(STORES, STORE)
    path = f"/{VERSION}/{STORES}"
    yield Plain(
        f"post /{{version}}/{STORES}",
        "",
        "names nothing",
        lambda caller: caller.ask("POST", path, json={"displayName": "s"}),
        lambda caller: caller.ask("POST", path, json={"displayName": 1}),
    )
    place, one = f"/{{version}}/{STORES}/{{store}}", f"{path}/{{}}"
    yield Names(f"get {place}", "`{store}`", STORE, at("GET", one))
    yield Names(f"post {place}", "`{store}:importFile`", STORE, imports)
    how = "`{store}:importFile`, own store, `fileName`"
    yield Names(f"post {place}", how, FILE, into_own_store)
    create = at("POST", f"{one}:uploadToFileSearchStore", json={"displayName": "d"})
    yield Names(f"post {place}", "`{store}:uploadToFileSearchStore`", STORE, create)
    yield Names(f"delete {place}", "`{store}`", STORE, at("DELETE", f"{one}?force=true"))


def _in_stores() -> Iterable[Row]:
    place, path = f"/{{version}}/{STORES}/{{store}}", f"/{VERSION}/{STORES}/{{}}"
    yield Names(f"get {place}/documents", "`{store}`", STORE, at("GET", f"{path}/documents"))
    for route, what, thing, ask in (
        (f"get {place}/documents/{{document}}", "{document}", DOCUMENT, at("GET", path)),
        (
            f"delete {place}/documents/{{document}}",
            "{document}",
            DOCUMENT,
            at("DELETE", f"{path}?force=true"),
        ),
        (f"get {place}/operations/{{operation}}", "{operation}", IMPORT, at("GET", path)),
        (f"get {place}/upload/operations/{{operation}}", "{operation}", UPLOAD, at("GET", path)),
        (f"get {place}/media/{{media}}", "{media}", MEDIA, at("GET", f"{path}?alt=media")),
    ):
        yield Names(route, f"`{{store}}` and `{what}`", thing, ask)
        inner = in_own_store(ask)
        yield Names(route, f"own store, `{what}`", thing, inner, asks_upstream=True)


def _tokens() -> Iterable[Row]:
    path = f"/{VERSION}/tokens"
    yield Plain(
        "post /{version}/tokens",
        "",
        "names nothing",
        lambda caller: caller.ask("POST", path, json={"byteBudget": 1}),
        lambda caller: caller.ask("POST", path, json={"byteBudget": "much"}),
    )


def _usage() -> Iterable[Row]:
    path = f"/{VERSION}/usage"
    yield Plain(
        "get /{version}/usage",
        "",
        "names nothing",
        lambda caller: caller.ask("GET", path),
        lambda caller: caller.ask("GET", f"{path}?by=year"),
    )


ROWS: Final[tuple[Row, ...]] = (
    *_uploads(),
    *_sessions(),
    *_files(),
    *_models(),
    *_caches(),
    *_batches(),
    *_store_uploads(),
    *_stores(),
    *_in_stores(),
    *_tokens(),
    *_usage(),
)
