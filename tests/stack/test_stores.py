"""File Search stores with the stock Python SDK, through the whole gateway."""

import io
from collections.abc import Iterator

import httpx
import pytest
from google.genai import errors, types

from local_stack import LocalStack, StackTenant
from refusals import essence, usage
from store_uploads import metered, new_store

LARGE = b"0123456789abcdef" * 1_250_000
assert len(LARGE) == 20_000_000


@pytest.fixture(autouse=True)
def _one_poll(stack: LocalStack) -> Iterator[None]:
    stack.simulator("POST", "/operations", {"polls": 1})
    yield
    stack.simulator("POST", "/operations", {"polls": 1})


@pytest.fixture
def store(tenant: StackTenant) -> str:
    made = tenant.sdk.file_search_stores.create(config={"display_name": "My Store!"})
    assert made.name is not None
    return made.name


def settled(stack: LocalStack) -> None:
    """The janitor comes by once all that has just ended is due."""
    stack.advance(6)
    stack.run_janitor()


def finished(
    tenant: StackTenant,
    operation: types.UploadToFileSearchStoreOperation | types.ImportFileOperation,
) -> str:
    """Poll an operation as the documentation says; answers the document's name."""
    while not operation.done:
        operation = tenant.sdk.operations.get(operation)
    assert operation.response is not None
    assert operation.response.document_name is not None
    return operation.response.document_name


def test_the_life_of_a_store(stack: LocalStack, tenant: StackTenant) -> None:
    stores = tenant.sdk.file_search_stores
    made = stores.create(
        config={"display_name": "Reports, 2026", "embedding_model": "gemini-embedding-2"}
    )
    assert (made.name or "").startswith("fileSearchStores/reports-2026-")
    assert (made.display_name, made.embedding_model) == (
        "Reports, 2026",
        "models/gemini-embedding-2",
    )
    assert stores.get(name=made.name or "") == made
    assert [store.name for store in stores.list()] == [made.name]
    stores.delete(name=made.name or "")
    assert list(stores.list()) == []
    with pytest.raises(errors.ClientError, match="access the FileSearchStore reports") as gone:
        stores.get(name=made.name or "")
    assert gone.value.code == 403
    with pytest.raises(errors.ClientError, match="access the FileSearchStore reports"):
        stores.delete(name=made.name or "")
    assert usage(stack, tenant) == {"storesCreated": 1}


def test_stores_are_listed_in_pages(tenant: StackTenant) -> None:
    names = sorted(new_store(tenant, displayName=f"s{number}") for number in range(7))
    pager = tenant.sdk.file_search_stores.list(config={"page_size": 3})
    assert pager.page_size == 3
    assert [store.name for store in pager] == names
    with tenant.http() as http:
        for query in ("", "?pageSize=20", "?pageSize=1000", "?page_size=7"):
            answer = http.get(f"/v1/fileSearchStores{query}").json()
            assert [store["name"] for store in answer["fileSearchStores"]] == names
            assert "nextPageToken" not in answer


def test_a_large_upload_is_reserved_then_metered_and_holds_nothing(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    before = stack.available(tenant)
    metadata = [
        types.CustomMetadata(key="author", string_value="Ada"),
        types.CustomMetadata(key="year", numeric_value=1843.5),
        types.CustomMetadata(key="tags", string_list_value=types.StringList(values=["a", "b"])),
    ]
    operation = tenant.sdk.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=io.BytesIO(LARGE),
        config=types.UploadToFileSearchStoreConfig(
            display_name="Talk",
            mime_type="text/plain",
            custom_metadata=metadata,
            chunking_config=types.ChunkingConfig(
                white_space_config=types.WhiteSpaceConfig(
                    max_tokens_per_chunk=200, max_overlap_tokens=20
                )
            ),
        ),
    )
    assert (operation.name or "").startswith(f"{store}/upload/operations/")
    [record] = stack.documents_on_their_way(tenant)
    assert (record["bytes"], record["store"]) == (len(LARGE), store.partition("/")[2])
    assert stack.available(tenant) == before - len(LARGE)
    assert usage(stack, tenant) == {"storesCreated": 1}
    settled(stack)
    assert stack.available(tenant) == before
    [document] = metered(stack, tenant, LARGE).values()
    settled(stack)
    metered(stack, tenant, LARGE)

    name = finished(tenant, operation)
    assert name == document["name"]
    found = tenant.sdk.file_search_stores.documents.get(name=name)
    assert (found.display_name, found.mime_type) == ("Talk", "text/plain")
    assert found.custom_metadata == metadata
    assert found.size_bytes == len(LARGE)
    assert found.state is types.DocumentState.STATE_ACTIVE
    [shown] = tenant.sdk.file_search_stores.list()
    assert (shown.active_documents_count, shown.size_bytes) == (1, len(LARGE))
    assert tenant.sdk.file_search_stores.get(name=store) == shown
    assert list(tenant.sdk.files.list()) == []


