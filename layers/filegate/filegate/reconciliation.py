"""Reconciliation: a project's records compared with what upstream really has, once a day.

Two things can be apart. Files that no record knows are phantoms: they take space of the project
that nobody paid for, as batch outputs nobody fetched do. A phantom that can only be a leak of this
gateway (an upload, under the tag of a tenant that has no record of it) is deleted. The bytes of the
others are deducted from the project's capacity: `capacity = available + Σ records + phantomBytes`.
And records whose file upstream no longer has keep their appointment early, which gives their bytes
back.

Files that were registered take no storage (wire 6.6, section 10) and are never phantoms. Of
generated ones the wire says nothing, so those that nobody owns are counted: a byte too few to
promise is safer than one too many.

A pass goes on where the one before had no time left, may stop anywhere and may run twice at once:
the listing only says what to look at, and what is looked at is asked about once more and changed
under the condition that nobody else did.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final
from uuid import uuid4

from filegate import tenant_registry, usage
from filegate.adapters.refusals import UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import (
    ConditionsFailed,
    Item,
    Key,
    Put,
    Table,
    TableBusy,
    Update,
)
from filegate.adapters.upstream import Upstream
from filegate.appointments import DELETING_LOOK, CannotKeep, Keeper
from filegate.errors import StatusError, project_unknown
from filegate.instants import HOUR, MINUTE, Instant, format_rfc3339
from filegate.ledger import Ledger, claim_key
from filegate.names import TAG_LENGTH, is_tag
from filegate.projects import LISTING, project_key
from filegate.records import FileRecord, State, file_key
from filegate.tenant_registry import TenantState
from filegate.tenants import tenant_key
from filegate.wire import File

GRACE: Final = HOUR
"""How old a file must be to be a phantom: younger ones are yet to be fetched, or to settle."""
_PASS_LASTS: Final = 36 * HOUR
"""How long a pass may go on; an older one says nothing of now and is begun anew."""
_DELETED_WITHIN: Final = 20 * MINUTE
"""From taking a leak's name until the janitor takes over: longer than any function lives."""
_NAMES: Final = 20
"""Names a report tells of each kind."""
_RECORDS: Final = 64
"""Records read at once."""
_AT_ONCE: Final = 16
_UNSEEN_AT_MOST: Final = 20
"""Records given up in a pass that saw no file of ours at all. More than these are left to their
own appointments: the project's secret may hold the key of another project."""
_TRIES: Final = 10


@dataclass(frozen=True)
class Findings:
    """Files of one kind that were found: how many, how large, and up to 20 names."""

    count: int = 0
    bytes: int = 0
    names: tuple[str, ...] = ()

    def plus(self, file_id: str, size: int) -> "Findings":
        """One more."""
        names = (*self.names, f"files/{file_id}")[:_NAMES]
        return Findings(self.count + 1, self.bytes + size, names)

    def fields(self, kind: str) -> dict[str, int | str]:
        """As attributes of the report's item."""
        return {kind: self.count, f"{kind}Bytes": self.bytes, f"{kind}Names": " ".join(self.names)}

    @classmethod
    def read(cls, kind: str, item: Item) -> "Findings":
        """Read back from the report's item."""
        names = tuple(str(item.get(f"{kind}Names") or "").split())
        return cls(_number(item, kind), _number(item, f"{kind}Bytes"), names)

    def resource(self) -> dict[str, Any]:
        """As JSON."""
        return {"count": self.count, "bytes": self.bytes, "names": list(self.names)}


@dataclass(frozen=True)
class Report:
    """What a pass over a project found so far; sizes in bytes."""

    project: str
    started_at: Instant
    finished_at: Instant | None = None
    """When its last record was compared; None while the pass is to go on."""
    files_seen: int = 0
    phantoms: Findings = Findings()
    """Files that no record knows and that stay; `phantom_bytes` of them are deducted."""
    deleted: Findings = Findings()
    """Leaks, deleted upstream."""
    lost: Findings = Findings()
    """Records whose file upstream no longer has."""
    phantom_bytes: int = 0
    """What is deducted from the project's capacity; less than it should be if no more was left."""
    drift: int = 0
    """Bytes by which ledger and upstream were apart."""
    corrected: int = 0
    """How many of these have been put right."""
    unanswered: int = 0
    """Records that were not listed and that upstream says nothing of."""
    complete: bool = False
    """Whether everything was compared; if not, the next run goes on, or begins anew."""

    def resource(self) -> dict[str, Any]:
        """The report as JSON: camelCase, times in RFC 3339."""
        finished = self.finished_at
        return {
            "project": self.project,
            "startTime": format_rfc3339(self.started_at),
            **({} if finished is None else {"finishTime": format_rfc3339(finished)}),
            "filesSeen": self.files_seen,
            "phantoms": self.phantoms.resource(),
            "deleted": self.deleted.resource(),
            "lost": self.lost.resource(),
            "phantomBytes": self.phantom_bytes,
            "driftBytes": self.drift,
            "correctedBytes": self.corrected,
            "unanswered": self.unanswered,
            "complete": self.complete,
        }


