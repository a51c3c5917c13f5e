"""Reconciliation: what is a phantom, a leak and lost, and that a pass may stop anywhere."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from tests.unit.conftest import TABLE

from filegate.adapters.aws_service import AwsService
from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import Item, Key, Put, Table, Update
from filegate.adapters.upstream import Upstream, create_client
from filegate.appointments import DELETING_LOOK, Keeper
from filegate.errors import StatusError
from filegate.instants import HOUR, MINUTE, SECOND, Instant, format_rfc3339, hour_of
from filegate.ledger import Ledger, claim_key
from filegate.names import new_file_id
from filegate.projects import LISTING, project_key
from filegate.reconciliation import GRACE, Findings, Reconciliation, Report
from filegate.records import FileRecord, State
from filegate.tenant_registry import LISTING as TENANTS
from filegate.tenants import tenant_key

NOW = 1_790_000_000_000
OLD = NOW - 2 * HOUR
PROJECT = "p1"
CAPACITY = 10_000
STORAGE = 5_000
TAGS = {"acme": "acme0001", "rival": "rival002"}
MISSING = "You do not have permission to access the File {} or it may not exist."


def always() -> bool:
    return True


def times(number: int) -> Callable[[], bool]:
    """Time for so many looks at the clock."""
    left = itertools.count(number, -1)
    return lambda: next(left) > 0


@dataclass
class Google:
    """An upstream with files, listed newest last, a few a page."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    page: int = 3
    token: str = "after:0"
    """Of the first page."""
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _call: None
    failing: str | None = None
    """What calls begin with that are answered 503."""

    def has(self, file_id: str, size: int, created: Instant = OLD, **fields: Any) -> str:  # noqa: ANN401
        file = {
            "name": f"files/{file_id}",
            "sizeBytes": str(size),
            "state": "ACTIVE",
            "source": "UPLOADED",
            "createTime": format_rfc3339(created),
            "expirationTime": format_rfc3339(created + 48 * HOUR),
            **fields,
        }
        self.files[file_id] = {name: value for name, value in file.items() if value is not None}
        return file_id

    def __call__(self, request: httpx.Request) -> httpx.Response:
        call = f"{request.method} {request.url.path}"
        self.calls.append(call)
        self.before(call)
        if self.failing is not None and call.startswith(self.failing):
            return httpx.Response(503, json={"error": {"code": 503, "status": "UNAVAILABLE"}})
        if request.url.path == "/v1beta/files":
            return self._list(request)
        file_id = request.url.path.rpartition("/")[2]
        if file_id not in self.files:
            message = MISSING.format(file_id)
            error = {"code": 403, "status": "PERMISSION_DENIED", "message": message}
            return httpx.Response(403, json={"error": error})
        if request.method == "DELETE":
            del self.files[file_id]
            return httpx.Response(200, json={})
        return httpx.Response(200, json=self.files[file_id])

    def _list(self, request: httpx.Request) -> httpx.Response:
        token = request.url.params.get("pageToken", self.token)
        if not token.startswith("after:"):
            error = {"code": 400, "status": "INVALID_ARGUMENT", "message": "Page token is invalid."}
            return httpx.Response(400, json={"error": error})
        after = int(token.removeprefix("after:"))
        rest = [file_id for file_id in self.files if self.number(file_id) > after]
        shown = rest[: self.page]
        body: dict[str, Any] = (
            {"files": [self.files[file_id] for file_id in shown]} if shown else {}
        )
        if len(rest) > self.page:
            body["nextPageToken"] = f"after:{self.number(shown[-1])}"
        return httpx.Response(200, json=body)

    def number(self, file_id: str) -> int:
        """The file's place among all that ever were."""
        return self.numbers.setdefault(file_id, len(self.numbers) + 1)


