"""The suite's fixtures: every scenario runs on each endpoint with each SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .absence import leave_out
from .drivers import SDKS, Driver, Drivers, Sdk
from .endpoints import ENDPOINTS, Endpoint, Endpoints, missing
from .payloads import Payloads
from .uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """All running endpoints."""
    running = Endpoints(tmp_path_factory.mktemp("endpoints"))
    yield running
    running.close()


@pytest.fixture(scope="session", params=list(ENDPOINTS))
def endpoint(request: pytest.FixtureRequest, endpoints: Endpoints) -> Endpoint:
    """A running endpoint with its `base_url`, a `key`, and `received(name)`."""
    kind: str = request.param
    if reason := missing(kind):
        leave_out(reason)
    return endpoints.get(kind)


@pytest.fixture(scope="session", params=list(SDKS))
def sdk(request: pytest.FixtureRequest) -> Sdk:
    """A stock SDK that is installed here."""
    found = SDKS[request.param]
    if found.missing:
        leave_out(found.missing)
    return found


@pytest.fixture(scope="session")
def drivers() -> Iterator[Drivers]:
    """All running drivers."""
    running = Drivers()
    yield running
    running.close()


@pytest.fixture
def driver(sdk: Sdk, endpoint: Endpoint, drivers: Drivers) -> Driver:
    """The SDK's driver, pointed at the endpoint with a good key."""
    return drivers.get(sdk, endpoint.base_url, endpoint.key)


@pytest.fixture(scope="session")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Payloads:
    """Files to upload, by size."""
    return Payloads(tmp_path_factory.mktemp("payloads"))


@pytest.fixture
def upload(driver: Driver) -> Iterator[Uploads]:
    """Upload with the SDK under test: `upload(payload, "path", mimeType="text/csv")`."""
    uploads = Uploads(driver)
    yield uploads
    uploads.delete_all()
