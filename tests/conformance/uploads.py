"""Uploads of one test: made with its driver, deleted when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drivers import Driver, File
    from .payloads import Payload


class Uploads:
    """Uploads with one driver; `delete_all` leaves nothing behind."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._names: list[str] = []

    def __call__(self, payload: Payload, source: str, **config: str) -> File:
        """Upload, which has to succeed, and return the File."""
        command = {"source": source, "path": str(payload.path), **config}
        file: File = self.driver.done("upload", **command)["file"]
        self._names.append(file["name"])
        return file

    def delete_all(self) -> None:
        """Delete through the SDK what was uploaded."""
        while self._names:
            self.driver.done("delete", name=self._names.pop())