@dataclass
class World:
    """A project with two tenants, an upstream, and what compares them."""

    table: Table
    ledger: Ledger
    google: Google
    keeper: Keeper
    reconciliation: Reconciliation

    def run(self, now: Instant = NOW, time_is_left: Callable[[], bool] = always) -> Report:
        return self.reconciliation.run(PROJECT, now, time_is_left)

    def item(self, key: Key) -> Item:
        found = self.table.get(key)
        assert found is not None
        return found

    def available(self, tenant: str | None = None) -> int:
        key = project_key(PROJECT) if tenant is None else tenant_key(tenant)
        return int(self.item(key)["available"] or 0)

    def phantom_bytes(self) -> int:
        return int(self.item(project_key(PROJECT)).get("phantomBytes") or 0)

    def used(self, tenant: str, name: str) -> int:
        item = self.table.get(Key(f"TENANT#{tenant}", f"USAGE#{hour_of(NOW)}"))
        return int((item or {}).get(name) or 0)

    def set_tenant(self, tenant: str, **fields: str) -> None:
        """Change a tenant as an administrator would."""
        for name, value in fields.items():
            self.table.update(
                Update(tenant_key(tenant), f"SET #{name} = :value", values={":value": value})
            )

    def store(
        self,
        tenant: str,
        size: int,
        *,
        listed: bool = True,
        file_id: str = "",
        **fields: Any,  # noqa: ANN401
    ) -> FileRecord:
        """A stored file, with its bytes taken from tenant and project."""
        file_id = file_id or new_file_id(TAGS[tenant], OLD)
        record = FileRecord(
            tenant=tenant,
            file_id=file_id,
            reservation=f"r-{file_id}",
            project=PROJECT,
            state=State.RESERVED,
            bytes=size,
            created_at=OLD,
            deadline=OLD + HOUR,
            due_at=OLD + 48 * HOUR,
        )
        self.ledger.reserve(record)
        stored = replace(
            record,
            **{
                "state": State.STORED,
                "stored_at": OLD,
                "expires_at": OLD + 48 * HOUR,
                "snapshot": "{}",
                **fields,
            },
        )
        self.table.put(Put(stored.item()))
        if listed:
            self.google.has(file_id, size)
        return stored

    def conserved(self) -> bool:
        """Whether every byte of the project and of its tenants is accounted for."""
        held = {tenant: sum(r.bytes for r in self.ledger.records(tenant)) for tenant in TAGS}
        tenants = all(self.available(one) + held[one] == STORAGE for one in TAGS)
        whole = self.available() + sum(held.values()) + self.phantom_bytes()
        return tenants and whole == CAPACITY and self.available() >= 0


@contextmanager
def open_world(dynamodb: AwsService, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    table, google = Table(dynamodb, TABLE), Google()
    table.put(
        Put(
            {
                "pk": f"PROJECT#{PROJECT}",
                "sk": "PROJECT",
                "capacity": CAPACITY,
                "available": CAPACITY,
            }
        )
    )
    table.put(Put({"pk": LISTING, "sk": PROJECT}))
    for tenant, tag in TAGS.items():
        table.put(
            Put(
                {
                    "pk": f"TENANT#{tenant}",
                    "sk": "TENANT",
                    "tag": tag,
                    "status": "ACTIVE",
                    "project": PROJECT,
                    "limit": STORAGE,
                    "available": STORAGE,
                    "maxFileBytes": STORAGE,
                    "openSessions": 0,
                }
            )
        )
        table.put(Put({"pk": f"TAG#{tag}", "sk": "TAG", "tenant": tenant}))
        table.put(Put({"pk": TENANTS, "sk": tenant}))
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(google))
    with create_client("https://upstream.test") as client:
        upstream = Upstream(client, lambda project: iter([f"AIzaKey-of-{project}"]))
        ledger = Ledger(table)

        def open_session(_sealed: str) -> Any:  # noqa: ANN401
            raise AssertionError("no session is open here")

        keeper = Keeper(ledger, upstream, open_session)
        reconciliation = Reconciliation(table, ledger, upstream, keeper)
        yield World(table, ledger, google, keeper, reconciliation)


