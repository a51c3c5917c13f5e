"""Engine: a DynamoDB that holds a million records, where Java and Maven have brought one."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filegate_local.children import Children, free_port, listens

_INSTALLED: Final = Path(__file__).resolve().parents[1] / ".sdk" / "dynamodb-local"
_MAIN: Final = "software.amazon.dynamodb.services.local.main.ServerRunner"
_START_SECONDS: Final = 60.0


def has_dynamodb_local() -> bool:
    """Whether AWS's DynamoDB Local can be run here (`make engines`)."""
    return shutil.which("java") is not None and any(_INSTALLED.glob("DynamoDBLocal-*.jar"))


@contextlib.contextmanager
def run_dynamodb_local(logs: Path, *options: str) -> Iterator[str]:
    """Run AWS's DynamoDB Local in memory until the block ends; its address. Raises StartFailed.

    `options` are those of its Java; what it prints goes to `logs`.
    """
    port = free_port()
    with Children(logs) as children:
        child = children.start(
            "dynamodb-local",
            [
                *("java", f"-Djava.library.path={_INSTALLED}", *options),
                *("-cp", f"{_INSTALLED}/*", _MAIN),
                *("-inMemory", "-disableTelemetry", "-port", str(port)),
            ],
        )
        children.wait_until(lambda: listens(port), child, _START_SECONDS)
        yield f"http://127.0.0.1:{port}"
