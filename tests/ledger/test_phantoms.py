"""Phantoms' bytes beside reservations: whoever is faster, every byte is somewhere, none twice."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from atomic_table import NOW, AtomicTable, reservation
from filegate.instants import HOUR, format_rfc3339
from filegate.ledger import Ledger, ProjectShort
from filegate.projects import project_key
from filegate.reconciliation import Reconciliation

if TYPE_CHECKING:
    from filegate.adapters.upstream import Upstream
    from filegate.appointments import Keeper

THREADS = 8
ROUNDS = 12


class Listing:
    """An upstream that lists one generated file, of the size it is told."""

    def __init__(self) -> None:
        self.size = 0

    def list_files(
        self, _project: str, _page_token: str | None
    ) -> tuple[Sequence[dict[str, Any]], str | None]:
        file = {
            "name": "files/batchoutput1",
            "sizeBytes": str(self.size),
            "source": "GENERATED",
            "createTime": format_rfc3339(NOW - 2 * HOUR),
        }
        return [file], None


def test_deducting_beside_reservations(table: AtomicTable) -> None:
    project = table.project(10_000)
    tenant = table.tenant(project, 100_000)
    patient = table.patient()
    ledger, upstream = Ledger(patient), Listing()
    reconciliation = Reconciliation(
        patient, ledger, cast("Upstream", upstream), cast("Keeper", None)
    )

    def phantoms() -> int:
        item = table.table.get(project_key(project)) or {}
        return int(item.get("phantomBytes") or 0)

    def deduct(size: int) -> None:
        upstream.size = size
        reconciliation.run(project, NOW, lambda: True)

    def reserve_and_abandon(size: int) -> None:
        record = reservation(tenant, project, size)
        with suppress(ProjectShort):
            ledger.reserve(record)
            ledger.abandon(record)

    sizes = random.Random(4)  # noqa: S311 - only sizes
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            works = [
                pool.submit(action, sizes.randint(0, 12_000))
                for action in (deduct, reserve_and_abandon) * (THREADS // 2)
            ]
            for work in works:
                work.result()
            table.assert_conserved()
    for size in (20_000, 10_000, 3_000, 0):
        deduct(size)
        assert phantoms() == min(size, 10_000)
        assert table.project_available(project) == 10_000 - phantoms()
