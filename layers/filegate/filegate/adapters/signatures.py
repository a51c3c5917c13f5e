"""Signatures: AWS Signature Version 4 for the one kind of request that Filegate sends.

A POST to `/` without a query, as the JSON protocols of AWS have it (AWS: "Create a signed AWS API
request"). botocore signs the same requests the same way; a test compares the two.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import gmtime, strftime
from typing import Final
from urllib.parse import urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Credentials:
    """Who signs; `token` for temporary credentials only."""

    access_key: str
    secret_key: str
    token: str | None = None


class Signer:
    """Signs requests to one service of one region."""

    def __init__(self, service: str, region: str, url: str) -> None:
        """`url`: where the service is; its host is signed as HTTP clients send it."""
        parts = urlsplit(url)
        bare = parts.port in {None, _PORTS.get(parts.scheme)}
        self._host = str(parts.hostname) if bare else f"{parts.hostname}:{parts.port}"
        self._service = service
        self._region = region
        self._derived: tuple[tuple[Credentials, str], bytes] | None = None

    def sign(
        self, credentials: Credentials, moment: float, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """The headers to send, all of them signed but the signature itself.

        `moment` in epoch seconds; `headers` with names in lower case and without the host.
        """
        stamp = strftime("%Y%m%dT%H%M%SZ", gmtime(moment))
        signed = {**headers, "host": self._host, "x-amz-date": stamp}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        listed = ";".join(names)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        request = f"POST\n/\n\n{lines}\n{listed}\n{sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = _mac(self._key(credentials, stamp[:8]), text).hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _key(self, credentials: Credentials, day: str) -> bytes:
        """The key of a day, derived once."""
        kept = self._derived
        if kept is not None and kept[0] == (credentials, day):
            return kept[1]
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = _mac(key, part)
        self._derived = ((credentials, day), key)
        return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
