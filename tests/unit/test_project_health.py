"""Project health: written once a minute at most, and nobody waits for it or fails by it."""

import pytest
from tests.unit.conftest import TABLE

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import Put, Table, TableBusy, TableUnavailable, Update
from filegate.instants import MINUTE, SECOND
from filegate.project_health import ProjectHealth
from filegate.projects import Health, Project, project_key

NOW = 1_790_000_000_000


class CountingTable(Table):
    """A table that counts its updates and fails when told to; its impatient self is itself."""

    updates = 0
    failure: Exception | None = None

    def impatient(self) -> Table:
        return self

    def update(self, update: Update) -> None:
        self.updates += 1
        if self.failure is not None:
            raise self.failure
        super().update(update)


@pytest.fixture
def table(dynamodb: AwsService) -> CountingTable:
    table = CountingTable(dynamodb, TABLE)
    for project in ("p1", "p2"):
        key = project_key(project)
        table.put(Put({"pk": key.pk, "sk": key.sk, "capacity": 10, "available": 10}))
    return table


def health(table: Table, project: str = "p1") -> Health:
    item = table.get(project_key(project))
    assert item is not None
    assert (item["capacity"], item["available"]) == (10, 10)
    return Project.from_item(item).health


def said(notes: ProjectHealth, now: int, *refusals: str | None, project: str = "p1") -> None:
    """What upstream says within one request."""
    for refusal in refusals:
        notes.note(project, refusal)
    notes.keep(now)


def test_nothing_noted_is_nothing_written(table: CountingTable) -> None:
    ProjectHealth(table).keep(NOW)
    assert table.updates == 0
    assert health(table) == Health()


def test_a_key_that_is_taken_is_written_once_a_minute(table: CountingTable) -> None:
    notes = ProjectHealth(table)
    for passed in range(0, 2 * MINUTE, SECOND):
        said(notes, NOW + passed, None, None)
    assert table.updates == 2
    assert health(table) == Health(NOW + MINUTE)
    assert health(table, "p2") == Health()


def test_many_instances_write_no_more_than_one(table: CountingTable) -> None:
    for number in range(5):
        said(ProjectHealth(table), NOW + number, None)
    assert health(table) == Health(NOW)


def test_a_refusal_is_written_with_its_words(table: CountingTable) -> None:
    notes = ProjectHealth(table)
    said(notes, NOW, None)
    said(notes, NOW + 1, "400 INVALID_ARGUMENT: API key not valid.")
    assert health(table) == Health(NOW, NOW + 1, "400 INVALID_ARGUMENT: API key not valid.")
    assert health(table).ok is False


def test_refusals_are_written_once_a_minute(table: CountingTable) -> None:
    notes = ProjectHealth(table)
    for number in range(60):
        said(notes, NOW + number * SECOND, f"refused {number}")
    assert table.updates == 1
    assert health(table).last_refusal == "refused 0"
    said(notes, NOW + MINUTE, "refused 60")
    assert health(table) == Health(None, NOW + MINUTE, "refused 60")


def test_a_key_that_is_taken_again_is_written_at_once(table: CountingTable) -> None:
    notes = ProjectHealth(table)
    said(notes, NOW, None)
    said(notes, NOW + 1, "refused")
    said(notes, NOW + 2, None)
    assert health(table) == Health(NOW + 2, NOW + 1, "refused")
    assert health(table).ok


def test_taken_and_refused_in_turns_are_a_few_writes_a_minute(table: CountingTable) -> None:
    """What upstream refuses may be a tenant's doing; it must not become a load on the table."""
    notes = ProjectHealth(table)
    for number in range(1_000):
        said(notes, NOW + number, *(["refused"] if number % 2 else [None]))
    assert table.updates <= 3


def test_a_request_that_met_both_ended_well(table: CountingTable) -> None:
    said(ProjectHealth(table), NOW, "refused", None)
    assert health(table) == Health(NOW, NOW, "refused")
    assert health(table).ok


@pytest.mark.parametrize("failure", [TableBusy(), TableUnavailable("x")])
def test_a_table_that_fails_fails_no_request_and_is_tried_again(
    table: CountingTable, failure: Exception
) -> None:
    notes = ProjectHealth(table)
    table.failure = failure
    said(notes, NOW, None)
    table.failure = None
    said(notes, NOW + 1, None)
    assert health(table) == Health(NOW + 1)


def test_a_project_without_a_record_gets_none(table: CountingTable) -> None:
    said(ProjectHealth(table), NOW, None, "refused", project="gone")
    assert table.get(project_key("gone")) is None


def test_a_write_that_collides_is_tried_once(dynamodb: AwsService) -> None:
    patient = Table(dynamodb, TABLE, patience=60)
    assert vars(patient.impatient()) == {**vars(patient), "_patience": 0}
