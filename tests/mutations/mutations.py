"""Mutations: deliberate faults in the domain, and the tests that must not let them pass."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mutation:
    """One fault: in a file of the package `before`, which stands there once, becomes `after`."""

    fault: str
    """What is wrong then, in a few words; its name."""
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    """Where it must be caught: files or tests, as pytest is told them."""


_LEDGER: Final = ("tests/ledger/test_transitions.py",)
_CHUNKS: Final = ("tests/unit/test_chunks.py",)
_CRASHES: Final = ("tests/chaos/test_crash_table.py",)

MUTATIONS: Final = (
    # -- ledger: the conditions of its transactions
    Mutation(
        "a project may be overdrawn",
        "ledger.py",
        '- :bytes",\n                            "#available >= :bytes",',
        '- :bytes",\n                            "attribute_exists(pk)",',
        _LEDGER,
    ),
    Mutation(
        "a file may be larger than its tenant's limit for one",
        "ledger.py",
        '"#maxFileBytes >= :bytes AND #status',
        '"#maxFileBytes >= :one AND #status',
        _LEDGER,
    ),
    Mutation(
        "bytes are taken from a project that the tenant has left",
        "ledger.py",
        'AND #project = :project"',
        'AND (#project = :project OR #project <> :project)"',
        _LEDGER,
    ),
    Mutation(
        "a suspended tenant reserves bytes",
        "ledger.py",
        "AND #status = :active AND",
        "AND (#status = :active OR #status <> :active) AND",
        _LEDGER,
    ),
    Mutation(
        "one upload too many may be open",
        "ledger.py",
        "OR #openSessions < #maxOpenSessions",
        "OR #openSessions <= #maxOpenSessions",
        ("tests/ledger/test_open_sessions.py",),
    ),
    Mutation(
        "a transition holds for a record in another state",
        "ledger.py",
        '"#reservation = :reservation AND #state = :state AND #bytes = :bytes"',
        '"(#reservation = :reservation OR #state = :state OR #bytes = :bytes)"',
        _LEDGER,
    ),
    Mutation(
        "a name that is taken is reserved again",
        "ledger.py",
        'Put(record.item(), "attribute_not_exists(pk)"),\n                        _take_for',
        "Put(record.item()),\n                        _take_for",
        _LEDGER,
    ),
    Mutation(
        "an upload that has ended is closed once more",
        "ledger.py",
        '"SET #closingSince = :now, #session = :session, #dueAt = :due, #looks = :none",\n'
        '                "#reservation = :reservation AND #state = :state"',
        '"SET #closingSince = :now, #session = :session, #dueAt = :due, #looks = :none",\n'
        '                "#reservation = :reservation OR #state = :state"',
        (*_LEDGER, *_CHUNKS),
    ),
    Mutation(
        "a chunk that ends an upload does not keep it from being cut short",
        "ledger.py",
        'f"{_SAME} AND attribute_not_exists(#closingSince)"',
        "_SAME",
        ("tests/ledger/test_admin_changes.py",),
    ),
    # -- ledger: what is moved
    Mutation(
        "settling gives back what is stored",
        "ledger.py",
        "spare = record.bytes - stored.bytes",
        "spare = record.bytes",
        _LEDGER,
    ),
    Mutation(
        "a larger file takes all its bytes once more",
        "ledger.py",
        "more = actual - record.bytes",
        "more = actual",
        _LEDGER,
    ),
    Mutation(
        "what a tenant gets back its project does not",
        "ledger.py",
        '            {":spare": spare},\n',
        '            {":spare": 0},\n',
        _LEDGER,
    ),
    Mutation(
        "an upload that ends counts as one more open",
        "ledger.py",
        "if_not_exists(#openSessions, :one) - :one",
        "if_not_exists(#openSessions, :one) + :one",
        ("tests/ledger/test_open_sessions.py",),
    ),
    Mutation(
        "a file is billed until it is deleted here, not upstream",
        "ledger.py",
        "record.stored_until(now if deleted_at is None else deleted_at)",
        "record.stored_until(now)",
        (*_LEDGER, "tests/ledger/test_usage_hours.py"),
    ),
    Mutation(
        "a token gets nothing back for an upload that never began",
        "ledger.py",
        "self._drop(record, *([] if returning is None else [returning]))",
        "self._drop(record)",
        ("tests/ledger/test_token_budgets.py",),
    ),
    Mutation(
        "a token's file may be larger than it paid for",
        "ledger.py",
        "if record.token is not None and stored.bytes > record.bytes:",
        "if record.token is None and stored.bytes > record.bytes:",
        ("tests/ledger/test_token_budgets.py", *_LEDGER),
    ),
    Mutation(
        "what a model generated belongs to whoever asks next",
        "ledger.py",
        "        if exclusive:\n",
        "        if not exclusive:\n",
        _LEDGER,
    ),
    # -- records and appointments
    Mutation(
        "a file lives a moment beyond its end",
        "records.py",
        "now < self.expires_at)",
        "now <= self.expires_at)",
        ("tests/unit/test_records.py",),
    ),
    Mutation(
        "an expired file is billed until somebody notices",
        "records.py",
        "min(gone_at, self.expires_at)",
        "max(gone_at, self.expires_at)",
        _LEDGER,
    ),
    Mutation(
        "an upload whose file shows late gives its bytes back",
        "appointments.py",
        "now >= (record.closing_since or 0) + _APPEARS_WITHIN",
        "now >= (record.closing_since or 0)",
        ("tests/unit/test_direct_settling.py",),
    ),
    Mutation(
        "a file that does not fit is given back before it is deleted",
        "appointments.py",
        "            self._upstream.delete_file(record.project, record.file_id)\n"
        "            self._ledger.abandon(record)\n",
        "            self._ledger.abandon(record)\n"
        "            self._upstream.delete_file(record.project, record.file_id)\n",
        ("tests/unit/test_direct_settling.py",),
    ),
    # -- chunks and sessions
    Mutation(
        "a chunk that ends where the reservation does is refused",
        "chunks.py",
        "if least_end > session.reserved:",
        "if least_end >= session.reserved:",
        _CHUNKS,
    ),
    Mutation(
        "a chunk at half a granule passes",
        "chunks.py",
        "if command == _UPLOAD and offset % GRANULARITY:",
        "if command == _UPLOAD and offset % (GRANULARITY // 2):",
        _CHUNKS,
    ),
    Mutation(
        "a session lasts a moment too long",
        "chunks.py",
        "if now >= session.expires_at:",
        "if now > session.expires_at:",
        _CHUNKS,
    ),
    Mutation(
        "another tenant's key may come with a chunk",
        "chunks.py",
        "if key and tenant_of_credential(key, tokens) != session.tenant:",
        "if not key and tenant_of_credential('', tokens) != session.tenant:",
        _CHUNKS,
    ),
    Mutation(
        "a file's session works on the route of stores",
        "chunks.py",
        "if chunk.to_store is (session.store is None):",
        "if chunk.to_store is None:",
        _CHUNKS,
    ),
    Mutation(
        "a cancel leaves no trace",
        "chunks.py",
        "frozenset({_UPLOAD_FINALIZE, _FINALIZE, _CANCEL})",
        "frozenset({_UPLOAD_FINALIZE, _FINALIZE})",
        _CHUNKS,
    ),
    Mutation(
        "the next upload of a name answers for the last one",
        "chunks.py",
        "current.state is State.STORED and current.reservation == session.reservation",
        "current.state is State.STORED",
        _CHUNKS,
    ),
    Mutation(
        "chunks may come from any page",
        "sessions.py",
        'return not self.origins or origin is None or origin in self.origins.split(" ")',
        "return not self.origins or origin is None or origin in self.origins",
        (*_CHUNKS, "tests/unit/test_sessions.py"),
    ),
    # -- seals and page tokens
    Mutation(
        "a browser token opens as an upload session",
        "seals.py",
        "info=self._purpose.encode()",
        'info=b""',
        ("tests/unit/test_seals.py",),
    ),
    Mutation(
        "a seal has several spellings",
        "seals.py",
        'if raw[0] != _VERSION or urlsafe_b64encode(raw).rstrip(b"=").decode() != sealed:',
        "if raw[0] != _VERSION:",
        ("tests/unit/test_seals.py",),
    ),
    Mutation(
        "a key that is new in the ring is not looked for",
        "seals.py",
        "self._ring().secrets.get(name) or self._fresh_ring().secrets.get(name)",
        "self._ring().secrets.get(name)",
        ("tests/unit/test_seals.py",),
    ),
    Mutation(
        "a page token opens another list",
        "pages.py",
        "if (owner, collection) != (tenant, listed):",
        "if owner != tenant:",
        ("tests/unit/test_pages.py",),
    ),
    Mutation(
        "a page token opens another tenant's list",
        "pages.py",
        "if (owner, collection) != (tenant, listed):",
        "if collection != listed:",
        ("tests/unit/test_pages.py",),
    ),
    # -- ownership
    Mutation(
        "an id is taken as it comes, whoever's it is",
        "names.py",
        "full = file_id if file_id.startswith(tag) else tag + file_id",
        "full = file_id",
        ("tests/unit/test_names.py",),
    ),
    Mutation(
        "an expired file may be used",
        "ownership.py",
        "return record.alive(now) or record.closing",
        "return record is not None",
        ("tests/unit/test_ownership.py",),
    ),
    Mutation(
        "an expired cache may be used",
        "ownership.py",
        "if holding is None or not holding.alive(now):",
        "if holding is None:",
        ("tests/unit/test_ownership.py",),
    ),
    Mutation(
        "a request may mix projects",
        "ownership.py",
        "if any(project != tenant.project for project in places.values()):",
        "if all(project != tenant.project for project in places.values()):",
        ("tests/unit/test_ownership.py",),
    ),
    Mutation(
        "a percent-encoded reference is not seen",
        "references.py",
        "decoded = _compatible(unquote(_visible(text)))",
        "decoded = _compatible(_visible(text))",
        ("tests/unit/test_references.py",),
    ),
    Mutation(
        "a token reads what it did not upload",
        "tenants.py",
        "FILES_READ in self.token.scopes or self.may_delete(record)",
        "FILES_READ in self.token.scopes or record.token is not None",
        ("tests/unit/test_tenants.py", "tests/unit/test_ownership.py"),
    ),
    # -- keys and tokens
    Mutation(
        "an expired key is good",
        "tenants.py",
        "if caller.expires_at is not None and caller.expires_at <= now:",
        "if caller.expires_at is not None and caller.expires_at <= 0:",
        ("tests/unit/test_tenants.py",),
    ),
    Mutation(
        "a revoked key is remembered for ever",
        "tenants.py",
        "self._monotonic() - known[0] < CACHE_SECONDS",
        "self._monotonic() - known[0] >= 0",
        ("tests/unit/test_tenants.py",),
    ),
    Mutation(
        "a key opens the tenant that its text names",
        "tenants.py",
        'if key is None or tenant is None or key["tenant"] != tenant_id:',
        "if key is None or tenant is None:",
        ("tests/unit/test_tenants.py",),
    ),
    Mutation(
        "a token has more scopes than its key",
        "tenants.py",
        "scopes = self.scopes & frozenset(token.scopes)",
        "scopes = self.scopes | frozenset(token.scopes)",
        ("tests/unit/test_tenants.py",),
    ),
    Mutation(
        "a token's count is not looked at",
        "tokens.py",
        "OR (#bytesLeft >= :bytes AND #filesLeft >= :one)",
        "OR (#bytesLeft >= :bytes OR #filesLeft >= :one)",
        ("tests/ledger/test_token_budgets.py",),
    ),
    # -- usage, alerts, placement, reports
    Mutation(
        "byte-seconds are counted in halves",
        "usage.py",
        "return (hour_start(moment) + HOUR) // SECOND - moment // SECOND",
        "return (hour_start(moment) + HOUR - moment) // SECOND",
        ("tests/ledger/test_usage_hours.py",),
    ),
    Mutation(
        "what is stored is not carried into the next hour",
        "usage_hours.py",
        "writes.extend(self._carry(record, level + record.held))",
        "writes.extend(self._carry(record, level))",
        ("tests/ledger/test_usage_hours.py",),
    ),
    Mutation(
        "an hour is closed though it changed meanwhile",
        "usage_hours.py",
        '"#changes = :changes AND attribute_exists(#dueAt)"',
        '"#changes >= :changes AND attribute_exists(#dueAt)"',
        ("tests/ledger/test_usage_hours.py",),
    ),
    Mutation(
        "a threshold is told of at each upload",
        "storage_alerts.py",
        "if told < percent <= reached",
        "if told <= percent <= reached",
        ("tests/ledger/test_storage_alerts.py",),
    ),
    Mutation(
        "more is promised than a project may",
        "placement.py",
        '":most": project.ceiling - limit_bytes,',
        '":most": project.ceiling,',
        ("tests/ledger/test_placement.py", "tests/unit/test_placement.py"),
    ),
    Mutation(
        "an idempotency key answers another request",
        "idempotency.py",
        'if item["request"] != self.request:',
        'if item["request"] == "":',
        ("tests/unit/test_idempotency.py",),
    ),
    Mutation(
        "an event that the bus refused is forgotten",
        "outbox.py",
        "zip(page.items, taken, strict=True) if ok])",
        "zip(page.items, taken, strict=True) if ok or item])",
        ("tests/ledger/test_outbox.py",),
    ),
    # -- loose ends
    Mutation(
        "a resource that is being made is taken for a loose end",
        "loose_ends.py",
        "return None if end is None or end.due_at is None or end.due_at > now else end",
        "return None if end is None or end.due_at is None else end",
        ("tests/unit/test_loose_ends.py",),
    ),
    Mutation(
        "a resource that has an owner is taken for a loose end",
        "loose_ends.py",
        "if resource_id not in owned:",
        "if resource_id:",
        ("tests/unit/test_loose_ends.py",),
    ),
    Mutation(
        "an intent outlives what it was for",
        "holdings.py",
        "[Put(holding.item()), counted, noted]",
        "[Put(holding.item()), counted]",
        ("tests/unit/test_loose_ends.py", "tests/unit/test_caches.py", *_CRASHES),
    ),
)