@dataclass(frozen=True)
class _Progress:
    """Where a pass stands: its report, and where it goes on."""

    report: Report
    known: int = 0
    """Files upstream that records know."""
    page_token: str | None = None
    """Where the listing goes on."""
    listed: bool = False
    """Whether the listing has come to its end, and its phantoms have been deducted."""
    tenant: str | None = None
    """Where the walk over the records goes on: after `file_id` of this tenant."""
    file_id: str | None = None
    revision: str | None = None
    """Of the item this was read from; None if there was none."""

    def noting(self, **changes: Any) -> "_Progress":  # noqa: ANN401 - fields of the report
        return replace(self, report=replace(self.report, **changes))


class _Verdict(Enum):
    """What became of a file that no record knows."""

    STAYS = "stays"
    DELETED = "deleted"
    GONE = "gone"
    """It went, or came to be known, since it was listed."""


class _Listed(File):
    """A File as it is listed."""

    source: str = ""


@dataclass
class _Run:
    """What one run remembers of a project."""

    project: str
    now: Instant
    time_is_left: Callable[[], bool]
    seen: set[str] = field(default_factory=set)
    """Ids that upstream listed in this run: their records need no asking."""
    tags: dict[str, str | None] = field(default_factory=dict)
    """Tenants by tag. A tag is one tenant's for ever."""


