"""Placement: by what was promised, never beyond the ceiling, and in one transaction."""

from collections.abc import Callable, Sequence

import pytest
from tests.unit.conftest import TABLE
from tests.unit.held import refusal

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import (
    ConditionsFailed,
    Item,
    Key,
    Put,
    Table,
    Update,
    Value,
    Write,
)
from filegate.errors import StatusError
from filegate.placement import Placement
from filegate.projects import Health, Project, is_project_id, project_key

NOW = 1_790_000_000_000
GIB = 1024**3
AddProject = Callable[..., None]


@pytest.fixture
def table(dynamodb: AwsService) -> Table:
    return Table(dynamodb, TABLE)


@pytest.fixture
def placement(table: Table) -> Placement:
    return Placement(table)


@pytest.fixture
def add(table: Table) -> AddProject:
    def add_project(project_id: str, capacity: int = 20 * GIB, **fields: Value) -> None:
        key = project_key(project_id)
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "capacity": capacity,
            "available": capacity,
            "createdAt": NOW,
            **fields,
        }
        table.put(Put(item))
        table.put(Put({"pk": "PROJECTS", "sk": project_id}))

    return add_project


def project(table: Table, project_id: str) -> Project:
    item = table.get(project_key(project_id))
    assert item is not None
    return Project.from_item(item)


def promises(table: Table, project_id: str) -> tuple[int, int]:
    found = project(table, project_id)
    return found.promised, found.tenants


def tenant(name: str) -> Callable[[str], Sequence[Write]]:
    """The writes that make a tenant of this name."""
    return lambda project_id: [
        Put(
            {"pk": f"TENANT#{name}", "sk": "TENANT", "project": project_id},
            "attribute_not_exists(pk)",
        )
    ]


def test_the_project_with_most_left_to_promise_is_chosen(
    placement: Placement, add: AddProject
) -> None:
    add("a", promised=15 * GIB)
    add("b", promised=5 * GIB)
    add("c", capacity=10 * GIB)
    assert placement.place(GIB) == "b"


def test_of_equal_promises_the_emptier_one_is_chosen_and_then_the_first_by_id(
    placement: Placement, add: AddProject
) -> None:
    add("a", available=1)
    add("b", available=3)
    add("c", available=3)
    assert placement.place(GIB) == "b"


def test_a_draining_project_takes_no_new_tenants(
    table: Table, placement: Placement, add: AddProject
) -> None:
    add("a", draining=True)
    add("b", promised=100 * GIB, draining=False)
    assert placement.place(GIB) == "b"
    status = refusal(lambda: placement.create(GIB, tenant("t"), "a"))
    assert (status.code, status.status) == (400, "FAILED_PRECONDITION")
    assert "a is draining" in status.message
    assert promises(table, "a") == (0, 0)
    assert table.get(Key("TENANT#t", "TENANT")) is None


def test_without_a_ceiling_one_project_takes_any_number_of_whole_limits(
    table: Table, placement: Placement, add: AddProject
) -> None:
    """As a gateway of one project comes: tenants of 20 GiB each, on 20 GiB."""
    add("default")
    for number in range(5):
        assert placement.create(20 * GIB, tenant(f"t{number}")) == "default"
    assert promises(table, "default") == (100 * GIB, 5)
    assert project(table, "default").ceiling is None


@pytest.mark.parametrize(
    ("overcommit", "fits"), [(100, 2), (150, 3), (200, 4), (99, 1), (0, 0)], ids=str
)
def test_no_more_is_promised_than_the_ceiling(
    table: Table, placement: Placement, add: AddProject, overcommit: int, fits: int
) -> None:
    add("a", overcommit=overcommit)
    for number in range(fits):
        assert placement.create(10 * GIB, tenant(f"t{number}")) == "a"
    status = refusal(lambda: placement.create(10 * GIB, tenant("more")))
    assert (status.code, status.status) == (400, "FAILED_PRECONDITION")
    assert "No upstream project has room for a tenant of 10,737,418,240 bytes" in status.message
    assert "overcommitPercent" in status.message
    assert promises(table, "a") == (fits * 10 * GIB, fits)
    assert table.get(Key("TENANT#more", "TENANT")) is None


def test_what_fits_to_the_byte_fits(table: Table, placement: Placement, add: AddProject) -> None:
    add("a", capacity=1_000, overcommit=150, promised=500)
    assert refusal(lambda: placement.booking("a", 1_001)).status == "FAILED_PRECONDITION"
    assert placement.create(1_000, tenant("t")) == "a"
    assert promises(table, "a") == (1_500, 1)


def test_a_full_project_is_passed_over(placement: Placement, add: AddProject) -> None:
    add("big", capacity=100 * GIB, overcommit=50, promised=45 * GIB)
    add("small", capacity=10 * GIB, overcommit=100, promised=2 * GIB)
    assert placement.place(5 * GIB) == "small"
    assert placement.place(8 * GIB) == "small"
    assert refusal(lambda: placement.place(9 * GIB)).code == 400


def test_a_project_that_was_asked_for_is_held_to_its_ceiling(
    placement: Placement, add: AddProject
) -> None:
    add("a", overcommit=100, promised=15 * GIB)
    add("b")
    status = refusal(lambda: placement.create(6 * GIB, tenant("t"), "a"))
    assert "16,106,127,360 of the 21,474,836,480 bytes" in status.message