@pytest.mark.parametrize("size", [0, 5, 8_388_608])
def test_sizes_at_the_edges(stack: LocalStack, tenant: StackTenant, store: str, size: int) -> None:
    operation = tenant.sdk.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=io.BytesIO(bytes(size)),
        config={"mime_type": "text/plain"},
    )
    finished(tenant, operation)
    settled(stack)
    metered(stack, tenant, bytes(size))


def test_documents_are_listed_got_and_deleted(tenant: StackTenant, store: str) -> None:
    documents = tenant.sdk.file_search_stores.documents
    names = [
        finished(
            tenant,
            tenant.sdk.file_search_stores.upload_to_file_search_store(
                file_search_store_name=store,
                file=io.BytesIO(b"x"),
                config={"display_name": f"d{number}", "mime_type": "text/plain"},
            ),
        )
        for number in range(5)
    ]
    listed = documents.list(parent=store, config={"page_size": 2})
    assert [document.name for document in listed] == names[::-1]
    with pytest.raises(errors.ClientError, match="Cannot delete non-empty Document"):
        documents.delete(name=names[0])
    documents.delete(name=names[0], config={"force": True})
    with pytest.raises(errors.ClientError, match="access the Document d0-") as gone:
        documents.get(name=names[0])
    assert (gone.value.code, gone.value.status) == (403, "PERMISSION_DENIED")
    with pytest.raises(errors.ClientError, match="Cannot delete non-empty FileSearchStore") as full:
        tenant.sdk.file_search_stores.delete(name=store)
    assert (full.value.code, full.value.status) == (400, "FAILED_PRECONDITION")
    assert [one.name for one in tenant.sdk.file_search_stores.list()] == [store]
    tenant.sdk.file_search_stores.delete(name=store, config={"force": True})
    assert list(tenant.sdk.file_search_stores.list()) == []


def test_an_own_file_is_imported(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    file = tenant.sdk.files.upload(
        file=io.BytesIO(b"hello"), config={"display_name": "Hello", "mime_type": "text/plain"}
    )
    operation = tenant.sdk.file_search_stores.import_file(
        file_search_store_name=store,
        file_name=file.name or "",
        config={
            "custom_metadata": [{"key": "n", "numeric_value": 1.0}],
            "chunking_config": {"white_space_config": {"max_tokens_per_chunk": 100}},
        },
    )
    assert (operation.name or "").startswith(f"{store}/operations/")
    name = finished(tenant, operation)
    document = tenant.sdk.file_search_stores.documents.get(name=name)
    assert (document.display_name, document.size_bytes) == ("Hello", 5)
    assert document.custom_metadata == [types.CustomMetadata(key="n", numeric_value=1)]
    assert usage(stack, tenant)["imports"] == 1
    # The file itself stays, and so do the bytes it holds.
    assert [one.name for one in tenant.sdk.files.list()] == [file.name]


def test_an_import_of_a_file_that_is_gone(tenant: StackTenant, store: str) -> None:
    with pytest.raises(errors.ClientError, match="access the File gone or it may not") as refused:
        tenant.sdk.file_search_stores.import_file(
            file_search_store_name=store, file_name="files/gone"
        )
    assert refused.value.code == 403


def test_processing_can_fail(stack: LocalStack, tenant: StackTenant, store: str) -> None:
    stack.simulator("POST", "/operations", {"polls": 0})
    operation = tenant.sdk.file_search_stores.upload_to_file_search_store(
        file_search_store_name=store,
        file=io.BytesIO(b"x"),
        config={"display_name": "fail-processing", "mime_type": "text/plain"},
    )
    ended = tenant.sdk.operations.get(operation)
    assert ended.done
    assert (ended.error or {})["code"] == 13
    # Upstream took the bytes: what it could not read is counted all the same.
    settled(stack)
    metered(stack, tenant, b"x")


def test_a_store_that_upstream_lost_is_forgotten(
    stack: LocalStack, tenant: StackTenant, store: str
) -> None:
    other = new_store(tenant)
    with tenant.http() as http:
        missing = essence(http.get("/v1beta/fileSearchStores/missing"))
        for lost in (store, other):
            delete_behind(stack, lost)
        assert http.get("/v1beta/fileSearchStores").json() == {}
        answer = essence(http.get(f"/v1beta/{store}"))
    assert answer[0] == missing[0] == 403
    assert answer[2] == missing[2].replace(b"missing", store.partition("/")[2].encode())


def delete_behind(stack: LocalStack, store: str) -> None:
    """Delete a store upstream, without the gateway."""
    httpx.delete(
        f"{stack.upstream_url}/v1beta/{store}", headers={"x-goog-api-key": stack.upstream_key()}
    ).raise_for_status()
