"""Paths of the API, with ids in them that cannot be anything else."""

from urllib.parse import quote


def admin_path(*parts: str, verb: str = "") -> str:
    """A path of the admin API; `verb` is what comes after the colon."""
    return _joined("/admin/v1", parts) + (f":{verb}" if verb else "")


def file_path(name: str) -> str:
    """The path of a file, by its name or its id alone."""
    return _joined("/v1/files", (name.removeprefix("files/"),))


def _joined(root: str, parts: tuple[str, ...]) -> str:
    return "/".join((root, *(quote(part, safe="") for part in parts)))
