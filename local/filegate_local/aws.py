"""AWS on a desk: MiniStack as DynamoDB, Secrets Manager and EventBridge, as the template has it.

MiniStack, because its transactions and conditional writes are really atomic (aws-facts 6), and
because it decides by IAM policies who may do what.
"""

import contextlib
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from botocore.config import Config

from apigateway_standin.template import Template
from filegate.adapters.aws_service import DYNAMODB, AwsService, Dialect, HttpWire
from filegate.adapters.signatures import Credentials, Signer
from filegate.adapters.table import Table
from filegate_local.children import Child, Children, free_port, listens

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

TABLE_NAME: Final = "filegate-local"
STACK_NAME: Final = "local"
"""What the stand-in resolves `AWS::StackName` to."""
REGION: Final = "us-east-1"
SESSION_KEYS_SECRET: Final = f"{STACK_NAME}/session-keys"
ADMIN_SECRET: Final = f"{STACK_NAME}/admin-key"
PROJECT: Final = "default"
PROJECT_SECRET: Final = f"{STACK_NAME}/projects/{PROJECT}"
EVENT_BUS: Final = "default"
"""The bus that every account has."""
_OPERATOR: Final = "local"
"""Access key and secret of whoever runs the stack: MiniStack takes it for the account's root, who
may do everything. Functions have keys of their own (`permissions`)."""
_START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class LocalAws:
    """A running MiniStack."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that lead an AWS SDK here, with the credentials of the operator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": _OPERATOR,
            "AWS_SECRET_ACCESS_KEY": _OPERATOR,
        }

    def table(self, name: str = TABLE_NAME, patience: float = 3.0) -> Table:
        """A table of this MiniStack as the product speaks to it; `patience` in seconds."""
        return Table(self.service(DYNAMODB), name, patience)

    def service(self, dialect: Dialect) -> AwsService:
        """A service of this MiniStack as the product speaks to it."""
        operator = Credentials(_OPERATOR, _OPERATOR)
        signer = Signer(dialect.service, REGION, self.endpoint)
        wire = HttpWire(self.endpoint, connect_timeout=1, read_timeout=10)
        return AwsService(dialect, signer, lambda: operator, wire)

    def dynamodb(self) -> "DynamoDBClient":
        """A DynamoDB client for this MiniStack, for what the product has no use for."""
        client: DynamoDBClient = boto3.client("dynamodb", **self._arguments())
        return client

    def secrets_manager(self) -> "SecretsManagerClient":
        """A Secrets Manager client for this MiniStack."""
        client: SecretsManagerClient = boto3.client("secretsmanager", **self._arguments())
        return client

    def iam(self) -> Any:  # noqa: ANN401 - its types are not among the locked ones
        """An IAM client for this MiniStack."""
        return boto3.client("iam", **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": _OPERATOR,
            "aws_secret_access_key": _OPERATOR,
            "config": Config(retries={"mode": "standard", "max_attempts": 3}),
        }


def start_ministack(children: Children, state: Path) -> tuple[Child, LocalAws]:
    """Start MiniStack; what it holds is saved under `state` when it is stopped cleanly."""
    port = free_port()
    child = children.start(
        "ministack",
        [sys.executable, "-m", "filegate_local.emulator"],
        {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": _OPERATOR,
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "SERVICES": "dynamodb,events,iam,secretsmanager,sqs",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "LOG_LEVEL": "WARNING",
        },
    )
    return child, LocalAws(f"http://127.0.0.1:{port}")


def wait_for_ministack(children: Children, child: Child, aws: LocalAws) -> None:
    """Wait until MiniStack accepts connections. Raises StartFailed."""
    port = int(aws.endpoint.rsplit(":", 1)[1])
    children.wait_until(lambda: listens(port), child, _START_SECONDS)


def create_table(aws: LocalAws, template: Path) -> None:
    """Create the table as the template declares it, unless it is there from the last run."""
    with contextlib.closing(aws.dynamodb()) as client:
        if TABLE_NAME in client.list_tables()["TableNames"]:
            return
        declared = table_properties(template)
        client.create_table(TableName=TABLE_NAME, **cast("Any", declared))


def table_properties(template: Path) -> Mapping[str, Any]:
    """The part of the template's table that DynamoDB's CreateTable understands."""
    properties = Template.load(template).section("Table").values
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {name: properties[name] for name in wanted}


@dataclass(frozen=True)
class LocalSecrets:
    """ARNs of the template's secrets, and the admin key."""

    session_keys: str
    admin: str
    project: str
    admin_key: str


def put_secrets(aws: LocalAws, upstream_key: str) -> LocalSecrets:
    """Put the upstream key and, the first time, the others into Secrets Manager.

    Those are a session key ring and an admin key.
    """
    with contextlib.closing(aws.secrets_manager()) as client:
        project = _arn(client, PROJECT_SECRET, upstream_key)
        if client.get_secret_value(SecretId=project)["SecretString"] != upstream_key:
            client.put_secret_value(SecretId=project, SecretString=upstream_key)
        ring = {"primary": "k1", "k1": secrets.token_urlsafe(48)}
        admin = _arn(client, ADMIN_SECRET, secrets.token_urlsafe(36))
        return LocalSecrets(
            session_keys=_arn(client, SESSION_KEYS_SECRET, json.dumps(ring)),
            admin=admin,
            project=project,
            admin_key=client.get_secret_value(SecretId=admin)["SecretString"],
        )


def _arn(client: "SecretsManagerClient", name: str, first_value: str) -> str:
    """ARN of a secret, which is made unless it exists."""
    try:
        return client.describe_secret(SecretId=name)["ARN"]
    except client.exceptions.ResourceNotFoundException:
        return client.create_secret(Name=name, SecretString=first_value)["ARN"]
