"""Project keys: one of the old and the new always works, and no more is read than has to be."""

from typing import TYPE_CHECKING

import pytest
from tests.unit.wires import OneAnswer, service

from filegate.adapters.aws_service import SECRETS_MANAGER, AwsService, AwsUnavailable
from filegate.adapters.project_keys import ProjectKeys, ProjectKeyUnusable
from filegate.adapters.secret_store import SecretStore, SecretUnavailable
from filegate.edge.statuses import status_of
from filegate.errors import SECRETS_UNAVAILABLE
from filegate.redaction import REDACTOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

NAME = "stack/projects/p1"
OLD, NEW, NEWEST = "AIza-old-0123456789", "AIza-new-0123456789", "AIza-newest-0123456789"


class Clock:
    """Time that passes for who sleeps; what happens meanwhile is a test's to say."""

    def __init__(self) -> None:
        self.now = 100.0
        self.meanwhile: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("filegate.adapters.secret_store.time", clock)
    return clock


@pytest.fixture
def keys(secretsmanager: "SecretsManagerClient", secrets: AwsService) -> ProjectKeys:
    secretsmanager.create_secret(Name=NAME, SecretString=OLD)
    return ProjectKeys(SecretStore(secrets), "stack/projects/")


def rotate(client: "SecretsManagerClient", key: str) -> None:
    client.put_secret_value(SecretId=NAME, SecretString=key)


def test_a_key_that_never_changed_is_the_only_one(keys: ProjectKeys) -> None:
    assert list(keys.in_turn("p1")) == [OLD]


def test_a_refused_key_is_followed_by_the_one_that_is_there_now(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient"
) -> None:
    assert next(keys.in_turn("p1")) == OLD
    rotate(secretsmanager, NEW)
    turn = keys.in_turn("p1")
    assert (next(turn), next(turn)) == (OLD, NEW)
    assert next(keys.in_turn("p1")) == NEW


def test_a_new_key_that_is_refused_yet_is_followed_by_the_old_one(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient"
) -> None:
    """And by the new one again: what ended the old one while it was tried has begun the new."""
    rotate(secretsmanager, NEW)
    assert list(keys.in_turn("p1")) == [NEW, OLD, NEW]


def test_all_that_is_left_to_try_is_tried(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient"
) -> None:
    assert next(keys.in_turn("p1")) == OLD
    rotate(secretsmanager, NEW)
    rotate(secretsmanager, NEWEST)
    assert list(keys.in_turn("p1")) == [OLD, NEWEST, NEW, NEWEST]


def test_a_key_that_changes_within_the_second_after_a_reread_is_found(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    """Two rotations at once: an instance that was early for the first shall not miss the second."""
    rotate(secretsmanager, NEW)
    early = keys.in_turn("p1")
    assert (next(early), next(early)) == (NEW, OLD)
    clock.now += 0.5
    rotate(secretsmanager, NEWEST)
    assert list(keys.in_turn("p1")) == [NEW, OLD, NEWEST]


def test_a_key_that_comes_after_its_old_one_ended_is_waited_for_a_second(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient", clock: Clock
) -> None:
    clock.meanwhile = lambda: rotate(secretsmanager, NEW)
    assert list(keys.in_turn("p1")) == [OLD, NEW]
    assert clock.now == 101.0


def test_every_key_is_redacted_from_the_moment_it_is_known(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient"
) -> None:
    before, after = "AIza-before-0123456789", "AIza-after-0123456789"
    rotate(secretsmanager, before)
    rotate(secretsmanager, after + "\n")
    for key in keys.in_turn("p1"):
        assert key in {before, after}
        assert REDACTOR.redact(f"<{key}>") == "<[redacted]>"


@pytest.mark.parametrize("key", ["", " ", "ä" * 20, "two\nlines"])
def test_what_is_no_key_is_none(
    keys: ProjectKeys, secretsmanager: "SecretsManagerClient", key: str
) -> None:
    if key:
        rotate(secretsmanager, key)
        with pytest.raises(SecretUnavailable):
            next(keys.in_turn("p1"))
    with pytest.raises(SecretUnavailable):
        next(keys.in_turn("p2"))


@pytest.mark.parametrize("secret", [None, "", " ", "schlüssel", "two\nlines", b"bytes"])
def test_a_project_without_a_usable_key_is_named_with_its_secret(
    secretsmanager: "SecretsManagerClient", secrets: AwsService, secret: str | bytes | None
) -> None:
    if secret == "":
        secretsmanager.create_secret(Name=NAME)
    elif isinstance(secret, str):
        secretsmanager.create_secret(Name=NAME, SecretString=secret)
    elif secret is not None:
        secretsmanager.create_secret(Name=NAME, SecretBinary=secret)
    keys = ProjectKeys(SecretStore(secrets), "stack/projects/")

    with pytest.raises(ProjectKeyUnusable) as unusable:
        next(keys.in_turn("p1"))

    assert (unusable.value.project, unusable.value.secret) == ("p1", NAME)
    assert status_of(unusable.value) is SECRETS_UNAVAILABLE


def test_a_service_that_is_down_is_not_the_projects_fault() -> None:
    down = service(SECRETS_MANAGER, OneAnswer(AwsUnavailable("NewConnectionError")))
    keys = ProjectKeys(SecretStore(down), "stack/projects/")

    with pytest.raises(SecretUnavailable) as unavailable:
        next(keys.in_turn("p1"))

    assert not isinstance(unavailable.value, ProjectKeyUnusable)
