"""Bodies of model calls, caches and batches: upstream's JSON, large ones too."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gemini_simulator import errors
from gemini_simulator.metadata import loose_json
from gemini_simulator.references import References, read_references, references_of

if TYPE_CHECKING:
    from starlette.requests import Request

_UNDERSCORE = re.compile(r"_([a-z])")


@dataclass(frozen=True, slots=True)
class Payload:
    """One body: its bytes, the object in it and what that object refers to."""

    raw: bytes
    value: dict[str, object]
    references: References


async def read_payload(request: Request) -> Payload:
    """The body of `request`; raises `ApiError` 400 for what is no JSON object."""
    raw = await request.body()
    try:
        value = json.loads(raw)
        if isinstance(value, dict):
            # A lone surrogate, written as an escape, is text that no answer could carry.
            json.dumps(value, ensure_ascii=False).encode()
            return Payload(raw, value, read_references(raw))
    except (ValueError, RecursionError):
        pass
    # Single quotes and an empty body are read as well, and the refusals are the usual ones.
    value = loose_json(raw)
    try:
        return Payload(raw, value, references_of(value))
    except RecursionError:
        raise errors.bad_payload("Message too deep.") from None


def fields_of(value: object) -> dict[str, object]:
    """The fields of an object by their camelCase names; of anything else, none."""
    if not isinstance(value, dict):
        return {}
    return {
        _UNDERSCORE.sub(lambda match: match.group(1).upper(), name): inner
        for name, inner in cast("dict[str, object]", value).items()
    }


def text_of(fields: dict[str, object], name: str) -> str | None:
    """A field's text, None for an empty one; raises `ApiError` 400 for another type."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise errors.bad_value(name, "TYPE_STRING", str(value))
    return value


def list_of(value: object) -> list[object]:
    """The items of a list; of anything else, none."""
    return cast("list[object]", value) if isinstance(value, list) else []
