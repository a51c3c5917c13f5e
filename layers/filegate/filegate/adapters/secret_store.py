"""Secrets Manager: where the upstream keys and the session key ring live.

A value is kept in this process's memory and nowhere else.
"""

import time
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

KEEP: Final = 300.0
"""Seconds a value is used before it is read again."""
_REREAD_PAUSE: Final = 5.0


class SecretUnavailable(Exception):
    """The secret cannot be read: it does not exist, access is denied, or the service is down."""


def create_client() -> "SecretsManagerClient":
    """A Secrets Manager client with short deadlines."""
    client: SecretsManagerClient = boto3.client(
        "secretsmanager",
        config=Config(
            connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
        ),
    )
    return client


class SecretStore:
    """Reads secrets by name or ARN and keeps each for `KEEP` seconds."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client
        self._kept: dict[str, tuple[float, str]] = {}

    def read(self, name: str) -> str:
        """The secret's text; the last one known while the service is down.

        Raises SecretUnavailable.
        """
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < KEEP:
            return kept[1]
        try:
            return self._fetch(name)
        except SecretUnavailable:
            if kept is None:
                raise
            return kept[1]

    def reread(self, name: str) -> str:
        """The secret's text, fresh: for a value that was just refused as too old.

        At most one fetch per few seconds reaches the service, so that forged input which asks for
        a fresh value cannot turn into a load on it.
        """
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < _REREAD_PAUSE:
            return kept[1]
        return self._fetch(name)

    def _fetch(self, name: str) -> str:
        try:
            value = self._client.get_secret_value(SecretId=name)["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise SecretUnavailable(type(error).__name__) from error
        self._kept[name] = (time.monotonic(), value)
        return value
