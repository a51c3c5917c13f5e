"""A deleted file is gone for good, and says so in upstream's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drivers import Answer, Driver
    from .payloads import Payloads


def assert_no_such_file(answer: Answer, name: str) -> None:
    """Assert upstream's 403, the same for a missing and for somebody else's file."""
    file_id = name.removeprefix("files/")
    assert answer["code"] == 403
    assert answer["status"] == "PERMISSION_DENIED"
    assert answer["message"] == (
        f"You do not have permission to access the File {file_id} or it may not exist."
    )


def test_a_deleted_file_is_gone(driver: Driver, payloads: Payloads) -> None:
    path = str(payloads.of(1000).path)
    name = driver.done("upload", source="path", path=path)["file"]["name"]

    driver.done("delete", name=name)

    assert_no_such_file(driver.refused("get", name=name), name)
    assert_no_such_file(driver.refused("delete", name=name), name)
    assert name not in [file["name"] for file in driver.done("list")["files"]]


def test_a_file_that_never_was_is_not_there_either(driver: Driver) -> None:
    assert_no_such_file(driver.refused("get", name="files/neverwas"), "files/neverwas")
    assert_no_such_file(driver.refused("delete", name="files/neverwas"), "files/neverwas")
