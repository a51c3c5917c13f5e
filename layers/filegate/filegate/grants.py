"""Grants: leave to download one file for a minute, sealed into the URL a download is redirected to.

A download is redirected to the function whose answers stream, as upstream redirects its own
(wire 6.5). The grant is what the caller is known by there: a key that came in a URL goes into no
other URL.
"""

import json
from dataclasses import astuple, dataclass
from typing import Final

from filegate.errors import StatusError, file_not_found
from filegate.files import Files
from filegate.instants import MINUTE, Instant
from filegate.seals import SealBroken, Sealer
from filegate.tenants import Tenant, tenant_of_credential

PURPOSE: Final = "download grant"
LASTS: Final = MINUTE
"""No longer than a revoked key may still be honoured."""


@dataclass(frozen=True)
class Grant:
    """Whose file may be downloaded, and until when (epoch milliseconds)."""

    tenant: str
    project: str
    file_id: str
    expires_at: Instant

    def seal(self, sealer: Sealer) -> str:
        """The text that stands for this grant in a URL."""
        return sealer.seal(json.dumps(astuple(self), separators=(",", ":")))

    @classmethod
    def open(cls, sealed: str, sealer: Sealer) -> "Grant":
        """The grant behind a text. Raises SealBroken; expiry is the caller's to judge."""
        fields = json.loads(sealer.open(sealed))
        if len(fields) != len(cls.__dataclass_fields__):
            raise SealBroken
        return cls(*fields)


class Grants:
    """Gives grants, and checks them. Raises StatusError as for a file that is missing."""

    def __init__(self, files: Files, sealer: Sealer, tokens: Sealer) -> None:
        """`sealer` is the one of grants, `tokens` the one of browser tokens."""
        self._files = files
        self._sealer = sealer
        self._tokens = tokens

    def give(self, tenant: Tenant, file_id: str, now: Instant) -> Grant:
        """Leave to download a tenant's file; `file_id` as the caller wrote it.

        Raises what ledger and upstream raise, too.
        """
        record = self._files.get(tenant, file_id, now)
        return Grant(tenant.id, record.project, record.file_id, now + LASTS)

    def seal(self, grant: Grant) -> str:
        """The text that stands for a grant in a URL."""
        return grant.seal(self._sealer)

    def check(self, sealed: str, file_id: str, key: str | None, now: Instant) -> Grant:
        """The grant behind a text, if it holds for this file now.

        The text is the credential. A key that comes along must be its tenant's all the same.
        """
        try:
            grant = Grant.open(sealed, self._sealer)
        except SealBroken:
            raise StatusError(file_not_found(file_id)) from None
        stranger = key is not None and tenant_of_credential(key, self._tokens) != grant.tenant
        if stranger or grant.expires_at <= now or grant.file_id != file_id:
            raise StatusError(file_not_found(file_id))
        return grant
