"""Limits: the options that name a tenant's, and how the API spells them."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from filegate_cli.parameters import gathering
from filegate_cli.quantities import read_count, read_size, read_span

Limits = dict[str, Any]
"""Limits as the API has them; null and [] take one away."""

_NONE: Final = "none"


class UploadMode(StrEnum):
    """Where a tenant's chunks go."""

    GATEWAY = "gateway"
    DIRECT = "direct"


_LIMITS: Final = "Limits"
Storage = Annotated[
    str | None,
    typer.Option("--storage", help="Bytes it may store in all, as 20GiB.", rich_help_panel=_LIMITS),
]
FileBytes = Annotated[
    str | None,
    typer.Option("--file-bytes", help="Bytes of one file, as 2GiB.", rich_help_panel=_LIMITS),
]
FileLifetime = Annotated[
    str | None,
    typer.Option(
        "--file-lifetime",
        help="How long files are kept, as 24h; `none` for upstream's 48 hours.",
        rich_help_panel=_LIMITS,
    ),
]
OpenSessions = Annotated[
    str | None,
    typer.Option(
        "--open-sessions",
        help="Uploads open at once; `none` for any number.",
        rich_help_panel=_LIMITS,
    ),
]
RequestsPerMinute = Annotated[
    str | None,
    typer.Option("--requests-per-minute", help="`none` for any number.", rich_help_panel=_LIMITS),
]
Mode = Annotated[
    UploadMode | None,
    typer.Option(
        "--upload-mode",
        help="gateway: chunks pass it; direct: they go straight to Google.",
        rich_help_panel=_LIMITS,
    ),
]
AllowedOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-origin",
        help="Origin whose pages may call; repeat it for more; `none` for any.",
        rich_help_panel=_LIMITS,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Model it may call; repeat it for more; `none` for all.",
        rich_help_panel=_LIMITS,
    ),
]


def taking_limits(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose parameter `limits` comes from an option for each."""
    options = {
        "storage": Storage,
        "file_bytes": FileBytes,
        "file_lifetime": FileLifetime,
        "open_sessions": OpenSessions,
        "requests_per_minute": RequestsPerMinute,
        "upload_mode": Mode,
        "allowed_origin": AllowedOrigins,
        "model": Models,
    }
    return gathering(verb, "limits", options, _read)


def _read(**given: Any) -> Limits:  # noqa: ANN401 - as the options say
    scalar = {
        "storageBytes": (given["storage"], read_size),
        "fileBytes": (given["file_bytes"], read_size),
        "fileLifetime": (given["file_lifetime"], read_span),
        "openSessions": (given["open_sessions"], read_count),
        "requestsPerMinute": (given["requests_per_minute"], read_count),
    }
    limits: Limits = {}
    for name, (text, read) in scalar.items():
        if text is not None:
            limits[name] = None if text == _NONE else read(text)
    if given["upload_mode"] is not None:
        limits["uploadMode"] = given["upload_mode"].value
    for name, texts in (("allowedOrigins", given["allowed_origin"]), ("models", given["model"])):
        if texts:
            limits[name] = [] if texts == [_NONE] else texts
    return limits
