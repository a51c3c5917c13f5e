"""Usage: what is metered of a tenant, by UTC hour.

Three kinds of records: one for the tenant's files, caches, batches and stores, whose counts move in
the same transaction as what they count; one for each model it called, with requests and tokens; and
one for its requests by operation and its refusals by status.

Byte-seconds are exact by the hour without a write for each hour: whatever comes or goes adds what
it changes from then to the end of its hour to `byteSeconds`, and its bytes to `heldBytes`. What was
there when the hour began is carried over from the hour before when that is closed (usage_hours.py);
a report does not wait for it. Both ends of a file's life are whole seconds by upstream's own clock.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from filegate.adapters.table import Key, Table, Update, Value
from filegate.instants import HOUR, MINUTE, SECOND, Instant, hour_of
from filegate.records import due_shard
from filegate.tenants import tenant_key

KEPT: Final = 400 * 24 * HOUR
"""How long a usage record is kept before TTL may collect it, milliseconds."""
GRACE: Final = 5 * MINUTE
"""From the end of an hour until it may be closed, milliseconds: what ended in it is settled then.
What comes later still counts where it belongs, and closes its hour once more."""
SPREAD: Final = 50 * MINUTE
"""From then until the last tenant's hour is closed, milliseconds. If all fell due at once, files
that expire would wait behind them. With GRACE it is less than an hour, so each is closed before
the next one of its tenant is due."""
PREFIX: Final = "USAGE#"
REQUESTS_PREFIX: Final = "REQUESTS#"
"""Apart from what is paid for: these are written often, and in no transaction."""
OPERATION: Final = "operation:"
REFUSAL: Final = "refusal:"
"""What the attributes of a record of requests begin with; an operation or a status follows."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of one model call (seeds: UsageMetadata); zero where upstream says nothing."""

    prompt: int = 0
    cached: int = 0
    candidates: int = 0
    thoughts: int = 0
    tools: int = 0
    total: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @classmethod
    def read(cls, usage_metadata: object) -> "Tokens":
        """Read upstream's `usageMetadata`; what is missing or no whole number counts as zero."""
        metadata: Mapping[str, Any] = usage_metadata if isinstance(usage_metadata, dict) else {}

        def count(name: str) -> int:
            value = metadata.get(name)
            return value if isinstance(value, int) and 0 <= value < 2**53 else 0

        return cls(
            prompt=count("promptTokenCount"),
            cached=count("cachedContentTokenCount"),
            candidates=count("candidatesTokenCount"),
            thoughts=count("thoughtsTokenCount"),
            tools=count("toolUsePromptTokenCount"),
            total=count("totalTokenCount"),
        )


def usage_key(tenant: str, hour: str, model: str | None = None) -> Key:
    """Where what a tenant used in an hour stands, or of a model."""
    place = f"{PREFIX}{hour}" if model is None else f"{PREFIX}{hour}#{model}"
    return Key(tenant_key(tenant).pk, place)


def requests_key(tenant: str, hour: str) -> Key:
    """Where the requests of a tenant in an hour stand."""
    return Key(tenant_key(tenant).pk, f"{REQUESTS_PREFIX}{hour}")


def hour_start(instant: Instant) -> Instant:
    """When the UTC hour of an instant began."""
    return instant - instant % HOUR


def closing_at(tenant: str, start: Instant) -> Instant:
    """When a tenant's hour that began then is to be closed: each tenant has its own minute."""
    digest = hashlib.sha256(f"closing/{tenant}".encode()).digest()
    return start + HOUR + GRACE + int.from_bytes(digest[:8]) % SPREAD


def count(tenant: str, now: Instant, **amounts: int) -> Update:
    """The write that adds to what a tenant used in this hour, for the transaction it belongs to."""
    return addition(usage_key(tenant, hour_of(now)), tenant, now, amounts)


def count_stored(tenant: str, size: int, since: Instant) -> Update:
    """The write that counts an upload of `size` bytes, stored since a moment of upstream's."""
    return count(
        tenant,
        since,
        uploads=1,
        bytesIn=size,
        heldBytes=size,
        byteSeconds=size * _seconds_left(since),
    )


def count_released(tenant: str, size: int, until: Instant) -> Update:
    """The write that counts the end of a file of `size` bytes, at a moment of upstream's."""
    return count(
        tenant,
        until,
        releases=1,
        heldBytes=-size,
        byteSeconds=-size * _seconds_left(until),
    )


def count_model(
    tenant: str, model: str, operation: str, tokens: Tokens, now: Instant, requests: int = 1
) -> Update:
    """The write that counts answered requests of `operation`, e.g. `generateContent`."""
    amounts = {f"{field.name}Tokens": getattr(tokens, field.name) for field in fields(tokens)}
    spent = {name: amount for name, amount in amounts.items() if amount}
    where = usage_key(tenant, hour_of(now), model)
    return addition(where, tenant, now, {"requests": requests, operation: requests, **spent})


def count_requests(tenant: str, now: Instant, amounts: Mapping[str, int]) -> Update:
    """The write that adds to a tenant's requests of this hour, by OPERATION and REFUSAL."""
    return addition(requests_key(tenant, hour_of(now)), tenant, now, amounts)


class ModelUsage:
    """Counts model calls and their tokens. Raises TableUnavailable and TableBusy."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, tenant: str, model: str, operation: str, tokens: Tokens, now: Instant) -> None:
        """Count one answered call: one write."""
        self._table.update(count_model(tenant, model, operation, tokens, now))


def addition(
    where: Key,
    tenant: str,
    moment: Instant,
    amounts: Mapping[str, int],
    carried: int | None = None,
) -> Update:
    """The write that adds amounts to a record of the hour of `moment`.

    The record becomes due when its hour is over, also if it had been closed before: `changes`
    numbers what it says. `carried`, if it is given, are the bytes that were there when its hour
    began.
    """
    names = {f"n{number}": name for number, name in enumerate(amounts)}
    added = ", ".join(f"#{alias} :{alias}" for alias in names)
    settings = "" if carried is None else ", #carried = :carried"
    values: dict[str, Value] = {} if carried is None else {":carried": carried}
    return Update(
        where,
        "SET #garbageAt = :garbage, #dueAt = if_not_exists(#dueAt, :due),"
        f" #dueShard = if_not_exists(#dueShard, :shard){settings} ADD #changes :one, {added}",
        values={
            ":garbage": (moment + KEPT) // SECOND,
            ":due": closing_at(tenant, hour_start(moment)),
            ":shard": due_shard(tenant),
            ":one": 1,
            **values,
            **{f":{alias}": amounts[name] for alias, name in names.items()},
        },
        names=names,
    )


def _seconds_left(moment: Instant) -> int:
    """Whole seconds from the second of a moment to the end of its hour."""
    return (hour_start(moment) + HOUR) // SECOND - moment // SECOND
