"""Connection: which gateway is meant and with which keys, from options, ready file, environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from filegate_cli.problems import Misuse

LOCAL_URL: Final = "http://127.0.0.1:8080"
"""Where `filegate local` is unless told otherwise."""


@dataclass(frozen=True)
class Connection:
    """A gateway's base URL, and the keys at hand for it; None for one that nobody gave."""

    url: str
    admin_key: str | None
    key: str | None


def connection_from(
    url: str | None,
    admin_key: str | None,
    key: str | None,
    ready_file: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> Connection:
    """What options say; else what the ready file says; else what the environment says.

    Of the ready file's tenants the first one's key is taken. Raises Misuse.
    """
    named = environment.get("FILEGATE_READY_FILE")
    if ready_file is None and named:
        ready_file = Path(named)
    ready = {} if ready_file is None else _read_ready_file(ready_file)
    tenants = ready.get("tenants") or [{}]
    return Connection(
        _url(url or ready.get("base_url") or environment.get("FILEGATE_URL") or LOCAL_URL),
        _key(admin_key or ready.get("admin_key") or environment.get("FILEGATE_ADMIN_KEY")),
        _key(key or tenants[0].get("key") or environment.get("FILEGATE_KEY")),
    )


def _read_ready_file(path: Path) -> Mapping[str, Any]:
    try:
        ready = json.loads(path.read_text())
    except (OSError, ValueError):
        ready = None
    if not isinstance(ready, dict) or "base_url" not in ready:
        raise Misuse(
            f"{path} is no ready file of `filegate local`.",
            f"Start the gateway with `filegate local --ready-file {path}` and wait until it is up.",
        )
    return ready


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        whole = bool(parts.scheme in {"http", "https"} and parts.hostname) and text.isprintable()
    except ValueError:
        whole = False
    if not whole or " " in text:
        raise Misuse(
            f"{text!r} is no URL of a gateway.",
            "Give --url or FILEGATE_URL as https://host or https://host/stage, as the stack's "
            "output says it.",
        )
    return text.rstrip("/")


def _key(text: str | None) -> str | None:
    if not text:
        return None
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isprintable()) or " " in stripped:
        raise Misuse(
            "A key that was given has characters no key has.",
            "Was more pasted than the key? Keys are never shown, so look at FILEGATE_KEY and "
            "FILEGATE_ADMIN_KEY yourself.",
        )
    return stripped
