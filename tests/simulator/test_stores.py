"""File Search stores, their documents, operations and media (section 9)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from tests.simulator.conftest import Launch, Simulator

KEYS = ("AIzaSimulatorFirstKey", "AQ.Simulator-second_key")


class Caller:
    """Calls with one key; answers 200 are checked by `made`."""

    def __init__(self, simulator: Simulator, key: str) -> None:
        self.simulator = simulator
        self.key = key

    def call(self, method: str, path: str, body: object = None, **query: str) -> httpx.Response:
        """A request below `/v1beta/`."""
        return self.simulator.http.request(
            method,
            f"/v1beta/{path}",
            headers={"x-goog-api-key": self.key},
            params=query,
            json={} if body is None else body,
        )

    def made(self, method: str, path: str, body: object = None, **query: str) -> dict[str, object]:
        """The JSON of a request that must succeed."""
        answer = self.call(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    def store(self, body: object = None) -> str:
        """The name of a new store."""
        return str(self.made("POST", "fileSearchStores", body)["name"])

    def document(self, store: str, body: object = None) -> str:
        """The name of a new document without bytes."""
        operation = self.made("POST", f"{store}:uploadToFileSearchStore", body)
        return cast("dict[str, str]", operation["response"])["documentName"]


@pytest.fixture
def first(simulator: Simulator) -> Caller:
    return Caller(simulator, simulator.first_key)


@pytest.fixture
def second(simulator: Simulator) -> Caller:
    return Caller(simulator, simulator.second_key)


def refusal(answer: httpx.Response) -> tuple[int, str | None, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error.get("status"), error["message"]


def denied(kind: str, resource_id: str) -> tuple[int, str, str]:
    return (
        403,
        "PERMISSION_DENIED",
        f"You do not have permission to access the {kind} {resource_id} or it may not exist.",
    )


def test_a_new_store(first: Caller) -> None:
    made = first.made("POST", "fileSearchStores", {"display_name": "Ä b", "name": "ignored"})
    assert re.fullmatch(r"fileSearchStores/b-[a-z0-9]{12}", str(made["name"]))
    assert made.pop("name")
    assert made.pop("createTime") == made.pop("updateTime")
    assert made == {"displayName": "Ä b", "embeddingModel": "models/gemini-embedding-001"}
    assert re.fullmatch(r"fileSearchStores/[a-z0-9]{12}", first.store())
    assert re.fullmatch(r"fileSearchStores/[a-z0-9]{12}", first.store({"displayName": "日本"}))
    long = first.store({"displayName": "Name " * 100}).removeprefix("fileSearchStores/")
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}-[a-z0-9]{12}", long)
    assert "--" not in long
    chosen = first.made("POST", "fileSearchStores", {"embedding_model": "models/m"})
    assert chosen["embeddingModel"] == "models/m"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_every_version(simulator: Simulator, first: Caller, version: str) -> None:
    store = first.store()
    answer = simulator.http.get(f"/{version}/{store}", params={"key": simulator.first_key})
    assert answer.json()["name"] == store


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"displayName": "x" * 513}, "512 characters"),
        ({"displayName": 5}, "Invalid value at 'displayName' (TYPE_STRING)"),
        ({"nickname": "x"}, 'Unknown name "nickname": Cannot find field.'),
        ([], "Root element must be a message."),
    ],
)
def test_a_bad_store(first: Caller, body: object, message: str) -> None:
    code, status, text = refusal(first.call("POST", "fileSearchStores", body))
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message in text


def test_pages_of_stores(first: Caller, second: Caller) -> None:
    assert first.made("GET", "fileSearchStores") == {}
    names = [first.store() for _ in range(22)][::-1]

    def page(**query: str) -> tuple[list[str], str]:
        body = first.made("GET", "fileSearchStores", **query)
        stores = cast("list[dict[str, str]]", body["fileSearchStores"])
        return [store["name"] for store in stores], str(body.get("nextPageToken", ""))

    shown, token = page()
    assert shown == names[:10]
    assert page(page_token=token, page_size="12") == (names[10:], "")
    shown, token = page(pageSize="1000")
    assert shown == names[:20]
    first.made("DELETE", names[19])
    assert page(pageToken=token) == (names[20:], "")
    assert second.made("GET", "fileSearchStores") == {}
    for caller, query in (
        (second, {"pageToken": token}),
        (first, {"pageToken": "none"}),
        (first, {"pageSize": "-1"}),
        (first, {"pageSize": "many"}),
    ):
        answer = caller.call("GET", "fileSearchStores", **query)
        assert refusal(answer)[:2] == (400, "INVALID_ARGUMENT")
    assert first.call("GET", f"{names[0]}/documents", pageToken=token).status_code == 400


def test_pages_of_documents(first: Caller) -> None:
    store = first.store()
    assert first.made("GET", f"{store}/documents") == {}
    names = [first.document(store) for _ in range(12)][::-1]
    page = first.made("GET", f"{store}/documents")
    documents = cast("list[dict[str, str]]", page["documents"])
    assert [document["name"] for document in documents] == names[:10]
    rest = first.made("GET", f"{store}/documents", pageToken=str(page["nextPageToken"]))
    documents = cast("list[dict[str, str]]", rest["documents"])
    assert [document["name"] for document in documents] == names[10:]
    assert "nextPageToken" not in rest


def test_projects_do_not_see_each_other(
    simulator: Simulator, first: Caller, second: Caller
) -> None:
    store = first.store({"displayName": "mine"})
    store_id = store.partition("/")[2]
    document = first.document(store, {"displayName": "mine"})
    media = simulator.control("media", {"store": store, "mimeType": "a/b", "text": "mine"})
    file = simulator.upload()["name"]
    operation = str(first.made("POST", f"{store}:importFile", {"fileName": file})["name"])
    for method, path in (
        ("GET", store),
        ("DELETE", store),
        ("GET", f"{store}/documents"),
        ("GET", document),
        ("DELETE", document),
        ("GET", operation),
        ("GET", str(media["name"])),
        ("POST", f"{store}:importFile"),
        ("POST", f"{store}:uploadToFileSearchStore"),
    ):
        answer = second.call(method, path)
        assert refusal(answer) == denied("FileSearchStore", store_id), (method, path)
    theirs = second.store()
    answer = second.call("POST", f"{theirs}:importFile", {"fileName": file})
    assert refusal(answer) == denied("File", str(file).partition("/")[2])
    assert first.call("GET", document).status_code == 200


def test_missing_things(first: Caller) -> None:
    store = first.store()
    assert refusal(first.call("GET", "fileSearchStores/no")) == denied("FileSearchStore", "no")
    for kind, folder in (
        ("Document", "documents"),
        ("Operation", "operations"),
        ("Operation", "upload/operations"),
        ("Media", "media"),
    ):
        answer = first.call("GET", f"{store}/{folder}/none")
        assert refusal(answer) == denied(kind, "none")
    assert refusal(first.call("DELETE", f"{store}/documents/none")) == denied("Document", "none")


def test_no_key_and_a_wrong_key(simulator: Simulator) -> None:
    assert refusal(simulator.http.get("/v1/fileSearchStores"))[:2] == (403, "PERMISSION_DENIED")
    wrong = Caller(simulator, "wrong")
    assert refusal(wrong.call("POST", "fileSearchStores"))[:2] == (400, "INVALID_ARGUMENT")


def test_the_old_spelling_is_not_served(first: Caller, simulator: Simulator) -> None:
    store = first.store().replace("fileSearchStores", "ragStores")
    for method, path in (
        ("POST", "ragStores"),
        ("GET", "ragStores"),
        ("GET", store),
        ("POST", f"{store}:uploadToRagStore"),
        ("POST", f"{store.replace('ragStores', 'fileSearchStores')}:uploadToRagStore"),
    ):
        assert first.call(method, path).status_code == 404, (method, path)
    headers = {"x-goog-api-key": simulator.first_key}
    answer = simulator.http.post(f"/upload/v1beta/{store}:uploadToRagStore", headers=headers)
    assert answer.status_code == 404


def test_an_operation_of_metadata_alone(simulator: Simulator, first: Caller) -> None:
    store = first.store()
    body = {"displayName": "Empty One", "mime_type": "text/plain; charset=utf-8"}
    begun = first.made("POST", f"{store}:uploadToFileSearchStore", body)
    response = cast("dict[str, str]", begun["response"])
    assert re.fullmatch(rf"{store}/upload/operations/[a-z0-9]+", str(begun["name"]))
    assert re.fullmatch(rf"{store}/documents/empty-one-[a-z0-9]{{12}}", response["documentName"])
    assert begun == {
        "name": begun["name"],
        "response": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main."
            "UploadToFileSearchStoreResponse",
            "parent": store,
            "documentName": response["documentName"],
            "mimeType": "text/plain; charset=utf-8",
        },
    }
    wrong = str(begun["name"]).replace("/upload/", "/")
    assert first.call("GET", wrong).status_code == 403
    pending = first.made("GET", str(begun["name"]))
    assert pending == {"name": begun["name"], "metadata": {}}
    done = first.made("GET", str(begun["name"]))
    assert done == {**pending, "done": True, "response": response}
    assert simulator.events()[-1] | {"at": 0} == {
        "at": 0,
        "event": "document_stored",
        "project": 0,
        "name": response["documentName"],
        "sizeBytes": 0,
    }


def test_polls_are_counted_and_time_passes(simulator: Simulator, first: Caller) -> None:
    store = first.store()
    file = simulator.upload()["name"]
    assert simulator.control("operations") == {"polls": 1}
    assert simulator.control("operations", {"polls": 3}) == {"polls": 3}

    def begin() -> str:
        return str(first.made("POST", f"{store}:importFile", {"file_name": file})["name"])

    name = begin()
    assert [first.made("GET", name).get("done") for _ in range(4)] == [None, None, None, True]
    simulator.control("limits", {"processingSeconds": 1000})
    name = begin()
    assert "done" not in first.made("GET", name)
    assert first.made("GET", store)["pendingDocumentsCount"] == "1"
    simulator.advance(1000)
    done = first.made("GET", name)
    assert done["done"] is True
    response = cast("dict[str, str]", done["response"])
    document = first.made("GET", response["documentName"])
    assert document["state"] == "STATE_ACTIVE"
    assert str(document["updateTime"]) > str(document["createTime"])
    counts = first.made("GET", store)
    assert counts["activeDocumentsCount"] == "2"
    assert counts["sizeBytes"] == "10"
    assert "pendingDocumentsCount" not in counts


def test_a_failed_import(simulator: Simulator, first: Caller) -> None:
    simulator.control("limits", {"processingGets": 0})
    store = first.store()
    file = simulator.upload(body={"displayName": "fail-processing-late"})["name"]
    answer = first.call("POST", f"{store}:importFile", {"fileName": file})
    assert refusal(answer)[:2] == (400, "FAILED_PRECONDITION")
    simulator.control("limits", {"processingSeconds": 1000, "processingGets": 2})
    video = simulator.upload(mime_type="video/mp4")["name"]
    answer = first.call("POST", f"{store}:importFile", {"fileName": video})
    video_id = str(video).partition("/")[2]
    assert refusal(answer) == (
        400,
        "FAILED_PRECONDITION",
        f"The File {video_id} is not in an ACTIVE state and usage is not allowed.",
    )
    simulator.advance(1000)
    begun = first.made("POST", f"{store}:importFile", {"fileName": video})
    simulator.advance(1000)
    response = cast("dict[str, str]", first.made("GET", str(begun["name"]))["response"])
    assert response["@type"].endswith(".ImportFileResponse")
    assert response["parent"] == store
    assert first.made("GET", response["documentName"])["displayName"] == video_id


@pytest.mark.parametrize(
    "body", [{}, {"fileName": "x"}, {"fileName": "files/"}, {"fileName": 1}, {"uri": "files/x"}]
)
def test_a_bad_import(first: Caller, body: object) -> None:
    answer = first.call("POST", f"{first.store()}:importFile", body)
    assert refusal(answer)[:2] == (400, "INVALID_ARGUMENT")


def metadata(count: int) -> list[dict[str, object]]:
    return [{"key": f"k{index}", "stringValue": "v"} for index in range(count)]


def chunking(**config: object) -> dict[str, object]:
    return {"chunkingConfig": {"white_space_config": config}}


def test_custom_metadata_comes_back_in_one_spelling(first: Caller) -> None:
    body = {
        "custom_metadata": [
            {"key": "s", "string_value": ""},
            {"key": "n", "numericValue": "1.5"},
            {"key": "i", "numeric_value": 2.0, "stringValue": None},
            {"key": "l", "string_list_value": {"values": ["a"]}},
            *metadata(16),
        ],
        **chunking(max_tokens_per_chunk="512", maxOverlapTokens=511),
    }
    document = first.made("GET", first.document(first.store(), body))
    assert document["customMetadata"] == [
        {"key": "s", "stringValue": ""},
        {"key": "n", "numericValue": 1.5},
        {"key": "i", "numericValue": 2},
        {"key": "l", "stringListValue": {"values": ["a"]}},
        *metadata(16),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (chunking(maxTokensPerChunk=0), "max_tokens_per_chunk: must be between 1 and 512"),
        (chunking(maxTokensPerChunk=513), "max_tokens_per_chunk: must be between 1 and 512"),
        (chunking(maxTokensPerChunk="many"), "TYPE_INT32"),
        (chunking(maxTokensPerChunk=True), "TYPE_INT32"),
        (chunking(maxTokensPerChunk=5, maxOverlapTokens=-1), "max_overlap_tokens: must not be"),
        (chunking(maxTokensPerChunk=5, maxOverlapTokens=5), "max_overlap_tokens: must not be"),
        (chunking(size=5), "Unknown name \"size\" at 'chunking_config.white_space_config'"),
        ({"chunkingConfig": "small"}, "Invalid value at 'chunking_config'"),
        ({"customMetadata": metadata(21)}, "at most 20 entries"),
        ({"customMetadata": [{"stringValue": "v"}]}, "key is required"),
        ({"customMetadata": [{"key": "k"}]}, "exactly one of"),
        (
            {"customMetadata": [{"key": "k", "stringValue": "v", "numericValue": 1}]},
            "exactly one of",
        ),
        ({"customMetadata": [{"key": "k", "stringValue": 1}]}, "TYPE_STRING"),
        ({"customMetadata": [{"key": "k", "numericValue": "NaN"}]}, "TYPE_FLOAT"),
        ({"customMetadata": [{"key": "k", "numericValue": True}]}, "TYPE_FLOAT"),
        ({"customMetadata": [{"key": "k", "stringListValue": ["v"]}]}, "MESSAGE"),
        ({"customMetadata": [{"key": "k", "stringListValue": {"values": [1]}}]}, "TYPE_STRING"),
        ({"customMetadata": ["k"]}, "Invalid value at 'custom_metadata[0]'"),
        ({"customMetadata": {}}, "Invalid value at 'custom_metadata'"),
    ],
)
@pytest.mark.parametrize("method", ["uploadToFileSearchStore", "importFile"])
def test_bad_metadata(
    simulator: Simulator, first: Caller, method: str, body: dict[str, object], message: str
) -> None:
    if method == "importFile":
        body = body | {"fileName": simulator.upload()["name"]}
    code, status, text = refusal(first.call("POST", f"{first.store()}:{method}", body))
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message in text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"mimeType": "text"}, "* UploadToFileSearchStoreRequest.mime_type: When provided, MIME"),
        ({"mimeType": "text/"}, "must be in a valid type/subtype format"),
        ({"displayName": "x" * 513}, "512 characters"),
        ({"file": {"displayName": "x"}}, 'Unknown name "file": Cannot find field.'),
    ],
)
def test_a_bad_upload(first: Caller, body: object, message: str) -> None:
    answer = first.call("POST", f"{first.store()}:uploadToFileSearchStore", body)
    code, status, text = refusal(answer)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message in text


def test_deletes(simulator: Simulator, first: Caller) -> None:
    store = first.store()
    document = first.document(store)
    full = (400, "FAILED_PRECONDITION", "Cannot delete non-empty FileSearchStore.")
    assert refusal(first.call("DELETE", store)) == full
    assert refusal(first.call("DELETE", store, force="false")) == full
    assert first.call("DELETE", store, force="perhaps").status_code == 400
    assert first.made("DELETE", document) == {}
    assert first.made("DELETE", store) == {}
    for force in ("true", "True"):
        store = first.store()
        document = first.document(store)
        assert first.made("DELETE", store, force=force) == {}
        assert first.call("GET", document).status_code == 403
        event = simulator.events()[-1]
        assert (event["event"], event["name"]) == ("document_deleted", document)


def test_media(simulator: Simulator, first: Caller) -> None:
    store = first.store()
    made = simulator.control("media", {"store": store, "mimeType": "image/png", "sizeBytes": 9})
    name = str(made["name"])
    assert name.startswith(f"{store}/media/")
    answer = first.call("GET", name, alt="media")
    assert (answer.headers["content-type"], answer.content) == ("image/png", bytes(9))
    assert first.call("GET", name).status_code == 400


def test_reset_forgets_stores(simulator: Simulator, first: Caller) -> None:
    first.store()
    simulator.control("operations", {"polls": 7})
    simulator.control("reset", {})
    assert simulator.project()["stores"] == []
    assert simulator.control("operations") == {"polls": 1}


def test_stores_outlive_the_process(launch: Launch, tmp_path: Path) -> None:
    options = ("--state-file", str(tmp_path / "state.json"))
    with launch(KEYS, *options) as simulator:
        caller = Caller(simulator, simulator.second_key)
        store = caller.store({"displayName": "kept"})
        document = caller.document(store, {"customMetadata": metadata(1)})
        begun = caller.made("POST", f"{store}:uploadToFileSearchStore")
        simulator.control("media", {"index": 1, "store": store, "text": "blob"})
        before = [caller.made("GET", name) for name in (store, document)]
        shown = simulator.project(1)
    with launch(KEYS, *options) as simulator:
        caller = Caller(simulator, simulator.second_key)
        assert [caller.made("GET", name) for name in (store, document)] == before
        assert simulator.project(1) == shown
        assert caller.made("GET", str(begun["name"])) == {"name": begun["name"], "metadata": {}}
        newest = caller.store()
        listed = cast(
            "list[dict[str, str]]", caller.made("GET", "fileSearchStores")["fileSearchStores"]
        )
        assert [each["name"] for each in listed] == [newest, store]


def test_the_control_plane_shows_documents(simulator: Simulator, first: Caller) -> None:
    store = first.store({"displayName": "S"})
    file = simulator.upload(b"hello")
    begun = first.made("POST", f"{store}:importFile", {"fileName": file["name"]})
    first.made("GET", str(begun["name"]))
    listed = cast("list[dict[str, object]]", first.made("GET", f"{store}/documents")["documents"])
    assert simulator.project()["stores"] == [
        {
            "name": store,
            "displayName": "S",
            "documents": [
                {
                    "name": listed[0]["name"],
                    "displayName": str(file["name"]).partition("/")[2],
                    "mimeType": "text/plain",
                    "sizeBytes": 5,
                    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                    "state": "STATE_ACTIVE",
                }
            ],
        }
    ]
