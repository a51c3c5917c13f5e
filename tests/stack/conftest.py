"""A local stack for each file of this folder; each of its tests makes tenants of its own.

Not one for all: each hour that a test lets pass is closed for every tenant there is by then.
"""

import contextlib
from collections.abc import Iterator

import pytest

from admin_api import AdminApi
from local_stack import LocalStack, StackTenant, run_stack


@pytest.fixture(scope="module")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack, started once for a file's tests."""
    with run_stack(tmp_path_factory.mktemp("stack")) as stack:
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
