"""File Search stores: each project owns its stores, each store its documents (section 9).

Sentences for missing stores and documents are assumed by analogy with the File's (section 8).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gemini_simulator import errors, names
from gemini_simulator.clock import NANOSECONDS, timestamp
from gemini_simulator.documents import Document
from gemini_simulator.operations import Kind, Operation
from gemini_simulator.pages import PageTokens
from gemini_simulator.stores_media import Media

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gemini_simulator.clock import Clock
    from gemini_simulator.events import EventLog
    from gemini_simulator.limits import Limits
    from gemini_simulator.projects import Project
    from gemini_simulator.stores_drafts import DocumentDraft, StoreDraft
    from gemini_simulator.upstream import Upstream

_FAILING = "fail-processing"
_EMBEDDING_MODEL = "models/gemini-embedding-001"
_SLUG_CHARACTERS = 40
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class Store:
    """One store; moments are nanoseconds since the epoch."""

    store_id: str
    number: int
    display_name: str | None
    embedding_model: str
    created: int
    updated: int
    last_number: int = 0
    documents: dict[str, Document] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The resource name, `fileSearchStores/{id}`."""
        return f"fileSearchStores/{self.store_id}"

    def document(self, document_id: str) -> Document:
        """A document; raises the 403 of a missing one for any other id."""
        document = self.documents.get(document_id)
        if document is None:
            raise errors.no_such_resource("Document", document_id)
        return document

    def poll(self, operation_id: str, kind: Kind, now: int) -> Operation:
        """An operation, seen by one more poll; raises 403 for any other id or kind."""
        operation = self.operations.get(operation_id)
        if operation is None or operation.kind != kind:
            raise errors.no_such_resource("Operation", operation_id)
        self.settle(now)
        operation.polls_left -= 1
        return operation

    def settle(self, now: int) -> None:
        """End what has been processed by `now`: operation and document end together."""
        for operation in self.operations.values():
            if not operation.settle(now):
                continue
            document = self.documents.get(operation.document_id)
            if document is not None:
                document.state = "STATE_FAILED" if operation.fails else "STATE_ACTIVE"
                document.updated = min(now, max(operation.ready_at, document.created))
                self.updated = max(self.updated, document.updated)

    def add_media(self, mime_type: str, text: str | None, size: int) -> str:
        """Keep a blob of `text`, or of `size` zero bytes; the resource name it got."""
        blob_id = names.new_file_id()
        self.media[blob_id] = Media(mime_type, text, size)
        return f"{self.name}/media/{blob_id}"

    def resource(self) -> dict[str, object]:
        """The FileSearchStore as JSON (section 9.1); zeros are left out, as proto JSON does."""
        fields: dict[str, object] = {"name": self.name}
        if self.display_name is not None:
            fields["displayName"] = self.display_name
        fields |= {
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "embeddingModel": self.embedding_model,
        }
        documents = self.documents.values()
        numbers = {
            "activeDocumentsCount": sum(one.state == "STATE_ACTIVE" for one in documents),
            "pendingDocumentsCount": sum(one.state == "STATE_PENDING" for one in documents),
            "failedDocumentsCount": sum(one.state == "STATE_FAILED" for one in documents),
            "sizeBytes": sum(one.size for one in documents),
        }
        return fields | {name: str(number) for name, number in numbers.items() if number}


