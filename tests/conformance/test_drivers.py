"""The drivers run the SDKs that they claim to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drivers import Driver


def test_the_sdk_is_the_one_meant(driver: Driver) -> None:
    assert driver.done("version")["version"].startswith(driver.sdk.version)
