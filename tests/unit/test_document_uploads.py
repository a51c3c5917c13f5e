"""Document uploads: in which order ledger and upstream hear of one, and what a failure leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from filegate import sessions
from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import Key, TableUnavailable
from filegate.adapters.upstream import DocumentToSend, Upstream
from filegate.document_uploads import MOST_BYTES, DocumentUploads
from filegate.errors import StatusError
from filegate.holdings import Holding, Kind
from filegate.instants import MINUTE
from filegate.ledger import Ledger, RecordChanged
from filegate.records import CLOSING_LOOK, FileRecord, State
from filegate.seals import KeyRing, Sealer
from filegate.sessions import Session
from filegate.store_requests import DocumentRequest, NewDocument
from filegate.tenants import Tenant
from filegate.uploads import LARGEST_WHOLE

if TYPE_CHECKING:
    from filegate.reservations import Reservations
    from filegate.stores import Stores

NOW = 1_790_000_000_000
TENANT = Tenant("acme", "acme0001", "p1", active=True, max_file_bytes=2**31)
RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(sessions.PURPOSE, lambda: RING, lambda: RING)
OPERATION = {"name": "fileSearchStores/s-1/upload/operations/o"}
REQUEST = DocumentRequest(NewDocument(display_name="D"), "text/plain", 7)


@dataclass
class Fake:
    """Ledger, upstream, reservations and stores in one: notes every call, fails where told."""

    did: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    record: FileRecord | None = None
    announced: DocumentToSend | None = None
    settled: int | None = None
    marked: tuple[Key, str, str, int, int] | None = None

    def do(self, what: str) -> None:
        self.did.append(what)
        if what in self.failures:
            raise self.failures[what]

    def find(self, _tenant: Tenant, store_id: str, _now: int) -> Holding:
        self.do("find")
        return Holding("acme", Kind.STORE, store_id, "p1", NOW, "{}")

    def take(
        self,
        tenant: Tenant,
        file_id: str,
        size: int,
        lasts: int,
        now: int,
        store: str,
        *,
        direct: bool,
    ) -> FileRecord:
        assert not direct
        self.do("take")
        deadline = now + lasts
        self.record = FileRecord(
            *(tenant.id, file_id, "r1", tenant.project, State.RESERVED, size),
            *(now, deadline, deadline),
            store=store,
        )
        return self.record

    def start_document(
        self, project: str, version: str, store: str, document: DocumentToSend
    ) -> str:
        assert (project, version, store) == ("p1", "v1", "s-1")
        self.announced = document
        self.do("start")
        return "AHx"

    def send_document(
        self, version: str, store: str, upload_id: str, content: bytes
    ) -> Mapping[str, Any]:
        assert (version, store, upload_id, content) == ("v1", "s-1", "AHx", b"content")
        self.do("send")
        return OPERATION

    def mark_closing(self, key: Key, reservation: str, session: str, now: int, due_at: int) -> None:
        self.marked = (key, reservation, session, now, due_at)
        self.do("mark")

    def settle_document(self, record: FileRecord, size: int, _now: int) -> None:
        assert record == self.record
        self.settled = size
        self.do("settle")

    def undo(self, tenant: Tenant, record: FileRecord) -> None:
        assert (tenant, record) == (TENANT, self.record)
        self.do("abandon")


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def uploads(fake: Fake) -> DocumentUploads:
    return DocumentUploads(
        cast("Ledger", fake),
        cast("Upstream", fake),
        cast("Reservations", fake),
        cast("Stores", fake),
        SEALER,
    )


def test_bytes_are_reserved_before_upstream_hears_of_them(
    fake: Fake, uploads: DocumentUploads
) -> None:
    opened = uploads.start(TENANT, "v1", "s-1", REQUEST, NOW)
    assert fake.did == ["find", "take", "start"]
    assert fake.announced == DocumentToSend({"displayName": "D"}, "text/plain", 7)
    assert opened.record == fake.record
    session = Session.open(opened.sealed_session, SEALER)
    assert session == Session.of(opened.record, "AHx")
    assert (session.store, session.reserved) == ("s-1", 7)
    assert session.expires_at == NOW + 30 * MINUTE + 1_000


@pytest.mark.parametrize(
    ("largest_file", "reserved"),
    [(2**31, MOST_BYTES), (MOST_BYTES, 104_857_600), (1_000, 1_000)],
)
def test_a_document_of_unknown_size_reserves_the_most(
    fake: Fake, uploads: DocumentUploads, largest_file: int, reserved: int
) -> None:
    tenant = replace(TENANT, max_file_bytes=largest_file)
    opened = uploads.start(tenant, "v1", "s-1", replace(REQUEST, size=None), NOW)
    assert opened.record.bytes == reserved
    assert fake.announced is not None
    assert fake.announced.size is None


@pytest.mark.parametrize(
    ("largest_file", "size", "limit"),
    [(2**31, 104_857_601, "104,857,600"), (1_000, 1_001, "1,000")],
)
def test_more_than_a_document_may_have_is_refused_before_anything(
    fake: Fake, uploads: DocumentUploads, largest_file: int, size: int, limit: str
) -> None:
    tenant = replace(TENANT, max_file_bytes=largest_file)
    with pytest.raises(StatusError, match=f"may have {limit} bytes at most") as refused:
        uploads.start(tenant, "v1", "s-1", replace(REQUEST, size=size), NOW)
    assert f"{size:,} bytes" in refused.value.status.message
    assert fake.did == ["find"]


@pytest.mark.parametrize("failure", [UpstreamUnavailable("timeout"), OSError()])
def test_a_start_that_fails_gives_the_bytes_back(
    fake: Fake, uploads: DocumentUploads, failure: Exception
) -> None:
    fake.failures["start"] = failure
    with pytest.raises(type(failure)):
        uploads.start(TENANT, "v1", "s-1", REQUEST, NOW)
    assert fake.did == ["find", "take", "start", "abandon"]


def test_a_whole_document_is_marked_before_its_bytes_go(
    fake: Fake, uploads: DocumentUploads
) -> None:
    assert uploads.send_whole(TENANT, "v1", "s-1", REQUEST, b"content", NOW) == OPERATION
    assert fake.did == ["find", "take", "start", "mark", "send", "settle"]
    assert fake.settled == 7
    assert fake.record is not None
    assert fake.marked is not None
    key, reservation, sealed, since, due_at = fake.marked
    assert (key, reservation) == (fake.record.key, "r1")
    assert (since, due_at) == (NOW, NOW + CLOSING_LOOK)
    assert Session.open(sealed, SEALER).upload_id == "AHx"


@pytest.mark.parametrize(
    ("failure", "abandoned"),
    [
        (UpstreamRefused(400, "INVALID_ARGUMENT", "no", None), True),
        (UpstreamRefused(503, "UNAVAILABLE", "later", None), False),
        (UpstreamUnavailable("timeout"), False),
    ],
)
def test_bytes_come_back_only_if_nothing_can_have_come_of_them(
    fake: Fake, uploads: DocumentUploads, failure: Exception, abandoned: bool
) -> None:
    fake.failures["send"] = failure
    with pytest.raises(type(failure)):
        uploads.send_whole(TENANT, "v1", "s-1", REQUEST, b"content", NOW)
    assert fake.did[5:] == (["abandon"] if abandoned else [])


def test_the_janitor_may_be_first(fake: Fake, uploads: DocumentUploads) -> None:
    fake.failures["settle"] = RecordChanged(None)
    assert uploads.send_whole(TENANT, "v1", "s-1", REQUEST, b"content", NOW) == OPERATION
    fake.failures = {
        "send": UpstreamRefused(400, "INVALID_ARGUMENT", "no", None),
        "abandon": RecordChanged(None),
    }
    with pytest.raises(UpstreamRefused):
        uploads.send_whole(TENANT, "v1", "s-1", REQUEST, b"content", NOW)


def test_a_ledger_out_of_reach_lets_no_byte_go(fake: Fake, uploads: DocumentUploads) -> None:
    fake.failures["mark"] = TableUnavailable()
    with pytest.raises(TableUnavailable):
        uploads.send_whole(TENANT, "v1", "s-1", REQUEST, b"content", NOW)
    assert fake.did == ["find", "take", "start", "mark"]


def test_more_than_a_request_may_carry_is_refused_before_anything(
    fake: Fake, uploads: DocumentUploads
) -> None:
    content = bytes(LARGEST_WHOLE + 1)
    with pytest.raises(StatusError, match="resumable"):
        uploads.send_whole(TENANT, "v1", "s-1", REQUEST, content, NOW)
    assert fake.did == []
