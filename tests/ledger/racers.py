"""Racers: many threads, or many processes, that begin at the same moment."""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from atomic_table import NOW, reservation, settle
from filegate.ledger import Ledger, ProjectShort, RecordChanged, TenantShort
from filegate.records import FileRecord
from filegate_local import aws


def at_once(actions: Sequence[Callable[[], str]]) -> list[str]:
    """Run actions in as many threads, let go together, and answer what each one says."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], str]) -> str:
        barrier.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def in_processes(
    endpoint: str, shares: Sequence[tuple[Sequence[FileRecord], FileRecord]]
) -> list[str]:
    """Run a share of the work in a process each; answers what all of them say."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(len(shares)), context.Queue()
    workers = [
        context.Process(target=_work, args=(endpoint, barrier, results, *share), daemon=True)
        for share in shares
    ]
    for worker in workers:
        worker.start()
    said = [str(results.get(timeout=120)) for _ in range(sum(len(one) + 2 for one, _ in shares))]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    return said


def _work(
    endpoint: str,
    barrier: "threading.Barrier",
    results: "multiprocessing.Queue[str]",
    reservations: Sequence[FileRecord],
    shared: FileRecord,
) -> None:
    """Reserve each of the reservations; settle and abandon the one that all processes have."""
    ledger = Ledger(aws.LocalAws(endpoint).table(patience=60))

    def reserve(record: FileRecord) -> Callable[[], str]:
        def act() -> str:
            try:
                ledger.reserve(record)
            except (TenantShort, ProjectShort) as short:
                return type(short).__name__
            return "reserved"

        return act

    def end(name: str, act: Callable[[], object]) -> Callable[[], str]:
        def attempt() -> str:
            try:
                act()
            except RecordChanged:
                return "changed"
            return name

        return attempt

    actions = [
        *(reserve(record) for record in reservations),
        end("settled", lambda: settle(ledger, shared, 500)),
        end("abandoned", lambda: ledger.abandon(shared)),
    ]
    barrier.wait(60)
    for said in at_once(actions):
        results.put(said)


def reservations(tenant: str, project: str, size: int, number: int) -> list[FileRecord]:
    """So many reservations of the same size."""
    return [reservation(tenant, project, size, created_at=NOW) for _ in range(number)]