class Reconciliation:
    """Compares, reports and repairs. Raises what ledger and upstream raise."""

    def __init__(self, table: Table, ledger: Ledger, upstream: Upstream, keeper: Keeper) -> None:
        self._table = table
        self._ledger = ledger
        self._upstream = upstream
        self._keeper = keeper

    def projects(self) -> list[str]:
        """The ids of all projects, those first whose last report is the oldest."""
        ids = [project for page in self._listed(LISTING) for project in page]
        items = self._table.get_each([_report_key(project) for project in ids])
        started = {
            project: 0 if item is None else _number(item, "startedAt")
            for project, item in zip(ids, items, strict=True)
        }
        return sorted(ids, key=lambda project: started[project])

    def latest(self, project: str) -> Report | None:
        """The report of the last pass, or of the one that is going on: one read."""
        item = self._table.get(_report_key(project))
        return None if item is None else _read(project, item).report

    def run(self, project: str, now: Instant, time_is_left: Callable[[], bool]) -> Report:
        """Begin a pass over a project, or go on with one, for as long as `time_is_left`.

        Raises StatusError if there is no such project, UpstreamUnavailable if upstream lists what
        is no File; then the pass stands where it stood before this run.
        """
        if self._table.get(project_key(project)) is None:
            raise StatusError(project_unknown(project))
        run = _Run(project, now, time_is_left)
        progress = self._begin(run)
        if not progress.listed:
            progress = self._list(run, progress)
        if progress.listed:
            progress = self._walk(run, progress)
        self._keep(progress)
        return progress.report

    def _begin(self, run: _Run) -> _Progress:
        item = self._table.get(_report_key(run.project))
        fresh = _Progress(Report(run.project, run.now))
        if item is None:
            return fresh
        before = _read(run.project, item)
        going_on = before.report.finished_at is None
        if going_on and run.now - before.report.started_at <= _PASS_LASTS:
            return before
        return replace(fresh, revision=before.revision)

    def _keep(self, progress: _Progress) -> None:
        """Keep how far it came. If another run was faster, what that one kept is as true."""
        with suppress(ConditionsFailed):
            self._table.put(
                Put(
                    _item(progress),
                    "attribute_not_exists(pk)"
                    if progress.revision is None
                    else "attribute_exists(pk) AND #revision = :read",
                    {} if progress.revision is None else {":read": progress.revision},
                )
            )

    # -- what upstream has, and no record knows

    def _list(self, run: _Run, progress: _Progress) -> _Progress:
        resumed = progress.page_token is not None
        while run.time_is_left():
            try:
                listed, token = self._upstream.list_files(run.project, progress.page_token)
            except UpstreamRefused:
                if not resumed:
                    raise
                # A token is upstream's, and nobody said how long it lasts.
                progress = _Progress(Report(run.project, run.now), revision=progress.revision)
                resumed = False
                continue
            resumed = False
            progress = self._examine(run, progress, [_file(resource) for resource in listed])
            if token is None:
                return self._deduct(run, replace(progress, page_token=None, listed=True))
            progress = replace(progress, page_token=token)
        return progress

    def _examine(self, run: _Run, progress: _Progress, files: Sequence[_Listed]) -> _Progress:
        """Look at a page of the listing: four reads of a hundred at most, and leaks each."""
        # Files that come while others are listed can push one onto the next page as well.
        files = [file for file in files if _id(file) not in run.seen]
        run.seen.update(_id(file) for file in files)
        owners = self._owners(run, files)
        known = self._known(run, files, owners)
        report = progress.report
        found = {_Verdict.STAYS: report.phantoms, _Verdict.DELETED: report.deleted}
        for file in files:
            file_id = _id(file)
            if file_id in known or _takes_no_storage(file) or _is_young(file, run.now):
                continue
            verdict = self._judge(run, file, owners.get(file_id))
            if verdict in found:
                found[verdict] = found[verdict].plus(file_id, file.size_bytes)
        deleted_bytes = found[_Verdict.DELETED].bytes - report.deleted.bytes
        return replace(progress, known=progress.known + len(known)).noting(
            files_seen=report.files_seen + len(files),
            phantoms=found[_Verdict.STAYS],
            deleted=found[_Verdict.DELETED],
            drift=report.drift + deleted_bytes,
            corrected=report.corrected + deleted_bytes,
        )

    def _owners(self, run: _Run, files: Sequence[_Listed]) -> dict[str, str]:
        """The tenants whose tag the ids carry, by id: a read for every hundred new tags."""
        tags = {_id(file): _id(file)[:TAG_LENGTH] for file in files}
        new = list({tag for tag in tags.values() if is_tag(tag) and tag not in run.tags})
        items = self._table.get_each([Key(f"TAG#{tag}", "TAG") for tag in new])
        for tag, item in zip(new, items, strict=True):
            run.tags[tag] = None if item is None else str(item["tenant"])
        found = ((file_id, run.tags.get(tag)) for file_id, tag in tags.items())
        return {file_id: tenant for file_id, tenant in found if tenant is not None}

    def _known(self, run: _Run, files: Sequence[_Listed], owners: Mapping[str, str]) -> set[str]:
        """The ids of files that some tenant has a record of, on whichever project."""
        known = self._recorded(owners)
        rest = [_id(file) for file in files if _id(file) not in known]
        claims = self._table.get_each([claim_key(run.project, file_id) for file_id in rest])
        claimed = {
            file_id: str(item["tenant"])
            for file_id, item in zip(rest, claims, strict=True)
            if item is not None
        }
        return known | self._recorded(claimed)

    def _recorded(self, owners: Mapping[str, str]) -> set[str]:
        keys = [file_key(tenant, file_id) for file_id, tenant in owners.items()]
        items = self._table.get_each(keys)
        return {file_id for file_id, item in zip(owners, items, strict=True) if item is not None}

    def _judge(self, run: _Run, file: _Listed, tenant: str | None) -> _Verdict:
        """What becomes of a phantom: one that can only be a leak of this gateway is deleted.

        Only an upload can be one, under the tag of a tenant of this project; and it is asked about
        once more, as one that its owner deleted since it was listed had a record until then.
        """
        created_at = file.create_time
        if tenant is None or created_at is None or file.source != "UPLOADED":
            return _Verdict.STAYS
        owner = self._table.get(tenant_key(tenant))
        elsewhere = owner is not None and owner["project"] != run.project
        if elsewhere or not run.time_is_left():
            return _Verdict.STAYS
        there = self._upstream.get_file(run.project, _id(file))
        if there is None or _file(there).create_time != created_at:
            return _Verdict.GONE
        if owner is not None and owner["status"] != "DELETED":
            return self._delete_leak(run, tenant, _id(file))
        # The tenant was deleted, and its tag is nobody else's: no upload can begin under it.
        self._upstream.delete_file(run.project, _id(file))
        return _Verdict.DELETED

    def _delete_leak(self, run: _Run, tenant: str, file_id: str) -> _Verdict:
        """Delete a leak, as a file of the tenant's that has expired.

        Its name is taken by a record first. From then on no upload can begin under it, which a late
        delete would hit; and if this stops halfway, the janitor goes on.
        """
        record = _record_of_leak(tenant, run.project, file_id, run.now)
        # Changes nothing: a tenant that is being deleted must not get a record that nobody is left
        # to release.
        tenant_stays = Update(
            tenant_key(tenant),
            "SET #project = :project",
            "#project = :project AND (#status = :active OR #status = :suspended)",
            {
                ":project": run.project,
                ":active": str(TenantState.ACTIVE),
                ":suspended": str(TenantState.SUSPENDED),
            },
        )
        try:
            self._table.transact(
                [
                    Put(record.item(), "attribute_not_exists(pk)"),
                    tenant_stays,
                    usage.count(tenant, run.now, leaks=1),
                ]
            )
        except ConditionsFailed as failure:
            return _Verdict.GONE if 0 in failure.items else _Verdict.STAYS
        try:
            self._keeper.keep(record, run.now)
        except CannotKeep:
            return _Verdict.STAYS
        return _Verdict.DELETED

    def _deduct(self, run: _Run, progress: _Progress) -> _Progress:
        """Move `phantomBytes` to what the listing found, as far as that much is available."""
        report, wanted = progress.report, progress.report.phantoms.bytes
        for _ in range(_TRIES):
            item = self._table.get(project_key(run.project)) or {}
            before, available = _number(item, "phantomBytes"), _number(item, "available")
            more = min(wanted - before, available)
            try:
                if more:
                    self._table.update(_deduction(run.project, before, more))
            except ConditionsFailed:
                continue  # An upload took what was available, or another run was faster.
            return progress.noting(
                phantom_bytes=before + more,
                drift=report.drift + abs(wanted - before),
                corrected=report.corrected + abs(more),
            )
        raise TableBusy

    # -- what records know, and upstream no longer has

    def _walk(self, run: _Run, progress: _Progress) -> _Progress:
        for tenant in self._tenants(run.project, progress.tenant):
            after = progress.file_id if tenant == progress.tenant else None
            while True:
                if not run.time_is_left():
                    return replace(progress, tenant=tenant, file_id=after)
                records, after = self._ledger.page(tenant, after, _RECORDS)
                progress = self._give_up_lost(run, progress, records)
                if after is None:
                    break
            progress = replace(progress, tenant=tenant, file_id=None)
        return progress.noting(finished_at=run.now, complete=progress.report.unanswered == 0)

    def _tenants(self, project: str, start: str | None) -> Iterator[str]:
        """Tenants on a project by id, from the one where the walk stood."""
        if start is not None:
            yield start
        for ids in self._listed(tenant_registry.LISTING, start):
            items = self._table.get_each([tenant_key(tenant) for tenant in ids])
            for tenant, item in zip(ids, items, strict=True):
                if item is not None and item["project"] == project:
                    yield tenant

    def _give_up_lost(
        self, run: _Run, progress: _Progress, records: Sequence[FileRecord]
    ) -> _Progress:
        """Keep the appointments of records that were not listed: that asks upstream for each."""
        missing = [record for record in records if _is_missing(record, run)]
        may_ask = len(missing)
        if progress.known == 0:
            may_ask = max(0, min(may_ask, _UNSEEN_AT_MOST - progress.report.lost.count))
        if missing:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                asked = pool.map(lambda record: self._ask(record, run.now), missing[:may_ask])
                answers = [*asked, *[None] * (len(missing) - may_ask)]
        else:
            answers = []
        report = progress.report
        for record, there in zip(missing, answers, strict=True):
            if there is None:
                report = replace(report, unanswered=report.unanswered + 1)
            elif not there:
                report = replace(
                    report,
                    lost=report.lost.plus(record.file_id, record.bytes),
                    drift=report.drift + record.bytes,
                    corrected=report.corrected + record.bytes,
                )
        return replace(progress, report=report)

    def _ask(self, record: FileRecord, now: Instant) -> bool | None:
        """Whether upstream has a record's file after all; None if it does not say."""
        try:
            return self._keeper.keep(record, now) is not None
        except CannotKeep:
            return None

    def _listed(self, listing: str, after: str | None = None) -> Iterator[list[str]]:
        """The ids in a partition that lists them, a page at a time."""
        start = None if after is None else Key(listing, after)
        for page in self._table.pages(listing, after=start):
            yield [str(item["sk"]) for item in page.items]


