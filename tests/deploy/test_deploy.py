"""The template deploys as it stands: roles are those of the table, and a request is answered."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from apigateway_standin.template import Template
from deployment import TEMPLATE, Deployed
from filegate_local.permissions import granted

pytestmark = pytest.mark.deploy

FUNCTIONS = Template.load(TEMPLATE).of_type("AWS::Serverless::Function")
SCHEDULED = ("JanitorFunction", "ReconcilerFunction")
WAIT = 30.0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_may_do_what_the_template_says_and_what_sam_adds(
    deployed: Deployed, function: str
) -> None:
    role = deployed.resources[f"{function}Role"]
    with contextlib.closing(deployed.client("iam")) as iam:
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found = [
            statement
            for name in names
            for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"][
                "Statement"
            ]
        ]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AWSLambdaBasicExecutionRole"]
    template = deployed.template
    expected = list(granted(template)[function])
    if function in SCHEDULED:
        # SAM lets a function send to its own failure destination.
        queue = template.resolve({"Fn::GetAtt": ["FailedRuns", "Arn"]}, "here")
        expected.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue})
    assert sorted(map(written, found)) == sorted(map(written, expected))


def written(statement: Mapping[str, Any]) -> str:
    return json.dumps(statement, sort_keys=True)


@pytest.fixture
def http(running: Deployed) -> Iterator[httpx.Client]:
    with running.http() as client:
        yield client


@pytest.fixture(scope="session")
def key(deployed: Deployed) -> str:
    """A tenant's key, made as the README says."""
    table = deployed.outputs["TableName"]
    done = subprocess.run(
        [sys.executable, "-m", "filegate_local", "bootstrap", "--table", table, "--tenant", "acme"],
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": deployed.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "operator",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_stranger_is_refused(http: httpx.Client) -> None:
    answer = http.get("/v1beta/files")
    assert answer.status_code == 403
    assert answer.json()["error"]["status"] == "PERMISSION_DENIED"


def test_a_file_goes_upstream_and_comes_back_out_of_the_list(http: httpx.Client, key: str) -> None:
    body = (
        b'--b\r\nContent-Type: application/json\r\n\r\n{"file": {"displayName": "hello"}}\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"
    )
    headers = {"x-goog-api-key": key}
    made = http.post(
        "/upload/v1beta/files",
        content=body,
        headers={
            **headers,
            "x-goog-upload-protocol": "multipart",
            "content-type": "multipart/related; boundary=b",
        },
    )
    assert made.status_code == 200, made.text
    file = made.json()["file"]
    assert (file["displayName"], file["sizeBytes"]) == ("hello", "5")
    listed = http.get("/v1beta/files", headers=headers).json()["files"]
    assert [one["name"] for one in listed] == [file["name"]]
    assert http.delete(f"/v1beta/{file['name']}", headers=headers).status_code == 200
    assert http.get("/v1beta/files", headers=headers).json() == {}


def as_if_by_tls(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
    """Say that TLS ended before MiniStack, which speaks none here."""
    request.headers["x-forwarded-proto"] = "https"


def test_a_round_that_fails_is_among_the_failed_runs(running: Deployed) -> None:
    with (
        contextlib.closing(running.client("lambda")) as functions,
        contextlib.closing(running.client("sqs")) as sqs,
    ):
        # A round without its moment; the schedule always names one.
        functions.invoke(
            FunctionName=running.resources["JanitorFunction"],
            InvocationType="Event",
            Payload=b'{"of": "a test"}',
        )
        queue = running.outputs["FailedRunsUrl"]
        # Who comes without TLS reads nothing, not even as the operator.
        with pytest.raises(ClientError):
            sqs.receive_message(QueueUrl=queue)
        sqs.meta.events.register("before-sign.sqs", as_if_by_tls)
        deadline = time.monotonic() + WAIT
        while True:
            answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
            bodies = [json.loads(message["Body"]) for message in answer.get("Messages", ())]
            if kept := [body for body in bodies if body.get("requestPayload") == {"of": "a test"}]:
                break
            assert time.monotonic() < deadline, bodies
    assert kept[0]["requestContext"]["condition"] == "RetriesExhausted"
