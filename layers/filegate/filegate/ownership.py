"""Ownership: whether all that a request names is the caller's own, before upstream hears of it."""

from collections.abc import Mapping, Sequence

from filegate.errors import (
    StatusError,
    file_not_found,
    projects_mixed,
    reference_not_understood,
)
from filegate.holdings import Holdings, Kind, not_found
from filegate.instants import Instant
from filegate.ledger import Ledger
from filegate.names import candidate_ids
from filegate.records import FileRecord
from filegate.references import (
    Path,
    Reference,
    Target,
    find_references,
    place,
    read_document,
    write_document,
)
from filegate.tenants import Tenant

_HELD_AS: Mapping[Target, Kind] = {Target.CACHE: Kind.CACHE, Target.STORE: Kind.STORE}


class Ownership:
    """Checks what requests name. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, holdings: Holdings) -> None:
        self._ledger = ledger
        self._holdings = holdings

    def check(self, tenant: Tenant, body: bytes, now: Instant) -> bytes:
        """The body as upstream may have it, once every reference in it is the tenant's own.

        Byte for byte as it came, unless a reference had to be written out. A read for every
        hundred files, and one for caches and stores. A file whose upload has just ended, or that
        upstream still works on, is upstream's to judge. Raises StatusError with upstream's words
        for what is missing, expired or another tenant's, and saying which is where if it is not
        all on the upstream project that the call goes to.
        """
        document = read_document(body)
        references = find_references(document)
        if not references:
            return body
        full_ids = self._full_ids(tenant, references, now)
        values: dict[Path, str] = {}
        for reference in references:
            value = self._canonical(reference, full_ids)
            if value != reference.text:
                values[reference.path] = value
        return write_document(document, values) if values else body

    def check_lines(self, tenant: Tenant, content: bytes, now: Instant) -> None:
        """That each line of a JSONL text names only the tenant's own, spelled as upstream reads it.

        The text goes up as it is, so nothing can be written out in it. Raises StatusError.
        """
        lines = [line for line in content.split(b"\n") if line.strip()]
        references = [one for line in lines for one in find_references(read_document(line))]
        full_ids = self._full_ids(tenant, references, now)
        for reference in references:
            if self._canonical(reference, full_ids) != reference.text:
                raise StatusError(reference_not_understood(place(reference.path), reference.text))

    @staticmethod
    def _canonical(reference: Reference, full_ids: Mapping[str, str]) -> str:
        is_file = reference.target is Target.FILE
        return reference.canonical(full_ids[reference.id] if is_file else reference.id)

    def _full_ids(
        self, tenant: Tenant, references: Sequence[Reference], now: Instant
    ) -> Mapping[str, str]:
        """The full id of every file that is named, once all is the tenant's and in one place.

        Raises StatusError.
        """
        places: dict[str, str] = {}
        full_ids = self._own_files(tenant, references, now, places)
        self._require_held(tenant, references, now, places)
        if any(project != tenant.project for project in places.values()):
            raise StatusError(projects_mixed(places, tenant.project))
        return full_ids

    def _own_files(
        self,
        tenant: Tenant,
        references: Sequence[Reference],
        now: Instant,
        places: dict[str, str],
    ) -> Mapping[str, str]:
        """The full id of every file that is named; its project goes into `places` by its name.

        Raises StatusError.
        """
        named = [reference for reference in references if reference.target is Target.FILE]
        candidates = {reference.id: candidate_ids(tenant.tag, reference.id) for reference in named}
        wanted = [file_id for ids in candidates.values() for file_id in ids]
        known = dict(zip(wanted, self._ledger.find_many(tenant.id, wanted), strict=True))
        full_ids: dict[str, str] = {}
        for reference in named:
            records = [
                record
                for record in (known[file_id] for file_id in candidates[reference.id])
                if record is None or tenant.may_read(record)
            ]
            if reference.free_form:
                # A tag alone says whose a file is, not which token uploaded it.
                by_tag = tenant.token is None and reference.id.startswith(tenant.tag)
                if not by_tag and not any(records):
                    raise StatusError(file_not_found(reference.id))
                full_ids.setdefault(reference.id, reference.id)
                continue
            usable = next((one for one in records if one and _usable(one, now)), None)
            if usable is None:
                raise StatusError(file_not_found(reference.id))
            full_ids[reference.id] = usable.file_id
            places[usable.name] = usable.project
        return full_ids

    def _require_held(
        self,
        tenant: Tenant,
        references: Sequence[Reference],
        now: Instant,
        places: dict[str, str],
    ) -> None:
        named = {
            (_HELD_AS[reference.target], reference.id)
            for reference in references
            if reference.target is not Target.FILE
        }
        wanted = sorted(named)
        for (kind, resource_id), holding in zip(
            wanted, self._holdings.find_many(tenant.id, wanted), strict=True
        ):
            if holding is None or not holding.alive(now):
                raise StatusError(not_found(kind, resource_id))
            places[holding.name] = holding.project


def _usable(record: FileRecord, now: Instant) -> bool:
    return record.alive(now) or record.closing
