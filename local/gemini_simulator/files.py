"""The File resource: what is known of an upload once its bytes are complete."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from gemini_simulator.clock import timestamp

_FAILING = "fail-processing"

Source = Literal["UPLOADED", "GENERATED", "REGISTERED"]

_URI = "https://generativelanguage.googleapis.com/v1beta/files/"


@dataclass(slots=True)
class StoredFile:
    """One stored file; moments are nanoseconds since the epoch, sizes bytes, the hash is hex.

    `text` is what a generated file says, zero bytes when it is None, and the requests in an
    uploaded file of them.
    """

    file_id: str
    number: int
    display_name: str | None
    mime_type: str
    size: int
    sha256: str
    created: int
    expires: int
    updated: int
    processed_at: int
    gets_left: int
    state: str = "ACTIVE"
    reported_size: int | None = None
    source: Source = "UPLOADED"
    text: str | None = None

    @property
    def name(self) -> str:
        """The resource name, `files/{id}`."""
        return f"files/{self.file_id}"

    @property
    def uri(self) -> str:
        """Where upstream says the file is, whatever host was called."""
        return _URI + self.file_id

    @property
    def stored_bytes(self) -> int:
        """What it takes of the project's storage: only uploads take any (section 6.6)."""
        return self.size if self.source == "UPLOADED" else 0

    def content(self) -> bytes:
        """The bytes a download of a generated file gives."""
        return bytes(self.size) if self.text is None else self.text.encode()

    def event(self, what: str) -> str:
        """The name of an event of this file: the books on uploads know nothing of others."""
        return what if self.source == "UPLOADED" else f"{self.source.lower()}_{what}"

    @property
    def fails(self) -> bool:
        """Whether processing is meant to fail: the display name asks for it."""
        return self.display_name is not None and self.display_name.startswith(_FAILING)

    def begin_processing(self) -> None:
        """Videos, and files that are to fail, are not ready at once (section 6.1)."""
        if self.fails or self.mime_type.startswith("video/"):
            self.state = "PROCESSING"

    def settle(self, now: int) -> None:
        """End the processing when its time has come or enough gets have seen it."""
        if self.state != "PROCESSING":
            return
        if now >= self.processed_at or self.gets_left <= 0:
            self.state = "FAILED" if self.fails else "ACTIVE"
            self.updated = min(now, max(self.processed_at, self.created))

    def resource(self) -> dict[str, object]:
        """The File as JSON (section 6.1); fields without a value are left out."""
        size = self.size if self.reported_size is None else self.reported_size
        fields: dict[str, object] = {"name": self.name}
        if self.display_name is not None:
            fields["displayName"] = self.display_name
        fields |= {
            "mimeType": self.mime_type,
            "sizeBytes": str(size),
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "expirationTime": timestamp(self.expires, 9),
            "sha256Hash": base64.b64encode(self.sha256.encode()).decode(),
            "uri": self.uri,
            "state": self.state,
            "source": self.source,
        }
        if self.source == "GENERATED":
            fields["downloadUri"] = f"{self.uri}:download?alt=media"
        if self.state == "FAILED":
            fields["error"] = {"code": 13, "message": "The file could not be processed."}
        elif self.state == "ACTIVE" and self.mime_type.startswith("video/"):
            fields["videoMetadata"] = {"videoDuration": "2s"}
        return fields
