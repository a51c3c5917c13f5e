"""The File resource: what is known of an upload once its bytes are complete."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from gemini_simulator.clock import timestamp

_FAILING = "fail-processing"
_URI = "https://generativelanguage.googleapis.com/v1beta/files/"


@dataclass(slots=True)
class StoredFile:
    """One stored file; moments are nanoseconds since the epoch, sizes bytes, the hash is hex."""

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

    @property
    def name(self) -> str:
        """The resource name, `files/{id}`."""
        return f"files/{self.file_id}"

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
            "uri": _URI + self.file_id,
            "state": self.state,
            "source": "UPLOADED",
        }
        if self.state == "FAILED":
            fields["error"] = {"code": 13, "message": "The file could not be processed."}
        elif self.state == "ACTIVE" and self.mime_type.startswith("video/"):
            fields["videoMetadata"] = {"videoDuration": "2s"}
        return fields
