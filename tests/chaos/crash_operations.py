"""Operations: all that the gateway does, each with what has to be there before."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import httpx

from crash_gateway import Answer, Gateway
from crash_world import LEAKED, STORAGE, UPSTREAM_KEY, World

Step: TypeAlias = Callable[[World, Gateway], None]

HOUR: Final = 3_600
CONTENT: Final = b"x" * 1_000
CHUNK: Final = 8 * 1024 * 1024
"""Bytes of a plain chunk."""
MODEL: Final = "gemini-2.5-flash"
EMBEDDING_MODEL: Final = "gemini-embedding-001"
EMBED: Final[Mapping[str, object]] = {
    "model": f"models/{EMBEDDING_MODEL}",
    "content": {"parts": [{"text": "x"}]},
}
_ORIGIN: Final = "https://generativelanguage.googleapis.com/v1beta"


@dataclass(frozen=True)
class Operation:
    """One thing the gateway does."""

    act: Step
    before: tuple[Step, ...] = ()
    again: bool = False
    """Whether the very same request, sent again after the crash, has to do."""
    note: str = ""
    """What is to be known of the rows of this operation."""


def ask(
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    status: tuple[int, ...] = (200,),
    **keep: Callable[[Answer], str],
) -> Step:
    """A request; `<name>` in path and body is what was kept under that name, `keep` keeps more."""

    def step(world: World, gateway: Gateway) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        for name, value in world.names.items():
            text = text.replace(f"<{name}>".encode(), value.encode())
        answer = gateway.ask(method, _filled(path, world), text, headers)
        assert answer.status in status, f"{method} {path}: {answer.status} {answer.text}"
        world.names.update({name: read(answer) for name, read in keep.items()})

    return step


def wait(seconds: float) -> Step:
    """Let time go by."""
    return lambda world, _: world.simulator.advance(seconds)


def broken_off(act: Step, call: str) -> Step:
    """Something that stopped halfway, after a call."""
    return lambda _, gateway: gateway.break_off(act, call)


def _filled(text: str, world: World) -> str:
    for name, value in world.names.items():
        text = text.replace(f"<{name}>", value)
    return text


def _name(answer: Answer) -> str:
    return str(answer.json["name"])


def _file(answer: Answer) -> str:
    return str(answer.json["file"]["name"])


def _upload_path(answer: Answer) -> str:
    return httpx.URL(answer.headers["x-goog-upload-url"]).path.removeprefix("/live")


# -- files


def announce(size: int | None, mime_type: str = "text/plain") -> dict[str, str]:
    """The headers of a resumable start."""
    headers = {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-type": mime_type,
    }
    return headers if size is None else headers | {"x-goog-upload-header-content-length": str(size)}


def start(size: int | None = len(CONTENT), mime_type: str = "text/plain") -> Step:
    """A resumable start of a file."""
    headers = announce(size, mime_type)
    body = {"file": {"displayName": "crash"}}
    return ask("POST", "/upload/v1beta/files", body, headers, upload=_upload_path)


def send(command: str, content: bytes = b"", offset: str = "0") -> Step:
    """A chunk or a command of the upload that was started."""
    return lambda world, gateway: gateway.send(world.names["upload"], command, content, offset)


def raw(content: bytes = CONTENT, mime_type: str = "text/plain") -> Step:
    """A whole file in one request."""
    headers = {"x-goog-upload-protocol": "raw", "content-type": mime_type}
    return ask("POST", "/upload/v1beta/files", content, headers, file=_file)


MULTIPART: Final = b"".join(
    (
        b'--b\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"m"}}\r\n',
        b"--b\r\nContent-Type: text/plain\r\n\r\n" + CONTENT + b"\r\n--b--",
    )
)
multipart = ask(
    "POST",
    "/upload/v1beta/files",
    MULTIPART,
    {"x-goog-upload-protocol": "multipart", "content-type": "multipart/related; boundary=b"},
)
LINE: Final = json.dumps(
    {"key": "1", "request": {"contents": [{"parts": [{"text": "hello"}]}]}}
).encode()
JSONL: Final = "application/jsonl"
last_chunk = send("upload, finalize", CONTENT)
last_line = ask(
    "POST",
    "<upload>",
    LINE,
    {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"},
)
list_files = ask("GET", "/v1beta/files?pageSize=10")


def find_file(world: World, _gateway: Gateway) -> None:
    """Keep the name of the one file there is."""
    [record] = [item for item in world.items() if str(item["sk"]).startswith("FILE#")]
    world.names["file"] = "files/" + str(record["sk"]).removeprefix("FILE#")


uploaded: Final = (start(), last_chunk, find_file)
stored: Final = (raw(),)


def limit(**limits: Any) -> Step:  # noqa: ANN401
    """Give the tenant other limits."""
    return ask("PATCH", "/admin/v1/tenants/acme", {"limits": limits})


def start_direct(world: World, gateway: Gateway) -> None:
    """A start whose chunks go straight to upstream."""
    body = b'{"file": {"displayName": "crash"}}'
    answer = gateway.ask("POST", "/upload/v1beta/files", body, announce(len(CONTENT)))
    assert answer.status == 200
    world.names["direct"] = answer.headers["x-goog-upload-url"]


def send_direct(world: World, _gateway: Gateway) -> None:
    """The bytes, past the gateway."""
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    url = httpx.URL(world.names["direct"])
    world.simulator.serve(httpx.Request("POST", url, headers=headers, content=CONTENT))


direct: Final = (limit(uploadMode="direct"), start_direct)

# -- models, caches, batches


def prompt(text: str = "hello", *, file: bool = True) -> dict[str, Any]:
    """What a model is asked, over the file that was kept."""
    part = {"fileData": {"fileUri": f"{_ORIGIN}/<file>", "mimeType": "text/plain"}}
    return {"contents": [{"role": "user", "parts": [*([part] if file else []), {"text": text}]}]}


def model(action: str, body: object, **keep: Callable[[Answer], str]) -> Step:
    """A method of a model."""
    return ask("POST", f"/v1beta/models/{MODEL}:{action}", body, None, (200,), **keep)


def _made_file(answer: Answer) -> str:
    [*_, last] = answer.json["candidates"][0]["content"]["parts"]
    return "files/" + str(last["fileData"]["fileUri"]).rpartition("/")[2]


make_file = model("generateContent", prompt("please generate a file", file=False), made=_made_file)
_CACHE: Final = {"model": f"models/{MODEL}", "displayName": "crash", "ttl": "86400s", **prompt()}
create_cache = ask("POST", "/v1beta/cachedContents", _CACHE, cache=_name)


def _batch(source: object) -> Step:
    body = {"batch": {"displayName": "crash", "inputConfig": source}}
    return model("batchGenerateContent", body, batch=_name)


create_batch = _batch({"requests": {"requests": [{"request": prompt()}]}})
create_file_batch = _batch({"fileName": "<file>"})
get_batch = ask("GET", "/v1beta/<batch>")


def _redirect(answer: Answer) -> str:
    url = httpx.URL(answer.headers["location"])
    return url.raw_path.decode().removeprefix("/live")


redirect = ask("GET", "/v1beta/<made>:download?alt=media", status=(302,), place=_redirect)

# -- stores

create_store = ask("POST", "/v1beta/fileSearchStores", {"displayName": "crash"}, store=_name)
delete_store = ask("DELETE", "/v1beta/<store>")
start_document = ask(
    "POST",
    "/upload/v1beta/<store>:uploadToFileSearchStore",
    {"displayName": "crash"},
    announce(len(CONTENT)),
    upload=_upload_path,
)
whole_document = ask(
    "POST",
    "/upload/v1beta/<store>:uploadToFileSearchStore",
    CONTENT,
    {"x-goog-upload-protocol": "raw", "content-type": "text/plain"},
    operation=_name,
    document=lambda answer: str(answer.json["response"]["documentName"]),
)
import_file = ask(
    "POST", "/v1beta/<store>:importFile", {"fileName": "<file>"}, import_operation=_name
)
an_open_document: Final = (create_store, start_document)


def name_rag_store(world: World, _gateway: Gateway) -> None:
    """The store as the seeds spell it."""
    world.names["rag_store"] = world.names["store"].replace("fileSearchStores/", "ragStores/")


def give_media(world: World, _gateway: Gateway) -> None:
    """Upstream has a blob in the store, as one that a citation shows."""
    upstream = world.simulator.upstream
    [project] = list(upstream.projects)
    store = upstream.stores.of(project).get(world.names["store"].rpartition("/")[2])
    world.names["media"] = store.add_media("text/plain", "cited", 0)


def start_of_all_bytes(world: World, gateway: Gateway) -> None:
    """Needs what a document on its way still holds."""
    start(STORAGE)(world, gateway)


# -- the operator

_TENANT: Final = "/admin/v1/tenants/acme"
_ONCE: Final = {"idempotency-key": "once"}


def admin(method: str, path: str, body: object = None, *, once: bool = False, **keep: Any) -> Step:  # noqa: ANN401
    """A request of the operator's."""
    headers = _ONCE if once else {}
    return ask(method, f"/admin/v1/{path}", body, headers, status=(200, 201), **keep)


