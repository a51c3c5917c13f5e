"""Bytes arrive whole, whatever the size, the SDK and the kind of source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .drivers import SDKS
from .files import assert_same_everywhere
from .payloads import CHUNK

if TYPE_CHECKING:
    from .drivers import Driver
    from .endpoints import Endpoint
    from .payloads import Payloads
    from .uploads import Uploads

SIZES = {
    "0": 0,
    "1": 1,
    "8MiB-1": CHUNK - 1,
    "8MiB": CHUNK,
    "8MiB+1": CHUNK + 1,
    "20MB": 20_000_000,
}
ROUTES = [(sdk.name, source) for sdk in SDKS.values() for source in sdk.sources]
HOLDS_EMPTY = [route for route in ROUTES if not SDKS[route[0]].empty_file]
FAILS_EMPTY = [route for route in ROUTES if SDKS[route[0]].empty_file]


@pytest.mark.parametrize(
    ("sdk", "source", "size"),
    [
        pytest.param(*route, size, id=f"{'-'.join(route)}-{name}")
        for route in ROUTES
        for name, size in SIZES.items()
        if size or route in HOLDS_EMPTY
    ],
    indirect=["sdk"],
)
def test_bytes_arrive_whole(
    endpoint: Endpoint, payloads: Payloads, upload: Uploads, source: str, size: int
) -> None:
    payload = payloads.of(size)

    file = upload(payload, source, mimeType="application/pdf", displayName=f"{size} bytes")

    assert endpoint.received(file["name"]) == {"sha256": payload.sha256, "sizeBytes": size}
    assert file.get("sizeBytes", "0") == str(size)
    assert file["sha256Hash"] == payload.wire_hash
    assert_same_everywhere(upload.driver, file)


@pytest.mark.parametrize(
    ("sdk", "source"), FAILS_EMPTY, indirect=["sdk"], ids=["-".join(r) for r in FAILS_EMPTY]
)
def test_an_sdk_that_never_finalizes_an_empty_file_says_so(
    driver: Driver, payloads: Payloads, source: str
) -> None:
    path = str(payloads.of(0).path)

    answer = driver.refused("upload", source=source, path=path, mimeType="text/plain")

    assert driver.sdk.empty_file in answer["message"]
    assert answer["code"] == 0, "the failure is the SDK's own, not an answer of the endpoint"
    assert driver.done("list")["files"] == []
