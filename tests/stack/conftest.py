"""One local stack for all tests of this folder; each test makes tenants of its own."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from admin_api import AdminApi
from local_stack import LocalStack, StackTenant, run_stack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack, started once."""
    directory: Path = tmp_path_factory.mktemp("stack")
    with run_stack(directory) as stack:
        yield stack


@pytest.fixture
def stack(running_stack: LocalStack) -> Iterator[LocalStack]:
    """The stack; after each test every byte must still be accounted for."""
    yield running_stack
    running_stack.simulator("DELETE", "/faults")
    running_stack.assert_new_tenants_conserved()


@pytest.fixture
def unscheduled(stack: LocalStack) -> Iterator[None]:
    """A stack in which only tenants, and not schedules, cause what reaches upstream."""
    with stack.unscheduled():
        yield


@pytest.fixture
def tenant(stack: LocalStack) -> StackTenant:
    """A new tenant with the default limits."""
    return stack.tenant()


@pytest.fixture
def admin(stack: LocalStack) -> Iterator[AdminApi]:
    """The admin API of the stack."""
    with contextlib.closing(AdminApi(stack)) as api:
        yield api
