"""The requests of a batch, inlined or lines of a file, and their answers (section 7)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gemini_simulator import errors
from gemini_simulator.payloads import fields_of
from gemini_simulator.references import read_references, references_of
from gemini_simulator.replies import Reply, embedding
from gemini_simulator.sights import see

if TYPE_CHECKING:
    from gemini_simulator.projects import Project
    from gemini_simulator.references import References
    from gemini_simulator.sights import Sight
    from gemini_simulator.upstream import Upstream

_CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "PERMISSION_DENIED": 7, "FAILED_PRECONDITION": 9}
"""google.rpc.Code of the refusals a request can meet."""


@dataclass(frozen=True, slots=True)
class BatchModel:
    """The model a batch is for, with what it can see: the files of `project`."""

    upstream: Upstream
    project: Project
    model_id: str
    embeds: bool

    def see(self, references: References) -> Sight:
        """What a request shows; raises `ApiError` 403 or 400 for what cannot be used."""
        return see(self.upstream, self.project, references)

    def response(self, request: object, sight: Sight) -> dict[str, object]:
        """The answer to one request."""
        if not self.embeds:
            return Reply(self.project, self.model_id, sight).whole()
        content = json.dumps(request, sort_keys=True)
        return {"embedding": embedding(content, fields_of(request).get("outputDimensionality"))}


class InlinedRequest:
    """A request in the batch itself; what it names is resolved when the batch is made."""

    def __init__(self, model: BatchModel, fields: dict[str, object]) -> None:
        self._model = model
        self._request = fields.get("request")
        self._metadata = fields.get("metadata")
        self._sight = model.see(references_of(self._request))

    def answer(self) -> dict[str, object]:
        """The InlinedResponse."""
        answer: dict[str, object] = {"response": self._model.response(self._request, self._sight)}
        if self._metadata is not None:
            answer["metadata"] = self._metadata
        return answer


class RequestLine:
    """A line of a file of requests: `{"key": …, "request": {…}}`.

    What it names is resolved when the batch ends, and a refusal is this line's alone. Assumed: the
    guide to batches shows result lines with an `error` beside those with a `response`.
    """

    def __init__(self, model: BatchModel, line: str) -> None:
        self._model = model
        self._line = line

    def answer(self) -> dict[str, object]:
        """The line of the result file, with a `response` or an `error`."""
        keyed: dict[str, object] = {}
        try:
            try:
                fields = fields_of(json.loads(self._line))
                # All of the line: which one of a repeated key upstream takes, nobody knows.
                references = read_references(self._line)
            except (ValueError, RecursionError):
                raise errors.bad_payload("Unexpected token.") from None
            if "key" in fields:
                keyed["key"] = fields["key"]
            if not isinstance(fields.get("request"), dict):
                raise errors.bad_argument("request is required.")
            sight = self._model.see(references)
            return keyed | {"response": self._model.response(fields["request"], sight)}
        except errors.ApiError as refusal:
            code = _CODES.get(refusal.status or "", 2)
            return keyed | {"error": {"code": code, "message": refusal.message}}


class UnreadRequests:
    """A file of requests of which nothing was kept: one line stands for all of its lines."""

    def __init__(self, model: BatchModel, sight: Sight) -> None:
        self._model = model
        self._sight = sight

    def answer(self) -> dict[str, object]:
        """The one line of the result file."""
        return {"key": "request-1", "response": self._model.response(None, self._sight)}
