"""Long-running operations of File Search stores (sections 9.2 to 9.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream

Kind = Literal["upload", "import"]
Outcome = Literal["pending", "done", "failed"]

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."


@dataclass(slots=True)
class Operation:
    """The processing of one document; moments are nanoseconds since the epoch."""

    operation_id: str
    kind: Kind
    document_id: str
    mime_type: str
    size: int
    fails: bool
    ready_at: int
    polls_left: int
    outcome: Outcome = "pending"

    @property
    def path(self) -> str:
        """The resource name below its store's (section 9.4)."""
        folder = "upload/operations" if self.kind == "upload" else "operations"
        return f"{folder}/{self.operation_id}"

    def settle(self, now: int) -> bool:
        """End when the time has come or enough polls have seen it; True at the one end."""
        if self.outcome != "pending" or (now < self.ready_at and self.polls_left > 0):
            return False
        self.outcome = "failed" if self.fails else "done"
        return True

    def begun(self, store: str) -> dict[str, object]:
        """The answer that began it: neither kind carries `done` (sections 9.2 and 9.3)."""
        if self.kind == "import":
            return {"name": f"{store}/{self.path}", "metadata": {}}
        return {"name": f"{store}/{self.path}", "response": self._response(store)}

    def resource(self, store: str) -> dict[str, object]:
        """The Operation as a poll sees it (section 9.4)."""
        fields: dict[str, object] = {"name": f"{store}/{self.path}", "metadata": {}}
        if self.outcome == "pending":
            return fields
        fields["done"] = True
        if self.outcome == "failed":
            fields["error"] = {"code": 13, "message": "The document could not be processed."}
        else:
            fields["response"] = self._response(store)
        return fields

    def _response(self, store: str) -> dict[str, object]:
        names = {"parent": store, "documentName": f"{store}/documents/{self.document_id}"}
        if self.kind == "import":
            return {"@type": _TYPE + "ImportFileResponse", **names}
        fields: dict[str, object] = {
            "@type": _TYPE + "UploadToFileSearchStoreResponse",
            **names,
            "mimeType": self.mime_type,
        }
        if self.size:
            fields["sizeBytes"] = str(self.size)
        return fields


async def get_upload(request: Request, upstream: Upstream) -> Response:
    """`GET fileSearchStores/{s}/upload/operations/{op}`."""
    return _poll(request, upstream, "upload")


async def get_import(request: Request, upstream: Upstream) -> Response:
    """`GET fileSearchStores/{s}/operations/{op}`."""
    return _poll(request, upstream, "import")


def _poll(request: Request, upstream: Upstream, kind: Kind) -> Response:
    project = upstream.projects.owner(caller_key(request))
    store = upstream.stores.of(project).get(request.path_params["store_id"])
    operation = store.poll(request.path_params["operation_id"], kind, upstream.clock.now())
    return api_json(operation.resource(store.name))
