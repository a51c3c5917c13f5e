"""What an operator relies on: nothing fails unseen, state outlives mistakes, nobody starves."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from apigateway_standin.document import Section
from apigateway_standin.template import Template

PATH = Path(__file__).resolve().parents[2] / "template.yaml"
TEMPLATE = Template.load(PATH)
FUNCTIONS = TEMPLATE.of_type("AWS::Serverless::Function")
SCHEDULED = {"JanitorFunction": "EachMinute", "ReconcilerFunction": "EachDay"}
FAILED_RUNS = "arn:aws:sqs:us-east-1:000000000000:FailedRuns"
DAY = 86_400


def properties(resource: str) -> dict[str, Any]:
    return cast("dict[str, Any]", TEMPLATE.section(resource).values)


# -- changes


def test_a_parameter_that_changes_reaches_the_stage() -> None:
    """SAM's deployment of an API is named by the text of its definition (docs/decisions/0030).

    `tests/deploy` changes a parameter and looks at the stage.
    """
    api = cast(
        "dict[str, Any]", TEMPLATE.resources.section("GatewayApi").section("Properties").values
    )
    assert "${UpstreamUrl}" in json.dumps(api["DefinitionBody"])
    assert api["AlwaysDeploy"] is True


# -- failed runs


def test_what_is_called_without_anyone_waiting_is_known() -> None:
    assert {name for name in FUNCTIONS if "Events" in properties(name)} == set(SCHEDULED)


@pytest.mark.parametrize("function", SCHEDULED)
def test_a_run_that_fails_is_kept(function: str) -> None:
    configured = properties(function)["EventInvokeConfig"]
    assert configured["DestinationConfig"] == {
        "OnFailure": {"Type": "SQS", "Destination": FAILED_RUNS}
    }
    # A run that waits for longer than its schedule's period would meet the next one.
    assert configured["MaximumEventAgeInSeconds"] <= 3600
    assert configured["MaximumRetryAttempts"] in {0, 2}


@pytest.mark.parametrize(("function", "event"), SCHEDULED.items())
def test_a_call_that_never_reaches_its_function_is_kept(function: str, event: str) -> None:
    schedule = properties(function)["Events"][event]["Properties"]
    assert schedule["DeadLetterConfig"] == {"Arn": FAILED_RUNS}
    assert schedule["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600


def test_a_round_is_not_repeated_beside_the_next_one() -> None:
    configured = properties("JanitorFunction")["EventInvokeConfig"]
    assert configured["MaximumRetryAttempts"] == 0
    assert configured["MaximumEventAgeInSeconds"] == 60
    assert properties("JanitorFunction")["Timeout"] < 60


def test_failed_runs_are_encrypted_and_kept_for_two_weeks() -> None:
    queue = properties("FailedRuns")
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * DAY


def test_only_the_schedules_may_send_to_failed_runs_from_outside() -> None:
    policy = properties("FailedRunsPolicy")
    assert policy["Queues"] == ["FailedRuns"]
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert allowed["Effect"] == "Allow"
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Resource"] == FAILED_RUNS
    sources = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
    named = [f"{function}{event}" for function, event in SCHEDULED.items()]
    assert [source.rsplit(":", 1)[1] for source in sources] == named
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "sqs:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# -- state


def test_the_table_outlives_mistakes() -> None:
    table = properties("Table")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "garbageAt", "Enabled": True}


STATE = [
    *TEMPLATE.of_type("AWS::DynamoDB::Table"),
    *TEMPLATE.of_type("AWS::SecretsManager::Secret"),
]


@pytest.mark.parametrize("resource", STATE)
def test_neither_a_deletion_nor_a_replacement_of_the_stack_takes_state(resource: str) -> None:
    kept = TEMPLATE.resources.section(resource)
    assert kept.text("DeletionPolicy") == "Retain"
    assert kept.text("UpdateReplacePolicy") == "Retain"


# -- logs and traces


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_logs_to_a_group_of_its_own_whose_entries_end(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]
    named = properties(group)
    assert named["RetentionInDays"] == "30"
    others = [name for name in FUNCTIONS if name != function]
    assert group not in {properties(name)["LoggingConfig"]["LogGroup"] for name in others}
    assert named["LogGroupName"] == f"/filegate/local/{function.removesuffix('Function').lower()}"


def test_nothing_writes_down_what_clients_send() -> None:
    api = properties("GatewayApi")
    [settings] = api["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["DataTraceEnabled"] is False
    assert settings["LoggingLevel"] == "OFF"
    # An access log has paths, a trace has whole URLs: on the chunk route both are capabilities.
    assert not {"AccessLogSetting", "TracingEnabled"} & set(api)
    assert "Tracing" not in cast("dict[str, Any]", TEMPLATE.globals.values)["Function"]
    assert not [name for name in FUNCTIONS if "Tracing" in properties(name)]


# -- concurrency

RESERVED = {
    "JanitorFunction": ("JanitorConcurrency", "1"),
    "AdminFunction": ("AdminConcurrency", "5"),
}


def test_instances_are_kept_only_for_what_tenants_could_starve_or_starve_by() -> None:
    reserved = {
        name: properties(name)["ReservedConcurrentExecutions"]
        for name in FUNCTIONS
        if "ReservedConcurrentExecutions" in properties(name)
    }
    assert reserved == {name: value for name, (_, value) in RESERVED.items()}


@pytest.mark.parametrize("function", RESERVED)
def test_an_account_without_instances_to_reserve_can_deploy(function: str) -> None:
    parameter, _ = RESERVED[function]
    empty = Section({"Parameters": {parameter: ""}}, "resources")
    assert "ReservedConcurrentExecutions" not in Template.load(PATH, empty).section(function).values


# -- alarms


Alarm = tuple[str, str, str, str, int]
"""Namespace, metric, what it is measured of, and when there is alarm."""

ALARMS: dict[str, Alarm] = {
    "ServerErrorsAlarm": ("AWS/ApiGateway", "5XXError", "local", ">=", 1),
    "FilesThrottlesAlarm": ("AWS/Lambda", "Throttles", "FilesFunction", ">=", 1),
    "GenerateThrottlesAlarm": ("AWS/Lambda", "Throttles", "GenerateFunction", ">=", 1),
    "StoresThrottlesAlarm": ("AWS/Lambda", "Throttles", "StoresFunction", ">=", 1),
    "SessionsThrottlesAlarm": ("AWS/Lambda", "Throttles", "SessionsFunction", ">=", 1),
    "TableReadThrottlesAlarm": ("AWS/DynamoDB", "ReadThrottleEvents", "Table", ">=", 1),
    "TableWriteThrottlesAlarm": ("AWS/DynamoDB", "WriteThrottleEvents", "Table", ">=", 1),
    "JanitorErrorsAlarm": ("AWS/Lambda", "Errors", "JanitorFunction", ">=", 1),
    "JanitorBehindAlarm": ("Filegate", "AppointmentLag", "filegate", ">", 600),
    "JanitorUnfinishedAlarm": ("Filegate", "RoundsUnfinished", "filegate", ">=", 1),
    "ReconcilerErrorsAlarm": ("AWS/Lambda", "Errors", "ReconcilerFunction", ">=", 1),
    "FailedRunsAlarm": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "FailedRuns.QueueName",
        ">",
        0,
    ),
    "DriftAlarm": ("Filegate", "Drift", "filegate", ">", 1_073_741_824),
}
SIGNS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}


def test_there_is_no_alarm_without_a_line_here() -> None:
    assert set(TEMPLATE.of_type("AWS::CloudWatch::Alarm")) == set(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_each_alarm_looks_at_exactly_this(alarm: str) -> None:
    declared = properties(alarm)
    assert ALARMS[alarm] == (
        declared["Namespace"],
        declared["MetricName"],
        declared["Dimensions"][0]["Value"],
        SIGNS[declared["ComparisonOperator"]],
        declared["Threshold"],
    )
    assert declared["TreatMissingData"] == "notBreaching"
    assert declared["AlarmDescription"]


@pytest.mark.parametrize("alarm", ALARMS)
def test_each_alarm_reaches_the_topic_that_is_named(alarm: str) -> None:
    topic = Section({"Parameters": {"AlarmTopicArn": "arn:topic"}}, "resources")
    named = Template.load(PATH, topic).section(alarm)
    assert named.items("AlarmActions") == ["arn:topic"]
    assert "AlarmActions" not in properties(alarm)
