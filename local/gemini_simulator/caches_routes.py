"""The routes of cached contents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gemini_simulator import errors
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key
from gemini_simulator.models import require_model
from gemini_simulator.payloads import fields_of, read_payload, text_of
from gemini_simulator.sights import see

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream

_CHANGEABLE = {"ttl": "ttl", "expiretime": "expireTime"}


async def create_cache(request: Request, upstream: Upstream) -> Response:
    """`POST cachedContents`; what it names must be there, as in a model call."""
    project = upstream.projects.owner(caller_key(request))
    payload = await read_payload(request)
    fields = fields_of(payload.value)
    name = text_of(fields, "model")
    if name is None:
        raise errors.bad_argument("* CreateCachedContentRequest.model: model is required")
    model = require_model(name, request.path_params["version"], "createCachedContent")
    sight = see(upstream, project, payload.references)
    cache = upstream.caches.of(project).create(
        f"models/{model.model_id}", text_of(fields, "displayName"), sight.tokens, fields
    )
    return api_json(cache.resource())


async def list_caches(request: Request, upstream: Upstream) -> Response:
    """A page of the caller's caches, newest first; `{}` when there is none."""
    project = upstream.projects.owner(caller_key(request))
    caches = upstream.caches
    shown, following = caches.listing.page(request, project.index, caches.of(project).all())
    found = {"cachedContents": [cache.resource() for cache in shown]} if shown else {}
    return api_json({**found, **following})


async def get_cache(request: Request, upstream: Upstream) -> Response:
    """One CachedContent."""
    project = upstream.projects.owner(caller_key(request))
    cache_id = request.path_params["cache_id"]
    return api_json(upstream.caches.of(project).get(cache_id).resource())


async def update_cache(request: Request, upstream: Upstream) -> Response:
    """`PATCH`: only the expiration changes; without `updateMask`, whatever the body has."""
    project = upstream.projects.owner(caller_key(request))
    fields = fields_of((await read_payload(request)).value)
    query = request.query_params
    mask = query.get("updateMask") or query.get("update_mask")
    if mask:
        fields = {name: fields[name] for name in _masked(mask) if name in fields}
    elif not fields.keys() & set(_CHANGEABLE.values()):
        raise errors.bad_argument("Only ttl and expire_time of a CachedContent can be updated.")
    cache = upstream.caches.of(project).update(request.path_params["cache_id"], fields)
    return api_json(cache.resource())


async def delete_cache(request: Request, upstream: Upstream) -> Response:
    """Delete one cache; a body is ignored, as one SDK sends `{}`."""
    project = upstream.projects.owner(caller_key(request))
    upstream.caches.of(project).delete(request.path_params["cache_id"])
    return api_json({})


def _masked(mask: str) -> list[str]:
    names = [re.sub(r"[_\s]", "", name).lower() for name in mask.split(",")]
    unknown = [name for name in names if name not in _CHANGEABLE]
    if unknown:
        raise errors.bad_argument(f"Update of field(s) {', '.join(unknown)} is not supported.")
    return [_CHANGEABLE[name] for name in names]
