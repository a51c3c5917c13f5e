"""Names: a file's id carries its owner, so ownership is a prefix and never a lookup.

A generated id is `tag + time + random`: the tenant's tag (8), the moment of creation (9 digits of
base 36, milliseconds: sorts by time, lasts until the year 5188) and 8 random characters. There is
no dash in it, as every SDK cuts an id at the first dash when it reads it out of a URI (wire 6.4).
A name the client chose becomes `tag + name`.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from filegate.errors import FILE_NAME_INVALID, StatusError, invalid_argument
from filegate.instants import Instant

VERSIONS: Final = frozenset({"v1", "v1beta", "v1alpha"})
"""API versions a path may begin with; SDKs differ and one session may mix them (wire 2.2)."""

TAG_LENGTH: Final = 8
FILE_ID_LENGTH: Final = 40
"""Characters an upstream file id may have at most (seeds: File.name)."""

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_TIME_DIGITS: Final = 9
_RANDOM_DIGITS: Final = 8
_FILE_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_UPSTREAM_ID: Final = 128
"""Characters of an id that upstream chose; generated files have longer ones than 40 (wire 7)."""
_GENERATED: Final = re.compile(
    rf"[a-z0-9]{{{TAG_LENGTH}}}[01][0-9a-z]{{{_TIME_DIGITS - 1}}}[a-z0-9]{{{_RANDOM_DIGITS}}}"
)
_TAG: Final = re.compile(rf"[a-z0-9]{{{TAG_LENGTH}}}")
_FILE_URI: Final = re.compile(r"(?:https?://[^?#]+/)?files/([a-z0-9-]{1,128})(?:[:?].*)?")


def random_characters(count: int) -> str:
    """`count` characters of `[a-z0-9]` from the system's randomness (5.17 bits each)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def new_tag() -> str:
    """A tenant tag; uniqueness is the registry's to ensure."""
    return random_characters(TAG_LENGTH)


def is_tag(text: str) -> bool:
    """Whether `text` has the form of a tenant tag."""
    return _TAG.fullmatch(text) is not None


def new_file_id(tag: str, now: Instant) -> str:
    """A fresh file id (25 characters) for the tenant with this tag."""
    digits = ""
    rest = now
    for _ in range(_TIME_DIGITS):
        rest, digit = divmod(rest, 36)
        digits = _ALPHABET[digit] + digits
    return tag + digits + random_characters(_RANDOM_DIGITS)


def is_generated_id(file_id: str) -> bool:
    """Whether an id has the form that `new_file_id` gives, with a time before the year 2148."""
    return _GENERATED.fullmatch(file_id) is not None


def file_id_of_uri(uri: str) -> str | None:
    """The file id in a name, a URI or a download URI as upstream writes them; None in any other."""
    match = _FILE_URI.fullmatch(uri)
    return None if match is None else match[1]


def candidate_ids(tag: str, file_id: str) -> Sequence[str]:
    """The full ids that a file of a tenant may have, for an id as the client wrote it.

    The likelier comes first. A file whose name upstream chose (registered, generated) is recorded
    under that name as it is. An id of another tenant has no record here under either.
    """
    full = owned_file_id(tag, file_id)
    if full == file_id:
        return (full,)
    exact = (file_id,) if _FILE_ID.fullmatch(file_id) and len(file_id) <= _UPSTREAM_ID else ()
    return exact if full is None else (full, *exact)


def owned_file_id(tag: str, file_id: str) -> str | None:
    """The full id behind an id as a client wrote it; None if no file of the tenant can have it.

    Both spellings are accepted: the full id, and for a chosen name the name without the tag. An
    id of another tenant becomes one that only this tenant could own, and so is simply missing.
    """
    full = file_id if file_id.startswith(tag) else tag + file_id
    if len(full) > FILE_ID_LENGTH or not _FILE_ID.fullmatch(full):
        return None
    return full


def chosen_file_id(tag: str, name: str) -> str:
    """The full id of a file whose name the client chose (`files/my-doc` or `my-doc`).

    Raises StatusError with upstream's sentence for a malformed name, and with the shorter limit
    that the tag leaves for a long one.
    """
    file_id = name.removeprefix("files/")
    if not _FILE_ID.fullmatch(file_id):
        raise StatusError(FILE_NAME_INVALID)
    full = owned_file_id(tag, file_id)
    if full is None:
        room = FILE_ID_LENGTH - TAG_LENGTH
        raise StatusError(
            invalid_argument(
                f"* CreateFileRequest.file.name: The name has {len(file_id)} characters; a name "
                f"chosen through this gateway can have {room} at most.",
                "file.name",
            )
        )
    return full
