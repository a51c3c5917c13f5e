"""Every file is listed once, page by page, with the SDK's own pager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .drivers import SDKS
from .uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .drivers import Driver, Drivers
    from .endpoints import Endpoint
    from .payloads import Payloads

COUNT = 25
DEFAULT_PAGE_SIZE = 10


@pytest.fixture(scope="module")
def names(endpoint: Endpoint, drivers: Drivers, payloads: Payloads) -> Iterator[list[str]]:
    """25 files, uploaded once and listed with every SDK."""
    upload = Uploads(drivers.get(SDKS["python3"], endpoint.base_url, endpoint.key))
    yield [
        upload(payloads.of(size), "path", displayName=f"number {size}")["name"]
        for size in range(1, COUNT + 1)
    ]
    upload.delete_all()


@pytest.mark.parametrize("page_size", [10, 7, None], ids=["10", "7", "default"])
def test_every_name_exactly_once(driver: Driver, names: list[str], page_size: int | None) -> None:
    command = {} if page_size is None else {"pageSize": page_size}

    pages = driver.done("list", **command)["pages"]

    listed = [name for page in pages for name in page]
    assert sorted(listed) == sorted(names)
    assert max(map(len, pages)) <= (page_size or DEFAULT_PAGE_SIZE)


def test_one_page_holds_all_that_fit(driver: Driver, names: list[str]) -> None:
    pages = driver.done("list", pageSize=100)["pages"]

    assert [sorted(page) for page in pages if page] == [sorted(names)]
