"""The environment that samples run in: all that tells one endpoint from another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.drivers import without_sdk_settings

if TYPE_CHECKING:
    from .endpoints import Endpoint
    from .media import Media

STANDINS = Path(__file__).resolve().parent / "standins"


def environment(endpoint: Endpoint, key_variable: str, media: Media) -> dict[str, str]:
    """Return base URL and a new key as the SDKs look for them, and where the files are."""
    return {
        **without_sdk_settings(os.environ),
        "GOOGLE_GEMINI_BASE_URL": endpoint.base_url,
        key_variable: endpoint.new_key(),
        "SEEDS_MEDIA": str(media.folder),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "NODE_NO_WARNINGS": "1",
    }


def colab(endpoint: Endpoint, media: Media) -> dict[str, str]:
    """Return the environment of the notebook: as above, with stand-ins for what Colab has."""
    return {
        **environment(endpoint, "GOOGLE_API_KEY", media),
        "SEEDS_DOWNLOADS": str(media.downloads),
        "SEEDS_TOKEN": "ya29.made-up",
        "PATH": f"{STANDINS / 'programs'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(STANDINS),
    }