def _file(resource: Mapping[str, Any]) -> _Listed:
    try:
        return _Listed.model_validate(resource)
    except ValueError:
        raise UpstreamUnavailable("upstream's list holds what is no File") from None


def _id(file: File) -> str:
    return file.name.removeprefix("files/")


def _takes_no_storage(file: _Listed) -> bool:
    return file.source == "REGISTERED"


def _is_young(file: File, now: Instant) -> bool:
    return file.create_time is not None and file.create_time > now - GRACE


def _is_missing(record: FileRecord, run: _Run) -> bool:
    """Whether a record should have been listed and was not, with nobody to look at it soon.

    Not what the janitor, or a delete that is under way, comes to within half a minute; nor what
    upstream generated, which it may not show although it can be downloaded, and holds no bytes.
    """
    return (
        record.alive(run.now)
        and record.project == run.project
        and record.file_id not in run.seen
        and record.due_at > run.now + DELETING_LOOK
        and json.loads(record.snapshot or "{}").get("source") != "GENERATED"
    )


def _record_of_leak(tenant: str, project: str, file_id: str, now: Instant) -> FileRecord:
    return FileRecord(
        tenant=tenant,
        file_id=file_id,
        reservation=uuid4().hex,
        project=project,
        state=State.STORED,
        bytes=0,
        created_at=now,
        deadline=now,
        due_at=now + _DELETED_WITHIN,
        stored_at=now,
        expires_at=now,
    )


