"""The state file: JSON that carries the service from one process to the next."""

# Annotations are read at run time here: they are the format of the state file.

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from gemini_simulator.state import State

_FORMAT: Final = "gemini-simulator-state-1"


class StateFileError(Exception):
    """The state file cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class _Content:
    format: Literal["gemini-simulator-state-1"]
    state: State


_CONTENT: Final = TypeAdapter(_Content)


class StateFile:
    """A file that holds the state between two processes, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, projects: int) -> State:
        """The state for `projects` keys, empty without a file; raises `StateFileError`."""
        if not self._path.parent.is_dir():
            raise StateFileError(f"{self._path.parent} is not a folder: make it before the start.")
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise StateFileError(
                f"{self._path} cannot be read ({error.strerror}): "
                "make it readable or name another --state-file."
            ) from error
        state = self._read(text)
        if len(state.projects) > projects:
            raise StateFileError(
                f"{self._path} holds {len(state.projects)} projects, more than the keys given "
                f"({projects}): add a --key for each, in the same order, or remove the file to "
                "start empty."
            )
        return state

    def save(self, state: State) -> None:
        """Replace the file as a whole; raises `StateFileError` and then leaves the old one."""
        text = _CONTENT.dump_json(_Content(_FORMAT, state), indent=2)
        draft = self._path.with_name(self._path.name + ".part")
        try:
            # Upload ids are in it, and who knows one may upload.
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600, exist_ok=False)
            with draft.open("wb") as file:
                file.write(text + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise StateFileError(
                f"{self._path} cannot be written ({error.strerror}): what this process held is "
                "lost; make the place writable or name another --state-file."
            ) from error

    def _read(self, text: bytes) -> State:
        try:
            return _CONTENT.validate_json(text, strict=True).state
        except ValidationError as error:
            # Without the input: it may be an upload id.
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise StateFileError(
            f"{self._path} is not a state file of this version of the simulator ({reason}): "
            "remove it to start empty or name another --state-file."
        )
