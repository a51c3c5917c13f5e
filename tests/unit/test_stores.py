"""Stores and what is in them: a tenant's own and nobody else's, the rest is upstream's word."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from tests.unit.held import ACME, NOW, ODD_IDS, RIVAL, World, open_world, refusal

from filegate.adapters.aws_service import AwsService
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import TableBusy
from filegate.appointments import Keeper
from filegate.documents import Documents
from filegate.errors import (
    Status,
    document_not_found,
    file_not_found,
    operation_not_found,
    projects_mixed,
    store_not_found,
)
from filegate.files import Files
from filegate.holdings import Kind
from filegate.instants import HOUR
from filegate.records import FileRecord, State
from filegate.seals import SealBroken
from filegate.sessions import Session
from filegate.store_requests import FileImport, NewDocument, NewStore
from filegate.stores import Stores
from filegate.tenants import Tenant

CREATE = "POST /v1beta/fileSearchStores"
STORE = "/v1beta/fileSearchStores/s-1"
GET, DELETE = f"GET {STORE}", f"DELETE {STORE}"
GONE = "You do not have permission to access the FileSearchStore s-1 or it may not exist."


def store(store_id: str = "s-1", **fields: object) -> dict[str, Any]:
    return {"name": f"fileSearchStores/{store_id}", "displayName": "S", **fields}


def no_session(_sealed: str) -> Session:
    raise SealBroken


@pytest.fixture
def world(
    dynamodb: AwsService,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    with open_world(dynamodb, monkeypatch) as opened:
        yield opened


@pytest.fixture
def stores(world: World) -> Stores:
    return Stores(world.upstream, world.holdings, world.intents)


@pytest.fixture
def documents(world: World, stores: Stores) -> Documents:
    keeper = Keeper(world.ledger, world.upstream, no_session)
    files = Files(world.ledger, world.upstream, keeper)
    return Documents(world.ledger, world.upstream, stores, files)


@pytest.fixture
def made(world: World, stores: Stores) -> World:
    """A world in which acme has the store s-1, and of which nothing was asked yet."""
    world.google.say(CREATE, store())
    stores.create(ACME, "v1beta", NewStore(), NOW)
    world.google.requests.clear()
    return world


def test_a_store_is_its_makers(world: World, stores: Stores) -> None:
    world.google.say(CREATE, store())
    new = NewStore(display_name="S", embedding_model="models/e")
    assert stores.create(ACME, "v1beta", new, NOW) == store()
    assert world.google.bodies() == [{"displayName": "S", "embeddingModel": "models/e"}]
    assert world.records(ACME, "fileSearchStores#") == ["fileSearchStores#s-1"]
    assert world.records(RIVAL, "fileSearchStores#") == []
    assert world.used(ACME, "storesCreated") == 1


def test_a_store_that_cannot_be_recorded_is_left_to_its_intent(
    world: World, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise TableBusy

    world.google.say(CREATE, store())
    monkeypatch.setattr(world.holdings, "add", busy)
    with pytest.raises(TableBusy):
        stores.create(ACME, "v1beta", NewStore(), NOW)
    assert world.google.calls == [CREATE]
    assert len(world.records(ACME, "INTENT#")) == 1


@pytest.mark.parametrize("name", [None, 3, "files/x", "fileSearchStores/", "fileSearchStores/../x"])
def test_what_upstream_does_not_name_is_no_store(
    world: World, stores: Stores, name: object
) -> None:
    world.google.say(CREATE, {"name": name})
    with pytest.raises(UpstreamUnavailable):
        stores.create(ACME, "v1beta", NewStore(), NOW)
    assert world.records(ACME, "fileSearchStores#") == []
    assert world.google.calls == [CREATE]


def test_a_get_is_upstreams_word_and_keeps_it(made: World, stores: Stores) -> None:
    made.google.say(GET, store(activeDocumentsCount="3"))
    assert stores.get(ACME, "v1beta", "s-1", NOW)["activeDocumentsCount"] == "3"
    holding = made.holdings.find("acme", Kind.STORE, "s-1")
    assert holding is not None
    assert json.loads(holding.snapshot)["activeDocumentsCount"] == "3"


WAYS: dict[str, Callable[[Stores, Documents, Tenant, str], object]] = {
    "get": lambda stores, _, tenant, name: stores.get(tenant, "v1beta", name, NOW),
    "delete": lambda stores, _, tenant, name: stores.delete(
        tenant, "v1beta", name, NOW, force=True
    ),
    "documents.list": lambda _, documents, tenant, name: documents.page(
        tenant, "v1beta", name, {}, NOW
    ),
    "documents.get": lambda _, documents, tenant, name: documents.get(
        tenant, "v1beta", name, "d", NOW
    ),
    "documents.get of no id": lambda _, documents, tenant, name: documents.get(
        tenant, "v1beta", name, "a/b", NOW
    ),
    "documents.delete": lambda _, documents, tenant, name: documents.delete(
        tenant, "v1beta", name, "d", NOW, force=False
    ),
    "operations.get": lambda _, documents, tenant, name: documents.operation(
        tenant, "v1beta", name, "operations/o", NOW
    ),
    "documents.create": lambda _, documents, tenant, name: documents.create(
        tenant, "v1beta", name, NewDocument(), NOW
    ),
    "importFile": lambda _, documents, tenant, name: documents.import_file(
        tenant, "v1beta", name, FileImport(file_name="files/f"), NOW
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_foreign_and_missing_are_one_after_one_read(
    made: World, stores: Stores, documents: Documents, way: str
) -> None:
    def asked(tenant: Tenant, store_id: str) -> tuple[Status, int]:
        before = made.table.reads
        status = refusal(partial(WAYS[way], stores, documents, tenant, store_id))
        return status, made.table.reads - before

    assert asked(RIVAL, "s-1") == (store_not_found("s-1"), 1)
    assert asked(RIVAL, "s-2") == (store_not_found("s-2"), 1)
    assert made.google.calls == []
    assert made.records(ACME, "fileSearchStores#") == ["fileSearchStores#s-1"]


@pytest.mark.parametrize("way", WAYS)
def test_an_id_that_upstream_never_gives_is_missing(
    made: World, stores: Stores, documents: Documents, way: str
) -> None:
    for odd in ODD_IDS:
        status = refusal(partial(WAYS[way], stores, documents, ACME, odd))
        assert status == store_not_found(odd)
    assert made.google.calls == []


def test_a_store_that_upstream_lost_is_forgotten(made: World, stores: Stores) -> None:
    made.google.refuse(GET, 403, "PERMISSION_DENIED", GONE)
    assert refusal(lambda: stores.get(ACME, "v1beta", "s-1", NOW)) == store_not_found("s-1")
    assert made.records(ACME, "fileSearchStores#") == []


@pytest.mark.parametrize(("force", "query"), [(True, "?force=true"), (False, "")])
def test_a_delete_passes_force_on(made: World, stores: Stores, force: bool, query: str) -> None:
    made.google.say(DELETE, {})
    stores.delete(ACME, "v1beta", "s-1", NOW, force=force)
    assert made.google.calls == [DELETE + query]
    assert made.records(ACME, "fileSearchStores#") == []


def test_a_delete_of_what_upstream_lost_is_done(made: World, stores: Stores) -> None:
    made.google.refuse(DELETE, 404, "NOT_FOUND", "Requested entity was not found.")
    stores.delete(ACME, "v1beta", "s-1", NOW, force=False)
    assert made.records(ACME, "fileSearchStores#") == []


@pytest.mark.parametrize(
    ("code", "status", "message", "raised"),
    [
        (400, "FAILED_PRECONDITION", "Cannot delete non-empty FileSearchStore.", UpstreamRefused),
        (403, "PERMISSION_DENIED", "Consumer 'projects/1' is suspended.", UpstreamKeyRefused),
        (503, "UNAVAILABLE", "later", UpstreamRefused),
    ],
)
def test_a_delete_that_upstream_refuses_leaves_the_store(
    made: World, stores: Stores, code: int, status: str, message: str, raised: type[Exception]
) -> None:
    made.google.refuse(DELETE, code, status, message)
    with pytest.raises(raised):
        stores.delete(ACME, "v1beta", "s-1", NOW, force=False)
    assert made.records(ACME, "fileSearchStores#") == ["fileSearchStores#s-1"]


def test_a_list_is_upstreams_word_for_each(made: World, stores: Stores) -> None:
    for number in range(2, 26):
        made.google.say(CREATE, store(f"s-{number}"))
        stores.create(ACME, "v1beta", NewStore(), NOW)
    for number in range(1, 26):
        made.google.say(f"GET /v1beta/fileSearchStores/s-{number}", store(f"s-{number}", n=number))
    made.google.refuse("GET /v1beta/fileSearchStores/s-11", 403, "PERMISSION_DENIED", GONE)
    seen: list[int] = []
    after: str | None = None
    pages = 0
    while True:
        page, after = stores.page(ACME, "v1beta", 20, after, NOW)
        seen += [one["n"] for one in page]
        pages += 1
        if after is None:
            break
    assert pages == 2
    assert sorted(seen) == [number for number in range(1, 26) if number != 11]
    assert "fileSearchStores#s-11" not in made.records(ACME, "fileSearchStores#")
    assert stores.page(RIVAL, "v1beta", 20, None, NOW) == ([], None)


def test_a_list_that_upstream_does_not_answer_is_none(made: World, stores: Stores) -> None:
    made.google.answers[GET] = httpx.ReadTimeout("")
    with pytest.raises(UpstreamUnavailable):
        stores.page(ACME, "v1beta", 10, None, NOW)


def test_what_is_in_a_store_is_upstreams_to_say(made: World, documents: Documents) -> None:
    place = f"{STORE}/documents"
    made.google.say(f"GET {place}", {"documents": [{"name": "d"}]})
    made.google.say(f"GET {place}/d", {"name": "d"})
    made.google.say(f"DELETE {place}/d", {})
    made.google.say(f"GET {STORE}/operations/o", {"done": True})
    made.google.say(f"GET {STORE}/upload/operations/o", {"done": False})
    page = documents.page(ACME, "v1beta", "s-1", {"pageSize": "5", "pageToken": "t"}, NOW)
    assert page == {"documents": [{"name": "d"}]}
    assert documents.get(ACME, "v1beta", "s-1", "d", NOW) == {"name": "d"}
    documents.delete(ACME, "v1beta", "s-1", "d", NOW, force=True)
    documents.delete(ACME, "v1beta", "s-1", "d", NOW, force=False)
    assert documents.operation(ACME, "v1beta", "s-1", "operations/o", NOW) == {"done": True}
    operation = documents.operation(ACME, "v1beta", "s-1", "upload/operations/o", NOW)
    assert operation == {"done": False}
    assert made.google.calls == [
        f"GET {place}?pageSize=5&pageToken=t",
        f"GET {place}/d",
        f"DELETE {place}/d?force=true",
        f"DELETE {place}/d",
        f"GET {STORE}/operations/o",
        f"GET {STORE}/upload/operations/o",
    ]


def test_what_is_missing_in_an_own_store_is_told_in_upstreams_words(
    made: World, documents: Documents
) -> None:
    sentence = "You do not have permission to access the Document d or it may not exist."
    made.google.refuse(f"GET {STORE}/documents/d", 403, "PERMISSION_DENIED", sentence)
    with pytest.raises(UpstreamRefused) as refused:
        documents.get(ACME, "v1beta", "s-1", "d", NOW)
    assert (refused.value.code, refused.value.message) == (403, sentence)


def test_a_part_that_upstream_never_names_is_missing(made: World, documents: Documents) -> None:
    for odd in ODD_IDS:
        get = partial(documents.get, ACME, "v1beta", "s-1", odd, NOW)
        delete = partial(documents.delete, ACME, "v1beta", "s-1", odd, NOW, force=True)
        for ask in (get, delete):
            assert refusal(ask) == document_not_found(odd)
        for place in ("operations/", "upload/operations/"):
            poll = partial(documents.operation, ACME, "v1beta", "s-1", f"{place}{odd}", NOW)
            assert refusal(poll) == operation_not_found(odd)
    assert made.google.calls == []


def test_a_document_of_metadata_only_is_counted(made: World, documents: Documents) -> None:
    made.google.say(f"POST {STORE}:uploadToFileSearchStore", {"name": "op"})
    document = NewDocument(display_name="D")
    assert documents.create(ACME, "v1beta", "s-1", document, NOW) == {"name": "op"}
    assert made.google.bodies() == [{"displayName": "D"}]
    assert made.used(ACME, "documents") == 1
    assert made.used(ACME, "documentBytes") == 0


def file_of(file_id: str, world: World, **changes: Any) -> FileRecord:  # noqa: ANN401
    fields: dict[str, Any] = {
        "tenant": ACME.id,
        "file_id": file_id,
        "reservation": "r" * 32,
        "project": ACME.project,
        "state": State.STORED,
        "bytes": 0,
        "created_at": NOW,
        "deadline": NOW,
        "due_at": NOW + HOUR,
        "expires_at": NOW + HOUR,
        "snapshot": "{}",
    }
    record = FileRecord(**{**fields, **changes})
    world.ledger.adopt(record, NOW, "registered")
    return record


@pytest.mark.parametrize("name", ["files/acme0001doc", "acme0001doc", "files/doc", "doc"])
def test_an_own_file_is_imported_by_its_full_name(
    made: World, documents: Documents, name: str
) -> None:
    file_of("acme0001doc", made)
    made.google.say(f"POST {STORE}:importFile", {"name": "op"})
    wanted = FileImport.model_validate(
        {"file_name": name, "customMetadata": [{"key": "n", "numeric_value": 1}]}
    )
    assert documents.import_file(ACME, "v1beta", "s-1", wanted, NOW) == {"name": "op"}
    assert made.google.bodies() == [
        {
            "fileName": "files/acme0001doc",
            "customMetadata": [{"key": "n", "numericValue": 1.0}],
        }
    ]
    assert made.used(ACME, "imports") == 1


@pytest.mark.parametrize(
    ("file_id", "changes"),
    [
        ("rival002doc", {"tenant": "rival"}),
        ("acme0001doc", {"expires_at": NOW}),
        ("acme0001doc", {"state": State.RESERVED}),
    ],
    ids=["foreign", "expired", "on its way"],
)
def test_no_other_file_is_imported(
    made: World, documents: Documents, file_id: str, changes: dict[str, Any]
) -> None:
    file_of(file_id, made, **changes)
    wanted = FileImport(file_name=f"files/{file_id}")
    status = refusal(lambda: documents.import_file(ACME, "v1beta", "s-1", wanted, NOW))
    assert status == file_not_found(file_id)
    assert made.google.calls == []
    assert made.used(ACME, "imports") == 0


def test_a_file_on_another_project_than_the_store_is_not_imported(
    made: World, documents: Documents
) -> None:
    file_of("acme0001doc", made, project="p2")
    wanted = FileImport(file_name="files/acme0001doc")
    status = refusal(lambda: documents.import_file(ACME, "v1beta", "s-1", wanted, NOW))
    places = {"files/acme0001doc": "p2", "fileSearchStores/s-1": "p1"}
    assert status == projects_mixed(places, "p1")
    assert made.google.calls == []
    assert made.used(ACME, "imports") == 0


def test_a_name_of_no_file_is_answered_as_it_came(made: World, documents: Documents) -> None:
    for name in ("files/missing", "files/..", "files/a/b", "https://x/files/a", "fïles/a"):
        wanted = FileImport(file_name=name)
        ask = partial(documents.import_file, ACME, "v1beta", "s-1", wanted, NOW)
        assert refusal(ask) == file_not_found(name.removeprefix("files/"))
    assert made.google.calls == []


def test_what_upstream_refuses_is_not_counted(made: World, documents: Documents) -> None:
    file_of("acme0001doc", made)
    made.google.refuse(f"POST {STORE}:importFile", 400, "INVALID_ARGUMENT", "no")
    made.google.refuse(f"POST {STORE}:uploadToFileSearchStore", 400, "INVALID_ARGUMENT", "no")
    with pytest.raises(UpstreamRefused):
        documents.import_file(ACME, "v1beta", "s-1", FileImport(file_name="doc"), NOW)
    with pytest.raises(UpstreamRefused):
        documents.create(ACME, "v1beta", "s-1", NewDocument(), NOW)
    assert (made.used(ACME, "imports"), made.used(ACME, "documents")) == (0, 0)
