"""Snapshots: an upstream resource as the JSON text that is kept and answered later."""

import json
from collections.abc import Mapping
from typing import Any

from filegate.redaction import REDACTOR


def write_snapshot(resource: Mapping[str, Any]) -> str:
    """The resource as compact JSON text, without any secret this process knows."""
    return REDACTOR.redact(json.dumps(resource, separators=(",", ":")))
