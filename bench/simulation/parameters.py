"""Parameters: all that the simulation assumes, and where each figure is from."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Parameters:
    """Seconds, unless a name says otherwise."""

    seed: int = 20261128
    tenants: int = 100_000
    projects: int = 1_000
    skew: float = 1.0
    """Exponent of Zipf's law: tenant number n uploads 1 / n ** skew as much as the busiest."""
    uploads_a_day: float = 10.0
    """Of a tenant, on average."""
    transactions: int = 3
    """Of an upload, each on its tenant's and its project's item: start, settlement, release."""

    # DynamoDB
    window: float = 0.010
    """How long a transaction keeps others off its items: assumed; it varies by half each way."""
    refusal: float = 0.005
    """How soon one that meets another is told so: assumed."""
    patience: float = 3.0
    """adapters/table.py: how long a write is tried again."""
    item_units: float = 2.0
    """WRU that a transaction takes of one item of up to 1 KB (bench/units.py)."""
    write_wall: float = 1_000.0
    """WRU a second of one partition, and so of one item (AWS: partition throughput)."""
    read_wall: float = 3_000.0
    """RRU a second of one partition (AWS: partition throughput)."""

    # The janitor
    round_time: float = 45.0
    """Timeout of its function less the time to stop (template.yaml, functions/janitor)."""
    publish_time: float = 4.0
    """What events have for themselves after that."""
    shards: int = 16
    at_once: int = 16
    batch: int = 64
    """janitor.py."""
    call: float = 0.006
    """A call to DynamoDB, there and back: assumed."""
    upstream: float = 0.1
    """A request to the File API: assumed."""
    call_cpu: float = 0.00198
    """CPU of one call on a full core: bench/results.json, one get_item."""
    upstream_cpu: float = 0.001
    memory: int = 512
    """MB; a full core is at 1,769 (AWS Lambda, memory)."""

    @property
    def core(self) -> float:
        """The share of a core that the janitor's memory brings."""
        return min(1.0, self.memory / 1769)


@dataclass(frozen=True)
class Errand:
    """What keeping one appointment takes: calls to DynamoDB, and requests to upstream."""

    calls: int
    upstream: int = 0

    def latency(self, parameters: Parameters) -> float:
        """Seconds, if it is alone."""
        return self.calls * parameters.call + self.upstream * parameters.upstream

    def cpu(self, parameters: Parameters) -> float:
        """Seconds of the janitor's share of a core."""
        spent = self.calls * parameters.call_cpu + self.upstream * parameters.upstream_cpu
        return spent / parameters.core


EXPIRY: Final = Errand(calls=2, upstream=2)
"""A read, the File asked for and deleted, a transaction (bench: janitor, expires 10 files)."""
CLOSING: Final = Errand(calls=4)
"""Three reads and a transaction (docs/decisions/0014)."""
TELLING: Final = Errand(calls=3)
"""Ten events of the outbox: a query, the bus, a transaction."""
