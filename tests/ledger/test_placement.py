"""Placement on engines that are really atomic: many tenants at once never pass the ceiling."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from atomic_table import AtomicTable
from filegate.adapters.table import Put, Update
from filegate.errors import StatusError
from filegate.names import random_characters
from filegate.placement import Placement
from filegate.projects import Project, project_key

THREADS = 32
LIMIT = 10


def project(table: AtomicTable, tenants: int | None) -> str:
    """A project with room for so many tenants, for any number if None."""
    project_id = table.project(100)
    if tenants is not None:
        change = Update(
            project_key(project_id),
            "SET #overcommit = :percent",
            None,
            {":percent": tenants * LIMIT},
        )
        table.table.update(change)
    return project_id


@pytest.fixture(autouse=True)
def _alone(table: AtomicTable) -> None:
    """No project of another test takes these tenants."""
    for other in Placement(table.table).projects():
        change = Update(project_key(other.id), "SET #draining = :yes", None, {":yes": True})
        table.table.update(change)


def booked(table: AtomicTable, project_id: str) -> tuple[int, int]:
    item = table.table.get(project_key(project_id))
    assert item is not None
    found = Project.from_item(item)
    return found.tenants, found.promised


def create(placement: Placement, project_id: str | None = None) -> Callable[[], str]:
    """What makes a tenant and says where it is, or that there is no room."""

    def made() -> str:
        tenant = {"pk": f"PLACED#{random_characters(12)}", "sk": "PLACED"}
        try:
            return placement.create(
                LIMIT, lambda _: [Put(tenant, "attribute_not_exists(pk)")], project_id
            )
        except StatusError as refused:
            assert refused.status.status == "FAILED_PRECONDITION"
            return "nowhere"

    return made


def at_once(*actions: Callable[[], str]) -> Counter[str]:
    with ThreadPoolExecutor(len(actions)) as pool:
        return Counter(future.result() for future in [pool.submit(one) for one in actions])


def test_the_last_places_of_a_project_go_to_as_many_as_fit(table: AtomicTable) -> None:
    full = project(table, 5)
    placement = Placement(table.patient())
    outcomes = at_once(*[create(placement, full)] * THREADS)
    assert outcomes == {full: 5, "nowhere": THREADS - 5}
    assert booked(table, full) == (5, 5 * LIMIT)


def test_many_at_once_fill_three_projects_and_no_more(table: AtomicTable) -> None:
    projects = {project(table, room): room for room in (3, 7, 11)}
    placement = Placement(table.patient())
    outcomes = at_once(*[create(placement)] * THREADS)
    assert outcomes == {**projects, "nowhere": THREADS - 21}
    assert all(booked(table, one) == (room, room * LIMIT) for one, room in projects.items())


def test_without_a_ceiling_many_at_once_are_all_placed_and_booked(table: AtomicTable) -> None:
    projects = [project(table, None) for _ in range(3)]
    placement = Placement(table.patient())
    outcomes = at_once(*[create(placement)] * THREADS)
    assert set(outcomes) <= set(projects)
    for one in projects:
        assert booked(table, one) == (outcomes[one], outcomes[one] * LIMIT)
    # What comes next evens out what came at once.
    following = Counter(create(placement)() for _ in range(2 * THREADS))
    assert {outcomes[one] + following[one] for one in projects} == {THREADS}


def test_bookings_and_their_ends_leave_what_is_there(table: AtomicTable) -> None:
    there = project(table, 100)
    placement = Placement(table.patient())

    def come_and_go() -> str:
        table.patient().transact([placement.booking(there, LIMIT)])
        table.patient().transact([placement.rebooking(there, LIMIT, 3)])
        table.patient().transact([placement.unbooking(there, 3)])
        return there

    at_once(*[come_and_go] * 8, *[create(placement, there)] * 8)
    assert booked(table, there) == (8, 8 * LIMIT)
