"""A local stack for the pages of this folder, or the reason why they are left out."""

import os
from collections.abc import Iterator

import pytest

import chromium
from local_stack import LocalStack, run_stack


@pytest.fixture(scope="session", autouse=True)
def chromium_is_here() -> None:
    """Skip with a plain reason; with `FILEGATE_REQUIRE_SDKS=1`, as in CI, fail instead."""
    reason = chromium.missing()
    if reason is None:
        return
    if os.environ.get("FILEGATE_REQUIRE_SDKS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def stack(
    chromium_is_here: None,  # noqa: ARG001 - no stack where there is no browser
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalStack]:
    """The stack, started once."""
    with run_stack(tmp_path_factory.mktemp("browser")) as stack:
        yield stack
