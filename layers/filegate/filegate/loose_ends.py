"""Loose ends: caches, batches and stores whose making or deleting stopped halfway.

An intent that is left over means that upstream may have a resource which no record names. Upstream
knows no tenants, so it is told from the others by comparing: made when the intent says, under the
display name it says, and recorded by no tenant at all. Who asked for it never got an answer, so it
is deleted and not adopted: whoever still wants one has asked again.

A holding with an appointment is one whose delete has begun. If upstream has it no more, the delete
is finished here, else it never came to pass, and the holding stays.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import Key
from filegate.adapters.upstream import Upstream
from filegate.appointments import CannotKeep
from filegate.holdings import Holding, Holdings, Kind
from filegate.instants import MINUTE, Instant, parse_rfc3339
from filegate.intents import PREFIX, Intent, Intents, display_name_of, hash_of
from filegate.tenant_registry import TenantRegistry

LooseEnd: TypeAlias = Intent | Holding

_VERSION: Final = "v1beta"
_LISTED_AS: Final = {
    Kind.CACHE: "cachedContents",
    Kind.BATCH: "operations",
    Kind.STORE: str(Kind.STORE),
}
"""The field of a page that holds what is listed (wire 7, 9.1)."""
_PAGE: Final = "20"
"""Resources on a page: as many as upstream gives of stores (wire 9.1); a batch can be large."""
_OTHER_CLOCK: Final = MINUTE
"""How far upstream's clock may be from ours."""
_MADE_WITHIN: Final = 15 * MINUTE
"""How long after its intent a resource may have been made: as long as a function may run."""
_TENANTS_AT_ONCE: Final = 100
_OBSTACLES: Final = (
    SecretUnavailable,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)


def is_loose_end(key: Key) -> bool:
    """Whether an intent stands there, or the record of a cache, batch or store."""
    return key.sk.startswith((PREFIX, *(f"{kind}#" for kind in Kind)))


class LooseEnds:
    """Ties loose ends; idempotent, and may stop anywhere. Raises TableUnavailable and TableBusy."""

    def __init__(
        self, upstream: Upstream, holdings: Holdings, intents: Intents, tenants: TenantRegistry
    ) -> None:
        self._upstream = upstream
        self._holdings = holdings
        self._intents = intents
        self._tenants = tenants

    def find(self, key: Key, now: Instant) -> LooseEnd | None:
        """The loose end at a key, if it is due: one read."""
        end = self._intents.find(key) if key.sk.startswith(PREFIX) else self._holdings.find_at(key)
        return None if end is None or end.due_at is None or end.due_at > now else end

    def tie(self, end: LooseEnd) -> None:
        """Bring records and upstream together. Raises CannotKeep: it is to be tried again."""
        try:
            if isinstance(end, Intent):
                self._end_intent(end)
            else:
                self._end_delete(end)
        except _OBSTACLES as obstacle:
            raise CannotKeep(type(obstacle).__name__) from obstacle

    def put_off(self, end: LooseEnd, due_at: Instant) -> None:
        """Look again later."""
        if isinstance(end, Intent):
            self._intents.put_off(end, due_at)
        else:
            self._holdings.put_off(end, due_at)

    def _end_delete(self, holding: Holding) -> None:
        if self._is_there(holding):
            self._holdings.dismiss(holding)
        else:
            self._holdings.drop(holding)

    def _is_there(self, holding: Holding) -> bool:
        try:
            self._upstream.call(holding.project, "GET", f"/{_VERSION}/{holding.name}")
        except UpstreamRefused as refusal:
            if not refusal.missing:
                raise
            return False
        return True

    def _end_intent(self, intent: Intent) -> None:
        made = [name for name, one in self._listed(intent) if _is_of(intent, one)]
        owned = self._owned(intent.kind, made) if made else set()
        for resource_id in made:
            if resource_id not in owned:
                self._delete(intent, resource_id)
        self._intents.end(intent)

    def _listed(self, intent: Intent) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every resource of the intent's kind on its project, whoever made it, with its id."""
        query = {"pageSize": _PAGE}
        while True:
            page = self._upstream.call(
                intent.project, "GET", f"/{_VERSION}/{intent.kind}", query=query
            )
            resources = page.get(_LISTED_AS[intent.kind])
            for one in resources if isinstance(resources, list) else []:
                if isinstance(one, dict):
                    yield str(one.get("name")).removeprefix(f"{intent.kind}/"), one
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
            query = {"pageSize": _PAGE, "pageToken": token}

    def _owned(self, kind: Kind, resource_ids: list[str]) -> set[str]:
        """Those of some resources that a tenant owns: the records are asked, and nothing else.

        A query and a read for every hundred tenants; only a crash ever costs it.
        """
        owned: set[str] = set()
        after: str | None = None
        while True:
            tenants, after = self._tenants.ids(_TENANTS_AT_ONCE, after)
            for resource_id in resource_ids:
                if self._holdings.is_held(tenants, kind, resource_id):
                    owned.add(resource_id)
            if after is None:
                return owned

    def _delete(self, intent: Intent, resource_id: str) -> None:
        path = f"/{_VERSION}/{intent.kind}/{resource_id}"
        if intent.kind is Kind.BATCH:
            # Upstream does not cancel it for a delete; one that has ended cannot be cancelled.
            with suppress(UpstreamRefused):
                self._upstream.call(intent.project, "POST", f"{path}:cancel", body=b"{}")
        try:
            self._upstream.call(intent.project, "DELETE", path)
        except UpstreamRefused as refusal:
            # A store with documents in it is in use, so it is nothing that a crash left.
            in_use = intent.kind is Kind.STORE and refusal.code == HTTPStatus.BAD_REQUEST
            if not refusal.missing and not in_use:
                raise


def _is_of(intent: Intent, resource: Mapping[str, Any]) -> bool:
    """Whether a resource can be what came of an intent. What does not say when it was made is not:
    nothing is deleted on a guess."""
    metadata = resource.get("metadata")
    about = metadata if intent.kind is Kind.BATCH and isinstance(metadata, dict) else resource
    try:
        made_at = parse_rfc3339(str(about.get("createTime")))
    except ValueError:
        return False
    in_time = -_OTHER_CLOCK <= made_at - intent.created_at <= _MADE_WITHIN
    return in_time and hash_of(display_name_of(about)) == intent.named