issue_key = admin(
    "POST", "tenants/acme/keys", {"label": "more"}, key=lambda answer: str(answer.json["id"])
)
create_project = admin("POST", "projects", {"id": "p2", "capacityBytes": "100000"})

# -- rounds


def janitor(_world: World, gateway: Gateway) -> None:
    """A round; nothing may fail in it."""
    done = gateway.round()
    assert not done["failed"]
    assert done["complete"]


def reconciler(_world: World, gateway: Gateway) -> None:
    """A run."""
    gateway.round("reconciler")


def lose_file(world: World, _gateway: Gateway) -> None:
    """Upstream loses the file by itself."""
    [project] = list(world.simulator.upstream.projects)
    project.delete(world.names["file"].removeprefix("files/"))


def leak_file(world: World, _gateway: Gateway) -> None:
    """Upstream has a file under the tenant's tag that no record knows."""
    boundary, name = b"b", f"files/{world.tag}{LEAKED}".encode()
    body = MULTIPART.replace(b'{"displayName":"m"}', b'{"name":"' + name + b'"}')
    world.simulator.serve(
        httpx.Request(
            "POST",
            "http://upstream.test/upload/v1beta/files",
            headers={
                "x-goog-api-key": UPSTREAM_KEY,
                "x-goog-upload-protocol": "multipart",
                "content-type": f"multipart/related; boundary={boundary.decode()}",
            },
            content=body,
        )
    )


