"""Appends each event to the file it is told of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Note the event and return it."""
    del context
    with Path(os.environ["TICKS"]).open("a") as file:
        file.write(json.dumps(event) + "\n")
    return event
