"""Identifiers: file ids, upload ids and the rule for names a client chooses."""

from __future__ import annotations

import re
import secrets
import string

_FILE_ID_ALPHABET = string.ascii_lowercase + string.digits
_CHOSEN_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def new_file_id() -> str:
    """12 random characters of `[a-z0-9]`, as upstream makes them (section 3.1)."""
    return "".join(secrets.choice(_FILE_ID_ALPHABET) for _ in range(12))


def new_upload_id() -> str:
    """About 140 random characters of `[A-Za-z0-9_-]` (section 3.3)."""
    return "AHx" + secrets.token_urlsafe(103)


def chosen_file_id(name: str) -> str | None:
    """The id in `files/{id}`, or None when upstream would refuse the name.

    At most 40 characters of `[a-z0-9-]`, no dash at either end (section 3.1).
    """
    prefix, _, file_id = name.partition("files/")
    if prefix or _CHOSEN_ID.fullmatch(file_id) is None:
        return None
    return file_id
