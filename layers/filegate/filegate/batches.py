"""Batches: many model calls in one, which upstream works on for hours (wire 7).

A batch is a long-running operation. Whose it is stands in a record here, with a snapshot of it. The
requests and responses inside a batch can be megabytes, so a snapshot holds `{}` in their place, and
a list answers the same; for the whole of such a batch upstream is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from filegate.adapters.table import Write
from filegate.adapters.upstream import Upstream
from filegate.adoptions import GENERATED, Adoptions
from filegate.answers import generated_files
from filegate.batch_inputs import BatchInputs
from filegate.errors import ROUTE_UNKNOWN, StatusError
from filegate.holdings import Holding, Holdings, Kind
from filegate.instants import Instant
from filegate.intents import Intents, display_name_of
from filegate.inventory import Inventory, shown
from filegate.models import require_model
from filegate.names import file_id_of_uri
from filegate.ownership import Ownership
from filegate.references import find_references, read_document
from filegate.tenants import Tenant
from filegate.usage import Tokens, count_model

ACTIONS: Final = frozenset({"batchGenerateContent", "asyncBatchEmbedContent"})
"""The methods of a model that make a batch, by the names of the wire."""

_ASKED_AT_ONCE: Final = 16
_INLINED: Final = frozenset(
    {"inlinedresponses", "inlinedembedcontentresponses", "inlinedrequests", "requests"}
)
_INLINED_ANSWERS: Final = frozenset({"inlinedresponses", "inlinedembedcontentresponses"})
_OUTPUTS: Final = frozenset({"output", "dest", "response"})
_FILE_KEYS: Final = frozenset({"responsesfile", "filename"})
_FAILED: Final = frozenset({"FAILED", "CANCELLED", "EXPIRED"})


class Batches:
    """What a tenant may do with batches; `version` is one of names.VERSIONS.

    Raises what ledger, table and upstream raise, and StatusError for a batch that is missing or
    another tenant's.
    """

    def __init__(
        self,
        upstream: Upstream,
        holdings: Holdings,
        intents: Intents,
        ownership: Ownership,
        adoptions: Adoptions,
        inputs: BatchInputs,
    ) -> None:
        self._inputs = inputs
        self._ownership = ownership
        self._adoptions = adoptions
        self._inventory = Inventory(upstream, holdings, intents, Kind.BATCH)

    def create(
        self, tenant: Tenant, version: str, model: str, action: str, body: bytes, now: Instant
    ) -> Mapping[str, Any]:
        """Begin a batch by one of ACTIONS, if all that the body names is the tenant's own.

        A file of requests must have been checked on its way upstream. Raises StatusError.
        """
        if action not in ACTIONS:
            raise StatusError(ROUTE_UNKNOWN)
        require_model(tenant, model, body)
        checked = self._ownership.check(tenant, body, now)
        document = read_document(checked)
        for reference in find_references(document):
            if reference.is_requests:
                self._inputs.require_checked(tenant, reference.id, now)
        path = f"/{version}/models/{quote(model, safe='')}:{action}"
        batch = document.get("batch")
        name = display_name_of(batch) if isinstance(batch, dict) else None

        def recorded(resource: Mapping[str, Any]) -> Mapping[str, Any]:
            self._own_output(tenant, resource, now)
            return _abridged(resource)

        return self._inventory.create(tenant, path, checked, name, now, recorded=recorded)

    def get(self, tenant: Tenant, version: str, batch_id: str, now: Instant) -> Mapping[str, Any]:
        """The batch as upstream has it: from the snapshot once nothing changes and nothing lacks.

        A file of responses is the tenant's own before it is answered.
        """
        holding = self._inventory.find(tenant, batch_id, now)
        known = shown(holding)
        if _has_ended(known) and not _is_abridged(known):
            return known
        return self._look(tenant, version, holding, now)

    def page(
        self, tenant: Tenant, version: str, page_size: int, after: str | None, now: Instant
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Up to `page_size` batches in the order of ids, and the id to go on after.

        Those that have not ended are asked about upstream, side by side. All come without what is
        inlined in them; a batch that upstream no longer has is left out.
        """
        held, following = self._inventory.page(tenant, page_size, after, now)
        if not held:
            return [], following

        def current(holding: Holding) -> Mapping[str, Any] | None:
            known = shown(holding)
            if _has_ended(known):
                return known
            try:
                return _abridged(self._look(tenant, version, holding, now))
            except StatusError:
                return None

        with ThreadPoolExecutor(min(len(held), _ASKED_AT_ONCE)) as pool:
            batches = pool.map(current, held)
            return [batch for batch in batches if batch is not None], following

    def cancel(
        self, tenant: Tenant, version: str, batch_id: str, now: Instant
    ) -> Mapping[str, Any]:
        """Ask upstream to end a batch early; a get shows when it has. Answers `{}`."""
        holding = self._inventory.find(tenant, batch_id, now)
        self._inventory.call(holding, "POST", version, ":cancel", body=b"{}")
        return {}

    def delete(self, tenant: Tenant, version: str, batch_id: str, now: Instant) -> None:
        """Delete a batch upstream and forget it; upstream does not cancel it for that."""
        self._inventory.delete(tenant, version, batch_id, now)

    def _look(
        self, tenant: Tenant, version: str, holding: Holding, now: Instant
    ) -> Mapping[str, Any]:
        resource = self._inventory.call(holding, "GET", version)
        # Before the snapshot: what is answered from one has no file that is not owned. Its files
        # are where the batch is, wherever the tenant is by now.
        self._own_output(replace(tenant, project=holding.project), resource, now)
        first_end = _has_ended(resource) and not _has_ended(shown(holding))
        counted = _counted(tenant, resource, now) if first_end else []
        self._inventory.refresh(holding, _abridged(resource), counted=counted)
        return resource

    def _own_output(self, tenant: Tenant, resource: Mapping[str, Any], now: Instant) -> None:
        made = [file_id for one in _responses(resource) for file_id in generated_files(one)]
        if file_ids := [*_output_files(resource), *made]:
            self._adoptions.adopt_named(tenant, file_ids, now, GENERATED)


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _outputs(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that say what a batch made: in an operation, and in the batch inside it."""
    for place in (resource, resource.get("metadata")):
        if isinstance(place, dict):
            for key, value in place.items():
                if _plain(key) in _OUTPUTS and isinstance(value, dict):
                    yield value


def _output_files(resource: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the files a batch made, where upstream alone can name them.

    Not deeper: inlined responses repeat what the tenant wrote, and that makes nothing its own.
    """
    for output in _outputs(resource):
        for key, value in output.items():
            if _plain(key) in _FILE_KEYS and isinstance(value, str):
                file_id = file_id_of_uri(value)
                if file_id is not None:
                    yield file_id


def _responses(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The answers inlined in a batch, once each: the batch repeats what its operation says.

    Only upstream's own `response`, and not the `metadata` beside it, which the tenant wrote.
    """
    for output in _outputs(resource):
        found = False
        for key, value in output.items():
            if _plain(key) in _INLINED_ANSWERS:
                inner = next(iter(value.values()), None) if isinstance(value, dict) else value
                for item in inner if isinstance(inner, list) else []:
                    answer = item.get("response") if isinstance(item, dict) else None
                    if isinstance(answer, dict):
                        found = True
                        yield answer
        if found:
            return


def _counted(tenant: Tenant, resource: Mapping[str, Any], now: Instant) -> Sequence[Write]:
    """What the requests inlined in a batch used. Of a file of requests upstream says nothing."""
    answers = list(_responses(resource))
    metadata = resource.get("metadata")
    model = str(metadata.get("model", "")) if isinstance(metadata, dict) else ""
    if not answers:
        return []
    tokens = sum((Tokens.read(one.get("usageMetadata")) for one in answers), Tokens())
    name = model.removeprefix("models/") or "unknown"
    return [count_model(tenant.id, name, "batched", tokens, now, len(answers))]


def _has_ended(resource: Mapping[str, Any]) -> bool:
    """Whether nothing of a batch changes any more: it failed, or its output is there."""
    metadata = resource.get("metadata")
    state = str(metadata.get("state")) if isinstance(metadata, dict) else ""
    state = state.rpartition("STATE_")[2]
    if state in _FAILED:
        return True
    if resource.get("done") is not True and state != "SUCCEEDED":
        return False
    return "error" in resource or any(output.keys() - {"@type"} for output in _outputs(resource))


def _abridged(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """The resource with `{}` for what is inlined in it: SDKs read that as nothing inlined."""
    return {
        key: {}
        if _plain(key) in _INLINED
        else _abridged(value)
        if isinstance(value, dict)
        else value
        for key, value in resource.items()
    }


def _is_abridged(resource: Mapping[str, Any]) -> bool:
    return any(
        _plain(key) in _INLINED or (isinstance(value, dict) and _is_abridged(value))
        for key, value in resource.items()
    )
