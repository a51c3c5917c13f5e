"""JSON objects: read so strictly that whoever reads them next cannot read anything else."""

import json
from typing import NoReturn


def read_json(text: str) -> object:
    """The value in a JSON text.

    Raises ValueError for what is no JSON, for an object with the same key twice and for NaN and
    Infinity, which Python would take; RecursionError for what is nested too deeply to be read.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