def test_a_project_that_does_not_exist(placement: Placement, add: AddProject) -> None:
    add("a")
    status = refusal(lambda: placement.create(1, tenant("t"), "nowhere"))
    assert (status.code, status.status) == (400, "INVALID_ARGUMENT")
    assert "There is no project 'nowhere'" in status.message


def test_no_project_at_all(placement: Placement) -> None:
    assert "there are 0 projects" in refusal(lambda: placement.place(1)).message


def test_a_tenant_that_exists_books_nothing(
    table: Table, placement: Placement, add: AddProject
) -> None:
    add("a")
    placement.create(5, tenant("t"))
    with pytest.raises(ConditionsFailed) as failure:
        placement.create(5, tenant("t"))
    assert set(failure.value.items) == {0}
    assert promises(table, "a") == (5, 1)


def test_what_was_booked_goes_back_and_follows_the_limit(
    table: Table, placement: Placement, add: AddProject
) -> None:
    add("a", overcommit=100, capacity=100)
    placement.create(40, tenant("t"))
    table.transact([placement.rebooking("a", 40, 70)])
    assert promises(table, "a") == (70, 1)
    # A limit may be raised past the ceiling: the tenant is where its files are.
    table.transact([placement.rebooking("a", 70, 170)])
    table.transact([placement.unbooking("a", 170)])
    assert promises(table, "a") == (0, 0)
    assert placement.create(100, tenant("u")) == "a"


class LateTable(Table):
    """A table on which somebody else is faster, as often as it is told."""

    def __init__(self, client: AwsService, rival: Callable[["LateTable"], None]) -> None:
        super().__init__(client, TABLE)
        self._rival = rival
        self.transactions = 0

    def transact(self, writes: Sequence[Write]) -> None:
        self.transactions += 1
        self._rival(self)
        super().transact(writes)


def change(project_id: str, expression: str, **values: Value) -> Update:
    named = {f":{name}": value for name, value in values.items()}
    return Update(project_key(project_id), expression, None, named)


@pytest.mark.parametrize(
    "rival",
    [
        change("a", "SET #promised = :all", all=95),
        change("a", "SET #draining = :yes", yes=True),
        change("a", "SET #capacity = :less", less=50),
        change("a", "SET #overcommit = :less", less=10),
    ],
    ids=["promised", "drained", "smaller", "less overcommitted"],
)
def test_a_lost_race_is_placed_anew(
    dynamodb: AwsService,
    table: Table,
    add: AddProject,
    rival: Update,
) -> None:
    add("a", capacity=100, overcommit=100)
    add("b", capacity=100, overcommit=100, promised=30)

    def once(late: LateTable) -> None:
        if late.transactions == 1:
            table.update(rival)

    late = LateTable(dynamodb, once)
    assert Placement(late).create(60, tenant("t")) == "b"
    assert late.transactions == 2
    assert promises(table, "b") == (90, 1)
    assert project(table, "a").tenants == 0


def test_a_ceiling_that_comes_in_between_holds(
    dynamodb: AwsService,
    table: Table,
    add: AddProject,
) -> None:
    add("a", capacity=100)

    def once(late: LateTable) -> None:
        if late.transactions == 1:
            table.update(change("a", "SET #overcommit = :some", some=50))

    late = LateTable(dynamodb, once)
    assert refusal(lambda: Placement(late).create(60, tenant("t"))).code == 400
    assert promises(table, "a") == (0, 0)


def test_an_overcommit_that_is_null_is_none(
    table: Table, placement: Placement, add: AddProject
) -> None:
    add("a", capacity=100, overcommit=None)
    assert placement.create(1_000, tenant("t")) == "a"
    assert promises(table, "a") == (1_000, 1)


def test_a_race_that_is_always_lost_ends(
    dynamodb: AwsService,
    table: Table,
    add: AddProject,
) -> None:
    add("a", capacity=10**6, overcommit=100)

    def always(late: LateTable) -> None:
        table.update(change("a", "SET #capacity = :more", more=10**6 + late.transactions))

    with pytest.raises(StatusError):
        Placement(LateTable(dynamodb, always)).create(1, tenant("t"))
    assert table.get(Key("TENANT#t", "TENANT")) is None


def test_more_projects_than_a_read_takes(placement: Placement, add: AddProject) -> None:
    for number in range(103):
        add(f"p{number:03}", capacity=1_000 + number)
    assert len(placement.projects()) == 103
    assert placement.place(1) == "p102"


def test_a_record_of_before_promises_were_kept_reads_as_empty() -> None:
    old = Project.from_item({"pk": "PROJECT#p", "sk": "PROJECT", "capacity": 5, "available": 3})
    assert old == Project("p", 5, 3, 0, 0, False, None, 0, Health())
    assert old.health.ok is None


@pytest.mark.parametrize(
    ("health", "ok"),
    [
        (Health(1, None, None), True),
        (Health(None, 1, "x"), False),
        (Health(1, 2, "x"), False),
        (Health(3, 2, "x"), True),
        # A request that met both ended with a key that was taken.
        (Health(2, 2, "x"), True),
    ],
)
def test_a_project_is_well_if_its_key_was_taken_last(health: Health, ok: bool) -> None:
    assert health.ok is ok


@pytest.mark.parametrize("text", ["a", "default", "p-2", "0", "a" * 31])
def test_project_ids(text: str) -> None:
    assert is_project_id(text)


@pytest.mark.parametrize("text", ["", "-a", "A", "a_b", "a/b", "a" * 32, "ä", "a\n"])
def test_what_is_no_project_id(text: str) -> None:
    assert not is_project_id(text)
