"""Comparing Files as SDKs return them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drivers import Driver, File

TIMES = ("createTime", "updateTime", "expirationTime")


def comparable(file: File) -> File:
    """Return a File with its times as instants, to the microsecond Python's SDK keeps."""
    return {
        field: datetime.fromisoformat(value) if field in TIMES else value
        for field, value in file.items()
    }


def assert_same_everywhere(driver: Driver, file: File) -> None:
    """Assert that get and list say of a file what its upload said."""
    uploaded = comparable(file)
    assert comparable(driver.done("get", name=file["name"])["file"]) == uploaded
    listed = driver.done("list", pageSize=100)["files"]
    entries = [comparable(entry) for entry in listed if entry["name"] == file["name"]]
    assert entries == [uploaded]
