"""`filegate doctor`: whether a gateway does what it is for, looked at from outside."""

import base64
import hashlib
import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from filegate_cli.client import Client, tenant_credential
from filegate_cli.commands import Call, as_tenant, require_admin
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path, file_path
from filegate_cli.problems import Problem
from filegate_cli.quantities import show_size
from filegate_cli.sessions import GRANULARITY, Announcement, Ended, Interrupted, UploadSession

_LARGE: Final = 9_000_000
"""Bytes that take two chunks."""
_OK: Final = "ok"
_FAILED: Final = "failed"
_LEFT_OUT: Final = "left out"
_COLUMNS: Final = (
    Column("Check", text_of("check")),
    Column("Result", text_of("result")),
    Column("ms", text_of("milliseconds"), right=True),
    Column("What was seen", text_of("seen")),
)


@as_tenant
def doctor(call: Call) -> None:
    """Check a gateway from outside: keys, uploads of 1 byte and of 9 MB, get, list, delete.

    Takes a tenant's key, and leaves nothing behind. The admin key is checked too if one is given.
    Exit code 1 if a check failed.

    Examples:

      filegate doctor --ready-file ready.json

      FILEGATE_URL=https://… FILEGATE_KEY=fg_… filegate doctor --json
    """
    findings: list[Resource] = []
    examination = _Examination(call)
    try:
        for finding in examination.findings():
            findings.append(finding)
            if call.output.as_json:
                call.output.line(finding)
    finally:
        examination.clean_up()
    if not call.output.as_json:
        call.output.many(findings, _COLUMNS, "")
    failed = sum(finding["result"] == _FAILED for finding in findings)
    if failed:
        raise Problem(
            f"{failed} of {len(findings)} checks failed.",
            "The first of them is the one to look at; the gateway's own logs say more.",
        )


class _NotTried(Exception):
    """A check that makes no sense without what failed before it, or was not asked for."""


@dataclass(frozen=True)
class _Sent:
    """A file that was uploaded."""

    name: str
    content: bytes


class _Examination:
    """The checks, in the order in which each needs those before it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answers = False
        self._taken = False
        self._sent: list[_Sent] = []

    def findings(self) -> Iterator[Resource]:
        """Run every check and tell of it."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("the gateway answers", self._reach),
            ("an unknown key is refused", self._refuse),
            ("the tenant's key is taken", self._authenticate),
            ("the admin key is taken", self._administer),
            ("1 byte is uploaded", lambda: self._upload(1)),
            ("9 MB are uploaded in chunks", lambda: self._upload(_LARGE)),
            ("files are shown as they were sent", self._get),
            ("files are listed", self._list),
            ("files are deleted", self._delete),
        )
        for title, check in checks:
            began = perf_counter()
            try:
                result, seen = _OK, check()
            except _NotTried as reason:
                result, seen = _LEFT_OUT, str(reason)
            except Problem as problem:
                result, seen = _FAILED, f"{problem.sentence} {problem.advice}".strip()
            yield {
                "check": title,
                "result": result,
                "milliseconds": round((perf_counter() - began) * 1000),
                "seen": seen,
            }

    def clean_up(self) -> None:
        """Delete what is still there."""
        for sent in self._sent:
            with suppress(Problem):
                self._call.client.call("DELETE", file_path(sent.name))

    def _reach(self) -> str:
        with closing(Client(self._call.client.url, None)) as nobody:
            answer = nobody.ask("GET", "/v1/files")
            if answer.status_code != 403:
                raise nobody.refusal(answer)
        self._answers = True
        return f"{self._call.client.url} asks for a key"

    def _refuse(self) -> str:
        self._need(self._answers)
        forged = tenant_credential(f"fg_doctor_{secrets.token_hex(22)}")
        with closing(Client(self._call.client.url, forged)) as stranger:
            answer = stranger.ask("GET", "/v1/files")
            if answer.is_success:
                raise Problem("A key that nobody issued was taken.", "Take this gateway down.")
            return f"{answer.status_code}, {stranger.refusal(answer).sentence}"

    def _authenticate(self) -> str:
        self._need(self._answers)
        page = self._call.client.call("GET", "/v1/files", query={"pageSize": 1})
        self._taken = True
        return "it has files" if page.get("files") else "it has no files"

    def _administer(self) -> str:
        self._need(self._answers)
        if self._call.connection.admin_key is None:
            raise _NotTried("no admin key was given")
        credential = require_admin(self._call.connection)
        with closing(Client(self._call.client.url, credential)) as admin:
            admin.call("GET", admin_path("tenants"), query={"pageSize": 1})
        return "it lists tenants"

    def _upload(self, size: int) -> str:
        self._need(self._taken)
        content = secrets.token_bytes(size)
        announced = Announcement(
            size, "application/octet-stream", "doctor.bin", f"filegate doctor, {size} bytes"
        )
        session = UploadSession.start(self._call.client, announced)
        source = io.BytesIO(content)
        try:
            standing = None
            for offset in range(0, size, GRANULARITY):
                length = min(GRANULARITY, size - offset)
                last = offset + length == size
                standing = session.send(source, offset, length, lambda _: None, last=last)
        except (Ended, Interrupted) as stop:
            with suppress(Interrupted):
                session.cancel()
            raise stop.problem from None
        file = standing.file if standing is not None and standing.file is not None else {}
        name = str(file.get("name"))
        self._sent.append(_Sent(name, content))
        return name

    def _get(self) -> str:
        self._need(bool(self._sent))
        for sent in self._sent:
            file = self._call.client.call("GET", file_path(sent.name))
            if str(file.get("sizeBytes")) != str(len(sent.content)):
                raise Problem(
                    f"{sent.name} has {file.get('sizeBytes')} bytes; {len(sent.content)} were sent."
                )
            if not _is_hash_of(str(file.get("sha256Hash", "")), sent.content):
                raise Problem(f"{sent.name} has another SHA-256 than what was sent.")
        sizes = ", ".join(show_size(len(sent.content)) for sent in self._sent)
        return f"{sizes}; sizes and hashes are right"

    def _list(self) -> str:
        self._need(bool(self._sent))
        listed = {file.get("name") for file in self._call.client.pages("/v1/files", "files")}
        missing = [sent.name for sent in self._sent if sent.name not in listed]
        if missing:
            raise Problem(f"{', '.join(missing)} was uploaded and is not listed.")
        return f"{len(listed)} in all"

    def _delete(self) -> str:
        self._need(bool(self._sent))
        deleted = 0
        while self._sent:
            name = self._sent[-1].name
            self._call.client.call("DELETE", file_path(name))
            self._sent.pop()
            deleted += 1
            answer = self._call.client.ask("GET", file_path(name))
            if answer.is_success:
                raise Problem(f"{name} was deleted and is still shown.")
        return f"{deleted} files, and they are gone"

    def _need(self, before: bool) -> None:
        if not before:
            raise _NotTried("needs a check before it that failed")


def _is_hash_of(text: str, content: bytes) -> bool:
    """Whether a `sha256Hash` is the content's: base64 of the hexadecimal digest, or of itself."""
    digest = hashlib.sha256(content)
    both = (digest.hexdigest().encode(), digest.digest())
    return text in {base64.b64encode(one).decode() for one in both}
