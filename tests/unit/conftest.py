"""Unit tests: AWS is moto in this process, one call at a time, as atomic as the real one.

Property tests run on shared machines: how long one example takes says nothing.
"""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import settings
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from tests.unit.wires import MotoWire, service

from filegate.adapters.aws_service import DYNAMODB, SECRETS_MANAGER, AwsService

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

settings.register_profile("filegate", deadline=None)
settings.load_profile("filegate")

TABLE = "filegate"


@pytest.fixture(autouse=True, scope="session")
def _serialised_moto() -> Iterator[None]:
    lock, original = threading.RLock(), BotocoreStubber.process_request

    def locked(self: BotocoreStubber, request: Any) -> Any:  # noqa: ANN401 - moto's own signature
        with lock:
            return original(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BotocoreStubber, "process_request", locked)
        yield


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield
        # Clients of later tests shall not find this test's mocks.
        boto3.DEFAULT_SESSION = None


@pytest.fixture
def dynamodb(_aws: None) -> AwsService:
    """DynamoDB with Filegate's table in it, as template.yaml makes it."""
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "dueShard", "AttributeType": "S"},
            {"AttributeName": "dueAt", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "dueShard", "KeyType": "HASH"},
                    {"AttributeName": "dueAt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    return service(DYNAMODB, MotoWire(DYNAMODB))


@pytest.fixture
def secretsmanager(_aws: None) -> "SecretsManagerClient":
    """An empty Secrets Manager, for who makes and changes secrets."""
    client: SecretsManagerClient = boto3.client("secretsmanager")
    return client


@pytest.fixture
def secrets(_aws: None) -> AwsService:
    """The same one as the product reads it."""
    return service(SECRETS_MANAGER, MotoWire(SECRETS_MANAGER), attempts=2)
