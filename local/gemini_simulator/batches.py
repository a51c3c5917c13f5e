"""Batches of model calls: long-running operations that a get moves on (section 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gemini_simulator import errors
from gemini_simulator.clock import timestamp
from gemini_simulator.listings import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from gemini_simulator.projects import Project

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
_DEFAULT_PAGE = 50
_LARGEST_PAGE = 1000

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "CANCELLED"]
Kind = Literal["GenerateContentBatch", "EmbedContentBatch"]


@dataclass(slots=True)
class Batch:
    """One batch; moments are nanoseconds since the epoch.

    `finish` makes the output and says how many of the requests have failed.
    """

    batch_id: str
    number: int
    kind: Kind
    model: str
    display_name: str | None
    input_config: dict[str, object]
    requests: int
    created: int
    updated: int
    finish: Callable[[Batch], dict[str, object]] = field(repr=False)
    state: State = "PENDING"
    output: dict[str, object] | None = None
    failed: int = 0

    @property
    def name(self) -> str:
        """The resource name, `batches/{id}`."""
        return f"batches/{self.batch_id}"

    def step(self, now: int) -> None:
        """Move on by one state."""
        if self.state == "PENDING":
            self.state, self.updated = "RUNNING", now
        elif self.state == "RUNNING":
            self.output = self.finish(self)
            self.state, self.updated = "SUCCEEDED", now

    def cancel(self, now: int) -> None:
        """End at once; what has ended stays as it is."""
        if self.state in {"PENDING", "RUNNING"}:
            self.state, self.updated = "CANCELLED", now

    def resource(self) -> dict[str, object]:
        """The Operation as JSON; its `metadata` is the batch."""
        stats = {"requestCount": str(self.requests)}
        if self.state == "SUCCEEDED":
            stats["successfulRequestCount"] = str(self.requests - self.failed)
            if self.failed:
                stats["failedRequestCount"] = str(self.failed)
        else:
            stats["pendingRequestCount"] = str(self.requests)
        metadata: dict[str, object] = {
            "@type": _TYPE + self.kind,
            "model": self.model,
            "displayName": self.display_name or "",
            "inputConfig": self.input_config,
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "batchStats": stats,
            "state": f"BATCH_STATE_{self.state}",
            "name": self.name,
        }
        fields: dict[str, object] = {"name": self.name, "metadata": metadata}
        if self.state in {"SUCCEEDED", "CANCELLED"}:
            metadata["endTime"] = timestamp(self.updated)
            fields["done"] = True
        if self.state == "CANCELLED":
            fields["error"] = {"code": 1, "message": "The batch was cancelled."}
        if self.output is not None:
            metadata["output"] = self.output
            fields["response"] = {"@type": f"{_TYPE}{self.kind}Output", **self.output}
        return fields


class ProjectBatches:
    """The batches of one project."""

    def __init__(self) -> None:
        self.last_number = 0
        self._batches: dict[str, Batch] = {}

    def add(self, batch: Batch) -> None:
        """Keep a new batch."""
        self.last_number = batch.number
        self._batches[batch.batch_id] = batch

    def get(self, batch_id: str) -> Batch:
        """A batch; raises `ApiError` 404 for any other id."""
        batch = self._batches.get(batch_id)
        if batch is None:
            raise errors.not_found()
        return batch

    def delete(self, batch_id: str) -> None:
        """Forget a batch; a file it made stays."""
        del self._batches[self.get(batch_id).batch_id]

    def all(self) -> list[Batch]:
        """The batches, oldest first."""
        return list(self._batches.values())


class Batches:
    """The batches of all projects and how they are listed."""

    def __init__(self, projects: int) -> None:
        self.listing = Listing(_DEFAULT_PAGE, _LARGEST_PAGE)
        self._projects = [ProjectBatches() for _ in range(projects)]

    def add_project(self) -> None:
        """Room for one project more."""
        self._projects.append(ProjectBatches())

    def of(self, project: Project) -> ProjectBatches:
        """The batches of `project`."""
        return self._projects[project.index]
