"""What each function may do: exactly this, and nothing else.

`tests/stack` runs with the same policies enforced, so an action that is missing here fails there.
What is too much here fails nowhere else: a new line in this table is a decision.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from apigateway_standin.document import Section
from apigateway_standin.template import Template
from filegate_local.permissions import granted

PATH = Path(__file__).resolve().parents[2] / "template.yaml"
NAMED = Section(
    {
        "Parameters": {"EventBusName": "billing"},
        "Resources": {
            "Table": {"Arn": "TABLE"},
            "SessionKeysSecret": {"Ref": "SESSION KEYS"},
            "AdminSecret": {"Ref": "ADMIN KEY"},
            "ProjectSecret": {"Ref": "FIRST PROJECT KEY"},
            "FailedRuns": {"Arn": "FAILED RUNS"},
        },
    },
    "resources",
)
TEMPLATE = Template.load(PATH, NAMED)
GRANTED = granted(TEMPLATE)

READS = frozenset({"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"})
WRITES = frozenset({"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"})
SECRET = frozenset({"secretsmanager:GetSecretValue"})
PROJECT_KEYS = "arn:aws:secretsmanager:us-east-1:000000000000:secret:local/projects/*"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/billing"

EVERY_KEY = frozenset[str]()


@dataclass(frozen=True)
class Grant:
    """Actions on resources; of the table, on items whose partition keys look like this."""

    actions: frozenset[str]
    resources: frozenset[str]
    partitions: frozenset[str] = EVERY_KEY


def grant(actions: frozenset[str], *resources: str, partitions: str = "") -> Grant:
    return Grant(actions, frozenset(resources), frozenset(partitions.split()))


# A tenant's function reads who calls and what is theirs; it makes no key, no tenant, no project.
READS_AS_TENANT = grant(READS, "TABLE", partitions="KEY#* TENANT#*")
NOTES = grant(frozenset({"dynamodb:PutItem"}), "TABLE", partitions="AUDIT#*")
KEYS_TO_UPSTREAM = grant(SECRET, "SESSION KEYS", PROJECT_KEYS)
OF_UPLOADS = {
    READS_AS_TENANT,
    grant(WRITES, "TABLE", partitions="OUTBOX#* PROJECT#* TENANT#* TOKENUSE#*"),
    NOTES,
    KEYS_TO_UPSTREAM,
}
GRANTS = {
    "FilesFunction": OF_UPLOADS,
    "StoresFunction": OF_UPLOADS,
    "GenerateFunction": {
        READS_AS_TENANT,
        grant(WRITES, "TABLE", partitions="CLAIM#* OUTBOX#* PROJECT#* TENANT#*"),
        NOTES,
        KEYS_TO_UPSTREAM,
    },
    "SessionsFunction": {
        grant(frozenset({"dynamodb:UpdateItem"}), "TABLE", partitions="TENANT#*"),
        grant(SECRET, "SESSION KEYS"),
    },
    "JanitorFunction": {
        grant(READS, "TABLE", partitions="OUTBOX#* TENANT#* TENANTS"),
        grant(frozenset({"dynamodb:Query"}), "TABLE/index/due"),
        grant(WRITES, "TABLE", partitions="OUTBOX#* PROJECT#* TENANT#*"),
        KEYS_TO_UPSTREAM,
        grant(frozenset({"events:PutEvents"}), BUS),
    },
    "ReconcilerFunction": {
        grant(
            READS,
            "TABLE",
            partitions="CLAIM#* PROJECT#* PROJECTS RECONCILIATION#* TAG#* TENANT#* TENANTS",
        ),
        grant(WRITES, "TABLE", partitions="OUTBOX#* PROJECT#* RECONCILIATION#* TENANT#*"),
        KEYS_TO_UPSTREAM,
    },
    # The operator's own: it makes keys, tenants and projects, and reads whatever is counted.
    "AdminFunction": {
        grant(READS | WRITES, "TABLE"),
        grant(SECRET, "ADMIN KEY", "SESSION KEYS", PROJECT_KEYS),
    },
}


def as_grant(statement: dict[str, Any]) -> Grant:
    assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
    assert statement["Effect"] == "Allow"
    condition = statement.get("Condition", {"ForAllValues:StringLike": {}})
    assert set(condition) == {"ForAllValues:StringLike"}, condition
    keys = condition["ForAllValues:StringLike"]
    assert set(keys) <= {"dynamodb:LeadingKeys"}, keys
    return Grant(
        frozenset(listed(statement["Action"])),
        frozenset(listed(statement["Resource"])),
        frozenset(keys.get("dynamodb:LeadingKeys", ())),
    )


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_there_is_no_function_without_a_line_here() -> None:
    assert set(GRANTED) == set(GRANTS)


@pytest.mark.parametrize("function", GRANTS)
def test_each_function_may_do_exactly_this(function: str) -> None:
    statements = cast("list[dict[str, Any]]", GRANTED[function])
    found = [as_grant(statement) for statement in statements]
    assert len(found) == len(set(found))
    assert set(found) == GRANTS[function]


@pytest.mark.parametrize("function", GRANTS)
def test_nothing_is_granted_by_a_pattern_of_actions_or_on_everything(function: str) -> None:
    for statement in GRANTED[function]:
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        assert "*" not in listed(statement["Resource"])


@pytest.mark.parametrize("function", GRANTS)
def test_a_role_comes_from_these_policies_alone(function: str) -> None:
    properties = TEMPLATE.section(function).values
    assert not {"Role", "ManagedPolicyArns", "PermissionsBoundary"} & set(properties)
    # No policy of AWS's or SAM's by name: those change, and grant what nobody wrote here.
    for policy in cast("list[object]", properties["Policies"]):
        assert isinstance(policy, dict)
        assert set(policy) == {"Statement"}


def test_without_a_bus_the_janitor_publishes_nowhere() -> None:
    actions = [
        action
        for statement in granted(Template.load(PATH))["JanitorFunction"]
        for action in listed(statement["Action"])
    ]
    assert "events:PutEvents" not in actions


def may(function: str, action: str, partition: str) -> bool:
    return any(
        action in one.actions
        and "TABLE" in one.resources
        and (one.partitions == EVERY_KEY or partition in one.partitions)
        for one in GRANTS[function]
    )


@pytest.mark.parametrize("partition", ["KEY#*", "TAG#*", "TENANTS", "PROJECTS", "IDEMPOTENCY#*"])
@pytest.mark.parametrize("action", sorted(WRITES))
def test_only_the_operator_makes_keys_tenants_and_projects(action: str, partition: str) -> None:
    assert [name for name in GRANTS if may(name, action, partition)] == ["AdminFunction"]


@pytest.mark.parametrize("action", sorted(READS))
def test_nobody_but_the_operator_reads_the_audit_log(action: str) -> None:
    assert [name for name in GRANTS if may(name, action, "AUDIT#*")] == ["AdminFunction"]


@pytest.mark.parametrize("action", ["dynamodb:DeleteItem", "dynamodb:UpdateItem"])
def test_no_tenants_request_changes_the_audit_log(action: str) -> None:
    assert [name for name in GRANTS if may(name, action, "AUDIT#*")] == ["AdminFunction"]
