"""Models: which a tenant may call, where its operator has listed them.

A call names its model in the path. Some bodies name models too, and upstream goes by them: a cached
content has no other place for it, `countTokens` takes a whole request, a batch takes many.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from filegate.errors import StatusError, json_unreadable, model_refused
from filegate.references import DEEPEST, read_document
from filegate.tenants import Tenant

_PREFIX: Final = "models/"
_HOLDERS: Final = frozenset(
    {"batch", "generatecontentrequest", "inputconfig", "request", "requests"}
)
"""Fields whose content is part of the request itself, down to the next model; nothing else is
looked into, as `model` means anything in a tenant's own contents and schemas."""


def require_model(tenant: Tenant, model: str | None, body: bytes) -> None:
    """Raise StatusError unless the tenant may call this model and every one the body names.

    Costs nothing for a tenant that may call all.
    """
    allowed = {_plain(name) for name in tenant.limits.models}
    if not allowed:
        return
    named = [] if model is None else [model]
    for name in (*named, *_models(read_document(body))):
        if _plain(name) not in allowed:
            raise StatusError(model_refused(name, sorted(allowed)))


def require_models_of_lines(tenant: Tenant, content: bytes) -> None:
    """The same of each line of a JSONL text."""
    for line in content.split(b"\n") if tenant.limits.models else ():
        if line.strip():
            require_model(tenant, None, line)


def _plain(model: str) -> str:
    return model.removeprefix(_PREFIX)


def _models(value: object, depth: int = 0) -> Iterator[str]:
    if depth > DEEPEST:
        raise StatusError(json_unreadable(f"it is nested deeper than {DEEPEST} levels"))
    if isinstance(value, list):
        for item in value:
            yield from _models(item, depth + 1)
    elif isinstance(value, Mapping):
        for key, content in value.items():
            if key == "model":
                # What is no text is no model either; upstream says so.
                yield content if isinstance(content, str) else ""
            elif key.replace("_", "").lower() in _HOLDERS:
                yield from _models(content, depth + 1)
