"""The engines of the ledger's tests: MiniStack always, DynamoDB Local where it is installed."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from bench.engine import has_dynamodb_local, run_dynamodb_local

from filegate_local import aws
from filegate_local.children import Children

ROOT: Final = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def ministack(directory: Path) -> Iterator[aws.LocalAws]:
    """Run MiniStack until the block ends."""
    with Children(directory) as children:
        child, engine = aws.start_ministack(children, directory / "state")
        aws.wait_for_ministack(children, child, engine)
        yield engine


@contextlib.contextmanager
def dynamodb_local(directory: Path) -> Iterator[aws.LocalAws]:
    """Run AWS's DynamoDB Local until the block ends; skips where it is not installed.

    With `FILEGATE_REQUIRE_SDKS=1` (CI) a missing engine fails instead.
    """
    if not has_dynamodb_local():
        reason = "DynamoDB Local is left out: it needs Java 17 and Maven (`make engines`)"
        if os.environ.get("FILEGATE_REQUIRE_SDKS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with run_dynamodb_local(directory, "-Xmx256m") as address:
        yield aws.LocalAws(address)


ENGINES: Final = {"ministack": ministack, "dynamodb-local": dynamodb_local}
