"""Walls: what each part bears at most, in starts a second of all tenants or in tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.recorder import Cost
from bench.simulation.contention import Starts
from bench.simulation.parameters import CLOSING, EXPIRY, Parameters
from bench.simulation.rounds import capacity
from filegate.instants import MINUTE
from filegate.limits import STORAGE_BYTES
from filegate.records import DUE_SHARDS
from filegate.usage import SPREAD

_KEPT: Final = 48 * 3600
"""Seconds upstream keeps a file, and so takes a project's bytes."""
_FILE: Final = 10**7
"""Bytes of a file of 10 MB."""
_INDEX_UNITS: Final = 6
"""WRU that an upload's life takes of one shard of the index: it enters, moves twice (a delete and a
put each), and leaves (bench: calls)."""
_GETS: Final = 10
"""How often each file is asked for, at a read unit each: assumed."""
_INSTANCES: Final = 1_000
"""Concurrent executions of an account, unless AWS was asked for more (Lambda quotas)."""
_REQUESTS: Final = 10_000
"""Requests a second of an account and region (API Gateway quotas)."""
_NEW_TABLE: Final = 4_000
"""WRU a second of a new on-demand table; it grows with use (DynamoDB, warm throughput)."""


@dataclass(frozen=True)
class Wall:
    """What gives way, where that is for one tenant, project or table, and what is then seen."""

    what: str
    bears: str
    starts: float | None
    """Starts a second of all tenants at which it is met, uploads being spread as assumed; None
    where it is not starts that meet it."""
    then: str


def walls(
    parameters: Parameters,
    life: Cost,
    loads: Sequence[float],
    busiest: float,
    contention: Sequence[Starts],
) -> list[Wall]:
    """All walls, those that are met first on top.

    `life` is an upload's whole life; `loads` the shares of projects, `busiest` that of the busiest
    tenant.
    """
    calm = max((one.rate for one in contention if one.p99 < 1_000 and not one.refused), default=0)
    expiries = capacity(parameters, parameters.memory, EXPIRY) / 60
    closings = capacity(parameters, parameters.memory, CLOSING)
    item = parameters.write_wall / parameters.item_units / parameters.transactions
    share = max(loads)
    bytes_rate = STORAGE_BYTES / _KEPT / _FILE
    found = [
        Wall(
            "upstream: 20 GiB a project for 48 hours",
            f"{bytes_rate * 3600:.0f} files of 10 MB an hour on a project",
            bytes_rate * parameters.projects,
            "429 from the ledger, with when enough is free; more projects",
        ),
        Wall(
            "one tenant's item: transactions that meet",
            f"{calm:g} starts a second of one tenant",
            calm / busiest,
            "starts are tried again for up to 3 s, then 503",
        ),
        Wall(
            "one project's item: transactions that meet",
            f"{calm:g} starts a second on one project",
            calm / share,
            "the same; more projects, and busy tenants apart",
        ),
        Wall(
            "the janitor: files that expire",
            f"{expiries:.0f} a second, if none is deleted before",
            expiries,
            "bytes come back late; more memory for its function",
        ),
        Wall(
            "a new table's first throughput",
            f"{_NEW_TABLE:,} WRU a second, twice that every half hour",
            _NEW_TABLE / life.wru,
            "throttled writes, tried again; warm throughput can be bought",
        ),
        Wall(
            "one project's item: 1,000 WCU",
            f"{item:.0f} starts a second on one project",
            item / share,
            "never met: transactions that meet come first",
        ),
        Wall(
            "one tenant's records: 3,000 RCU",
            f"{parameters.read_wall:,.0f} gets a second of one tenant",
            parameters.read_wall / (life.rru + _GETS) / busiest,
            "throttled reads, told as 503 with when to come again",
        ),
        Wall(
            "a shard of the index: 1,000 WCU",
            f"{parameters.write_wall / _INDEX_UNITS:.0f} starts a second a shard",
            parameters.write_wall * DUE_SHARDS / _INDEX_UNITS,
            "writes of the table are throttled with it",
        ),
        Wall(
            "API Gateway: requests of an account",
            f"{_REQUESTS:,} a second; an upload of 10 MB has 5",
            _REQUESTS / 5,
            "429; a quota that AWS raises",
        ),
        Wall(
            "Lambda: instances of an account",
            f"{_INSTANCES:,} at once, a start takes about 0.2 s",
            _INSTANCES / 0.2,
            "throttles, which have an alarm; a quota that AWS raises",
        ),
    ]
    found.sort(key=lambda wall: wall.starts or 0)
    # Of each minute's time, what closing takes and what expiries take; at one it is used up.
    for_tenant = 1 / (SPREAD / MINUTE * closings) + parameters.uploads_a_day / 86_400 / expiries
    hour = Wall(
        "the janitor: hours of usage to close",
        f"{closings:,.0f} a minute",
        None,
        f"above {1 / for_tenant:,.0f} tenants that store something it falls behind; more memory. "
        f"(All hours due at once: above {closings * 10:,.0f}, files wait ten minutes)",
    )
    return [hour, *found]
