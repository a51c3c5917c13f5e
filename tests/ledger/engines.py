"""The engines of the ledger's tests: MiniStack always, DynamoDB Local where it is installed."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from filegate_local import aws
from filegate_local.children import Children, free_port, listens

ROOT: Final = Path(__file__).resolve().parents[2]
DYNAMODB_LOCAL: Final = ROOT / ".sdk" / "dynamodb-local"
_MAIN: Final = "software.amazon.dynamodb.services.local.main.ServerRunner"
_START_SECONDS: Final = 60.0


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
    if shutil.which("java") is None or not any(DYNAMODB_LOCAL.glob("DynamoDBLocal-*.jar")):
        reason = "DynamoDB Local is left out: it needs Java 17 and Maven (`make engines`)"
        if os.environ.get("FILEGATE_REQUIRE_SDKS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    port = free_port()
    with Children(directory) as children:
        child = children.start(
            "dynamodb-local",
            [
                *("java", f"-Djava.library.path={DYNAMODB_LOCAL}", "-Xmx256m"),
                *("-cp", f"{DYNAMODB_LOCAL}/*", _MAIN),
                *("-inMemory", "-disableTelemetry", "-port", str(port)),
            ],
        )
        children.wait_until(lambda: listens(port), child, _START_SECONDS)
        yield aws.LocalAws(f"http://127.0.0.1:{port}")


ENGINES: Final = {"ministack": ministack, "dynamodb-local": dynamodb_local}
