"""The models there are and their routes: list and get (section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gemini_simulator import errors
from gemini_simulator.answers import api_json
from gemini_simulator.callers import caller_key

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gemini_simulator.upstream import Upstream

_GENERATING: Final = (
    "generateContent",
    "countTokens",
    "createCachedContent",
    "batchGenerateContent",
)
_EMBEDDING: Final = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")

_IMPLIED: Final = {"streamGenerateContent": "generateContent", "batchEmbedContents": "embedContent"}
"""Methods that models have without listing them, with the one they list."""

DEFAULT_PAGE: Final = 50
LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `number` is its place in the list, the first one's the largest."""

    model_id: str
    display_name: str
    input_tokens: int
    output_tokens: int
    methods: tuple[str, ...]
    number: int

    def supports(self, method: str) -> bool:
        """Whether it can be called so."""
        return _IMPLIED.get(method, method) in self.methods

    def resource(self) -> dict[str, object]:
        """The Model as JSON."""
        return {
            "name": f"models/{self.model_id}",
            "version": "001",
            "displayName": self.display_name,
            "description": f"{self.display_name}, simulated.",
            "inputTokenLimit": self.input_tokens,
            "outputTokenLimit": self.output_tokens,
            "supportedGenerationMethods": list(self.methods),
        }


_NAMES: Final = (
    ("gemini-3-flash-preview", "Gemini 3 Flash Preview", 1_048_576, 65_536, _GENERATING),
    ("gemini-3-pro-preview", "Gemini 3 Pro Preview", 1_048_576, 65_536, _GENERATING),
    ("gemini-2.5-flash", "Gemini 2.5 Flash", 1_048_576, 65_536, _GENERATING),
    ("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", 1_048_576, 65_536, _GENERATING),
    ("gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 65_536, _GENERATING),
    ("gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 8_192, _GENERATING),
    ("gemini-embedding-001", "Gemini Embedding 001", 2_048, 1, _EMBEDDING),
    ("text-embedding-004", "Text Embedding 004", 2_048, 1, _EMBEDDING),
)

MODELS: Final = {
    model[0]: Model(*model, number=len(_NAMES) - place) for place, model in enumerate(_NAMES)
}


def require_model(name: str, version: str, method: str) -> Model:
    """The model `models/{id}` or `{id}`; raises `ApiError` 404 when it has no such method."""
    model_id = name.removeprefix("models/")
    model = MODELS.get(model_id)
    if model is None or not model.supports(method):
        raise errors.no_such_model(model_id, version, method)
    return model


async def list_models(request: Request, upstream: Upstream) -> Response:
    """`GET models`."""
    project = upstream.projects.owner(caller_key(request))
    shown, following = upstream.model_listing.page(request, project.index, MODELS.values())
    return api_json({"models": [model.resource() for model in shown], **following})


async def get_model(request: Request, upstream: Upstream) -> Response:
    """`GET models/{m}`; upstream's sentence for a missing one is assumed to be a call's."""
    upstream.projects.owner(caller_key(request))
    model_id = request.path_params["model_id"]
    if model_id not in MODELS:
        raise errors.no_such_model(model_id, request.path_params["version"], "generateContent")
    return api_json(MODELS[model_id].resource())
