"""Pool members: tenants that do this and that at random, each in a thread of its own."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from local_stack import StackTenant

AT_ONCE: Final = 8
"""Requests under way at a time: each takes a function environment of its own."""
STORAGE: Final = 6_000
LARGEST: Final = 900
UPLOAD: Final = "/upload/v1beta/files"


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


@dataclass
class Member:
    """One tenant and its operations, done by one thread, one after the other."""

    tenant: StackTenant
    stranger: str
    """The name of a file of somebody else's."""
    turn: threading.Semaphore
    chance: random.Random
    files: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    """Upload URLs that were never used, and the bytes they hold."""
    uploaded: list[int] = field(default_factory=list)
    deleted: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection(urlsplit(self.tenant.base_url).netloc, timeout=120)

    def run(self, goes_on: Callable[[int], bool]) -> None:
        """Do one after the other while `goes_on`, which is told how many are done."""
        common: list[Callable[[], None]] = [self._get, self._get_foreign, self._list, self._unknown]
        rare: list[Callable[[], None]] = [
            *[self._whole] * 5,
            *[self._resumable] * 2,
            *[self._delete] * 5,
            self._leave_open,
            self._cancel,
            self._too_large,
        ]
        with closing(self._connection):
            while goes_on(self.done.total()):
                operation = self.chance.choice(rare if self.chance.random() < 0.1 else common)
                self.done[operation.__name__] += 1
                operation()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, key: bool = True, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["x-goog-api-key"] = self.tenant.key
        with self.turn:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            body = answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)

    # -- what changes nothing

    def _get(self) -> None:
        if not self.files:
            return self._get_foreign()
        name, size = self.chance.choice(list(self.files.items()))
        answer = self._ask("GET", f"/v1beta/{name}")
        assert answer.status == 200, answer
        assert answer.json()["sizeBytes"] == str(size), answer
        return None

    def _get_foreign(self) -> None:
        assert self._ask("GET", f"/v1beta/{self.stranger}").status == 403

    def _list(self) -> None:
        answer = self._ask("GET", "/v1beta/files?pageSize=100")
        assert answer.status == 200, answer
        listed = {file["name"]: int(file["sizeBytes"]) for file in answer.json().get("files", [])}
        assert listed == self.files

    def _unknown(self) -> None:
        assert self._ask("GET", "/v1beta/files/none-of-mine").status == 403

    # -- what moves bytes

    def _whole(self) -> None:
        size = self.chance.randint(0, LARGEST)
        answer = self._ask("POST", f"{UPLOAD}?uploadType=media", bytes(size))
        self._stored(answer, size)

    def _resumable(self) -> None:
        size = self.chance.randint(0, LARGEST)
        url = self._start(size)
        if url is not None:
            self._stored(self._command(url, "upload, finalize", bytes(size)), size)

    def _leave_open(self) -> None:
        size = self.chance.randint(1, LARGEST // 2)
        url = self._start(size)
        if url is not None:
            self.open[url] = size

    def _cancel(self) -> None:
        url = self._start(self.chance.randint(1, LARGEST))
        if url is not None:
            assert self._command(url, "cancel").status == 200
            # Its bytes are back when somebody has looked: an upload that needs them does.
            self.open[url] = 0

    def _delete(self) -> None:
        if self.files:
            name = self.chance.choice(list(self.files))
            assert self._ask("DELETE", f"/v1beta/{name}").status == 200
            del self.files[name]
            self.deleted += 1

    def _too_large(self) -> None:
        assert self._start(STORAGE + 1) is None

    def _start(self, size: int) -> str | None:
        answer = self._ask(
            "POST",
            UPLOAD,
            b"",
            x_goog_upload_protocol="resumable",
            x_goog_upload_command="start",
            x_goog_upload_header_content_length=str(size),
        )
        if self._is_full(answer, size):
            return None
        assert answer.status == 200, answer
        url = urlsplit(answer.headers["x-goog-upload-url"])
        return url.path

    def _command(self, path: str, command: str, content: bytes = b"") -> Answer:
        return self._ask(
            "POST",
            path,
            content,
            key=False,
            x_goog_upload_command=command,
            x_goog_upload_offset="0",
        )

    def _stored(self, answer: Answer, size: int) -> None:
        if self._is_full(answer, size):
            return
        assert answer.status == 200, answer
        file = answer.json()["file"]
        assert file["sizeBytes"] == str(size)
        self.files[file["name"]] = size
        self.uploaded.append(size)

    def _is_full(self, answer: Answer, size: int) -> bool:
        """Whether it was refused for want of bytes, which then really were not there."""
        if answer.status != 429:
            return False
        assert sum(self.files.values()) + size + len(self.open) * LARGEST > STORAGE, answer
        return True
