"""Stands in for Colab's secrets: they are in the environment."""

import os


def get(name: str) -> str:
    """Return the secret of this name."""
    return os.environ[name]
