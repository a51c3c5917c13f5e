"""Secrets Manager: read when needed, kept a while, and never shown by an error."""

from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from filegate.adapters.secret_store import KEEP, SecretStore, SecretUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

NAME = "stack/projects/default"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("filegate.adapters.secret_store.time", clock)
    return clock


@pytest.fixture
def store(secretsmanager: "SecretsManagerClient", clock: Clock) -> SecretStore:
    assert clock.now
    secretsmanager.create_secret(Name=NAME, SecretString="first")
    return SecretStore(secretsmanager)


def rotate(client: "SecretsManagerClient", value: str = "second") -> None:
    client.put_secret_value(SecretId=NAME, SecretString=value)


def test_a_secret_is_read(store: SecretStore) -> None:
    assert store.read(NAME) == "first"


def test_a_secret_is_kept(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    store.read(NAME)
    rotate(secretsmanager)
    clock.now += KEEP - 0.001

    assert store.read(NAME) == "first"


def test_a_kept_secret_is_read_again_in_time(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    store.read(NAME)
    rotate(secretsmanager)
    clock.now += KEEP

    assert store.read(NAME) == "second"


def test_a_refused_secret_is_read_at_once(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    store.read(NAME)
    rotate(secretsmanager)
    clock.now += 5.0

    assert store.reread(NAME) == "second"
    assert store.read(NAME) == "second"


def test_rereading_reaches_the_service_every_few_seconds_at_most(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    assert store.reread(NAME) == "first"
    rotate(secretsmanager)
    clock.now += 4.999

    assert store.reread(NAME) == "first"
    clock.now += 0.001
    assert store.reread(NAME) == "second"


def test_secrets_are_kept_apart(store: SecretStore, secretsmanager: "SecretsManagerClient") -> None:
    secretsmanager.create_secret(Name="other", SecretString="another")

    assert (store.read(NAME), store.read("other")) == ("first", "another")


def test_a_missing_secret(store: SecretStore) -> None:
    with pytest.raises(SecretUnavailable):
        store.read("nowhere")
    with pytest.raises(SecretUnavailable):
        store.reread("nowhere")


def test_a_secret_that_is_no_text(
    store: SecretStore, secretsmanager: "SecretsManagerClient"
) -> None:
    secretsmanager.create_secret(Name="binary", SecretBinary=b"bytes")

    with pytest.raises(SecretUnavailable):
        store.read("binary")


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDeniedException", 400), ("InternalServiceError", 500), ("ThrottlingException", 400)],
)
def test_a_service_that_refuses(
    secretsmanager: "SecretsManagerClient", code: str, status: int
) -> None:
    with Stubber(secretsmanager) as stubber:
        stubber.add_client_error("get_secret_value", code, http_status_code=status)
        with pytest.raises(SecretUnavailable):
            SecretStore(secretsmanager).read(NAME)


def test_a_failure_is_not_kept(store: SecretStore, secretsmanager: "SecretsManagerClient") -> None:
    with pytest.raises(SecretUnavailable):
        store.read("later")
    secretsmanager.create_secret(Name="later", SecretString="here")

    assert store.read("later") == "here"


def test_a_failure_does_not_lose_what_is_kept(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    store.read(NAME)
    clock.now += 10
    with Stubber(secretsmanager) as stubber:
        stubber.add_client_error("get_secret_value", "InternalServiceError")
        with pytest.raises(SecretUnavailable):
            store.reread(NAME)

    assert store.read(NAME) == "first"
