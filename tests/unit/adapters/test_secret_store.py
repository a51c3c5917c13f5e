"""Secrets Manager: read when needed, kept a while, and never shown by an error."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.unit.wires import OneAnswer, Script, refused, service

from filegate.adapters.aws_service import SECRETS_MANAGER, AwsService, Reply
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

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("filegate.adapters.secret_store.time", clock)
    return clock


@pytest.fixture
def store(secretsmanager: "SecretsManagerClient", secrets: AwsService, clock: Clock) -> SecretStore:
    assert clock.now
    secretsmanager.create_secret(Name=NAME, SecretString="first")
    return SecretStore(secrets)


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
    """Also one that was read a moment ago: it may have changed in that moment."""
    store.read(NAME)
    rotate(secretsmanager)
    clock.now += 0.001

    assert store.reread(NAME, refused="first") == "second"
    assert store.read(NAME) == "second"


def test_rereading_reaches_the_service_once_a_second_at_most(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    assert store.read(NAME) == store.reread(NAME) == "first"
    rotate(secretsmanager)
    clock.now += 0.999

    assert store.reread(NAME) == "first"
    assert store.reread(NAME, refused="first") == "first"
    clock.now += 0.001
    assert store.reread(NAME) == "second"


def test_who_is_patient_waits_for_the_next_reread(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    assert store.read(NAME) == store.reread(NAME) == "first"
    rotate(secretsmanager)
    clock.now += 0.25
    began = clock.now

    assert store.reread(NAME, refused="first", patient=True) == "second"
    assert clock.now == began + 0.75
    # What brought something new is followed by no pause.
    rotate(secretsmanager, "third")
    assert store.reread(NAME, refused="second", patient=True) == "third"
    assert clock.now == began + 0.75


def test_a_value_that_changes_twice_at_once_is_reread_twice(
    store: SecretStore, secretsmanager: "SecretsManagerClient"
) -> None:
    store.read(NAME)
    for value in ("second", "third", "fourth"):
        rotate(secretsmanager, value)
        assert store.reread(NAME) == value


def test_what_another_thread_has_read_anew_is_not_read_again(
    store: SecretStore, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    store.read(NAME)
    rotate(secretsmanager)
    assert store.reread(NAME, refused="first") == "second"
    rotate(secretsmanager, "third")
    clock.now += 10

    assert store.reread(NAME, refused="first") == "second"
    assert store.reread(NAME, refused="second") == "third"


def test_a_value_with_a_line_end_is_known_by_what_was_used_of_it(
    store: SecretStore, secretsmanager: "SecretsManagerClient"
) -> None:
    rotate(secretsmanager, "second\n")
    store.read(NAME)
    rotate(secretsmanager, "third\n")

    assert store.reread(NAME, refused="second") == "third\n"


class SlowWire:
    """A Secrets Manager whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.value = "first"
        self.let_go = threading.Event()
        self.let_go.set()
        self.waiting = threading.Event()

    def post(self, _headers: Mapping[str, str], _body: bytes) -> Reply:
        self.asked += 1
        self.waiting.set()
        assert self.let_go.wait(30)
        return Reply(200, json.dumps({"SecretString": self.value}).encode())

    def close(self) -> None:
        pass


def test_threads_that_want_a_value_at_once_share_one_read() -> None:
    client = SlowWire()
    store = SecretStore(service(SECRETS_MANAGER, client))
    for ask, value in (
        (lambda: store.read(NAME), "first"),
        (lambda: store.reread(NAME, refused="first"), "second"),
    ):
        client.asked, client.value = 0, value
        client.let_go.clear()
        client.waiting.clear()
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(ask) for _ in range(8)]
            assert client.waiting.wait(30)
            client.let_go.set()
            assert {answer.result() for answer in answers} == {value}
        assert client.asked == 1


def test_many_who_are_patient_share_one_read() -> None:
    client = SlowWire()
    store = SecretStore(service(SECRETS_MANAGER, client))
    assert store.read(NAME) == store.reread(NAME) == "first"
    client.asked = 0
    ready = threading.Barrier(8)

    def ask() -> str:
        ready.wait(30)
        return store.reread(NAME, refused="first", patient=True)

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        assert {answer.result() for answer in answers} == {"first"}
    assert client.asked == 1


def test_the_value_before_the_last_change(
    store: SecretStore, secretsmanager: "SecretsManagerClient"
) -> None:
    assert store.previous(NAME) is None
    assert store.previous("nowhere") is None
    rotate(secretsmanager)
    store.reread(NAME)
    assert store.previous(NAME) == "first"


def test_the_value_before_is_read_once_a_change(
    store: SecretStore,
    secretsmanager: "SecretsManagerClient",
    secrets: AwsService,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rotate(secretsmanager)
    store.read(NAME)
    assert store.previous(NAME) == "first"
    with monkeypatch.context() as patch:
        patch.setattr(secrets, "wire", Script())  # Nothing may be asked.
        assert store.previous(NAME) == "first"
    rotate(secretsmanager, "third")
    clock.now += 10
    assert (store.reread(NAME), store.previous(NAME)) == ("third", "second")


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
def test_a_service_that_refuses(code: str, status: int) -> None:
    store = SecretStore(service(SECRETS_MANAGER, OneAnswer(refused(code, status))))
    with pytest.raises(SecretUnavailable, match=code):
        store.read(NAME)


def test_a_failure_is_not_kept(store: SecretStore, secretsmanager: "SecretsManagerClient") -> None:
    with pytest.raises(SecretUnavailable):
        store.read("later")
    secretsmanager.create_secret(Name="later", SecretString="here")

    assert store.read("later") == "here"


def test_a_failure_does_not_lose_what_is_kept(
    store: SecretStore, secrets: AwsService, clock: Clock
) -> None:
    store.read(NAME)
    clock.now += 10
    secrets.wire = OneAnswer(refused("AccessDeniedException"))
    with pytest.raises(SecretUnavailable):
        store.reread(NAME)

    assert store.read(NAME) == "first"
