"""The routes of batches: create, list, get, cancel and delete (section 7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gemini_simulator import errors, names
from gemini_simulator.answers import api_json
from gemini_simulator.batch_requests import (
    BatchModel,
    InlinedRequest,
    RequestLine,
    UnreadRequests,
)
from gemini_simulator.batches import Batch
from gemini_simulator.callers import caller_key
from gemini_simulator.payloads import fields_of, list_of, text_of
from gemini_simulator.references import file_ids

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.model_calls import ModelCall
    from gemini_simulator.projects import Project
    from gemini_simulator.sights import Sight
    from gemini_simulator.upstream import Upstream

_RESULT_TYPE = "application/jsonl"


def create_batch(upstream: Upstream, project: Project, call: ModelCall, sight: Sight) -> Response:
    """`:batchGenerateContent` and `:asyncBatchEmbedContent`; what it names was looked up."""
    draft = fields_of(fields_of(call.payload.value).get("batch"))
    source = fields_of(draft.get("inputConfig"))
    items = list_of(fields_of(source.get("requests")).get("requests"))
    file_name = text_of(source, "fileName")
    if (file_name is None) == (not items):
        raise errors.bad_argument("Exactly one of file_name and requests is required.")
    embeds = call.method == "asyncBatchEmbedContent"
    model = BatchModel(upstream, project, call.model, embeds)
    inlined = [InlinedRequest(model, fields_of(item)) for item in items]
    lines = [] if file_name is None else _lines(model, file_name, sight)

    def finish(batch: Batch) -> dict[str, object]:
        if file_name is None:
            answered = {"inlinedResponses": [request.answer() for request in inlined]}
            return {"inlinedResponses": answered}
        answers = [line.answer() for line in lines]
        batch.failed = sum("error" in answer for answer in answers)
        text = "".join(json.dumps(answer) + "\n" for answer in answers)
        result = project.generate(_RESULT_TYPE, text, file_id=f"batch-{batch.batch_id}")
        return {"responsesFile": result.name}

    batches = upstream.batches.of(project)
    now = upstream.clock.now()
    batch = Batch(
        batch_id=names.new_file_id() + names.new_file_id(),
        number=batches.last_number + 1,
        kind="EmbedContentBatch" if embeds else "GenerateContentBatch",
        model=f"models/{call.model}",
        display_name=text_of(draft, "displayName"),
        input_config=source,
        requests=len(inlined) + len(lines),
        created=now,
        updated=now,
        finish=finish,
    )
    batches.add(batch)
    return api_json(batch.resource())


async def list_batches(request: Request, upstream: Upstream) -> Response:
    """A page of the caller's batches, newest first; `{}` when there is none."""
    project = upstream.projects.owner(caller_key(request))
    batches = upstream.batches
    shown, following = batches.listing.page(request, project.index, batches.of(project).all())
    found = {"operations": [batch.resource() for batch in shown]} if shown else {}
    return api_json({**found, **following})


async def get_batch(request: Request, upstream: Upstream) -> Response:
    """One batch's Operation, moved on by this very look."""
    project = upstream.projects.owner(caller_key(request))
    batch = upstream.batches.of(project).get(request.path_params["batch_id"])
    batch.step(upstream.clock.now())
    return api_json(batch.resource())


async def cancel_batch(request: Request, upstream: Upstream) -> Response:
    """`POST batches/{b}:cancel`."""
    project = upstream.projects.owner(caller_key(request))
    upstream.batches.of(project).get(request.path_params["batch_id"]).cancel(upstream.clock.now())
    return api_json({})


async def delete_batch(request: Request, upstream: Upstream) -> Response:
    """Delete one batch."""
    project = upstream.projects.owner(caller_key(request))
    upstream.batches.of(project).delete(request.path_params["batch_id"])
    return api_json({})


def _lines(
    model: BatchModel, file_name: str, sight: Sight
) -> list[RequestLine] | list[UnreadRequests]:
    ids = file_ids(file_name)
    file = model.project.peek(ids[-1]) if ids else None
    if file is None:
        raise errors.bad_argument("* BatchGenerateContentRequest.batch: file_name names no file.")
    if file.text is None:
        return [UnreadRequests(model, sight)]
    return [RequestLine(model, line) for line in file.text.split("\n") if line.strip()]
