"""One local stack for all tests of this folder, and the command with its keys at hand."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from filegate_command import FilegateCommand
from local_stack import LocalStack, StackTenant, run_stack


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """By the commands, also where the tests run in the background of a shell: what it starts there
    ignores it and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack, started once."""
    with run_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(running_stack: LocalStack) -> Iterator[LocalStack]:
    """The stack; after each test every byte must still be accounted for."""
    yield running_stack
    running_stack.simulator("DELETE", "/faults")
    running_stack.assert_new_tenants_conserved()


@pytest.fixture
def tenant(stack: LocalStack) -> StackTenant:
    """A new tenant with the default limits."""
    return stack.tenant()


@pytest.fixture
def nobody(tmp_path: Path) -> FilegateCommand:
    """The command of somebody without gateway and keys."""
    return FilegateCommand(tmp_path, {})


@pytest.fixture
def admin(stack: LocalStack, tmp_path: Path) -> FilegateCommand:
    """The operator's command."""
    keys = {"FILEGATE_URL": stack.base_url, "FILEGATE_ADMIN_KEY": str(stack.ready["admin_key"])}
    return FilegateCommand(tmp_path, keys)


@pytest.fixture
def own(stack: LocalStack, tenant: StackTenant, tmp_path: Path) -> FilegateCommand:
    """The new tenant's command."""
    return FilegateCommand(tmp_path, {"FILEGATE_URL": stack.base_url, "FILEGATE_KEY": tenant.key})
