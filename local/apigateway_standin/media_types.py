"""Which payloads are binary, and what becomes of those that are not."""

from __future__ import annotations

import base64
import binascii

_DEFAULT = "application/json"


class BinaryMediaTypes:
    """The API's `binaryMediaTypes`; see "Content type conversions in API Gateway".

    A request without Content-Type counts as `application/json` ("Method request behavior for
    payloads without mapping templates"). A request without Accept is taken to accept `*/*`, as HTTP
    says; AWS's pages do not say.
    """

    def __init__(self, types: tuple[str, ...]) -> None:
        self._types = tuple(tuple(item.lower().split("/", 1)) for item in types)

    def is_binary(self, content_type: str | None) -> bool:
        """Whether a payload of this Content-Type is binary."""
        return self._matches(content_type or _DEFAULT)

    def accepts_binary(self, accept: str | None) -> bool:
        """Whether the client takes binary; only the first media type of Accept counts."""
        first = (accept or "*/*").split(",", 1)[0]
        return self._matches(first)

    def _matches(self, media_type: str) -> bool:
        given = media_type.split(";", 1)[0].strip().lower().split("/", 1)
        return any(
            len(given) == len(known)
            and all(ours in ("*", theirs) for ours, theirs in zip(known, given, strict=True))
            for known in self._types
        )

    def to_client(self, body: bytes, content_type: str | None, accept: str | None) -> bytes:
        """An upstream body as the client gets it with `contentHandling` undefined.

        Raises ValueError where API Gateway fails to base64-decode text for a binary client.
        """
        binary, wanted = self.is_binary(content_type), self.accepts_binary(accept)
        if binary:
            return body if wanted else base64.b64encode(body)
        if wanted and self._types:
            try:
                return base64.b64decode(body, validate=True)
            except binascii.Error as error:
                raise ValueError("text is not base64") from error
        return as_utf8(body)


def as_utf8(body: bytes) -> bytes:
    """Text as API Gateway passes it: what is not UTF-8 is replaced and so destroyed."""
    return body.decode("utf-8", "replace").encode()
