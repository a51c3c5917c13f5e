"""The crash table: end the process before and after every call of every operation.

The points are not listed here: an operation runs once to count its calls, then once for each. A new
call is a new row by itself. Run with `-s` to see the table.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from atomic_table import AtomicTable, table_on
from crash_points import Crash, CrashPoints
from engines import ministack
from filegate.chunks import Chunk, admit
from filegate.errors import StatusError
from filegate.sessions import Session
from filegate.store_requests import DocumentRequest, NewDocument, NewStore
from filegate.tenants import Credential
from filegate.upload_requests import UploadRequest
from world import STORAGE, Process, Simulator, World, run_simulator

HOUR = 3_600
CONTENT = b"x" * 1_000
REQUEST = UploadRequest(None, "crash", "text/plain", len(CONTENT))
DOCUMENT = DocumentRequest(NewDocument(display_name="crash"), "text/plain", len(CONTENT))

Operation = Callable[[World, Process], None]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtomicTable]:
    with ministack(tmp_path_factory.mktemp("engine")) as running, table_on(running) as table:
        yield table


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with run_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


def nothing(_world: World, _process: Process) -> None:
    """No preparation."""


def start(world: World, process: Process) -> None:
    process.uploads.start(world.tenant, "v1beta", REQUEST, world.simulator.now())


def send(world: World, process: Process, command: str, content: bytes = b"") -> None:
    [record] = world.records().values()
    assert record.session is None
    sealed = SESSIONS[world.tenant.id]
    chunk = Chunk("v1beta", sealed, command, "0", Credential(None), record.store is not None)
    admitted = admit(chunk, process.sealer, process.sealer, process.ledger, world.simulator.now())
    process.points.pass_through(
        f"gateway {command}",
        lambda: world.send_chunk(admitted.session, admitted.command, content),
    )


SESSIONS: dict[str, str] = {}


def start_of_all_bytes(world: World, process: Process) -> None:
    """Needs what a document on its way still holds."""
    whole = UploadRequest(None, "crash", "text/plain", STORAGE)
    process.uploads.start(world.tenant, "v1beta", whole, world.simulator.now())


def start_and_keep(world: World, process: Process) -> None:
    opened = process.uploads.start(world.tenant, "v1beta", REQUEST, world.simulator.now())
    assert Session.open(opened.sealed_session, process.sealer).reserved == len(CONTENT)
    SESSIONS[world.tenant.id] = opened.sealed_session


def start_direct(world: World, process: Process) -> None:
    now = world.simulator.now()
    opened = process.uploads.start(world.tenant, "v1beta", REQUEST, now, direct=True)
    assert opened.direct_url
    SESSIONS[world.tenant.id] = opened.sealed_session


def direct_and_send(world: World, process: Process) -> None:
    start_direct(world, process)
    session = Session.open(SESSIONS[world.tenant.id], process.sealer)
    # Straight to upstream: no part of the gateway sees it.
    world.send_chunk(session, "upload, finalize", CONTENT)


def direct_and_wait(world: World, process: Process) -> None:
    direct_and_send(world, process)
    world.simulator.advance(81)


def direct_an_hour_later(world: World, process: Process) -> None:
    start_direct(world, process)
    world.simulator.advance(HOUR)


def start_past_a_threshold(world: World, process: Process) -> None:
    most = UploadRequest(None, "crash", "text/plain", STORAGE * 96 // 100)
    process.uploads.start(world.tenant, "v1beta", most, world.simulator.now())


def finalize(world: World, process: Process) -> None:
    send(world, process, "upload, finalize", CONTENT)


def cancel(world: World, process: Process) -> None:
    send(world, process, "cancel")


def send_whole(world: World, process: Process) -> None:
    process.uploads.send_whole(world.tenant, "v1", REQUEST, CONTENT, world.simulator.now())


def create_store(world: World, process: Process) -> None:
    new = NewStore(display_name=world.tenant.id)
    store = process.stores.create(world.tenant, "v1beta", new, world.simulator.now())
    world.store = str(store["name"]).removeprefix("fileSearchStores/")


def delete_store(world: World, process: Process) -> None:
    now = world.simulator.now()
    process.stores.delete(world.tenant, "v1beta", world.store, now, force=True)


def start_document(world: World, process: Process) -> None:
    opened = process.document_uploads.start(
        world.tenant, "v1beta", world.store, DOCUMENT, world.simulator.now()
    )
    SESSIONS[world.tenant.id] = opened.sealed_session


def send_document(world: World, process: Process) -> None:
    process.document_uploads.send_whole(
        world.tenant, "v1", world.store, DOCUMENT, CONTENT, world.simulator.now()
    )


def store_and_start(world: World, process: Process) -> None:
    create_store(world, process)
    start_document(world, process)


def document_and_wait(world: World, process: Process) -> None:
    store_and_start(world, process)
    finalize(world, process)
    world.simulator.advance(6)


def cancelled_document(world: World, process: Process) -> None:
    store_and_start(world, process)
    cancel(world, process)
    world.simulator.advance(6)


def document_an_hour_later(world: World, process: Process) -> None:
    store_and_start(world, process)
    world.simulator.advance(HOUR)


def upload(world: World, process: Process) -> None:
    start_and_keep(world, process)
    finalize(world, process)


def upload_and_list(world: World, process: Process) -> None:
    upload(world, process)
    list_files(world, process)


def upload_and_wait(world: World, process: Process) -> None:
    upload(world, process)
    world.simulator.advance(6)


def get(world: World, process: Process) -> None:
    [file_id] = world.records()
    process.files.get(world.tenant, file_id, world.simulator.now())


def list_files(world: World, process: Process) -> None:
    process.files.list_page(world.tenant, 10, None, world.simulator.now())


def delete(world: World, process: Process) -> None:
    [file_id] = world.records()
    process.files.delete(world.tenant, file_id, world.simulator.now())


def two_days_later(world: World, process: Process) -> None:
    upload_and_list(world, process)
    world.simulator.advance(48 * HOUR + 1)


def an_hour_later(world: World, process: Process) -> None:
    start(world, process)
    world.simulator.advance(HOUR)


def make_round(world: World, process: Process) -> None:
    # One appointment after the other, so that each run makes its calls in the same order.
    for record in world.records().values():
        with suppress(StatusError):
            process.janitor.keep_now(record.key, world.simulator.now())


OPERATIONS: dict[str, tuple[Operation, Operation]] = {
    "start": (nothing, start),
    "last chunk": (start_and_keep, finalize),
    "cancel": (start_and_keep, cancel),
    "start past a threshold": (nothing, start_past_a_threshold),
    "direct start": (nothing, start_direct),
    "first list of a direct upload": (direct_and_send, list_files),
    "janitor settles a direct upload": (direct_and_wait, make_round),
    "janitor ends a direct upload": (direct_an_hour_later, make_round),
    "single-request upload": (nothing, send_whole),
    "first get": (upload, get),
    "first list": (upload, list_files),
    "delete": (upload_and_list, delete),
    "delete right after upload": (upload, delete),
    "janitor settles": (upload_and_wait, make_round),
    "janitor abandons": (an_hour_later, make_round),
    "janitor expires": (two_days_later, make_round),
    "store create": (nothing, create_store),
    "store delete": (create_store, delete_store),
    "document start": (create_store, start_document),
    "document last chunk": (store_and_start, finalize),
    "document cancel": (store_and_start, cancel),
    "single-request document": (create_store, send_document),
    "janitor settles a document": (document_and_wait, make_round),
    "janitor gives up a document": (cancelled_document, make_round),
    "janitor ends a document": (document_an_hour_later, make_round),
    "start settles a document": (document_and_wait, start_of_all_bytes),
}


def run(
    engine: AtomicTable, simulator: Simulator, name: str, points: CrashPoints
) -> tuple[World, bool]:
    """Prepare, then run an operation in a process that ends at a point; whether it did."""
    prepare, operate = OPERATIONS[name]
    world = World(engine, simulator)
    before = Process(world)
    prepare(world, before)
    before.close()
    process = Process(world, points)
    crashed = False
    try:
        operate(world, process)
    except Crash:
        crashed = True
    process.close()
    return world, crashed


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_byte_is_accounted_for_wherever_the_process_ends(
    engine: AtomicTable, simulator: Simulator, name: str
) -> None:
    counted = CrashPoints()
    world, _ = run(engine, simulator, name, counted)
    world.recover()
    world.assert_true()
    assert counted.calls
    for number, call in enumerate(counted.calls):
        for after in (False, True):
            world, crashed = run(engine, simulator, name, CrashPoints(number, after))
            assert crashed
            world.recover()
            world.assert_true()
            sys.stdout.write(f"{name:28} {'after' if after else 'before':6} {call}: accounted\n")
