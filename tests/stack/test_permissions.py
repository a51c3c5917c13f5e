"""Functions here may do what the template grants them, as on AWS, and nothing else."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from filegate_local.aws import LocalAws
from filegate_local.permissions import POLICY
from local_stack import LocalStack, StackTenant

Client: TypeAlias = Any
"""A client of boto3's."""
Request: TypeAlias = Callable[[httpx.Client], httpx.Response]

DENIED = "AccessDeniedException"


@pytest.fixture
def iam(stack: LocalStack) -> Iterator[Client]:
    with contextlib.closing(LocalAws(str(stack.ready["aws_endpoint"])).iam()) as client:
        yield client


@contextlib.contextmanager
def without(iam: Client, function: str, action: str) -> Iterator[None]:
    """Take one action from a function's policies until the block ends."""
    document = iam.get_user_policy(UserName=function, PolicyName=POLICY)["PolicyDocument"]
    statements = [
        {**statement, "Action": [one for one in listed(statement["Action"]) if one != action]}
        for statement in document["Statement"]
    ]
    less = {**document, "Statement": [one for one in statements if one["Action"]]}
    put(iam, function, less)
    try:
        yield
    finally:
        put(iam, function, document)


def put(iam: Client, function: str, document: Mapping[str, Any]) -> None:
    iam.put_user_policy(UserName=function, PolicyName=POLICY, PolicyDocument=json.dumps(document))


def listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def list_files(http: httpx.Client) -> httpx.Response:
    return http.get("/v1beta/files")


def list_stores(http: httpx.Client) -> httpx.Response:
    return http.get("/v1beta/fileSearchStores")


def list_caches(http: httpx.Client) -> httpx.Response:
    return http.get("/v1beta/cachedContents")


@pytest.mark.parametrize(
    ("function", "request_of"),
    [
        ("FilesFunction", list_files),
        ("StoresFunction", list_stores),
        ("GenerateFunction", list_caches),
    ],
)
def test_a_function_without_an_action_it_needs_is_refused(
    stack: LocalStack,
    tenant: StackTenant,
    iam: Client,
    function: str,
    request_of: Request,
) -> None:
    with tenant.http() as http:
        assert request_of(http).status_code == 200
        with without(iam, function, "dynamodb:Query"):
            assert request_of(http).status_code == 500
        assert request_of(http).status_code == 200
    log = (stack.logs / f"{function}.log").read_text()
    assert DENIED in log
    assert "no identity-based policy allows the dynamodb:Query action" in log


def test_the_janitor_without_its_index_is_refused(stack: LocalStack, iam: Client) -> None:
    with stack.unscheduled():
        with without(iam, "JanitorFunction", "dynamodb:Query"):
            assert DENIED in str(stack.invoke("JanitorFunction")["error"])
        stack.run_janitor()


@contextlib.contextmanager
def acting_as(stack: LocalStack, function: str) -> Iterator[Client]:
    """A DynamoDB client with a function's own credentials."""
    resources = json.loads((stack.logs.parent / "resources.json").read_text())
    own = resources["Environment"][function]
    client = boto3.client(
        "dynamodb",
        endpoint_url=stack.ready["aws_endpoint"],
        region_name="us-east-1",
        aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
    )
    with contextlib.closing(client):
        yield client


def key(partition: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": "made by a test"}}


def calls(table: str, partition: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """One request of each kind that names a partition, by the action it takes."""
    item, named = key(partition), {"TableName": table}
    condition = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": item["pk"]},
    }
    tenants_too = {
        "Update": {**named, "Key": key("TENANT#nobody"), "UpdateExpression": "SET a = pk"}
    }
    return {
        "dynamodb:GetItem": ("get_item", {**named, "Key": item}),
        "dynamodb:BatchGetItem": ("batch_get_item", {"RequestItems": {table: {"Keys": [item]}}}),
        "dynamodb:Query": ("query", {**named, **condition}),
        "dynamodb:UpdateItem": ("update_item", {**named, "Key": item}),
        "dynamodb:DeleteItem": ("delete_item", {**named, "Key": item}),
        "dynamodb:PutItem": (
            "transact_write_items",
            {"TransactItems": [tenants_too, {"Put": {**named, "Item": item}}]},
        ),
        "dynamodb:Scan": ("scan", named),
    }


@pytest.mark.parametrize(
    ("function", "action", "partition"),
    [
        # Whatever goes wrong in a function that tenants reach, it makes no key and no tenant,
        ("FilesFunction", "dynamodb:PutItem", "KEY#0"),
        ("GenerateFunction", "dynamodb:UpdateItem", "KEY#0"),
        ("StoresFunction", "dynamodb:PutItem", "TAG#0"),
        # leaves the audit log as it is,
        ("FilesFunction", "dynamodb:DeleteItem", "AUDIT#0"),
        ("GenerateFunction", "dynamodb:Query", "AUDIT#0"),
        # and lists nobody.
        ("StoresFunction", "dynamodb:Query", "TENANTS"),
        ("FilesFunction", "dynamodb:Scan", ""),
        ("JanitorFunction", "dynamodb:BatchGetItem", "KEY#0"),
        ("JanitorFunction", "dynamodb:GetItem", "KEY#0"),
        ("ReconcilerFunction", "dynamodb:BatchGetItem", "KEY#0"),
        # The authorizer marks that an upload ends. It reads nothing.
        ("SessionsFunction", "dynamodb:GetItem", "TENANT#0"),
        ("SessionsFunction", "dynamodb:UpdateItem", "PROJECT#0"),
        ("AdminFunction", "dynamodb:Scan", ""),
    ],
)
def test_a_function_reaches_no_partition_but_its_own(
    stack: LocalStack, function: str, action: str, partition: str
) -> None:
    call, arguments = calls(str(stack.ready["table"]), partition)[action]
    with acting_as(stack, function) as dynamodb, pytest.raises(ClientError) as refused:
        getattr(dynamodb, call)(**arguments)
    assert refused.value.response["Error"]["Code"] == DENIED


@pytest.mark.parametrize(
    ("function", "action", "partition"),
    [
        ("FilesFunction", "dynamodb:BatchGetItem", "KEY#0"),
        ("FilesFunction", "dynamodb:Query", "TENANT#nobody"),
        ("ReconcilerFunction", "dynamodb:Query", "TENANTS"),
        ("AdminFunction", "dynamodb:GetItem", "KEY#0"),
    ],
)
def test_the_same_calls_on_their_own_partitions_are_answered(
    stack: LocalStack, function: str, action: str, partition: str
) -> None:
    call, arguments = calls(str(stack.ready["table"]), partition)[action]
    with acting_as(stack, function) as dynamodb:
        assert getattr(dynamodb, call)(**arguments)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_stranger_is_nobody_here(stack: LocalStack) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=stack.ready["aws_endpoint"],
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="none",
    )
    with contextlib.closing(client), pytest.raises(ClientError) as refused:
        client.list_tables()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"
