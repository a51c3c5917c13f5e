"""Nothing foreign gets past the check, however it is spelled, and what is the tenant's own does."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast
from unicodedata import normalize
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.errors import Status, StatusError, file_not_found
from filegate.holdings import Holding, Holdings, Kind, not_found
from filegate.ownership import Ownership
from filegate.records import FileRecord, State
from filegate.tenants import Tenant
from foreign_references import bodies

if TYPE_CHECKING:
    from filegate.ledger import Ledger

NOW = 1_790_000_000_000
TENANT = Tenant("acme", "k3j2h1g0", "default", active=True, max_file_bytes=2**31)
OWN = "k3j2h1g00mbq0x1y2a1b2c3d4"
FOREIGN = "zz9yy8xx0mbq0x1y2e5f6g7h8"
REGISTERED = "a1b2c3d4e5f6"
ORIGIN = "https://generativelanguage.googleapis.com"


def record(file_id: str, **changes: object) -> FileRecord:
    fields: dict[str, object] = {
        "tenant": TENANT.id,
        "file_id": file_id,
        "reservation": "r",
        "project": "default",
        "state": State.STORED,
        "bytes": 1,
        "created_at": NOW - 1,
        "deadline": NOW + 1,
        "due_at": NOW + 1,
        "expires_at": NOW + 1,
        "snapshot": "{}",
    }
    return FileRecord(**{**fields, **changes})  # type: ignore[arg-type]


class FakeLedger:
    """A ledger that knows some files."""

    def __init__(self, *records: FileRecord) -> None:
        self.records = {one.file_id: one for one in records}
        self.reads = 0

    def find_many(self, tenant: str, file_ids: Sequence[str]) -> list[FileRecord | None]:
        assert tenant == TENANT.id
        self.reads += 1
        return [self.records.get(file_id) for file_id in file_ids]


class FakeHoldings:
    """Holdings that know some resources."""

    def __init__(self, *holdings: Holding) -> None:
        self.holdings = {(one.kind, one.id): one for one in holdings}

    def find_many(self, tenant: str, named: Sequence[tuple[Kind, str]]) -> list[Holding | None]:
        assert tenant == TENANT.id
        return [self.holdings.get(one) for one in named]


def ownership(*known: FileRecord | Holding) -> Ownership:
    ledger = FakeLedger(*(one for one in known if isinstance(one, FileRecord)))
    holdings = FakeHoldings(*(one for one in known if isinstance(one, Holding)))
    return Ownership(cast("Ledger", ledger), cast("Holdings", holdings))


KNOWN = ownership(
    record(OWN),
    record("k3j2h1g0my-doc"),
    record(REGISTERED, bytes=0),
    Holding(TENANT.id, Kind.CACHE, "c1", "default", NOW, "{}", ends_at=NOW + 1),
    Holding(TENANT.id, Kind.STORE, "s-1", "default", NOW, "{}"),
)


def check(document: object, known: Ownership = KNOWN) -> bytes:
    return known.check(TENANT, json.dumps(document).encode(), NOW)


def refusal(document: object, known: Ownership = KNOWN) -> Status:
    with pytest.raises(StatusError) as caught:
        check(document, known)
    return caught.value.status


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents":[{"parts":[{"text":"hello"}]}]}',
        f'{{ "fileUri" : "{ORIGIN}/v1beta/files/{OWN}" }}\n'.encode(),
        f'{{"file_uri":"https:\\/\\/generativelanguage.googleapis.com/v1/files/{OWN}"}}'.encode(),
        f'{{"fileUri":"{ORIGIN}/v1beta/files/{REGISTERED}","x":1.00,"x2":"\\u00e9"}}'.encode(),
        b'{"cachedContent":"cachedContents/c1","names":["fileSearchStores/s-1"]}',
    ],
)
def test_a_body_goes_on_byte_for_byte(body: bytes) -> None:
    assert KNOWN.check(TENANT, body, NOW) == body


@pytest.mark.parametrize(
    ("value", "forwarded"),
    [
        ("files/my-doc", f"{ORIGIN}/v1beta/files/k3j2h1g0my-doc"),
        ("files/k3j2h1g0my-doc", "files/k3j2h1g0my-doc"),
        (f"https://gateway.example/live/v1beta/files/{OWN}", f"{ORIGIN}/v1beta/files/{OWN}"),
        (f"{ORIGIN}/v1beta/files/{OWN}?x=1", f"{ORIGIN}/v1beta/files/{OWN}"),
    ],
)
def test_an_alias_is_written_out(value: str, forwarded: str) -> None:
    document = {"contents": [{"parts": [{"fileData": {"fileUri": value}}, {"text": "ü"}]}]}
    part, text = json.loads(check(document))["contents"][0]["parts"]
    assert (part["fileData"]["fileUri"], text["text"]) == (forwarded, "ü")


def test_what_is_on_several_projects_is_refused_with_which_is_where() -> None:
    known = ownership(
        record(OWN),
        record("k3j2h1g0moved", project="p2"),
        Holding(TENANT.id, Kind.CACHE, "c1", "p3", NOW, "{}"),
        Holding(TENANT.id, Kind.STORE, "s-1", "default", NOW, "{}"),
    )
    status = refusal(
        {
            "fileUri": f"files/{OWN}",
            "parts": [{"fileUri": f"{ORIGIN}/v1beta/files/k3j2h1g0moved"}],
            "cachedContent": "cachedContents/c1",
            "fileSearchStoreNames": ["fileSearchStores/s-1"],
        },
        known,
    )
    assert (status.code, status.status) == (400, "FAILED_PRECONDITION")
    assert "goes to default" in status.message
    for place in (
        f"files/{OWN} is on default",
        "files/k3j2h1g0moved is on p2",
        "cachedContents/c1 is on p3",
        "fileSearchStores/s-1 is on default",
    ):
        assert place in status.message
    [details] = status.details
    assert [one["subject"] for one in details["violations"]] == [
        "files/k3j2h1g0moved",
        "cachedContents/c1",
    ]


@pytest.mark.parametrize(
    "elsewhere",
    [
        record("k3j2h1g0moved", project="p2"),
        Holding(TENANT.id, Kind.CACHE, "moved", "p2", NOW, "{}"),
        Holding(TENANT.id, Kind.STORE, "moved", "p2", NOW, "{}"),
    ],
    ids=["file", "cache", "store"],
)
def test_one_thing_that_is_all_on_another_project_is_refused_too(
    elsewhere: FileRecord | Holding,
) -> None:
    known = ownership(elsewhere)
    status = refusal({"parts": [{"x": elsewhere.name}]}, known)
    assert status.status == "FAILED_PRECONDITION"
    with pytest.raises(StatusError):
        known.check_lines(TENANT, json.dumps({"x": elsewhere.name}).encode(), NOW)


def test_what_is_missing_is_said_before_what_is_elsewhere() -> None:
    known = ownership(record("k3j2h1g0moved", project="p2"))
    body = {"a": "files/k3j2h1g0moved", "b": f"files/{FOREIGN}"}
    assert refusal(body, known) == file_not_found(FOREIGN)


def test_many_files_elsewhere_are_a_message_of_bounded_length() -> None:
    records = [record(f"k3j2h1g0f{number:03}", project="p2") for number in range(300)]
    status = refusal({"x": [one.name for one in records]}, ownership(*records))
    assert "280 more" in status.message
    assert len(status.details[0]["violations"]) == 20
    assert len(status.message) < 1_500


def test_a_file_and_a_store_of_one_id_are_told_apart() -> None:
    known = ownership(
        record("k3j2h1g0same"), Holding(TENANT.id, Kind.STORE, "same", "default", NOW, "{}")
    )
    document = {"fileName": "files/same", "fileSearchStoreNames": ["ragStores/same"]}
    assert json.loads(check(document, known)) == {
        "fileName": "files/k3j2h1g0same",
        "fileSearchStoreNames": ["fileSearchStores/same"],
    }


@pytest.mark.parametrize("file_id", [FOREIGN, "k3j2h1g00mbq0x1y2zzzzzzzz", "nothing"])
def test_foreign_and_missing_get_upstreams_sentence(file_id: str) -> None:
    assert refusal({"fileUri": f"{ORIGIN}/v1beta/files/{file_id}"}) == file_not_found(file_id)


def test_foreign_and_missing_cost_the_same_reads() -> None:
    reads = []
    for file_id in (FOREIGN, FOREIGN.replace("z", "y")):
        ledger = FakeLedger(record(OWN))
        known = Ownership(cast("Ledger", ledger), cast("Holdings", FakeHoldings()))
        assert refusal({"fileUri": file_id}, known) == file_not_found(file_id)
        reads.append(ledger.reads)
    assert reads == [1, 1]


def test_an_expired_file_is_missing() -> None:
    known = ownership(record(OWN, expires_at=NOW))
    assert refusal({"fileUri": OWN}, known) == file_not_found(OWN)


def test_an_open_upload_is_missing_until_it_closes() -> None:
    reserved = record(OWN, state=State.RESERVED, snapshot=None, expires_at=None)
    assert refusal({"fileUri": OWN}, ownership(reserved)) == file_not_found(OWN)
    closing = record(OWN, state=State.RESERVED, closing_since=NOW, expires_at=None)
    assert check({"fileUri": OWN}, ownership(closing))


def test_one_foreign_file_among_two_hundred_refuses_the_request() -> None:
    known = ownership(*(record(f"k3j2h1g0n{number}") for number in range(200)))
    names = [f"{ORIGIN}/v1beta/files/k3j2h1g0n{number}" for number in range(200)]
    document = {"contents": [{"parts": [{"fileData": {"fileUri": name}} for name in names]}]}
    assert check(document, known) == json.dumps(document).encode()
    document["contents"][0]["parts"].append({"fileData": {"fileUri": FOREIGN}})
    assert refusal(document, known) == file_not_found(FOREIGN)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"cachedContent": "cachedContents/other"}, not_found(Kind.CACHE, "other")),
        ({"fileSearchStoreNames": ["fileSearchStores/x"]}, not_found(Kind.STORE, "x")),
    ],
)
def test_foreign_caches_and_stores_are_missing(document: object, status: Status) -> None:
    assert refusal(document) == status


def test_an_ended_cache_is_missing() -> None:
    ended = Holding(TENANT.id, Kind.CACHE, "c1", "default", NOW, "{}", ends_at=NOW)
    assert refusal({"cachedContent": "c1"}, ownership(ended)) == not_found(Kind.CACHE, "c1")


def test_free_form_data_may_name_what_was_ones_own_but_nothing_foreign() -> None:
    gone = f"{ORIGIN}/v1beta/files/k3j2h1g00mbq0x1y2zzzzzzzz"
    document = {"functionCall": {"args": {"input": gone}}}
    assert check(document) == json.dumps(document).encode()
    foreign = {"functionCall": {"args": {"input": f"files/{FOREIGN}"}}}
    assert refusal(foreign) == file_not_found(FOREIGN)


# -- property: no spelling of a foreign id gets past

_NAMING = {"fileuri", "filename", "uri", "gcsuri", "inputuri", "name", "names", "url"}


def generous_reading(body: bytes) -> Iterator[str]:
    """Every string of a body under a key that any upstream may take for a file reference.

    Blanks count as nothing where a name belongs; elsewhere only what URL parsers drop.
    """
    pending: list[tuple[str, object]] = [("", json.loads(body))]
    while pending:
        key, value = pending.pop()
        plain_key = key.replace("_", "").replace("-", "").lower()
        if isinstance(value, dict):
            pending.extend(value.items())
        elif isinstance(value, list):
            pending.extend((key, child) for child in value)
        elif isinstance(value, str) and plain_key not in {"text", "data"}:
            for _ in range(20):
                value = normalize("NFKC", unquote(value))
            if plain_key in _NAMING:
                value = "".join(one for one in value if one.isprintable() and one != " ")
            yield value.replace("\t", "").replace("\n", "").casefold()


@settings(max_examples=500)
@given(bodies(OWN, FOREIGN))
def test_no_spelling_of_a_foreign_file_gets_past(body: bytes) -> None:
    try:
        forwarded = KNOWN.check(TENANT, body, NOW)
    except StatusError as refused:
        assert refused.status.code in {400, 403}
    else:
        named = re.compile(rf"[^ ]*files/+{FOREIGN}[^ ]*")
        assert not any(named.fullmatch(text) for text in generous_reading(forwarded))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        st.lists,
    )
)
def test_a_body_without_references_is_never_touched(value: object) -> None:
    body = json.dumps({"text": value, "quoted": quote("a b")}).encode()
    assert KNOWN.check(TENANT, body, NOW) == body
