"""The routes of model calls: `POST models/{m}:{method}` (section 7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gemini_simulator import batches_routes, errors
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key
from gemini_simulator.model_calls import ModelCall
from gemini_simulator.models import require_model
from gemini_simulator.payloads import fields_of, list_of, read_payload
from gemini_simulator.replies import Reply, embedding, token_count
from gemini_simulator.sights import Sight, see
from gemini_simulator.streams import StreamedReply

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.projects import Project
    from gemini_simulator.upstream import Upstream

    Answer = Callable[[Upstream, Project, ModelCall, Sight], Response]


async def call_model(request: Request, upstream: Upstream) -> Response:
    """Any method of a model; the call is noted before anything in it is looked at."""
    project = upstream.projects.owner(caller_key(request))
    answer = _METHODS.get(request.path_params["method"])
    if answer is None:
        raise errors.not_found()
    call = ModelCall(
        index=project.index,
        method=request.path_params["method"],
        model=request.path_params["model_id"],
        version=request.path_params["version"],
        query={name: value for name, value in request.query_params.items() if name != "key"},
        payload=await read_payload(request),
    )
    upstream.model_calls.begin(call)
    try:
        require_model(call.model, call.version, call.method)
        response = answer(upstream, project, call, see(upstream, project, call.payload.references))
    except errors.ApiError:
        call.outcome = "failed"
        raise
    if not isinstance(response, StreamedReply):
        call.outcome = "complete"
    return response


def _generate(_upstream: Upstream, project: Project, call: ModelCall, sight: Sight) -> Response:
    return api_json(Reply(project, call.model, sight).whole())


def _stream(upstream: Upstream, project: Project, call: ModelCall, sight: Sight) -> Response:
    reply = Reply(project, call.model, sight)
    return StreamedReply(reply, call, upstream.streaming, sse=call.query.get("alt") == "sse")


def _count(_upstream: Upstream, _project: Project, _call: ModelCall, sight: Sight) -> Response:
    return api_json(token_count(sight))


def _embed(_upstream: Upstream, _project: Project, call: ModelCall, _sight: Sight) -> Response:
    return api_json({"embedding": _embedding(call.payload.value)})


def _embed_all(_upstream: Upstream, _project: Project, call: ModelCall, _sight: Sight) -> Response:
    requests = list_of(fields_of(call.payload.value).get("requests"))
    return api_json({"embeddings": [_embedding(request) for request in requests]})


def _embedding(request: object) -> dict[str, object]:
    fields = fields_of(request)
    content = json.dumps(fields.get("content"), sort_keys=True)
    return embedding(content, fields.get("outputDimensionality"))


_METHODS: dict[str, Answer] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "embedContent": _embed,
    "batchEmbedContents": _embed_all,
    "batchGenerateContent": batches_routes.create_batch,
    "asyncBatchEmbedContent": batches_routes.create_batch,
}