def _deduction(project: str, before: int, more: int) -> Update:
    """The write that deducts `more` bytes from a project's capacity, or gives them back."""
    unset = " OR attribute_not_exists(#phantomBytes)" if before == 0 else ""
    return Update(
        project_key(project),
        "SET #available = #available - :more, #phantomBytes = :after",
        f"#available >= :more AND (#phantomBytes = :before{unset})",
        {":more": more, ":before": before, ":after": before + more},
    )


def _report_key(project: str) -> Key:
    return Key(f"RECONCILIATION#{project}", "RECONCILIATION")


def _item(progress: _Progress) -> Item:
    report = progress.report
    key = _report_key(report.project)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "startedAt": report.started_at,
        "finishedAt": report.finished_at,
        "filesSeen": report.files_seen,
        **report.phantoms.fields("phantoms"),
        **report.deleted.fields("deleted"),
        **report.lost.fields("lost"),
        "deducted": report.phantom_bytes,
        "drift": report.drift,
        "corrected": report.corrected,
        "unanswered": report.unanswered,
        "complete": report.complete,
        "known": progress.known,
        "pageToken": progress.page_token,
        "listed": progress.listed,
        "tenant": progress.tenant,
        "fileId": progress.file_id,
        "revision": uuid4().hex,
    }


def _read(project: str, item: Item) -> _Progress:
    finished_at = item["finishedAt"]
    return _Progress(
        Report(
            project=project,
            started_at=_number(item, "startedAt"),
            finished_at=None if finished_at is None else int(finished_at),
            files_seen=_number(item, "filesSeen"),
            phantoms=Findings.read("phantoms", item),
            deleted=Findings.read("deleted", item),
            lost=Findings.read("lost", item),
            phantom_bytes=_number(item, "deducted"),
            drift=_number(item, "drift"),
            corrected=_number(item, "corrected"),
            unanswered=_number(item, "unanswered"),
            complete=item["complete"] is True,
        ),
        known=_number(item, "known"),
        page_token=_text(item, "pageToken"),
        listed=item["listed"] is True,
        tenant=_text(item, "tenant"),
        file_id=_text(item, "fileId"),
        revision=_text(item, "revision"),
    )


def _number(item: Item, name: str) -> int:
    return int(item.get(name) or 0)


def _text(item: Item, name: str) -> str | None:
    value = item.get(name)
    return None if value is None else str(value)
