"""File Search stores with the stock Python SDK, with nothing changed but the base URL."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import TYPE_CHECKING, cast

import pytest
from google import genai
from google.genai import errors, types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulator.conftest import Simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=simulator.url)
    with genai.Client(api_key=simulator.first_key, http_options=options) as client:
        yield client


@pytest.fixture
def store(client: genai.Client) -> str:
    return client.file_search_stores.create(config={"display_name": "My Store!"}).name or ""


def documents(simulator: Simulator, project: int = 0) -> list[dict[str, object]]:
    stores = cast("list[dict[str, list[dict[str, object]]]]", simulator.project(project)["stores"])
    return [document for store in stores for document in store["documents"]]


def test_the_life_of_a_store(client: genai.Client, simulator: Simulator) -> None:
    made = client.file_search_stores.create(
        config={"display_name": "Reports, 2026", "embedding_model": "gemini-embedding-2"}
    )
    assert made.display_name == "Reports, 2026"
    assert made.embedding_model == "models/gemini-embedding-2"
    prefix, _, suffix = (made.name or "").rpartition("-")
    assert (prefix, len(suffix)) == ("fileSearchStores/reports-2026", 12)
    assert made.create_time == made.update_time
    assert client.file_search_stores.get(name=made.name or "") == made
    assert [store.name for store in client.file_search_stores.list()] == [made.name]
    client.file_search_stores.delete(name=made.name or "")
    with pytest.raises(errors.ClientError, match="access the FileSearchStore reports") as gone:
        client.file_search_stores.get(name=made.name or "")
    assert gone.value.code == 403
    assert simulator.project()["stores"] == []


def test_stores_and_documents_are_listed_in_pages(client: genai.Client, store: str) -> None:
    names = [store] + [client.file_search_stores.create().name or "" for _ in range(4)]
    pager = client.file_search_stores.list(config={"page_size": 2})
    assert [each.name for each in pager] == names[::-1]
    uploaded = [
        client.file_search_stores.upload_to_file_search_store(
            file_search_store_name=store,
            file=io.BytesIO(b"x"),
            config={"display_name": f"d{number}", "mime_type": "text/plain"},
        )
        for number in range(5)
    ]
    listed = client.file_search_stores.documents.list(parent=store, config={"page_size": 2})
    assert [document.name for document in listed] == [
        operation.response.document_name if operation.response else None
        for operation in uploaded[::-1]
    ]


@pytest.mark.parametrize("size", [0, 5, 8_388_608, 9_000_000])
def test_an_upload_becomes_a_document(
    simulator: Simulator, client: genai.Client, store: str, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(b"x" * size)
    metadata = [
        types.CustomMetadata(key="author", string_value="Ada"),
        types.CustomMetadata(key="year", numeric_value=1843.5),
        types.CustomMetadata(key="tags", string_list_value=types.StringList(values=["a", "b"])),
    ]
    operation = client.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=path,
        config=types.UploadToFileSearchStoreConfig(
            display_name="Talk",
            custom_metadata=metadata,
            chunking_config=types.ChunkingConfig(
                white_space_config=types.WhiteSpaceConfig(
                    max_tokens_per_chunk=200, max_overlap_tokens=20
                )
            ),
        ),
    )
    assert (operation.name or "").startswith(f"{store}/upload/operations/")
    assert operation.done is None
    assert operation.response is not None
    assert operation.response.parent == store
    name = operation.response.document_name or ""
    document = client.file_search_stores.documents.get(name=name)
    assert document.state is types.DocumentState.STATE_PENDING
    assert (document.display_name, document.mime_type) == ("Talk", "text/plain")
    assert document.custom_metadata == metadata
    assert client.operations.get(operation).done is None
    operation = client.operations.get(operation)
    assert operation.done
    assert operation.response is not None
    assert operation.response.document_name == name
    document = client.file_search_stores.documents.get(name=name)
    assert document.state is types.DocumentState.STATE_ACTIVE
    assert (document.size_bytes or 0) == size
    whole = client.file_search_stores.get(name=store)
    assert (whole.active_documents_count, whole.pending_documents_count) == (1, None)
    assert (whole.size_bytes or 0) == size
    (kept,) = documents(simulator)
    assert (kept["name"], kept["sizeBytes"]) == (name, size)
    assert kept["sha256"] == hashlib.sha256(b"x" * size).hexdigest()


def test_a_file_is_imported(simulator: Simulator, client: genai.Client, store: str) -> None:
    file = client.files.upload(
        file=io.BytesIO(b"hello"), config={"display_name": "Hello", "mime_type": "text/plain"}
    )
    operation = client.file_search_stores.import_file(
        file_search_store_name=store,
        file_name=file.name or "",
        config={"custom_metadata": [{"key": "n", "numeric_value": 1.0}]},
    )
    assert (operation.name or "").startswith(f"{store}/operations/")
    assert (operation.metadata, operation.done, operation.response) == ({}, None, None)
    assert client.operations.get(operation).done is None
    operation = client.operations.get(operation)
    assert operation.done
    assert operation.response is not None
    assert operation.response.parent == store
    document = client.file_search_stores.documents.get(name=operation.response.document_name or "")
    assert (document.display_name, document.size_bytes) == ("Hello", 5)
    assert document.custom_metadata == [types.CustomMetadata(key="n", numeric_value=1)]
    assert documents(simulator)[0]["sha256"] == hashlib.sha256(b"hello").hexdigest()


def test_processing_can_fail(simulator: Simulator, client: genai.Client, store: str) -> None:
    simulator.control("operations", {"polls": 0})
    config = types.UploadToFileSearchStoreConfig(
        display_name="fail-processing this", mime_type="text/plain"
    )
    begun = client.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store, file=io.BytesIO(b"x"), config=config
    )
    ended = client.operations.get(begun)
    assert (ended.done, ended.response) == (True, None)
    assert (ended.error or {})["code"] == 13
    assert begun.response is not None
    document = client.file_search_stores.documents.get(name=begun.response.document_name or "")
    assert document.state is types.DocumentState.STATE_FAILED
    assert client.file_search_stores.get(name=store).failed_documents_count == 1


def test_what_is_not_empty_goes_with_force_only(client: genai.Client, store: str) -> None:
    operation = client.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=io.BytesIO(b"x"),
        config={"mime_type": "text/plain"},
    )
    while not operation.done:
        operation = client.operations.get(operation)
    assert operation.response is not None
    name = operation.response.document_name or ""
    with pytest.raises(errors.ClientError, match="Cannot delete non-empty FileSearchStore") as full:
        client.file_search_stores.delete(name=store)
    assert (full.value.code, full.value.status) == (400, "FAILED_PRECONDITION")
    with pytest.raises(errors.ClientError, match="Cannot delete non-empty Document"):
        client.file_search_stores.documents.delete(name=name)
    client.file_search_stores.documents.delete(name=name, config={"force": True})
    with pytest.raises(errors.ClientError, match="access the Document"):
        client.file_search_stores.documents.get(name=name)
    assert client.operations.get(operation).done
    client.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store, file=io.BytesIO(b"x"), config={"mime_type": "text/plain"}
    )
    client.file_search_stores.delete(name=store, config={"force": True})
    assert list(client.file_search_stores.list()) == []


def test_media_is_downloaded(simulator: Simulator, client: genai.Client, store: str) -> None:
    name = simulator.control("media", {"store": store, "mimeType": "text/plain", "text": "Grüße"})
    media = client.file_search_stores.download_media(media_id=str(name["name"]))
    assert media.decode() == "Grüße"
    name = simulator.control("media", {"store": store, "mimeType": "image/png", "sizeBytes": 70})
    assert client.file_search_stores.download_media(media_id=str(name["name"])) == bytes(70)


# Both are the SDK's own way to use aiohttp.
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_the_async_client(simulator: Simulator) -> None:
    async def scenario() -> types.UploadToFileSearchStoreOperation:
        options = types.HttpOptions(base_url=simulator.url)
        async with genai.Client(api_key=simulator.second_key, http_options=options).aio as client:
            store = await client.file_search_stores.create(config={"display_name": "s"})
            return await client.file_search_stores.upload_to_file_search_store(
                file_search_store_name=store.name or "",
                file=io.BytesIO(b"x" * 9_000_000),
                config={"mime_type": "audio/mpeg"},
            )

    operation = asyncio.run(scenario())
    assert operation.response is not None
    assert [one["name"] for one in documents(simulator, 1)] == [operation.response.document_name]
    assert documents(simulator, 1)[0]["sizeBytes"] == 9_000_000
    assert documents(simulator) == []
