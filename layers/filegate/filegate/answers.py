"""Answers: what a model's answer says of its tokens, and which files it made, read as it passes.

Three shapes (wire 7): server-sent events, of which each is complete by itself; a JSON array that
grows; one JSON object. Of the first each event is read when it ends, of the others the whole at the
end. Tokens in a stream are cumulative, so the last count holds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from filegate.names import file_id_of_uri
from filegate.usage import Tokens

EVENT_STREAM: Final = "text/event-stream"
LARGEST_READ: Final = 32 * 1024 * 1024
"""Bytes of one event or of one JSON answer that are kept to be read; what is longer is not."""
_TELLING: Final = (b'"usageMetadata"', b'"fileData"')
"""An event without any of these tells nothing; most are not even parsed."""


class AnswerReader:
    """Reads one answer beside its way to the caller."""

    def __init__(self, content_type: str) -> None:
        self._events = content_type.partition(";")[0].strip().lower() == EVENT_STREAM
        self._kept = bytearray()
        self._seen = 0
        self._lost = False
        self.tokens: Tokens | None = None
        """What the answer says of tokens so far; None if it says nothing."""

    @property
    def between_events(self) -> bool:
        """Whether all that has passed are whole events, so that another one could follow."""
        return self._events and not self._kept.strip() and not self._lost

    @property
    def complete(self) -> bool:
        """False if a part was too long to be read: its tokens are not known."""
        return not self._lost

    def feed(self, piece: bytes) -> Sequence[str]:
        """Read a piece; the ids of generated files that became known with it."""
        self._kept += piece
        found: list[str] = []
        if self._events:
            found = self._read_events()
        if len(self._kept) > LARGEST_READ:
            self._kept.clear()
            self._seen = 0
            self._lost = True
        return found

    def finish(self) -> Sequence[str]:
        """Read what is left, once nothing more comes; the ids as with `feed`."""
        found = list(self._read_event(bytes(self._kept)) if self._events else self._read_whole())
        self._kept.clear()
        return found

    def _read_events(self) -> list[str]:
        found: list[str] = []
        start = 0
        while True:
            # Looked for only where it was not looked before.
            end = _event_end(self._kept, max(start, self._seen - 2))
            if end is None:
                break
            found.extend(self._read_event(bytes(self._kept[start:end])))
            self._seen = start = end
        del self._kept[:start]
        self._seen = len(self._kept)
        return found

    def _read_event(self, event: bytes) -> Iterable[str]:
        if not any(mark in event for mark in _TELLING):
            return ()
        lines = event.splitlines()
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        return self._read_json(b"\n".join(data))

    def _read_whole(self) -> Iterable[str]:
        return self._read_json(bytes(self._kept)) if self._kept else ()

    def _read_json(self, text: bytes) -> Iterable[str]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return
        for response in value if isinstance(value, list) else [value]:
            if isinstance(response, dict):
                if "usageMetadata" in response:
                    self.tokens = Tokens.read(response["usageMetadata"])
                yield from generated_files(response)


def _event_end(data: bytearray, start: int) -> int | None:
    """Where an event's empty line ends, with either kind of line end; None before it has come."""
    at = data.find(b"\n", start)
    while at >= 0:
        for line_end in (b"\n", b"\r\n"):
            if data.startswith(line_end, at + 1):
                return at + 1 + len(line_end)
        at = data.find(b"\n", at + 1)
    return None


def generated_files(response: Mapping[str, Any]) -> Iterable[str]:
    """Ids of the files in the parts of one answer, where upstream alone can put them.

    Not in texts or arguments of function calls: what a model writes names nothing.
    """
    for candidate in _objects(response.get("candidates")):
        content = candidate.get("content")
        for part in _objects(content.get("parts") if isinstance(content, dict) else None):
            file_data = part.get("fileData")
            uri = file_data.get("fileUri") if isinstance(file_data, dict) else None
            file_id = file_id_of_uri(uri) if isinstance(uri, str) else None
            if file_id is not None:
                yield file_id


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
