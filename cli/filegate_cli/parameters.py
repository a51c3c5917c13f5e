"""Parameters that several commands share: Typer reads them from a signature, so they are put there.

A function that takes `limits` becomes one that takes an option for each limit; what they say is
gathered, and the function gets the whole.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

_DEFAULTS: Mapping[object, object] = {bool: False}


def gathering(
    function: Callable[..., None],
    name: str,
    options: Mapping[str, Any],
    gather: Callable[..., object],
) -> Callable[..., None]:
    """A function with `options` (annotations by name) in place of its parameter `name`."""

    @functools.wraps(function)
    def run(*args: object, **given: Any) -> None:  # noqa: ANN401 - whatever the options say
        gathered = gather(**{option: given.pop(option) for option in options})
        function(*args, **{name: gathered}, **given)

    own = [one for one in inspect.signature(function).parameters.values() if one.name != name]
    added = [
        inspect.Parameter(
            option,
            inspect.Parameter.KEYWORD_ONLY,
            default=_DEFAULTS.get(getattr(annotation, "__origin__", None)),
            annotation=annotation,
        )
        for option, annotation in options.items()
    ]
    parameters = [*own, *added]
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