@pytest.fixture
def world(dynamodb: AwsService, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of its own; after each test every byte must be accounted for."""
    with open_world(dynamodb, monkeypatch) as world:
        yield world
        assert world.conserved()


def test_an_unknown_project_is_refused(world: World) -> None:
    with pytest.raises(StatusError):
        world.reconciliation.run("p2", NOW, always)
    assert world.reconciliation.latest("p2") is None
    assert world.google.calls == []


def test_where_all_is_well_nothing_is_found_and_nothing_changes(world: World) -> None:
    for tenant in TAGS:
        for size in range(4):
            world.store(tenant, size)
    before = [record for tenant in TAGS for record in world.ledger.records(tenant)]
    report = world.run()
    assert report == Report(PROJECT, NOW, NOW, files_seen=8, complete=True)
    assert world.reconciliation.latest(PROJECT) == report
    assert [record for tenant in TAGS for record in world.ledger.records(tenant)] == before
    assert {call.split()[0] for call in world.google.calls} == {"GET"}
    assert len(world.google.calls) == 3


def test_an_empty_project_is_compared(world: World) -> None:
    assert world.run() == Report(PROJECT, NOW, NOW, complete=True)


# -- phantoms


def test_what_nobody_owns_is_deducted_and_given_back_when_it_is_gone(world: World) -> None:
    world.google.has("batchoutput1", 300, source="GENERATED")
    world.google.has("x27lu0k9zc2k", 40)
    first = world.run()
    assert first.phantoms == Findings(2, 340, ("files/batchoutput1", "files/x27lu0k9zc2k"))
    assert (first.phantom_bytes, first.drift, first.corrected) == (340, 340, 340)
    assert (world.available(), world.phantom_bytes()) == (CAPACITY - 340, 340)
    second = world.run(NOW + MINUTE)
    assert (second.phantoms, second.drift, second.corrected) == (first.phantoms, 0, 0)
    assert (world.available(), world.phantom_bytes()) == (CAPACITY - 340, 340)
    del world.google.files["batchoutput1"]
    third = world.run(NOW + 2 * MINUTE)
    assert (third.phantom_bytes, third.drift, third.corrected) == (40, 300, 300)
    assert (world.available(), world.phantom_bytes()) == (CAPACITY - 40, 40)
    assert {call.split()[0] for call in world.google.calls} == {"GET"}


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"source": "GENERATED"}, True),
        ({"source": None}, True),
        ({"source": "REGISTERED"}, False),
        ({"createTime": None}, True),
        ({"created": NOW - GRACE}, True),
        ({"created": NOW - GRACE + 1}, False),
        ({"created": NOW + HOUR}, False),
    ],
)
def test_what_is_a_phantom(world: World, fields: dict[str, Any], counted: bool) -> None:
    world.google.has("batchoutput1", 300, **fields)
    report = world.run()
    assert report.phantoms.count == counted
    assert report.files_seen == 1
    assert world.phantom_bytes() == (300 if counted else 0)
    assert "batchoutput1" in world.google.files


def test_a_claimed_file_is_known_as_long_as_it_has_a_record(world: World) -> None:
    for file_id in ("claimed1", "claimed2", "foreign1"):
        world.google.has(file_id, 100, source="GENERATED")
    for project, file_id in ((PROJECT, "claimed1"), (PROJECT, "claimed2"), ("p2", "foreign1")):
        key = claim_key(project, file_id)
        world.table.put(Put({"pk": key.pk, "sk": key.sk, "tenant": "rival"}))
    world.store("rival", 0, listed=False, file_id="claimed1")
    world.store("rival", 0, listed=False, file_id="foreign1")
    report = world.run()
    assert report.phantoms.names == ("files/claimed2", "files/foreign1")


def test_a_project_that_is_full_gives_what_it_has_and_the_rest_later(world: World) -> None:
    held = world.store("acme", STORAGE)
    world.store("rival", STORAGE - 100)
    world.google.has("batchoutput1", 300, source="GENERATED")
    first = world.run()
    assert (first.phantoms.bytes, first.phantom_bytes) == (300, 100)
    assert (first.drift, first.corrected) == (300, 100)
    assert world.available() == 0
    del world.google.files[held.file_id]
    world.ledger.release(held, NOW)
    second = world.run(NOW + MINUTE)
    assert (second.phantom_bytes, second.drift, second.corrected) == (300, 200, 200)
    assert world.available() == STORAGE - 200


def test_an_upload_that_is_faster_keeps_its_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.google.has("batchoutput1", CAPACITY, source="GENERATED")
    original, taken = Table.update, iter([600, 700])

    def update(table: Table, update: Update) -> None:
        if "phantomBytes" in update.expression and (size := next(taken, None)):
            world.store("acme", size)
        original(table, update)

    monkeypatch.setattr(Table, "update", update)
    assert world.run().phantom_bytes == CAPACITY - 1_300
    assert world.available() == 0


def test_two_runs_that_deduct_at_once_deduct_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.google.has("batchoutput1", 300, source="GENERATED")
    original, once = Table.update, iter([True])

    def update(table: Table, update: Update) -> None:
        if "phantomBytes" in update.expression and next(once, False):
            world.run()
        original(table, update)

    monkeypatch.setattr(Table, "update", update)
    world.run()
    assert (world.available(), world.phantom_bytes()) == (CAPACITY - 300, 300)


def test_a_file_listed_on_two_pages_counts_once(world: World) -> None:
    world.google.page = 1
    world.google.has("batchoutput1", 300, source="GENERATED")
    world.google.has("batchoutput2", 300, source="GENERATED")

    def push(_call: str) -> None:
        if len(world.google.calls) == 2:
            world.google.numbers = {"batchoutput1": 2, "batchoutput2": 3}

    world.google.before = push
    report = world.run()
    assert (report.phantoms.count, report.files_seen) == (2, 2)
    assert len(world.google.calls) == 3


def test_a_report_names_twenty_and_counts_all(world: World) -> None:
    for number in range(30):
        world.google.has(f"batchoutput{number}", 1, source="GENERATED")
    report = world.run()
    assert (report.phantoms.count, report.phantoms.bytes, len(report.phantoms.names)) == (
        30,
        30,
        20,
    )
    assert world.reconciliation.latest(PROJECT) == report


# -- leaks


@pytest.mark.parametrize("status", ["ACTIVE", "SUSPENDED"])
def test_a_leak_is_deleted(world: World, status: str) -> None:
    leak = world.google.has(new_file_id(TAGS["acme"], OLD), 700)
    kept = world.store("acme", 50)
    world.set_tenant("acme", status=status)
    report = world.run()
    assert report.deleted == Findings(1, 700, (f"files/{leak}",))
    assert report.phantoms == Findings()
    assert (report.drift, report.corrected, report.complete) == (700, 700, True)
    assert list(world.google.files) == [kept.file_id]
    assert list(world.ledger.records("acme")) == [kept]
    assert world.available() == CAPACITY - 50
    assert world.used("acme", "leaks") == 1
    assert world.used("acme", "byteSeconds") == 0
    assert world.run(NOW + MINUTE).drift == 0


def test_no_upload_begins_under_the_name_of_a_leak_that_is_being_deleted(world: World) -> None:
    leak = world.google.has(TAGS["acme"] + "my-doc", 700)
    seen: list[FileRecord | None] = []

    def look(call: str) -> None:
        if call.startswith("DELETE"):
            seen.append(world.ledger.find("acme", leak))

    world.google.before = look
    assert world.run().deleted.count == 1
    [record] = seen
    assert record is not None
    assert not record.alive(NOW)
    assert record.bytes == 0
    assert record.due_at > NOW + 15 * MINUTE
    assert world.ledger.find("acme", leak) is None


def test_a_leaks_name_that_an_upload_has_taken_is_left_alone(world: World) -> None:
    leak = world.google.has(TAGS["acme"] + "my-doc", 700)

    def take(call: str) -> None:
        if call == f"GET /v1beta/files/{leak}":
            world.store("acme", 700, listed=False, file_id=leak)

    world.google.before = take
    report = world.run()
    assert (report.deleted, report.phantoms) == (Findings(), Findings())
    assert leak in world.google.files
    assert world.ledger.find("acme", leak) is not None


def test_what_its_owner_deleted_since_it_was_listed_is_no_leak(world: World) -> None:
    leak = world.google.has(new_file_id(TAGS["acme"], OLD), 700)

    def delete(call: str) -> None:
        if call == f"GET /v1beta/files/{leak}":
            world.google.files.clear()

    world.google.before = delete
    report = world.run()
    assert (report.deleted, report.phantoms, report.drift) == (Findings(), Findings(), 0)
    assert not [call for call in world.google.calls if call.startswith("DELETE")]


def test_another_file_of_a_leaks_name_is_not_deleted(world: World) -> None:
    leak = world.google.has(TAGS["acme"] + "my-doc", 700)

    def replaced(call: str) -> None:
        if call == f"GET /v1beta/files/{leak}":
            world.google.has(leak, 700, NOW)

    world.google.before = replaced
    assert world.run().deleted == Findings()
    assert leak in world.google.files


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "GENERATED"},
        {"source": None},
        {"createTime": None},
    ],
)
def test_what_is_not_surely_a_leak_stays(world: World, fields: dict[str, Any]) -> None:
    leak = world.google.has(new_file_id(TAGS["acme"], OLD), 700, **fields)
    report = world.run()
    assert (report.deleted.count, report.phantoms.count) == (0, 1)
    assert leak in world.google.files


@pytest.mark.parametrize(
    "fields",
    [{"project": "p2"}, {"status": "DELETING"}, {"project": "p2", "status": "DELETED"}],
)
def test_a_leak_of_a_tenant_that_is_elsewhere_or_going_stays(
    world: World, fields: dict[str, str]
) -> None:
    world.set_tenant("acme", **fields)
    leak = world.google.has(new_file_id(TAGS["acme"], OLD), 700)
    report = world.run()
    assert (report.deleted.count, report.phantoms.count) == (0, 1)
    assert leak in world.google.files
    assert world.ledger.find("acme", leak) is None
    assert world.used("acme", "leaks") == 0


def test_a_leak_of_a_deleted_tenant_is_deleted(world: World) -> None:
    world.set_tenant("acme", status="DELETED")
    gone = world.google.has(new_file_id(TAGS["acme"], OLD), 700)
    forgotten = world.google.has("gone0003" + gone[8:], 700)
    world.table.put(Put({"pk": "TAG#gone0003", "sk": "TAG", "tenant": "gone"}))
    assert world.run().deleted.names == (f"files/{gone}", f"files/{forgotten}")
    assert world.google.files == {}
    assert world.table.query("TENANT#gone").items == []
    assert [item["sk"] for item in world.table.query("TENANT#acme").items] == ["TENANT"]


def test_a_young_leak_is_given_time(world: World) -> None:
    leak = world.google.has(new_file_id(TAGS["acme"], NOW), 700, NOW - GRACE + SECOND)
    assert world.run().phantoms.count == 0
    assert leak in world.google.files
    assert world.run(NOW + MINUTE).deleted.count == 1


def test_a_leak_that_upstream_does_not_delete_is_the_janitors(world: World) -> None:
    leak = world.google.has(new_file_id(TAGS["acme"], OLD), 700)
    world.google.failing = "DELETE"
    report = world.run()
    assert (report.deleted.count, report.phantoms.count) == (0, 1)
    world.google.failing = None
    later = NOW + 21 * MINUTE
    record = world.ledger.find("acme", leak)
    assert record is not None
    assert record.due_at <= later
    world.keeper.keep(record, later)
    assert leak not in world.google.files
    assert world.ledger.find("acme", leak) is None
    assert world.run(later).phantom_bytes == 0


# -- lost


def test_a_record_whose_file_is_lost_gives_its_bytes_back(world: World) -> None:
    lost = world.store("acme", 700, listed=False)
    kept = world.store("rival", 50)
    report = world.run()
    assert report.lost == Findings(1, 700, (f"files/{lost.file_id}",))
    assert (report.drift, report.corrected, report.complete) == (700, 700, True)
    assert list(world.ledger.records("acme")) == []
    assert list(world.ledger.records("rival")) == [kept]
    assert (world.available("acme"), world.available()) == (STORAGE, CAPACITY - 50)
    assert world.used("acme", "releases") == 1
    assert world.run(NOW + MINUTE) == Report(
        PROJECT, NOW + MINUTE, NOW + MINUTE, files_seen=1, complete=True
    )


def test_a_file_that_was_only_not_listed_is_not_lost(world: World) -> None:
    record = world.store("acme", 700)

    def hide(call: str) -> None:
        hidden = call == "GET /v1beta/files"
        world.google.files = {} if hidden else {record.file_id: shown}

    shown = world.google.files[record.file_id]
    world.google.before = hide
    report = world.run()
    assert (report.lost, report.complete) == (Findings(), True)
    assert [one.file_id for one in world.ledger.records("acme")] == [record.file_id]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.RESERVED},
        {"expires_at": NOW},
        {"due_at": NOW + DELETING_LOOK},
        {"project": "p2"},
        {"snapshot": json.dumps({"source": "GENERATED"})},
    ],
)
def test_records_that_upstream_need_not_list_are_left_alone(
    world: World, fields: dict[str, Any]
) -> None:
    record = world.store("acme", 0, listed=False, **fields)
    report = world.run()
    assert (report.lost, report.complete) == (Findings(), True)
    assert list(world.ledger.records("acme")) == [record]
    assert world.google.calls == ["GET /v1beta/files"]


def test_records_of_a_tenant_on_another_project_are_not_looked_at(world: World) -> None:
    record = world.store("acme", 10, listed=False)
    world.set_tenant("acme", project="p2")
    assert world.run().lost == Findings()
    assert list(world.ledger.records("acme")) == [record]


def test_what_upstream_does_not_say_is_left_and_told(world: World) -> None:
    record = world.store("acme", 10, listed=False)
    world.google.failing = "GET /v1beta/files/"
    report = world.run()
    assert (report.lost.count, report.unanswered, report.complete) == (0, 1, False)
    assert list(world.ledger.records("acme")) == [record]
    world.google.failing = None
    assert world.run(NOW + MINUTE).lost.count == 1


def test_a_key_of_another_project_cannot_give_everything_up(world: World) -> None:
    for _ in range(70):
        world.store("acme", 1, listed=False)
    report = world.run()
    assert (report.lost.count, report.unanswered, report.complete) == (20, 50, False)
    assert len(list(world.ledger.records("acme"))) == 50


def test_many_lost_are_given_up_where_others_are_seen(world: World) -> None:
    kept = world.store("acme", 1)
    for _ in range(70):
        world.store("acme", 1, listed=False)
    report = world.run()
    assert (report.lost.count, report.unanswered, report.complete) == (70, 0, True)
    assert [one.file_id for one in world.ledger.records("acme")] == [kept.file_id]


# -- passes


def fill(world: World) -> None:
    """Something of everything, more than a page of each."""
    for number in range(4):
        world.store("acme", 10 + number)
        world.store("rival", 20 + number)
        world.google.has(f"batchoutput{number}", 100, source="GENERATED")
        world.google.has(new_file_id(TAGS["acme"], OLD), 30)
        world.store("acme", 5, listed=False)
        world.store("rival", 6, listed=False)


@pytest.mark.parametrize("looks", [1, 2, 3, 7])
def test_a_pass_goes_on_until_it_is_complete(world: World, looks: int) -> None:
    fill(world)
    reports = []
    for number in range(100):
        reports.append(world.run(NOW + number, times(looks)))
        assert world.conserved()
        if reports[-1].finished_at is not None:
            break
    last = reports[-1]
    assert last.complete
    assert {report.complete for report in reports[:-1]} <= {False}
    assert last.started_at == NOW
    assert world.phantom_bytes() >= 400
    for number in itertools.count(200):
        if (again := world.run(NOW + number)).complete:
            break
    assert (again.phantoms.bytes, again.phantom_bytes) == (400, 400)
    assert len(world.google.files) == 12
    assert len([one for tenant in TAGS for one in world.ledger.records(tenant)]) == 8
    assert world.run(NOW + 300).drift == 0


def test_a_walk_of_many_records_goes_on_where_it_stood(world: World) -> None:
    world.google.page = 1_000
    for _ in range(150):
        world.store("acme", 1)
    lost = world.store("rival", 7, listed=False)
    runs = 0
    while world.run(NOW, times(2)).finished_at is None:
        runs += 1
        assert runs < 20
    report = world.reconciliation.latest(PROJECT)
    assert report is not None
    assert report.lost.names == (f"files/{lost.file_id}",)
    assert runs >= 2


def test_a_pass_begins_anew_when_its_token_is_no_longer_good(world: World) -> None:
    for number in range(5):
        world.google.has(f"batchoutput{number}", 100, source="GENERATED")
    assert not world.run(NOW, times(1)).complete
    key = Key(f"RECONCILIATION#{PROJECT}", "RECONCILIATION")
    world.table.update(Update(key, "SET #pageToken = :old", values={":old": "spoilt"}))
    report = world.run(NOW + MINUTE)
    assert (report.started_at, report.phantoms.count, report.complete) == (NOW + MINUTE, 5, True)


def test_a_list_that_upstream_refuses_is_not_asked_for_ever(world: World) -> None:
    world.google.token = "spoilt"
    with pytest.raises(UpstreamRefused):
        world.run()
    assert world.google.calls == ["GET /v1beta/files"]


def test_a_pass_of_days_ago_begins_anew(world: World) -> None:
    for number in range(5):
        world.google.has(f"batchoutput{number}", 100, source="GENERATED")
    world.run(NOW, times(1))
    report = world.run(NOW + 36 * HOUR + 1)
    assert (report.started_at, report.files_seen) == (NOW + 36 * HOUR + 1, 5)


@pytest.mark.parametrize("file", [{"sizeBytes": "3"}, {"name": "files/x", "sizeBytes": "-1"}])
def test_a_list_of_what_is_no_file_is_refused_and_changes_nothing(
    world: World, file: dict[str, Any]
) -> None:
    world.google.has("batchoutput1", 300, source="GENERATED")
    before = world.run()
    world.google.files["odd"] = file
    with pytest.raises(UpstreamUnavailable):
        world.run(NOW + MINUTE)
    assert world.reconciliation.latest(PROJECT) == before


def test_the_slower_of_two_runs_at_once_does_not_undo_the_other(world: World) -> None:
    fill(world)
    once = iter([True])

    def run_too(call: str) -> None:
        if call.startswith("GET /v1beta/files/") and next(once, False):
            world.run(NOW + 1)

    world.google.before = run_too
    world.run()
    latest = world.reconciliation.latest(PROJECT)
    assert latest is not None
    assert latest.finished_at == NOW + 1
    assert latest.complete
    assert world.run(NOW + MINUTE).drift == 0


def test_projects_come_in_the_order_of_their_last_reports(world: World) -> None:
    for project in ("p0", "p2"):
        key = project_key(project)
        world.table.put(Put({"pk": key.pk, "sk": key.sk, "available": 0}))
        world.table.put(Put({"pk": LISTING, "sk": project}))
    for project, now in (("p0", NOW + 2), ("p1", NOW + 1), ("p2", NOW + 3)):
        world.reconciliation.run(project, now, always)
    assert world.reconciliation.projects() == ["p1", "p0", "p2"]
    world.table.put(Put({"pk": LISTING, "sk": "p3"}))
    assert world.reconciliation.projects()[0] == "p3"


def test_a_report_as_json(world: World) -> None:
    world.google.has("batchoutput1", 300, source="GENERATED")
    assert world.run().resource() == {
        "project": PROJECT,
        "startTime": format_rfc3339(NOW),
        "finishTime": format_rfc3339(NOW),
        "filesSeen": 1,
        "phantoms": {"count": 1, "bytes": 300, "names": ["files/batchoutput1"]},
        "deleted": {"count": 0, "bytes": 0, "names": []},
        "lost": {"count": 0, "bytes": 0, "names": []},
        "phantomBytes": 300,
        "driftBytes": 300,
        "correctedBytes": 300,
        "unanswered": 0,
        "complete": True,
    }
    assert "finishTime" not in Report(PROJECT, NOW).resource()


class Crash(BaseException):
    """The process ends here. Not an Exception: nothing may catch it."""


def test_a_run_may_end_before_and_after_every_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, left = Table._call, [1_000_000]  # noqa: SLF001

    def leave(_call: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    def call(table: Table, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        leave(operation)
        answer = original(table, operation, **arguments)
        leave(operation)
        return answer

    monkeypatch.setattr(Table, "_call", call)
    world.google.before = leave
    kept = world.store("rival", 40)
    world.google.has("batchoutput1", 300, source="GENERATED")
    for at in itertools.count(1):
        now = NOW + at
        leaked = world.google.has(new_file_id(TAGS["acme"], OLD), 700)
        lost = world.store("acme", 50, listed=False)
        left[0] = at
        crashed = False
        try:
            world.run(now)
        except Crash:
            crashed = True
        left[0] = 1_000_000
        assert world.conserved()
        half = world.ledger.find("acme", leaked)
        if half is not None:
            world.keeper.keep(half, half.due_at)
        report = world.run(now)
        assert report.complete
        assert set(world.google.files) == {kept.file_id, "batchoutput1"}
        assert world.ledger.find("acme", lost.file_id) is None
        assert world.phantom_bytes() == 300
        assert world.conserved()
        if not crashed:
            break
    assert at > 20
