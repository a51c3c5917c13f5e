"""Admin credential: one answer for all that do not match; rotation within seconds."""

from typing import TYPE_CHECKING, cast

import pytest

from filegate.adapters.secret_store import SecretStore, SecretUnavailable
from filegate.admin_credential import KEEP, REREAD_PAUSE, AdminCredential
from filegate.admin_errors import ADMIN_KEY_REFUSED
from filegate.errors import StatusError
from filegate.redaction import REDACTOR

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = "old-admin-key-0123456789", "new-admin-key-0123456789"


class Secret:
    """Stands in for Secrets Manager: one secret, and how often it was read."""

    def __init__(self) -> None:
        self.value: str | None = OLD
        self.reads = 0

    def reread(self, name: str, refused: str | None = None) -> str:
        assert name == "stack/admin-key"
        assert refused is None
        self.reads += 1
        if self.value is None:
            raise SecretUnavailable("down")
        return self.value


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def secret() -> Secret:
    return Secret()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def credential(secret: Secret, clock: Clock) -> AdminCredential:
    return AdminCredential(cast("SecretStore", secret), "stack/admin-key", clock)


def refused(action: "Callable[[], None]") -> None:
    with pytest.raises(StatusError) as caught:
        action()
    assert caught.value.status == ADMIN_KEY_REFUSED


def test_the_key_is_taken_and_read_once(credential: AdminCredential, secret: Secret) -> None:
    for _ in range(3):
        credential.require(OLD)
    assert secret.reads == 1
    assert REDACTOR.redact(f"it is {OLD}") == "it is [redacted]"


WRONG = [
    None,
    "",
    "x",
    OLD[:-1],
    OLD + "x",
    OLD.upper(),
    f" {OLD}",
    "ä",
    "\0",
    "\udc80",
    "?" * 5_000,
]


@pytest.mark.parametrize("key", WRONG)
def test_all_else_is_refused_alike(credential: AdminCredential, key: str | None) -> None:
    refused(lambda: credential.require(key))


def test_an_empty_secret_lets_nobody_in(credential: AdminCredential, secret: Secret) -> None:
    secret.value = "\n"
    for key in (None, "", "\n"):
        refused(lambda key=key: credential.require(key))  # type: ignore[misc]


def test_wrong_keys_read_the_secret_every_five_seconds_at_most(
    credential: AdminCredential, secret: Secret, clock: Clock
) -> None:
    for _ in range(100):
        refused(lambda: credential.require("wrong"))
        clock.seconds += REREAD_PAUSE / 50
    assert secret.reads <= 3


def test_a_new_key_is_taken_within_five_seconds(
    credential: AdminCredential, secret: Secret, clock: Clock
) -> None:
    credential.require(OLD)
    secret.value = NEW
    clock.seconds += REREAD_PAUSE
    credential.require(NEW)
    refused(lambda: credential.require(OLD))


def test_an_old_key_is_refused_within_a_minute_though_nobody_sent_the_new_one(
    credential: AdminCredential, secret: Secret, clock: Clock
) -> None:
    credential.require(OLD)
    secret.value = NEW
    clock.seconds += KEEP - 1
    credential.require(OLD)
    clock.seconds += 1
    refused(lambda: credential.require(OLD))


def test_a_secret_that_cannot_be_read_is_no_refusal(
    credential: AdminCredential, secret: Secret
) -> None:
    secret.value = None
    with pytest.raises(SecretUnavailable):
        credential.require(OLD)
