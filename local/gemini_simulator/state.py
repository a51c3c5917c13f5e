"""What outlives the process: plain values, no keys and no bytes of uploads.

Moments are nanoseconds since the epoch, sizes bytes. Page tokens, limits, faults, the mirror and
the requests received are not kept: a new process begins without them. Stores are kept with their
documents, operations and media; uploads to them are not, finished or not. Generated and
registered files are kept, and with a file of batch requests its text; caches, batches and model
calls are not: they only last while someone waits for them. Projects that were added while the
process ran end with it, as its successor is not given their keys.
"""

# Annotations are read at run time here: they are the format of the state file.

from dataclasses import dataclass, field
from typing import Final, Literal

from gemini_simulator.files import StoredFile
from gemini_simulator.metadata import Start
from gemini_simulator.stores import Store

ACTIVE: Final = "active"
FINAL: Final = "final"
CANCELLED: Final = "cancelled"

Status = Literal["active", "final", "cancelled"]


@dataclass(frozen=True, slots=True)
class Taken:
    """The last chunk a session took; `sha256` is the hex hash of all bytes up to its end."""

    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API's refusal that ended an upload."""

    code: int
    message: str
    status: str | None
    details: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class SessionState:
    """One upload session; `project` is the place of its key among the `--key` options."""

    upload_id: str
    project: int
    start: Start
    status: Status
    received: int
    last: Taken | None
    outcome: StoredFile | Refusal | None

    def __post_init__(self) -> None:
        """Refuse what no session can be."""
        if (self.status == FINAL) != (self.outcome is not None):
            raise ValueError("a final session, and no other, has an outcome")
        if self.status == ACTIVE and self.received:
            raise ValueError("the hash of a half-received upload cannot be kept")


@dataclass(frozen=True, slots=True)
class ProjectState:
    """The live files of one key, oldest first, and the number of the last file ever stored."""

    last_number: int
    files: list[StoredFile]


@dataclass(frozen=True, slots=True)
class State:
    """The whole service; `projects` are in the order of the `--key` options."""

    clock_offset: int = 0
    events: list[dict[str, object]] = field(default_factory=list)
    projects: list[ProjectState] = field(default_factory=list)
    sessions: list[SessionState] = field(default_factory=list)
    stores: list[list[Store]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse sessions of no project."""
        if any(not 0 <= session.project < len(self.projects) for session in self.sessions):
            raise ValueError("a session belongs to no project")
