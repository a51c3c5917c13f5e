"""A refusal reaches the user of an SDK as a clear error, before any content is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .payloads import LARGEST

if TYPE_CHECKING:
    from .drivers import Driver, Drivers, Sdk
    from .endpoints import Endpoint
    from .payloads import Payloads

WRONG_KEY = "not-a-key-of-anyone"


@pytest.fixture
def intruder(sdk: Sdk, endpoint: Endpoint, drivers: Drivers) -> Driver:
    """The SDK's driver with a key that nobody has."""
    return drivers.get(sdk, endpoint.base_url, WRONG_KEY)


@pytest.mark.parametrize(
    ("op", "arguments"),
    [("get", {"name": "files/abc"}), ("list", {}), ("delete", {"name": "files/abc"})],
    ids=["get", "list", "delete"],
)
def test_a_wrong_key_is_named(
    endpoint: Endpoint, intruder: Driver, op: str, arguments: dict[str, str]
) -> None:
    answer = intruder.refused(op, **arguments)

    assert "API key" in answer["message"]
    if endpoint.kind == "simulator":
        assert (answer["code"], answer["status"]) == (400, "INVALID_ARGUMENT")
    assert answer["code"] in {400, 401, 403}


def test_a_wrong_key_uploads_nothing(
    endpoint: Endpoint, intruder: Driver, payloads: Payloads
) -> None:
    endpoint.upstream.forget_requests()

    answer = intruder.refused("upload", source="path", path=str(payloads.of(1000).path))

    assert "API key" in answer["message"]
    assert endpoint.upstream.chunks() == 0


def test_more_than_2_gib_is_refused_before_any_content(
    endpoint: Endpoint, driver: Driver, payloads: Payloads
) -> None:
    path = str(payloads.sparse(LARGEST + 1))
    endpoint.upstream.forget_requests()

    answer = driver.refused("upload", source="path", path=path)

    assert endpoint.upstream.chunks() == 0
    assert "finalize" not in answer["message"]
    assert any(word in answer["message"].lower() for word in ("limit", "exceed", "too large"))
    assert driver.done("list")["files"] == []