class ProjectStores:
    """The stores of one project; counts bytes and never holds a document's."""

    def __init__(self, project: int, clock: Clock, limits: Limits, events: EventLog) -> None:
        self._project = project
        self._clock = clock
        self._limits = limits
        self._events = events
        self._stores: dict[str, Store] = {}
        self._last_number = 0

    @property
    def document_bytes(self) -> int:
        """The most bytes a document may have."""
        return self._limits.document_bytes

    def create(self, draft: StoreDraft) -> Store:
        """A new store."""
        now = self._clock.now()
        self._last_number += 1
        store = Store(
            store_id=_new_id(draft.display_name),
            number=self._last_number,
            display_name=draft.display_name,
            embedding_model=draft.embedding_model or _EMBEDDING_MODEL,
            created=now,
            updated=now,
        )
        self._stores[store.store_id] = store
        return store

    def get(self, store_id: str) -> Store:
        """A store as it stands now; raises 403 for any other id."""
        store = self._stores.get(store_id)
        if store is None:
            raise errors.no_such_resource("FileSearchStore", store_id)
        store.settle(self._clock.now())
        return store

    def all(self) -> list[Store]:
        """The stores as they stand now, oldest first."""
        return [self.get(store_id) for store_id in self._stores]

    def delete(self, store_id: str, *, force: bool) -> None:
        """Forget a store; one with documents goes with `force` only."""
        store = self.get(store_id)
        if store.documents and not force:
            raise errors.not_empty("FileSearchStore")
        for document_id in list(store.documents):
            self._drop(store, document_id)
        del self._stores[store_id]

    def delete_document(self, store_id: str, document_id: str, *, force: bool) -> None:
        """Forget a document; one that has been processed goes with `force` only."""
        store = self.get(store_id)
        if store.document(document_id).has_chunks and not force:
            raise errors.not_empty("Document")
        self._drop(store, document_id)

    def add_document(
        self, store_id: str, draft: DocumentDraft, size: int, sha256: str, kind: Kind
    ) -> Operation:
        """Keep a document, which is pending until the operation that is returned is done.

        Raises `ApiError` 400 for one over the limit and 403 for a store that is gone, and then
        keeps nothing.
        """
        now = self._clock.now()
        try:
            store = self.get(store_id)
            if size > self.document_bytes:
                raise errors.too_large(self.document_bytes)
        except errors.ApiError as refusal:
            self._events.add(
                now, "document_refused", self._project, None, size, reason=refusal.message
            )
            raise
        store.last_number += 1
        document = Document(
            document_id=_new_id(draft.display_name),
            number=store.last_number,
            display_name=draft.display_name,
            mime_type=draft.mime_type or "application/octet-stream",
            size=size,
            sha256=sha256,
            custom_metadata=draft.custom_metadata,
            created=now,
            updated=now,
        )
        operation = Operation(
            operation_id=names.new_file_id(),
            kind=kind,
            document_id=document.document_id,
            mime_type=document.mime_type,
            size=size,
            fails=(draft.display_name or "").startswith(_FAILING),
            ready_at=now + round(self._limits.processing_seconds * NANOSECONDS),
            polls_left=self._limits.operation_polls,
        )
        store.documents[document.document_id] = document
        store.operations[operation.operation_id] = operation
        store.updated = now
        name = f"{store.name}/documents/{document.document_id}"
        self._events.add(now, "document_stored", self._project, name, size)
        return operation

    def restore(self, stores: Sequence[Store]) -> None:
        """Take over what another process held."""
        for store in stores:
            self._stores[store.store_id] = store
            self._last_number = store.number

    def _drop(self, store: Store, document_id: str) -> None:
        now = self._clock.now()
        document = store.documents.pop(document_id)
        store.updated = now
        name = f"{store.name}/documents/{document_id}"
        self._events.add(now, "document_deleted", self._project, name, document.size)


class Stores:
    """The stores of all projects, and the page tokens of each listing by its parent."""

    def __init__(self, projects: int, clock: Clock, limits: Limits, events: EventLog) -> None:
        self.pages: defaultdict[str, PageTokens] = defaultdict(PageTokens)
        self._clock = clock
        self._limits = limits
        self._events = events
        self._projects: list[ProjectStores] = []
        for _ in range(projects):
            self.add_project()

    def add_project(self) -> None:
        """Room for one project more."""
        index = len(self._projects)
        self._projects.append(ProjectStores(index, self._clock, self._limits, self._events))

    def of(self, project: Project) -> ProjectStores:
        """The stores of `project`."""
        return self._projects[project.index]

    def state(self) -> list[list[Store]]:
        """What another process needs to go on, by project."""
        return [stores.all() for stores in self._projects]

    def restore(self, state: Sequence[Sequence[Store]]) -> None:
        """Take over what another process held."""
        for stores, held in zip(self._projects, state, strict=False):
            stores.restore(held)


def require_store(upstream: Upstream, project: Project, store_id: str) -> None:
    """Raise `ApiError` 403 for a store the project does not have."""
    upstream.stores.of(project).get(store_id)


def _new_id(display_name: str | None) -> str:
    """The display name as a slug and 12 random characters (section 9.1)."""
    slug = _NOT_SLUG.sub("-", (display_name or "").lower()).strip("-")
    slug = slug[:_SLUG_CHARACTERS].rstrip("-")
    return f"{slug}-{names.new_file_id()}" if slug else names.new_file_id()
