"""Every sample runs twice: straight to the simulator and through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google import genai
from google.genai import types
from tests.conformance.absence import leave_out

from .endpoints import ENDPOINTS, Endpoint
from .languages import LANGUAGES, missing
from .media import Media, make_media
from .notebooks import Notebook, run_notebook
from .scripts import Scripts
from .surroundings import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", params=list(ENDPOINTS))
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """A running endpoint."""
    kind: str = request.param
    with ENDPOINTS[kind](tmp_path_factory.mktemp(kind)) as running:
        yield running


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """The files that the samples presume."""
    return make_media(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="session")
def notebook(
    endpoint: Endpoint, media: Media, tmp_path_factory: pytest.TempPathFactory
) -> Notebook:
    """The quickstart, run from its first section to its last."""
    return run_notebook(endpoint, media, tmp_path_factory.mktemp("notebook"))


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """A language that the reference has samples in and that is installed here."""
    name: str = request.param
    if reason := missing(name):
        leave_out(reason)
    return name


@pytest.fixture
def scripts(endpoint: Endpoint, media: Media, tmp_path: Path) -> Scripts:
    """Runs samples with a key that owns nothing yet."""
    return Scripts(endpoint, environment(endpoint, "GEMINI_API_KEY", media), tmp_path)


@pytest.fixture
def client(endpoint: Endpoint, scripts: Scripts) -> Iterator[genai.Client]:
    """The Python SDK with the samples' own key, for what they presume to be there."""
    options = types.HttpOptions(base_url=endpoint.base_url)
    with genai.Client(api_key=scripts.key, http_options=options) as made:
        yield made