_UNCHARGED: Final = (
    "Tokens are counted once upstream has answered: what a crash hides from the caller is not "
    "charged."
)
_GENERATED: Final = (
    "A generated file that a crash left without an owner holds nobody's bytes, is counted by the "
    "reconciler and ends after 48 hours."
)
_IMPORTS: Final = (
    "Imports and documents without bytes are counted once upstream has answered: a crash in "
    "between counts one too few, in the tenant's favour."
)
_NEXT_RUN: Final = "A run that ended goes on with the next one, a day later."
_REGISTERED: Final = (
    "A registered object that a crash left without an owner takes no storage; registering again "
    "owns it."
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    # Uploads.
    "start": Operation(start()),
    "start of unknown size": Operation(start(None)),
    "start past a threshold": Operation(start(STORAGE * 96 // 100)),
    "start, direct": Operation(start_direct, (limit(uploadMode="direct"),)),
    "start that makes room": Operation(
        start_of_all_bytes, (*an_open_document, last_chunk, wait(6))
    ),
    "start with a browser token": Operation(
        ask(
            "POST",
            "/upload/v1beta/files?key=<token>",
            {"file": {}},
            {**announce(len(CONTENT)), "x-goog-api-key": ""},
        ),
        (
            ask(
                "POST",
                "/v1beta/tokens",
                {"byteBudget": "5000"},
                token=lambda answer: str(answer.json["token"]),
            ),
        ),
    ),
    "plain chunk": Operation(
        send("upload", bytes(CHUNK)),
        (limit(storageBytes=str(2 * CHUNK)), limit(fileBytes=str(2 * CHUNK)), start(CHUNK + 1)),
    ),
    "last chunk": Operation(last_chunk, (start(),)),
    "last chunk of a batch's input": Operation(last_line, (start(len(LINE), JSONL),)),
    "query": Operation(send("query"), (start(),)),
    "cancel": Operation(send("cancel"), (start(),)),
    "finalize alone": Operation(send("finalize", offset="0"), (start(0),)),
    "raw upload": Operation(raw()),
    "multipart upload": Operation(multipart),
    "raw upload of a batch's input": Operation(raw(LINE, JSONL)),
    "metadata-only create": Operation(
        ask("POST", "/v1beta/files", {"file": {"displayName": "n", "mimeType": "text/plain"}})
    ),
    # Files.
    "first get": Operation(ask("GET", "/v1beta/<file>"), uploaded),
    "get": Operation(ask("GET", "/v1beta/<file>"), stored),
    "get, from upstream": Operation(
        ask("GET", "/v1beta/<file>", headers={"cache-control": "no-cache"}), stored
    ),
    "first list": Operation(list_files, uploaded),
    "first list of a direct upload": Operation(list_files, (*direct, send_direct)),
    "list": Operation(list_files, stored),
    "delete": Operation(ask("DELETE", "/v1beta/<file>"), stored),
    "delete right after upload": Operation(ask("DELETE", "/v1beta/<file>"), uploaded),
    "register": Operation(
        ask(
            "POST",
            "/v1beta/files:register",
            {"uris": ["gs://bucket/a.pdf", "gs://bucket/b.pdf"]},
            {"authorization": "Bearer ya29.own"},
        ),
        again=True,
        note=_REGISTERED,
    ),
    "download, the redirect": Operation(redirect, (make_file,)),
    "download, the bytes": Operation(ask("GET", "<place>"), (make_file, redirect)),
    "browser token": Operation(ask("POST", "/v1beta/tokens", {"byteBudget": "5000"}), again=True),
    # Models.
    "generateContent": Operation(model("generateContent", prompt()), stored, note=_UNCHARGED),
    "streamGenerateContent": Operation(
        ask("POST", f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse", prompt()),
        stored,
        note=_UNCHARGED,
    ),
    "countTokens": Operation(model("countTokens", prompt()), stored, note=_UNCHARGED),
    "embedContent": Operation(
        ask(
            "POST",
            "/v1beta/models/gemini-embedding-001:embedContent",
            {"content": prompt()["contents"][0]},
        ),
        stored,
        note=_UNCHARGED,
    ),
    "batchEmbedContents": Operation(
        ask("POST", f"/v1beta/models/{EMBEDDING_MODEL}:batchEmbedContents", {"requests": [EMBED]}),
        stored,
        note=_UNCHARGED,
    ),
    "generateContent that makes a file": Operation(make_file, note=_GENERATED),
    "models, list": Operation(ask("GET", "/v1beta/models")),
    "models, get": Operation(ask("GET", f"/v1beta/models/{MODEL}")),
    # Caches.
    "cache, create": Operation(create_cache, stored),
    "cache, get": Operation(ask("GET", "/v1beta/<cache>"), (*stored, create_cache)),
    "cache, list": Operation(ask("GET", "/v1beta/cachedContents"), (*stored, create_cache)),
    "cache, patch": Operation(
        ask("PATCH", "/v1beta/<cache>", {"ttl": "90000s"}), (*stored, create_cache)
    ),
    "cache, delete": Operation(ask("DELETE", "/v1beta/<cache>"), (*stored, create_cache)),
    "generateContent with a cache": Operation(
        model("generateContent", {"cachedContent": "<cache>", **prompt(file=False)}),
        (*stored, create_cache),
        note=_UNCHARGED,
    ),
    # Batches.
    "batch, create": Operation(create_batch, stored),
    "batch, create from a file": Operation(create_file_batch, (raw(LINE, JSONL),)),
    "batch, create of embeddings": Operation(
        ask(
            "POST",
            f"/v1beta/models/{EMBEDDING_MODEL}:asyncBatchEmbedContent",
            {"batch": {"inputConfig": {"requests": {"requests": [{"request": EMBED}]}}}},
        ),
        stored,
    ),
    "batch, get": Operation(get_batch, (*stored, create_batch)),
    "batch, first get of its end": Operation(get_batch, (*stored, create_batch, get_batch)),
    "batch, first get of its file": Operation(
        get_batch, (raw(LINE, JSONL), create_file_batch, get_batch), note=_GENERATED
    ),
    "batch, get of one that ended": Operation(
        get_batch, (*stored, create_batch, get_batch, get_batch)
    ),
    "batch, list": Operation(ask("GET", "/v1beta/batches"), (*stored, create_batch)),
    "batch, cancel": Operation(ask("POST", "/v1beta/<batch>:cancel", {}), (*stored, create_batch)),
    "batch, delete": Operation(ask("DELETE", "/v1beta/<batch>"), (*stored, create_batch)),
    # Stores.
    "store, create": Operation(create_store),
    "store, get": Operation(ask("GET", "/v1beta/<store>"), (create_store,)),
    "store, list": Operation(ask("GET", "/v1beta/fileSearchStores"), (create_store,)),
    "store, delete": Operation(delete_store, (create_store,)),
    "store, delete with all in it": Operation(
        ask("DELETE", "/v1beta/<store>?force=true"), (create_store, whole_document)
    ),
    "document, start": Operation(start_document, (create_store,)),
    "document, start, direct": Operation(
        ask(
            "POST",
            "/upload/v1beta/<store>:uploadToFileSearchStore",
            {"displayName": "crash"},
            announce(len(CONTENT)),
        ),
        (limit(uploadMode="direct"), create_store),
    ),
    "document, last chunk": Operation(last_chunk, an_open_document),
    "document, cancel": Operation(send("cancel"), an_open_document),
    "document, in one request": Operation(whole_document, (create_store,)),
    "document, metadata only": Operation(
        ask("POST", "/v1beta/<store>:uploadToFileSearchStore", {"displayName": "n"}),
        (create_store,),
        note=_IMPORTS,
    ),
    "document, start, into a ragStore": Operation(
        ask("POST", "/upload/v1beta/<rag_store>:uploadToRagStore", {}, announce(len(CONTENT))),
        (create_store, name_rag_store),
    ),
    "document, in one request, into a ragStore": Operation(
        ask(
            "POST",
            "/upload/v1beta/<rag_store>:uploadToRagStore",
            CONTENT,
            {"x-goog-upload-protocol": "raw", "content-type": "text/plain"},
        ),
        (create_store, name_rag_store),
    ),
    "document, metadata only, into a ragStore": Operation(
        ask("POST", "/v1beta/<rag_store>:uploadToRagStore", {"displayName": "n"}),
        (create_store, name_rag_store),
        note=_IMPORTS,
    ),
    "media, download": Operation(
        ask("GET", "/v1beta/<media>?alt=media"), (create_store, give_media)
    ),
    "import file": Operation(import_file, (*stored, create_store), note=_IMPORTS),
    "documents, list": Operation(
        ask("GET", "/v1beta/<store>/documents"), (create_store, whole_document)
    ),
    "document, get": Operation(ask("GET", "/v1beta/<document>"), (create_store, whole_document)),
    "document, delete": Operation(
        ask("DELETE", "/v1beta/<document>?force=true"), (create_store, whole_document)
    ),
    "operation, get": Operation(
        ask("GET", "/v1beta/<import_operation>"), (*stored, create_store, import_file)
    ),
    "upload operation, get": Operation(
        ask("GET", "/v1beta/<operation>"), (create_store, whole_document)
    ),
    # The operator's.
    "tenant, create": Operation(admin("POST", "tenants", {"id": "globex"}, once=True), again=True),
    "tenant, list": Operation(admin("GET", "tenants")),
    "tenant, get": Operation(admin("GET", "tenants/acme")),
    "tenant, patch": Operation(limit(storageBytes=str(STORAGE * 2)), stored, again=True),
    "tenant, suspend": Operation(admin("POST", "tenants/acme:suspend"), again=True),
    "tenant, resume": Operation(
        admin("POST", "tenants/acme:resume"), (admin("POST", "tenants/acme:suspend"),), again=True
    ),
    "tenant, delete": Operation(
        admin("DELETE", "tenants/acme"), (*stored, create_cache, create_store), again=True
    ),
    "key, issue": Operation(
        admin("POST", "tenants/acme/keys", {"label": "more"}, once=True), again=True
    ),
    "keys, list": Operation(admin("GET", "tenants/acme/keys")),
    "key, revoke": Operation(
        admin("POST", "tenants/acme/keys/<key>:revoke"), (issue_key,), again=True
    ),
    "key, rotate": Operation(
        admin("POST", "tenants/acme/keys/<key>:rotate", {"overlap": "60s"}, once=True),
        (issue_key,),
        again=True,
    ),
    "project, create": Operation(
        admin("POST", "projects", {"id": "p2", "capacityBytes": "100000"}, once=True), again=True
    ),
    "projects, list": Operation(admin("GET", "projects")),
    "project, get": Operation(admin("GET", "projects/p1")),
    "project, patch": Operation(
        admin("PATCH", "projects/p2", {"capacityBytes": "200000"}), (create_project,), again=True
    ),
    "project, drain": Operation(admin("POST", "projects/p2:drain"), (create_project,), again=True),
    "project, undrain": Operation(
        admin("POST", "projects/p2:undrain"),
        (create_project, admin("POST", "projects/p2:drain")),
        again=True,
    ),
    "project, reconcile": Operation(admin("POST", "projects/p1:reconcile"), stored, again=True),
    "project, last reconciliation": Operation(
        admin("GET", "projects/p1/reconciliation"), (reconciler,)
    ),
    "usage report": Operation(admin("GET", "usage"), stored),
    "own usage": Operation(ask("GET", "/v1/usage"), stored),
    "ledger report": Operation(admin("GET", "ledger"), stored),
    "audit log": Operation(admin("GET", "audit"), stored),
    # Nobody's: what happens by the clock.
    "janitor settles": Operation(janitor, (*uploaded, wait(6))),
    "janitor abandons": Operation(janitor, (start(), wait(HOUR / 2 + 2))),
    "janitor expires": Operation(janitor, (limit(fileLifetime="120s"), *stored, wait(121))),
    "janitor settles a direct upload": Operation(janitor, (*direct, send_direct, wait(81))),
    "janitor ends a direct upload": Operation(janitor, (*direct, wait(HOUR / 2 + 2))),
    "janitor settles a document": Operation(janitor, (*an_open_document, last_chunk, wait(6))),
    "janitor gives up a document": Operation(janitor, (*an_open_document, send("cancel"), wait(6))),
    "janitor ends a document": Operation(janitor, (*an_open_document, wait(HOUR / 2 + 2))),
    "janitor closes an hour and tells of it": Operation(janitor, (*stored, wait(HOUR + 3_300))),
    "janitor deletes a cache nobody recorded": Operation(
        janitor, (*stored, broken_off(create_cache, "upstream POST"), wait(31 * 60))
    ),
    "janitor deletes a batch nobody recorded": Operation(
        janitor, (*stored, broken_off(create_batch, "upstream POST"), wait(31 * 60))
    ),
    "janitor deletes a store nobody recorded": Operation(
        janitor, (broken_off(create_store, "upstream POST"), wait(31 * 60))
    ),
    "janitor ends an intent that came to nothing": Operation(
        janitor, (broken_off(create_store, "DynamoDB UpdateItem INTENT"), wait(31 * 60))
    ),
    "janitor finishes the delete of a store": Operation(
        janitor, (create_store, broken_off(delete_store, "upstream DELETE"), wait(31))
    ),
    "janitor forgets the delete of a store": Operation(
        janitor,
        (create_store, broken_off(delete_store, "DynamoDB UpdateItem fileSearchStores"), wait(31)),
    ),
    "reconciler, nothing amiss": Operation(reconciler, stored),
    "reconciler finds a lost file": Operation(
        reconciler, (*stored, lose_file), again=True, note=_NEXT_RUN
    ),
    "reconciler finds a leaked file": Operation(
        reconciler, (leak_file, wait(HOUR + 60), janitor), again=True, note=_NEXT_RUN
    ),
}
