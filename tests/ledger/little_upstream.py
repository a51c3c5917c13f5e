"""A little upstream for the ledger's tests: files, upload sessions, a clock, and nothing else."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atomic_table import HOUR, NOW, AtomicTable
from filegate.adapters.refusals import UpstreamUnavailable
from filegate.adapters.upstream import UploadState
from filegate.appointments import Keeper
from filegate.files import Files
from filegate.instants import SECOND, format_rfc3339
from filegate.ledger import Ledger
from filegate.records import FileRecord
from filegate.sessions import Session
from filegate.tenants import Tenant, tenant_from_item, tenant_key


@dataclass
class LittleUpstream:
    """Stands in for `Upstream`; safe for threads."""

    now: int = NOW
    down: bool = False
    files: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, UploadState] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    """Ids of files it deleted when it was told to, in turn."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def finish(self, record: FileRecord, size: int, *, processing: bool = False) -> None:
        """The last chunk of an upload is here: there is a file."""
        with self.lock:
            self.uploads[record.reservation] = UploadState.FINAL
            self.files[record.project, record.file_id] = {
                "name": record.name,
                "sizeBytes": str(size),
                "state": "PROCESSING" if processing else "ACTIVE",
                "createTime": format_rfc3339(self.now),
                "expirationTime": format_rfc3339(self.now + 48 * HOUR),
                "ends": self.now + 48 * HOUR,
            }

    def get_file(self, project: str, file_id: str) -> Mapping[str, Any] | None:
        """As Upstream's."""
        with self.lock:
            self._reach()
            file = self.files.get((project, file_id))
            if file is None or file["ends"] <= self.now:
                return None
            return {name: value for name, value in file.items() if name != "ends"}

    def delete_file(self, project: str, file_id: str) -> int | None:
        """As Upstream's."""
        with self.lock:
            self._reach()
            if self.files.pop((project, file_id), None) is None:
                return None
            self.deleted.append(file_id)
            return self.now // SECOND * SECOND

    def query_upload(self, upload_id: str) -> UploadState:
        """As Upstream's."""
        with self.lock:
            self._reach()
            return self.uploads.get(upload_id, UploadState.ACTIVE)

    def cancel_upload(self, upload_id: str, _store: str | None = None) -> UploadState:
        """As Upstream's."""
        with self.lock:
            self._reach()
            if self.uploads.get(upload_id) is not UploadState.FINAL:
                self.uploads[upload_id] = UploadState.CANCELLED
            return self.uploads[upload_id]

    def _reach(self) -> None:
        if self.down:
            raise UpstreamUnavailable("down")


def session_of(sealed: str) -> Session:
    """The session whose upload upstream knows by the reservation that it is for."""
    return Session("", "", sealed, "", sealed, 0, 0)


def keeper_of(ledger: Ledger, upstream: Any) -> Keeper:  # noqa: ANN401 - stands in for Upstream
    """Keeps appointments with a little upstream."""
    return Keeper(ledger, upstream, session_of)


def files_of(ledger: Ledger, upstream: Any) -> Files:  # noqa: ANN401 - stands in for Upstream
    """What tenants do with files of a little upstream."""
    return Files(ledger, upstream, keeper_of(ledger, upstream))


def read_tenant(table: AtomicTable, tenant: str) -> Tenant:
    """A tenant as requests know it."""
    item = table.table.get(tenant_key(tenant))
    assert item is not None
    return tenant_from_item(tenant, item)
